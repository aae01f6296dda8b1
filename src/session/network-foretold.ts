/** What steps make of who reaches whom, as the screens ask for it. It is worked out in store-foretold.ts, not with every key. */
import type { Snapshot, Step } from '../model/index.ts'
import { cidrHolds } from '../objects/network-addresses.ts'
import type { End } from '../objects/network-ends.ts'
import { idOf, type MatrixEnd } from '../objects/network-matrix.ts'
import type { CellDifference } from '../objects/network-matrix-difference.ts'
import { type CutFlow, changeOfPairs, type NetworkImpact, networkImpactInSlices, type Slices } from '../plan/network-impact.ts'
import { type NetworkWords, networkWords } from '../plan/network-words.ts'

export interface Foretold extends NetworkImpact {
  readonly words: NetworkWords
  /** Recorded flows between two ends of the matrix that would not pass any more. */
  cutBetween(from: MatrixEnd, to: MatrixEnd): readonly CutFlow[]
  /** Ends of the matrix before. */
  changeBetween(from: MatrixEnd, to: MatrixEnd): CellDifference | undefined
}

/** What steps make of who reaches whom, as far as it is worked out. */
export interface Foretelling {
  readonly steps: readonly Step[]
  /** Of the cluster as it was in `of`; it stays in sight until it is known of how the cluster is now. */
  readonly told?: Foretold | string
  readonly of?: Snapshot
  /** From 0 to 1; absent where it is not being worked out. */
  readonly done?: number
}
/** Of the wizard's state. */
interface Known {
  readonly foretold?: Foretelling
}

/** A sentence where there is nothing to show. What a step changes may have gone since the plan was made; the rehearsal says so. */
export function* foretell(snapshot: Snapshot, steps: readonly Step[]): Slices<Foretold | string> {
  try {
    const impact = yield* networkImpactInSlices(snapshot, steps)
    if (impact === undefined) return 'These steps leave who reaches whom as it is.'
    yield 1
    return { ...impact, words: networkWords(impact), cutBetween: byEnds(impact), changeBetween: changeOfPairs(impact) }
  } catch (error) {
    return `What the steps would change cannot be told any more (${error instanceof Error ? error.message : String(error)}): plan anew.`
  }
}

/** As far as it is known what these steps make of who reaches whom; undefined while that is being worked out. */
export const foretoldOf = ({ foretold }: Known, steps: readonly Step[]): Foretold | string | undefined =>
  foretold !== undefined && isSame(foretold.steps, steps) ? foretold.told : undefined
export const isSame = (a: readonly Step[], b: readonly Step[]): boolean =>
  a.length === b.length && a.every((step, index) => step === b[index])

/** `Working out who reaches whom with these steps: 42 %`. */
export function foretellingText({ foretold }: Known, by: string): string {
  const done = Math.floor((foretold?.done ?? 0) * 100)
  return `Working out who reaches whom with ${by}${done === 0 ? ' ...' : `: ${done} %`}`
}

function byEnds({ before, cut }: NetworkImpact): Foretold['cutBetween'] {
  const ranges = before.ends.filter(({ is }) => is === 'range').map(({ id }) => id)
  const idsOf = (end: End): readonly string[] => {
    if (end.is === 'pod') return [idOf(end)]
    if (end.is === 'node') return ['nodes']
    const inside = ranges.filter((cidr) => cidrHolds(cidr, [], end.ip))
    return inside.length === 0 ? ['outside'] : inside
  }
  const pairs = new Map<string, CutFlow[]>()
  for (const one of cut)
    for (const from of idsOf(one.from))
      for (const to of idsOf(one.to)) {
        const list = pairs.get(`${from}\n${to}`)
        if (list === undefined) pairs.set(`${from}\n${to}`, [one])
        else list.push(one)
      }
  return (from, to) => pairs.get(`${from.id}\n${to.id}`) ?? NOTHING
}
const NOTHING: readonly CutFlow[] = []
