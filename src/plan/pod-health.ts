/** Which pods work as well as before: ready and not started again. What was ill before does not count, nor what somebody else takes away. */
import type { ContainerSpec, Json, KubeObject, PodObject, Snapshot } from '../model/index.ts'
import { refOf, refText } from '../objects/ref.ts'
import { ownersOf, topFinder } from '../objects/workload-owners.ts'
import { isReady } from './rollout.ts'

export interface PodHealth {
  readonly pod: PodObject
  readonly ready: boolean
  /** Of all its containers. */
  readonly restarts: number
  /** What heads its owners: pods of one Deployment have the same, whatever their ReplicaSet. */
  readonly top: string
}
/** By uid. */
export type Health = ReadonlyMap<string, PodHealth>
export interface Drop {
  readonly pod: PodObject
  readonly because: string
}

/** Longest that failing probes and new pods are waited for, in milliseconds. */
export const LONGEST_MS = 75_000
const NEW_POD_MS = 30_000

/** `more`: pods that the snapshot was narrowed to leave out. */
export function healthOf(snapshot: Snapshot, more: readonly PodObject[] = []): Health {
  const topOf = topFinder(snapshot, ownersOf(snapshot))
  const nameOfTop = (pod: PodObject): string => {
    const { object = pod as KubeObject, owner } = topOf(pod)
    return owner === undefined ? refText(refOf(object)) : `${owner.kind} ${pod.metadata.namespace}/${owner.name}`
  }
  return new Map(
    [...snapshot.all('Pod'), ...more]
      .filter(({ metadata, status }) => metadata.deletionTimestamp === undefined && status?.phase !== 'Succeeded')
      .map((pod) => [uidOf(pod), { pod, ready: isReady(pod), restarts: restartsOf(pod), top: nameOfTop(pod) }]),
  )
}
export const uidOf = ({ metadata }: PodObject): string => metadata.uid ?? `${metadata.namespace}/${metadata.name}`

const statusesOf = ({ status }: PodObject) => [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])]
const restartsOf = (pod: PodObject): number => statusesOf(pod).reduce((sum, { restartCount = 0 }) => sum + restartCount, 0)

/** Pods that were ready and are so no longer, or that were started again. */
export function dropsSince(before: Health, now: Health): readonly Drop[] {
  return [...now].flatMap(([uid, { pod, ready, restarts }]): Drop[] => {
    const was = before.get(uid)
    if (was === undefined || !was.ready) return []
    const because = whyWorse(pod, ready, was, restarts)
    return because === undefined ? [] : [{ pod, because }]
  })
}

function whyWorse(pod: PodObject, ready: boolean, was: PodHealth, restarts: number): string | undefined {
  if (pod.status?.phase === 'Failed') return `has failed${pod.status.reason === undefined ? '' : ` (${pod.status.reason})`}`
  if (restarts > was.restarts) {
    const before = new Map(statusesOf(was.pod).map(({ name, restartCount = 0 }) => [name, restartCount]))
    const again = statusesOf(pod).find(({ name, restartCount = 0 }) => restartCount > (before.get(name) ?? 0))
    const waiting = again?.state?.waiting?.reason
    return `was started again, container ${again?.name ?? ''}${waiting === undefined ? '' : ` (${waiting})`}`
  }
  if (ready) return undefined
  // Its node is gone, and says nothing about the pod.
  return pod.status?.conditions?.some(({ type, reason }) => type === 'Ready' && reason === 'NodeNotReady')
    ? undefined
    : 'is no longer ready'
}

/**
 * New pods that are not ready although one of the same workload was so before. Those of Jobs come and go. Judged only once their time is
 * over: until then they are on their way.
 */
export function unreadySuccessors(before: Health, now: Health): readonly PodHealth[] {
  const wereReady = new Set([...before.values()].filter(({ ready }) => ready).map(({ top }) => top))
  return [...now]
    .filter(([uid, { top, ready }]) => !before.has(uid) && !ready && wereReady.has(top) && !/^(Job|CronJob) /.test(top))
    .map(([, health]) => health)
}

type Probe = Readonly<Record<string, Json | undefined>>
const probe = (value: Json | undefined): Probe | undefined =>
  value !== undefined && value !== null && typeof value === 'object' && !Array.isArray(value) ? (value as Probe) : undefined
const seconds = (value: Json | undefined, otherwise: number): number => (typeof value === 'number' && value >= 0 ? value : otherwise)

/** How long a pod goes on being called ready, or running, after what its probes ask for has stopped working; at most 75 s. */
export function probesTell(pods: readonly PodObject[]): number {
  const needed = pods
    .flatMap(({ spec }) => containersOf(spec))
    .flatMap(({ readinessProbe, livenessProbe }) => [tellsAfter(probe(readinessProbe)), tellsAfter(probe(livenessProbe))])
  return Math.min(LONGEST_MS, Math.max(0, ...needed))
}
// The defaults of the API: period 10 s, three failures, 1 s until a probe has failed. And some for the kubelet to tell.
const tellsAfter = (one: Probe | undefined): number =>
  one === undefined
    ? 0
    : (seconds(one['periodSeconds'], 10) * seconds(one['failureThreshold'], 3) + seconds(one['timeoutSeconds'], 1) + 3) * 1000

/** How long a pod may take to become ready, in milliseconds. */
export function timeToReady({ spec }: PodObject): number {
  const times = containersOf(spec).map(({ startupProbe, readinessProbe }) => {
    const [starts, ready] = [probe(startupProbe), probe(readinessProbe)]
    return tellsAfter(starts) + seconds(starts?.['initialDelaySeconds'], 0) * 1000 + seconds(ready?.['initialDelaySeconds'], 0) * 1000
  })
  return Math.min(LONGEST_MS, NEW_POD_MS + Math.max(0, ...times))
}
const containersOf = (spec: PodObject['spec'] | undefined): readonly ContainerSpec[] => [
  ...(spec?.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always'),
  ...(spec?.containers ?? []),
]
