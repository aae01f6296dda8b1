import { isOwnTrace } from '../hosts/helper-pod-traces.ts'
import type { ClusterSource, SourceEvent } from '../model/index.ts'

/** A source without the helper pods of this very process, which it looks through and takes away: by name, so that nothing else can hide as one. */
export const withoutHelperPods = (source: ClusterSource): ClusterSource => ({
  get info() {
    return source.info
  },
  locate: (ref, at) => source.locate?.(ref, at),
  async *events(options) {
    for await (const batch of source.events(options))
      yield Array.isArray(batch) ? (batch as readonly SourceEvent[]).flatMap(without) : without(batch as SourceEvent)
  },
})

function without(event: SourceEvent): readonly SourceEvent[] {
  if (event.type === 'upsert' || event.type === 'remove') return isOwnTrace(event.kind, event.key) ? [] : [event]
  if (event.type !== 'replace') return [event]
  return [{ ...event, items: event.items.filter(([key]) => !isOwnTrace(event.kind, key)) }]
}
