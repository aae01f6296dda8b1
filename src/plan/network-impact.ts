/** Whom a change lets reach whom, and whom no longer: the matrix now and then, and the recorded flows that would not pass any more. */
import type { Edit, ObservedFlow, Snapshot, Step } from '../model/index.ts'
import { END_KINDS, type End } from '../objects/network-ends.ts'
import { type MatrixEnd, type ReachMatrix, rangesNamed, reachMatrix } from '../objects/network-matrix.ts'
import { type CellDifference, cellDifferences } from '../objects/network-matrix-difference.ts'
import { REACH_KINDS, reach } from '../objects/network-reach.ts'
import { applyPlan } from './in-memory.ts'
import { touchedBetween } from './network-touched.ts'
import { kindOf } from './objects-by-ref.ts'
import { withRemadePods } from './remade-pods.ts'

export interface NetworkChange extends CellDifference {
  /** Of the matrix before; the same id is in the one after. */
  readonly from: MatrixEnd
  readonly to: MatrixEnd
}
/** A recorded flow that passes now, and would not then. */
export interface CutFlow {
  readonly flow: ObservedFlow
  readonly from: End
  readonly to: End
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
  readonly isolates: readonly Isolates[]
  readonly cut: readonly CutFlow[]
  /** The record of flows that was asked; absent where none was given. */
  readonly evidence?: {
    readonly from: readonly string[]
    /** Those whose ends are known and that policies let through now. */
    readonly flows: number
  }
}

/** Undefined where the steps leave everybody's reach as it is; steps that cannot be carried out on this snapshot throw. */
export function networkImpact(now: Snapshot, steps: readonly Step[]): NetworkImpact | undefined {
  if (!steps.some(changesReach)) return undefined
  return reachBetween(now, withRemadePods(now, applyPlan(now, steps)), steps.some(changesPolicies))
}

/** `always`: tell even where nobody's reach differs. */
export function reachBetween(now: Snapshot, then: Snapshot, always = true): NetworkImpact | undefined {
  const ranges = [...new Set([...rangesNamed(now), ...rangesNamed(then)])]
  const [before, after] = [reachMatrix(now, { ranges }), reachMatrix(then, { ranges })]
  const changes = changesBetween(before, after, touchedBetween(reach(now), reach(then)))
  const isolates = isolatedBetween(before, after)
  if (!always && changes.length + isolates.length === 0) return undefined
  return { before, after, changes, isolates, cut: [] }
}

function changesBetween(
  before: ReachMatrix,
  after: ReachMatrix,
  touched: Readonly<Record<'ingress' | 'egress', ReadonlySet<string>>>,
): readonly NetworkChange[] {
  const compare = cellDifferences(before, after)
  return before.ends.flatMap((to) =>
    before.ends.flatMap((from) => {
      if (!touched.ingress.has(to.id) && !touched.egress.has(from.id)) return []
      const difference = compare(from, to)
      return difference === undefined ? [] : [{ from, to, ...difference }]
    }),
  )
}

const isolatedBetween = (before: ReachMatrix, after: ReachMatrix): readonly Isolates[] =>
  (['ingress', 'egress'] as const).flatMap((direction) =>
    after.ends.flatMap((end) => {
      const pods = end.isolated[direction] - (before.find(end.id)?.isolated[direction] ?? 0)
      return pods > 0 ? [{ end, direction, pods }] : []
    }),
  )

const ENDS: ReadonlySet<string> = new Set(END_KINDS)
const POLICIES: ReadonlySet<string> = new Set(REACH_KINDS.filter((kind) => !ENDS.has(kind)))

const changesPolicies = ({ changes }: Step): boolean =>
  changes.some((change) => {
    const kind = change.type === 'create' ? kindOf(change.object) : 'target' in change ? kindOf(change.target) : undefined
    return kind !== undefined && POLICIES.has(kind)
  })

/** May this step alter who reaches whom: policies, and whatever they look at of pods and namespaces (labels, the host network, ports with names)? */
export const changesReach = (step: Step): boolean =>
  changesPolicies(step) ||
  step.changes.some(
    (change) =>
      change.type === 'edit' && ENDS.has(kindOf(change.target) ?? '') && change.edits.some((edit) => isLookedAt(edit, change.target.kind)),
  )

/** Also where a whole branch is written that holds it. */
function isLookedAt(edit: Edit, kind: string): boolean {
  const path = 'set' in edit ? edit.set : edit.unset
  const last = path.findLast((part) => typeof part === 'string')
  if (path[0] === 'metadata') return (kind === 'Pod' || kind === 'Namespace') && (path.length === 1 || path[1] === 'labels')
  if (path.includes('hostNetwork') || path.includes('ports')) return true
  if (path.includes('metadata')) return path.includes('labels') || last === 'metadata'
  return ['spec', 'template', 'jobTemplate', 'containers', 'initContainers'].includes(String(last))
}
