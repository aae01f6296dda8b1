/** Whom a change lets reach whom, and whom no longer: the matrix now and then, and the recorded flows that would not pass any more. */
import type { Snapshot, Step } from '../model/index.ts'
import { remembered } from '../objects/derived.ts'
import { type MatrixEnd, type ReachMatrix, rangesNamed, reachMatrix } from '../objects/network-matrix.ts'
import { type CellDifference, cellDifferences } from '../objects/network-matrix-difference.ts'
import { isNone } from '../objects/network-ports.ts'
import { REACH_KINDS, reach } from '../objects/network-reach.ts'
import { applyPlan } from './in-memory.ts'
import { type CutFlow, type FlowEvidence, flowsCut } from './network-cuts.ts'
import { changesPolicies, mayChangeReach } from './network-steps.ts'
import { touchedBetween } from './network-touched.ts'
import { withRemadePods } from './remade-pods.ts'

export type { CutFlow, FlowEvidence } from './network-cuts.ts'
export { changesReach } from './network-steps.ts'

export interface NetworkChange extends CellDifference {
  /** Of the matrix before; the same id is in the one after. */
  readonly from: MatrixEnd
  readonly to: MatrixEnd
}
/** Pods of a workload that some policy will isolate and none does now. */
export interface Isolates {
  /** As it will be. */
  readonly end: MatrixEnd
  readonly direction: 'ingress' | 'egress'
  readonly pods: number
}
export interface NetworkImpact {
  readonly before: ReachMatrix
  readonly after: ReachMatrix
  /** What `after` was made of. */
  readonly then: Snapshot
  /** By destination, then by source. */
  readonly changes: readonly NetworkChange[]
  /** Destinations left out of that list, with all their changes, because there are more than are kept. */
  readonly more: number
  /** Pairs that lose some port, or gain some; of those left out too. */
  readonly pairs: { readonly lost: number; readonly gained: number }
  readonly isolates: readonly Isolates[]
  /** The busiest first. */
  readonly cut: readonly CutFlow[]
  /** The record of flows that was asked; absent where none was given. */
  readonly evidence?: FlowEvidence
  /** Why it may be more, or less: what could not be read. */
  readonly unread: readonly string[]
}

/** Undefined where the steps leave everybody's reach as it is; steps that cannot be carried out on this snapshot throw. */
export const networkImpact = (now: Snapshot, steps: readonly Step[]): NetworkImpact | undefined => atOnce(networkImpactInSlices(now, steps))

/** The same, a short piece at a time: whoever draws a screen meanwhile goes on between two of them. */
export function* networkImpactInSlices(now: Snapshot, steps: readonly Step[]): Slices<NetworkImpact | undefined> {
  if (!mayChangeReach(now, steps)) return undefined
  const then = worldAfter(now, steps)
  yield 0
  return yield* between(now, then, steps.some(changesPolicies))
}

/** What would be, once pods are made anew. */
export const worldAfter = (now: Snapshot, steps: readonly Step[]): Snapshot => withRemadePods(now, applyPlan(now, steps))

/** `always`: tell even where nobody's reach differs. */
export const reachBetween = (now: Snapshot, then: Snapshot, always = true): NetworkImpact | undefined => atOnce(between(now, then, always))

/** Yields how much is done, from 0 to 1. */
export type Slices<T> = Generator<number, T>
export function atOnce<T>(slices: Slices<T>): T {
  for (;;) {
    const { done, value } = slices.next()
    if (done === true) return value
  }
}

function* between(now: Snapshot, then: Snapshot, always: boolean): Slices<NetworkImpact | undefined> {
  reach(now)
  yield 0
  reach(then)
  yield 0
  const ranges = rangesOf(now, then)
  const before = matrixWith(now, ranges)
  yield 0
  const after = matrixWith(then, ranges)
  yield 0
  const isolates = isolatedBetween(before, after)
  const flows = flowsCutBetween(now, then)
  yield 0
  const changes: NetworkChange[] = []
  let [more, lost, gained, asked] = [0, 0, 0, 0]
  const { rows, compare } = changedRows(now, then, before, after)
  for (const [at, { to, senders }] of rows.entries()) {
    const isKept = changes.length < MOST_CHANGES
    let differs = false
    for (const from of senders) {
      if (++asked % A_PIECE === 0) yield at / rows.length
      const difference = compare(from, to)
      if (difference === undefined) continue
      differs = true
      if (!isNone(difference.lost)) lost++
      if (!isNone(difference.gained)) gained++
      if (isKept) changes.push({ from, to, ...difference })
    }
    if (differs && !isKept) more++
    yield at / rows.length
  }
  if (!always && changes.length + isolates.length === 0) return undefined
  return { before, after, then, changes, more, pairs: { lost, gained }, isolates, ...flows, unread: unreadOf(now) }
}
/** Nobody reads more of them, and they fit into memory beside everything else. */
const MOST_CHANGES = 100_000
/** Pairs that are asked about between two frames at the least. */
const A_PIECE = 256

/** Both with the ranges that either names. */
export function matricesOf(now: Snapshot, then: Snapshot): { readonly before: ReachMatrix; readonly after: ReachMatrix } {
  const ranges = rangesOf(now, then)
  return { before: matrixWith(now, ranges), after: matrixWith(then, ranges) }
}
const rangesOf = (now: Snapshot, then: Snapshot): string => [...new Set([...rangesNamed(now), ...rangesNamed(then)])].sort().join(' ')

/** What one step leaves is what the next one finds. */
const matrices = remembered((_: Snapshot) => new Map<string, ReachMatrix>())
function matrixWith(view: Snapshot, ranges: string): ReachMatrix {
  const known = matrices(view)
  let matrix = known.get(ranges)
  if (matrix === undefined) known.set(ranges, (matrix = reachMatrix(view, { ranges: ranges === '' ? [] : ranges.split(' ') })))
  return matrix
}

/** Flows alone, without a matrix: the question whose answer blocks a step. */
export function cutBy(now: Snapshot, steps: readonly Step[]): readonly CutFlow[] {
  if (now.fact('ObservedFlows') === undefined || !mayChangeReach(now, steps)) return []
  return flowsCutBetween(now, worldAfter(now, steps)).cut
}
export const flowsCutBetween = (now: Snapshot, then: Snapshot) => flowsCut(now, then, touchedBetween(reach(now), reach(then)))

const unreadOf = (view: Snapshot): readonly string[] => [...new Set(REACH_KINDS.flatMap((kind) => view.unread(kind)?.because ?? []))]

/** Each pair whose reach differs, by destination; a big plan on a big cluster has millions of them. */
export function* changesBetween(now: Snapshot, then: Snapshot, before: ReachMatrix, after: ReachMatrix): Generator<NetworkChange> {
  const { rows, compare } = changedRows(now, then, before, after)
  for (const { to, senders } of rows)
    for (const from of senders) {
      const difference = compare(from, to)
      if (difference !== undefined) yield { from, to, ...difference }
    }
}

/** All pairs whose reach may differ. */
function changedRows(now: Snapshot, then: Snapshot, before: ReachMatrix, after: ReachMatrix) {
  const touched = touchedBetween(reach(now), reach(then))
  const some = before.ends.filter(({ id }) => touched.egress.has(id))
  const rows = before.ends.map((to) => ({ to, senders: touched.ingress.has(to.id) ? before.ends : some }))
  return { rows: rows.filter(({ senders }) => senders.length > 0), compare: cellDifferences(before, after) }
}

/** The change of any one pair, also of those that the list of changes has no room for. */
export function changeOfPairs({ before, after }: NetworkImpact): (from: MatrixEnd, to: MatrixEnd) => CellDifference | undefined {
  return cellDifferences(before, after)
}

const isolatedBetween = (before: ReachMatrix, after: ReachMatrix): readonly Isolates[] =>
  (['ingress', 'egress'] as const).flatMap((direction) =>
    after.ends.flatMap((end) => {
      const pods = end.isolated[direction] - (before.find(end.id)?.isolated[direction] ?? 0)
      return pods > 0 ? [{ end, direction, pods }] : []
    }),
  )
