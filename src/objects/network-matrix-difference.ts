/** What becomes of a cell from one matrix to another, pod by pod where the pods of a workload differ. */
import type { End } from './network-ends.ts'
import type { MatrixEnd, ReachMatrix } from './network-matrix.ts'
import { pairOf, samplesOf } from './network-matrix-cell.ts'
import { difference, isNone, type PortSet, union } from './network-ports.ts'
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
  /** Kinds with the same number are the same to every policy, whatever workload they are of. */
  readonly number: number
  /** A pod with an address of its own: only itself and its node are a case apart for it. */
  readonly isPlain: boolean
}
interface Found {
  readonly lost: PortSet
  readonly gained: PortSet
  readonly sure: PortSet
}

/** Compares cells, by their ends in the matrix before; undefined where nothing differs. Pods that are in one of the two only take no part. */
export function cellDifferences(before: ReachMatrix, after: ReachMatrix): (from: MatrixEnd, to: MatrixEnd) => CellDifference | undefined {
  const kinds = new Map<MatrixEnd, readonly Kind[]>()
  const numbers = new Map<unknown, Map<unknown, number>>()
  let count = 0
  const numberOf = ([was, is]: Both): number => {
    const [a, b] = [was.is === 'pod' ? before.known.groupOf(was) : was, is.is === 'pod' ? after.known.groupOf(is) : is]
    const known = numbers.get(a) ?? new Map<unknown, number>()
    numbers.set(a, known)
    if (!known.has(b)) known.set(b, count++)
    return known.get(b)!
  }
  const kindsOf = (end: MatrixEnd) => {
    let made = kinds.get(end)
    if (made === undefined) {
      const then = new Map(after.find(end.id)?.ends.map((one) => [nameOf(one), one]))
      const both = end.ends.flatMap((one): readonly Both[] => (then.has(nameOf(one)) ? [[one, then.get(nameOf(one))!]] : []))
      const alike = Map.groupBy(both, ([was, is]) => `${before.likeness(was)} | ${after.likeness(is)}`)
      made = [...alike.values()].map((same) => ({
        samples: samplesOf(same),
        number: numberOf(same[0]!),
        isPlain: same[0]!.every((one) => one.is === 'pod' && !one.hostNetwork),
      }))
      kinds.set(end, made)
    }
    return made
  }
  const asked = new Map<number, Found | undefined>()
  const find = (ones: Kind, others: Kind, isSame: boolean): Found | undefined => {
    const key = ones.number * MOST_KINDS + others.number
    const isFree = !isSame && ones.isPlain && others.isPlain
    if (isFree && asked.has(key)) return asked.get(key)
    const pair = pairOf(
      ones.samples,
      others.samples,
      (one, other) => before.known.isBeyondPolicies(one[0], other[0]) !== YES || after.known.isBeyondPolicies(one[1], other[1]) !== YES,
    )
    const found = pair && foundBetween(before, after, ...pair)
    if (isFree) asked.set(key, found)
    return found
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
const MOST_KINDS = 2 ** 26

/** Undefined where nothing differs. */
function foundBetween(before: ReachMatrix, after: ReachMatrix, from: Both, to: Both): Found | undefined {
  const [was, is] = [before.known.connection(from[0], to[0]), after.known.connection(from[1], to[1])]
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
