/** Watches a workload's rollout to its end and a while beyond: a container that dies seconds after its start was "available" before. */
import type {
  ControlId,
  ControllerObject,
  CronJobObject,
  KubeObject,
  ObjectRef,
  Outcome,
  PodObject,
  PodSpec,
  Snapshot,
  Step,
} from '../model/index.ts'
import { refOf, refText } from '../objects/ref.ts'
import { nextRun } from './cron-schedule.ts'
import { objectAt } from './objects-by-ref.ts'
import { firstOf, isGettingOn, isReady, ROLLS_OUT, type Rollout, rolloutOf, runOf, type UsualRestarts, whyFailing } from './rollout.ts'
import type { Verdict } from './run.ts'

export interface WatchedState {
  readonly snapshot: Snapshot
  readonly outcomes: ReadonlyMap<ControlId, Outcome>
}
/** A scan that goes on; session/live-scan is one. */
export interface Watched {
  readonly state: WatchedState
  until(holds: (state: WatchedState) => boolean, timeoutMs: number, signal?: AbortSignal): Promise<boolean>
  /** Asks again for what has no watch. */
  lookAgain?(): Promise<void>
}
/** What was there before the write: only what changes is held against a step. */
export interface Before {
  readonly uid: string | undefined
  readonly pods: ReadonlySet<string>
  readonly wasWell: boolean
  readonly restarts: UsualRestarts
}
export interface RolloutTimes {
  /** For the rollout itself. */
  readonly deadlineMs: number
  /** How long its new pods are watched once it is done. */
  readonly steadyMs: number
}

const STARTS_PODS: ReadonlySet<string> = new Set([...ROLLS_OUT, 'CronJob'])
/** A liveness probe that fails gets this long at most to show it. */
const LONGEST_WATCH_MS = 75_000
/** One that was started again already looks well for moments: the kubelet waits 10 s, then 20 s before it tries once more. */
const RESTARTED_MS = 30_000
/** More restarts than that are no start any more, and would outlast every deadline. */
const MOST_RESTARTS = 4

/** The workload whose pods are made anew by this step. */
export function workloadOf(step: Step): ObjectRef | undefined {
  if (step.canary === 'rest' && step.changes[0]?.type === 'edit') return step.changes[0].target
  const change = step.changes.find(
    (one) =>
      one.type === 'edit' &&
      (STARTS_PODS.has(one.target.kind)
        ? one.edits.some((edit) => isInTemplate('set' in edit ? edit.set : edit.unset))
        : one.target.kind === 'Pod'),
  )
  return change?.type === 'edit' ? change.target : undefined
}
export const isInTemplate = (path: readonly unknown[]): boolean =>
  path[0] === 'spec' && (path.length === 1 || path[1] === 'template' || path[1] === 'jobTemplate')

export function beforeOf(step: Step, snapshot: Snapshot): Before {
  const ref = workloadOf(step)
  const object = ref === undefined ? undefined : objectAt(snapshot, ref)
  const pods = object === undefined ? [] : podsOf(object, snapshot)
  const restarts = restartsByContainer(pods)
  // What the first step of two left under way is not ill.
  const isOneOff = object === undefined || object.kind === 'Pod' || step.canary === 'rest'
  const wasWell = isOneOff || (object.kind === 'CronJob' ? !endedIll(pods) : isWell(object as ControllerObject, pods))
  return { uid: object?.metadata.uid, pods: new Set(pods.map(identity)), wasWell, restarts }
}
/** A roll-out that is getting on (the undo of another change, somebody's new image) is no illness: it is waited for with ours. */
function isWell(object: ControllerObject, pods: readonly PodObject[]): boolean {
  // A pod on its way out, crashed or not, is of a change that was taken back.
  const rollout = rolloutOf(
    object,
    pods.filter(({ metadata }) => metadata.deletionTimestamp === undefined),
  )
  return rollout.is === 'done' || (rollout.is === 'under-way' && isGettingOn(object))
}

/** The newest run of which something is known. */
function endedIll(pods: readonly PodObject[]): boolean {
  const newestFirst = pods.toSorted((a, b) => (b.metadata.creationTimestamp ?? '').localeCompare(a.metadata.creationTimestamp ?? ''))
  const newest = newestFirst.find((pod) => pod.status?.phase === 'Succeeded' || whyFailing(pod) !== undefined)
  return newest !== undefined && whyFailing(newest) !== undefined
}
function restartsByContainer(pods: readonly PodObject[]): UsualRestarts {
  const restarts = new Map<string, number>()
  for (const { status } of pods)
    for (const { name, restartCount = 0 } of [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])])
      restarts.set(name, Math.min(MOST_RESTARTS, Math.max(restarts.get(name) ?? 0, restartCount)))
  return restarts
}
const identity = ({ metadata }: PodObject): string => metadata.uid ?? metadata.name

/** Pods that the workload controls, itself or through ReplicaSets or Jobs. */
function podsOf(workload: KubeObject, snapshot: Snapshot): readonly PodObject[] {
  if (workload.kind === 'Pod') return [workload as PodObject]
  const uids = new Set([workload.metadata.uid])
  const isOwned = (object: KubeObject) =>
    object.metadata.ownerReferences?.some((owner) => owner.controller === true && uids.has(owner.uid)) === true
  const between = workload.kind === 'Deployment' ? 'ReplicaSet' : workload.kind === 'CronJob' ? 'Job' : undefined
  if (between !== undefined) for (const owned of snapshot.all(between).filter(isOwned)) uids.add(owned.metadata.uid)
  return snapshot.all('Pod').filter(isOwned)
}

interface Watching {
  readonly ref: ObjectRef
  readonly canary: Step['canary']
}
/** One look: how far the rollout is, and how often the containers of its new pods have been started again. */
interface Look {
  readonly rollout: Rollout
  readonly restarts: number
  readonly newPods: readonly PodObject[]
}
function look({ ref, canary }: Watching, snapshot: Snapshot, before: Before | undefined): Look | undefined {
  const object = objectAt(snapshot, { ...ref, uid: undefined })
  if (object === undefined) return undefined
  const newPods = podsOf(object, snapshot).filter((pod) => !(before?.pods.has(identity(pod)) ?? false))
  const rollout =
    object.kind === 'CronJob'
      ? runOf(newPods, before?.restarts)
      : canary === 'first'
        ? firstOf(newPods, before?.restarts)
        : rolloutOf(object as ControllerObject | PodObject, newPods, before?.restarts)
  return { rollout, restarts: newPods.reduce((sum, pod) => sum + restartsOf(pod), 0), newPods }
}
const restartsOf = ({ status }: PodObject): number =>
  (status?.containerStatuses ?? []).reduce((sum, { restartCount = 0, state }) => sum + restartCount + endings(state), 0)
/** A container that has ended with a failure is about to be started again. */
const endings = (state: { readonly terminated?: { readonly exitCode?: number } } | undefined): number =>
  (state?.terminated?.exitCode ?? 0) === 0 ? 0 : 1

/** A step that only opens the way for another one mends nothing itself. */
const shown = ({ mends }: Step): string => (mends.length === 0 ? 'it is there' : 'the finding is gone')

/** Waits until the rollout is done and its new pods have kept running, or says why it must be taken back. */
export async function watchRollout(
  step: Step,
  scan: Watched,
  before: Before | undefined,
  { deadlineMs, steadyMs }: RolloutTimes,
  signal: AbortSignal,
): Promise<Verdict> {
  const ref = workloadOf(step)
  const live = scan.state.snapshot.source.kind === 'live'
  if (ref === undefined || !live) return { ok: true, note: live ? shown(step) : 'the file says so now' }
  if (before?.wasWell === false)
    return { ok: true, note: 'the finding is gone; the workload was not healthy before either, so its rollout was not waited for' }
  const later = ref.kind === 'CronJob' ? notDueWithin(objectAt(scan.state.snapshot, { ...ref, uid: undefined }), deadlineMs) : undefined
  if (later !== undefined) return { ok: true, note: later }
  const watching = { ref, canary: step.canary }
  const now = (snapshot = scan.state.snapshot) => look(watching, snapshot, before)
  const end = Date.now() + deadlineMs
  for (;;) {
    const left = Math.max(0, end - Date.now())
    await scan.until(({ snapshot }) => (now(snapshot)?.rollout.is ?? 'under-way') !== 'under-way', left, signal)
    let seen = now()
    if (seen?.rollout.is === 'failing' && seen.rollout.mayPass === true && !signal.aborted) {
      await scan.until(({ snapshot }) => now(snapshot)?.rollout.is !== 'failing', Math.max(0, end - Date.now()), signal)
      seen = now()
      if (seen?.rollout.is !== 'failing' && Date.now() < end) continue
    }
    if (seen?.rollout.is === 'failing') return { ok: false, undo: true, because: seen.rollout.because }
    if (signal.aborted)
      return { ok: false, undo: false, because: 'the wait for the rollout was cut short: whether it goes through is not known' }
    const unended = seen === undefined ? undefined : runUnended(ref, scan.state.snapshot, before, seen, deadlineMs)
    if (unended !== undefined) return { ok: true, note: unended }
    if (seen?.rollout.is !== 'done') return { ok: false, undo: true, because: late(deadlineMs, seen) }
    if (await keepsRunning(watching, scan, before, seen, steadyMs, signal)) return { ok: true, note: noteOf(seen, scan.state.snapshot) }
    if (Date.now() >= end && now()?.rollout.is !== 'failing') return { ok: false, undo: true, because: late(deadlineMs, now()) }
  }
}

/** The words for a run that takes longer than one waits for: the new one goes on well, or the old one keeps it from starting. */
function runUnended(ref: ObjectRef, snapshot: Snapshot, before: Before | undefined, seen: Look, deadlineMs: number): string | undefined {
  if (ref.kind !== 'CronJob' || seen.rollout.is !== 'under-way') return undefined
  if (seen.newPods.some(isReady))
    return `its next run has started well and was still going on after ${Math.round(deadlineMs / 1000)} s: look at it when it has ended`
  const object = objectAt(snapshot, { ...ref, uid: undefined }) as CronJobObject | undefined
  const isHeldUp =
    object?.spec?.concurrencyPolicy === 'Forbid' &&
    podsOf(object, snapshot).some(
      (pod) => before?.pods.has(identity(pod)) && (pod.status?.phase === 'Running' || pod.status?.phase === 'Pending'),
    )
  return isHeldUp && seen.newPods.length === 0
    ? 'its run of before still goes on and keeps the next one from starting: the change takes effect after it'
    : undefined
}

/** False as soon as one of the new pods is started again, falls out of service or fails. */
async function keepsRunning(
  watching: Watching,
  scan: Watched,
  before: Before | undefined,
  seen: Look,
  steadyMs: number,
  signal: AbortSignal,
): Promise<boolean> {
  if (steadyMs === 0 || seen.newPods.length === 0) return true
  const longest = Math.max(steadyMs, seen.restarts > 0 ? RESTARTED_MS : 0, ...seen.newPods.map(({ spec }) => livenessMs(spec)))
  const isDisturbed = (snapshot: Snapshot) => {
    const present = look(watching, snapshot, before)
    return present === undefined || present.rollout.is !== 'done' || present.restarts > seen.restarts
  }
  return !(await scan.until(({ snapshot }) => isDisturbed(snapshot), longest, signal))
}

/** Why new pods that had proved themselves do not work any more; undefined where they do. */
export function failedSince(step: Step, snapshot: Snapshot, before: Before | undefined): string | undefined {
  const ref = workloadOf(step)
  if (ref === undefined || before?.wasWell !== true || step.canary === 'first' || snapshot.source.kind !== 'live') return undefined
  const { rollout } = look({ ref, canary: step.canary }, snapshot, before) ?? {}
  return rollout?.is === 'failing' ? `its new pods came up and fail by now: ${rollout.because}` : undefined
}

/** How long a container that no longer answers its liveness probe runs before the kubelet kills it, in milliseconds. */
function livenessMs({ containers }: PodSpec): number {
  const seconds = containers.map(({ livenessProbe }) => {
    if (livenessProbe === null || typeof livenessProbe !== 'object') return 0
    const { initialDelaySeconds = 0, periodSeconds = 10, failureThreshold = 3 } = livenessProbe as Readonly<Record<string, unknown>>
    return Number(initialDelaySeconds) + Number(periodSeconds) * Number(failureThreshold) + 5
  })
  return Math.min(LONGEST_WATCH_MS, Math.max(0, ...seconds.filter(Number.isFinite)) * 1000)
}

function late(deadlineMs: number, seen: Look | undefined): string {
  const after = `after ${Math.round(deadlineMs / 1000)} s`
  if (seen !== undefined && seen.rollout.is === 'done')
    return `its new pods do not keep running: ${seen.restarts} ${seen.restarts === 1 ? 'restart' : 'restarts'} ${after}`
  return `the rollout was not done ${after}${seen?.rollout.is === 'under-way' ? `: ${seen.rollout.waiting}` : ''}`
}

const noteOf = ({ rollout }: Look, snapshot: Snapshot): string => {
  const note = rollout.is === 'done' ? rollout.note : ''
  return snapshot.unread('Pod') === undefined ? note : `${note} (its pods cannot be read)`
}

/** A run that lies further ahead than one waits for; undefined where it is due before that. */
function notDueWithin(object: KubeObject | undefined, deadlineMs: number): string | undefined {
  const { schedule, suspend, timeZone } = (object as CronJobObject | undefined)?.spec ?? {}
  if (object === undefined || suspend === true) return 'its schedule is suspended: the change takes effect when it runs again'
  const next = nextRun(schedule ?? '', timeZone, Date.now())
  if (next === undefined) return `the change takes effect at its next run: look at ${refText(refOf(object))} then`
  // The controller starts a Job up to some seconds late, and the Job wants time to start its pod.
  return next - Date.now() < deadlineMs - 20_000
    ? undefined
    : `the change takes effect at its next run, ${new Date(next).toISOString()}: look at it then`
}
