/** Proves a step: the values are there, the rollout went through, the finding is gone, and in the end the new pods still work and nobody put an old value back. */
import type { Change, FindingId, KubeObject, Snapshot, Step, StepId } from '../model/index.ts'
import { formatPath, valueAt } from '../objects/path.ts'
import { refOf, refText } from '../objects/ref.ts'
import { holds } from './canonical.ts'
import { whyNotShown } from './host-shown.ts'
import { objectAt } from './objects-by-ref.ts'
import {
  type Before,
  beforeOf,
  failedSince,
  isInTemplate,
  type Watched,
  type WatchedState,
  watchRollout,
  workloadOf,
} from './rollout-watch.ts'
import type { Verdict, Verifier } from './run.ts'

export interface VerifyOptions {
  /** For a rollout, default 120 s. */
  readonly deadlineMs?: number
  /** How long new pods are watched once their rollout is done, default 10 s; longer where a liveness probe needs longer to tell. */
  readonly steadyMs?: number
  /** For the watch to show what was written, and for controls to be judged again; default 15 s. */
  readonly showMs?: number
  /** How long to look, after the last step, whether a controller puts an old value back; default 3 s. */
  readonly settleMs?: number
}

export function verifierOf(
  scan: Watched,
  { deadlineMs = 120_000, steadyMs = 10_000, showMs = 15_000, settleMs = 3_000 }: VerifyOptions = {},
): Verifier {
  let before: Before | undefined
  const befores = new Map<StepId, Before>()
  return {
    prepare(step) {
      before = beforeOf(step, scan.state.snapshot)
      befores.set(step.id, before)
    },
    waitingFor(step) {
      return workloadOf(step) === undefined || scan.state.snapshot.source.kind !== 'live'
        ? 'the change to show'
        : `the rollout of ${refText(workloadOf(step)!)}`
    },
    async verify(step, signal) {
      if (step.changes.some(isOnHost)) await scan.lookAgain?.()
      const shown = await scan.until(({ snapshot }) => step.changes.every((change) => isShown(change, snapshot, before)), showMs, signal)
      if (!shown) return { ok: false, undo: false, because: notShown(step, scan.state.snapshot, before) }
      const rollout = await watchRollout(step, scan, before, { deadlineMs, steadyMs }, signal)
      if (!rollout.ok) return rollout
      const judged = await judgedAnew(step, scan, showMs, signal)
      const isReverted = () => step.changes.some((change) => !isShown(change, scan.state.snapshot, before))
      if (!judged)
        return isReverted() ? { ok: false, undo: false, because: notShown(step, scan.state.snapshot, before) } : unproven(step, scan.state)!
      return { ok: true, note: rollout.note }
    },
    async reverted(steps, signal) {
      const gone = (snapshot: Snapshot) =>
        steps.filter((step) => changesToLast(step).some((change) => !isShown(change, snapshot, undefined)))
      if (settleMs > 0 && scan.state.snapshot.source.kind === 'live')
        await scan.until(({ snapshot }) => gone(snapshot).length > 0, settleMs, signal)
      const { snapshot } = scan.state
      const failed = steps.flatMap((step) => {
        const because = failedSince(step, snapshot, befores.get(step.id))
        return because === undefined ? [] : [[step.id, because] as const]
      })
      return new Map([...failed, ...gone(snapshot).map((step) => [step.id, notShown(step, snapshot, undefined)] as const)])
    },
  }
}

/** What is read of a node has no watch: it is asked for again until it proves the step, or long enough. */
async function judgedAnew(step: Step, scan: Watched, showMs: number, signal: AbortSignal): Promise<boolean> {
  const isProven = (state: WatchedState) => unproven(step, state) === undefined
  const tries = step.changes.some(isOnHost) ? LOOKS : 1
  for (let tried = 1; ; tried++) {
    if (await scan.until(isProven, tries === 1 ? showMs : showMs / 3, signal)) return true
    if (tried >= tries || signal.aborted) return false
    await scan.lookAgain?.()
  }
}
const LOOKS = 6

/** How fast a first pod was followed is meant to be changed by the step after it. */
const changesToLast = ({ canary, changes }: Step): readonly Change[] =>
  canary !== 'first'
    ? changes
    : changes.map((change) =>
        change.type === 'edit'
          ? { ...change, edits: change.edits.filter((edit) => isInTemplate('set' in edit ? edit.set : edit.unset)) }
          : change,
      )

/** What no object shows: whoever carries it out looks himself. */
const isUnseen = (change: Change): change is Extract<Change, { type: 'file' | 'command' }> =>
  change.type === 'file' || change.type === 'command'
const isOnHost = (change: Change): change is Extract<Change, { type: 'host' }> => change.type === 'host'

function isShown(change: Change, snapshot: Snapshot, before: Before | undefined): boolean {
  if (isUnseen(change)) return true
  if (isOnHost(change)) return whyNotShown(change.action, snapshot) === undefined
  const ref = change.type === 'create' ? refOf(change.object) : change.target
  const object = objectAt(snapshot, { ...ref, uid: undefined })
  if (change.type === 'create') return object !== undefined
  // A new object of the same name is not the one that was deleted.
  if (change.type === 'delete') return object === undefined || (ref.uid !== undefined && object.metadata.uid !== ref.uid)
  if (object === undefined) return false
  if (object.kind === 'Pod' && snapshot.source.kind === 'live' && isSpec(change) && object.metadata.uid === before?.uid) return false
  return differences(change, object).length === 0
}
const isSpec = (change: Extract<Change, { type: 'edit' }>): boolean =>
  change.edits.some((edit) => ('set' in edit ? edit.set : edit.unset)[0] === 'spec')

function differences(change: Extract<Change, { type: 'edit' }>, object: KubeObject): string[] {
  return change.edits
    .filter((edit) => ('set' in edit ? !holds(valueAt(object, edit.set), edit.to) : valueAt(object, edit.unset) !== undefined))
    .map((edit) => formatPath('set' in edit ? edit.set : edit.unset))
}
function notShown(step: Step, snapshot: Snapshot, before: Before | undefined): string {
  for (const change of step.changes) {
    if (isUnseen(change) || isShown(change, snapshot, before)) continue
    if (isOnHost(change)) return `${whyNotShown(change.action, snapshot)} after the write`
    const ref = change.type === 'create' ? refOf(change.object) : change.target
    const object = objectAt(snapshot, { ...ref, uid: undefined })
    if (object === undefined) return `${refText(ref)} is not there after the write: somebody deleted it`
    const others = (object.metadata.managers ?? []).filter((name) => name !== 'k8s-harden')
    const at = change.type === 'edit' ? ` at ${differences(change, object).join(', ')}` : ''
    return `${refText(ref)} does not show the change${at}: it was reverted${others.length > 0 ? ` by one of ${others.join(', ')}` : ''}`
  }
  return 'the change does not show'
}

/** A finding that vanished because its control could no longer look is not mended. */
function unproven(step: Step, { outcomes }: WatchedState): Extract<Verdict, { ok: false }> | undefined {
  const left: FindingId[] = []
  for (const id of step.controls) {
    const outcome = outcomes.get(id)
    if (outcome === undefined) continue
    if (step.mends.length > 0 && (outcome.status === 'error' || outcome.unread !== undefined))
      return {
        ok: false,
        undo: false,
        left: step.mends,
        because: `${id} could not be judged again: ${outcome.error ?? outcome.because ?? 'unknown'}`,
      }
    left.push(...outcome.findings.filter((finding) => step.mends.includes(finding.id) && !finding.excepted).map((finding) => finding.id))
  }
  return left.length === 0 ? undefined : { ok: false, undo: false, left, because: 'the change is there, but the control still finds it' }
}
