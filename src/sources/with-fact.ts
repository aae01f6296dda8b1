import type { ClusterSource, FactName, Facts } from '../model/index.ts'

/** A source, and beside it a fact that the operator's files say. It is known before the first event, and does not change while the source is followed. */
export function withFact<F extends FactName>(source: ClusterSource, fact: F, value: Facts[F]): ClusterSource {
  return {
    get info() {
      return source.info
    },
    locate: (ref, at) => source.locate?.(ref, at),
    lookAgain: async () => source.lookAgain?.(),
    async *events(options) {
      const wanted = new Set(options.wanted)
      if (wanted.delete(fact)) yield { type: 'fact', fact, value }
      yield* source.events({ ...options, wanted })
    },
  }
}
