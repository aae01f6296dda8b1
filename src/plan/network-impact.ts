/** Whom a change lets reach whom, and whom no longer: the matrix now and then, and the recorded flows that would not pass any more. */
import type { Snapshot, Step } from '../model/index.ts'
import { type MatrixEnd, type ReachMatrix, rangesNamed, reachMatrix } from '../objects/network-matrix.ts'
import { type CellDifference, cellDifferences } from '../objects/network-matrix-difference.ts'
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
  /** By destination, then by source. */
  readonly changes: readonly NetworkChange[]
  /** Changes left out of that list, because there are more than are kept. */
  readonly more: number
  readonly isolates: readonly Isolates[]
  /** The busiest first. */
  readonly cut: readonly CutFlow[]
  /** The record of flows that was asked; absent where none was given. */
  readonly evidence?: FlowEvidence
  /** Why it may be more, or less: what could not be read. */
  readonly unread: readonly string[]
}

/** Undefined where the steps leave everybody's reach as it is; steps that cannot be carried out on this snapshot throw. */
export function networkImpact(now: Snapshot, steps: readonly Step[]): NetworkImpact | undefined {
  if (!mayChangeReach(now, steps)) return undefined
  return reachBetween(now, worldAfter(now, steps), steps.some(changesPolicies))
}

/** What would be, once pods are made anew. */
export const worldAfter = (now: Snapshot, steps: readonly Step[]): Snapshot => withRemadePods(now, applyPlan(now, steps))

/** `always`: tell even where nobody's reach differs. */
export function reachBetween(now: Snapshot, then: Snapshot, always = true): NetworkImpact | undefined {
  const { before, after } = matricesOf(now, then)
  const isolates = isolatedBetween(before, after)
  const changes: NetworkChange[] = []
  let more = 0
  for (const change of changesBetween(now, then, before, after)) {
    if (changes.length < MOST_CHANGES) changes.push(change)
    else more++
  }
  if (!always && changes.length + isolates.length === 0) return undefined
  return { before, after, changes, more, isolates, ...flowsCutBetween(now, then), unread: unreadOf(now) }
}
/** As many as fit into memory beside everything else. */
const MOST_CHANGES = 300_000

/** Both with the ranges that either names. */
export function matricesOf(now: Snapshot, then: Snapshot): { readonly before: ReachMatrix; readonly after: ReachMatrix } {
  const ranges = [...new Set([...rangesNamed(now), ...rangesNamed(then)])]
  return { before: reachMatrix(now, { ranges }), after: reachMatrix(then, { ranges }) }
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
  const touched = touchedBetween(reach(now), reach(then))
  const compare = cellDifferences(before, after)
  for (const to of before.ends)
    for (const from of before.ends) {
      if (!touched.ingress.has(to.id) && !touched.egress.has(from.id)) continue
      const difference = compare(from, to)
      if (difference !== undefined) yield { from, to, ...difference }
    }
}

const isolatedBetween = (before: ReachMatrix, after: ReachMatrix): readonly Isolates[] =>
  (['ingress', 'egress'] as const).flatMap((direction) =>
    after.ends.flatMap((end) => {
      const pods = end.isolated[direction] - (before.find(end.id)?.isolated[direction] ?? 0)
      return pods > 0 ? [{ end, direction, pods }] : []
    }),
  )
