/** A source, and beside it what the operator's audit log says of who did what. */
import type { ClusterSource, ObservedRequests } from '../model/index.ts'

/** `observed`: known before the first event; it does not change while the source is followed. */
export function withObserved(source: ClusterSource, observed: ObservedRequests): ClusterSource {
  return {
    get info() {
      return source.info
    },
    locate: (ref, at) => source.locate?.(ref, at),
    async *events(options) {
      const wanted = new Set(options.wanted)
      if (wanted.delete('ObservedRequests')) yield { type: 'fact', fact: 'ObservedRequests', value: observed }
      yield* source.events({ ...options, wanted })
    },
  }
}
