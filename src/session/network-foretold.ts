/** What steps make of who reaches whom: worked out once for a snapshot and the steps, not with every key. */
import type { Snapshot, Step } from '../model/index.ts'
import { cidrHolds } from '../objects/network-addresses.ts'
import type { End } from '../objects/network-ends.ts'
import { idOf, type MatrixEnd } from '../objects/network-matrix.ts'
import { type CutFlow, type NetworkChange, type NetworkImpact, networkImpact } from '../plan/network-impact.ts'

export interface Foretold extends NetworkImpact {
  /** Recorded flows between two ends of the matrix that would not pass any more. */
  cutBetween(from: MatrixEnd, to: MatrixEnd): readonly CutFlow[]
  changeBetween(from: MatrixEnd, to: MatrixEnd): NetworkChange | undefined
}

const known = new WeakMap<Snapshot, Map<string, Foretold | string>>()
/** A sentence where there is nothing to show. */
export function foretold(snapshot: Snapshot, steps: readonly Step[]): Foretold | string {
  let here = known.get(snapshot)
  if (here === undefined) known.set(snapshot, (here = new Map()))
  const key = steps.map(({ id, controls }) => `${id} ${controls.join()}`).join('\n')
  let told = here.get(key)
  if (told === undefined) here.set(key, (told = worked(snapshot, steps)))
  return told
}

/** What a step changes may have gone since the plan was made; the rehearsal says so. */
function worked(snapshot: Snapshot, steps: readonly Step[]): Foretold | string {
  try {
    const impact = networkImpact(snapshot, steps)
    return impact === undefined
      ? 'These steps leave who reaches whom as it is.'
      : { ...impact, cutBetween: byEnds(impact), changeBetween: changesByEnds(impact) }
  } catch (error) {
    return `What the steps would change cannot be told any more (${error instanceof Error ? error.message : String(error)}): plan anew.`
  }
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
function changesByEnds({ changes }: NetworkImpact): Foretold['changeBetween'] {
  const pairs = new Map(changes.map((change) => [`${change.from.id}\n${change.to.id}`, change]))
  return (from, to) => pairs.get(`${from.id}\n${to.id}`)
}
const NOTHING: readonly CutFlow[] = []
