/** What becomes of a cell from one matrix to another, pod by pod where the pods of a workload differ. */
import type { End } from './network-ends.ts'
import type { MatrixEnd, ReachMatrix } from './network-matrix.ts'
import { pairOf, samplesOf } from './network-matrix-cell.ts'
import { difference, isNone, NO_PORTS, type PortSet, union } from './network-ports.ts'
import { YES } from './network-selectors.ts'

export interface CellDifference {
  /** What some pair of pods loses, or gains. */
  readonly lost: PortSet
  readonly gained: PortSet
  /** Whether it is lost or gained hangs on what cannot be told from here. */
  readonly perhaps?: true
}
/** The same pod, node or address, before and after. */
type Both = readonly [End, End]

/** Compares cells, by their ends in the matrix before; undefined where nothing differs. Pods that are in one of the two only take no part. */
export function cellDifferences(before: ReachMatrix, after: ReachMatrix): (from: MatrixEnd, to: MatrixEnd) => CellDifference | undefined {
  const kinds = new Map<MatrixEnd, readonly (readonly Both[])[]>()
  const kindsOf = (end: MatrixEnd) => {
    let made = kinds.get(end)
    if (made === undefined) {
      const then = new Map(after.find(end.id)?.ends.map((one) => [nameOf(one), one]))
      const both = end.ends.flatMap((one): readonly Both[] => (then.has(nameOf(one)) ? [[one, then.get(nameOf(one))!]] : []))
      const alike = Map.groupBy(both, ([was, is]) => `${before.likeness(was)} | ${after.likeness(is)}`)
      kinds.set(end, (made = [...alike.values()].map((same) => samplesOf(same))))
    }
    return made
  }
  return (from, to) => {
    if (from.is !== 'workload' && to.is !== 'workload') return undefined
    let [lost, gained, sure] = [NO_PORTS, NO_PORTS, NO_PORTS]
    for (const ones of kindsOf(from))
      for (const others of kindsOf(to)) {
        const pair = pairOf(
          ones,
          others,
          (one, other) => before.known.isBeyondPolicies(one[0], other[0]) !== YES || after.known.isBeyondPolicies(one[1], other[1]) !== YES,
        )
        if (pair === undefined) continue
        const [was, is] = [before.known.connection(pair[0][0], pair[1][0]), after.known.connection(pair[0][1], pair[1][1])]
        lost = union(lost, union(difference(was.ports, is.ports), difference(was.perhaps, is.perhaps)))
        gained = union(gained, union(difference(is.ports, was.ports), difference(is.perhaps, was.perhaps)))
        sure = union(sure, union(difference(was.ports, is.perhaps), difference(is.ports, was.perhaps)))
      }
    if (isNone(lost) && isNone(gained)) return undefined
    return { lost, gained, ...(!isNone(difference(union(lost, gained), sure)) && { perhaps: true as const }) }
  }
}

const nameOf = (end: End): string =>
  end.is === 'address' ? end.ip : end.is === 'node' ? end.name : `${end.namespace.name}/${end.pod?.metadata.name ?? ' template'}`
