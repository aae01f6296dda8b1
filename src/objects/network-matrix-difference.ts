/** What becomes of a cell from one matrix to another, pod by pod where the pods of a workload differ. */
import type { End } from './network-ends.ts'
import type { MatrixEnd, ReachMatrix } from './network-matrix.ts'
import { pairOf, samplesOf } from './network-matrix-cell.ts'
import { difference, isNone, type PortSet, union } from './network-ports.ts'
import type { Connection, EndGroup } from './network-reach.ts'
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
interface Kind {
  readonly samples: readonly Both[]
  /** Of pods with addresses of their own, for which only they themselves are a case apart: what they are to policies, before and after. */
  readonly groups?: readonly [EndGroup, EndGroup]
}
interface Found {
  readonly lost: PortSet
  readonly gained: PortSet
  readonly sure: PortSet
}

/** Compares cells, by their ends in the matrix before; undefined where nothing differs. Pods that are in one of the two only take no part. */
export function cellDifferences(before: ReachMatrix, after: ReachMatrix): (from: MatrixEnd, to: MatrixEnd) => CellDifference | undefined {
  const kinds = new Map<MatrixEnd, readonly Kind[]>()
  const groupsOf = ([was, is]: Both): Kind['groups'] =>
    was.is === 'pod' && !was.hostNetwork && is.is === 'pod' && !is.hostNetwork
      ? [before.known.groupOf(was), after.known.groupOf(is)]
      : undefined
  const kindsOf = (end: MatrixEnd) => {
    let made = kinds.get(end)
    if (made === undefined) {
      const then = new Map(after.find(end.id)?.ends.map((one) => [nameOf(one), one]))
      const both = end.ends.flatMap((one): readonly Both[] => (then.has(nameOf(one)) ? [[one, then.get(nameOf(one))!]] : []))
      const alike = Map.groupBy(both, ([was, is]) => `${before.likeness(was)} | ${after.likeness(is)}`)
      made = [...alike.values()].map((same) => {
        const groups = groupsOf(same[0]!)
        return { samples: samplesOf(same), ...(groups && { groups }) }
      })
      kinds.set(end, made)
    }
    return made
  }
  const known = new Map<Connection, Map<Connection, Found | undefined>>()
  const differs = (was: Connection, is: Connection): Found | undefined => {
    let to = known.get(was)
    if (to === undefined) known.set(was, (to = new Map()))
    if (!to.has(is)) to.set(is, foundBetween(was, is))
    return to.get(is)
  }
  const find = (ones: Kind, others: Kind, isSame: boolean): Found | undefined => {
    if (!isSame && ones.groups !== undefined && others.groups !== undefined)
      return differs(before.known.between(ones.groups[0], others.groups[0]), after.known.between(ones.groups[1], others.groups[1]))
    const pair = pairOf(
      ones.samples,
      others.samples,
      (one, other) => before.known.isBeyondPolicies(one[0], other[0]) !== YES || after.known.isBeyondPolicies(one[1], other[1]) !== YES,
    )
    if (pair === undefined) return undefined
    const [one, other] = pair
    return foundBetween(before.known.connection(one[0], other[0]), after.known.connection(one[1], other[1]))
  }
  const told = new WeakMap<Found, CellDifference>()
  return (from, to) => {
    if (from.is !== 'workload' && to.is !== 'workload') return undefined
    let all: Found | undefined
    for (const ones of kindsOf(from))
      for (const others of kindsOf(to)) {
        const found = find(ones, others, from === to)
        if (found === undefined) continue
        all =
          all === undefined
            ? found
            : { lost: union(all.lost, found.lost), gained: union(all.gained, found.gained), sure: union(all.sure, found.sure) }
      }
    if (all === undefined) return undefined
    let difference = told.get(all)
    if (difference === undefined) told.set(all, (difference = differenceOf(all)))
    return difference
  }
}

/** Undefined where nothing differs. */
function foundBetween(was: Connection, is: Connection): Found | undefined {
  const lost = union(difference(was.ports, is.ports), difference(was.perhaps, is.perhaps))
  const gained = union(difference(is.ports, was.ports), difference(is.perhaps, was.perhaps))
  if (isNone(lost) && isNone(gained)) return undefined
  return { lost, gained, sure: union(difference(was.ports, is.perhaps), difference(is.ports, was.perhaps)) }
}
const differenceOf = ({ lost, gained, sure }: Found): CellDifference => ({
  lost,
  gained,
  ...(!isNone(difference(union(lost, gained), sure)) && { perhaps: true as const }),
})

const nameOf = (end: End): string =>
  end.is === 'address' ? end.ip : end.is === 'node' ? end.name : `${end.namespace.name}/${end.pod?.metadata.name ?? ' template'}`
