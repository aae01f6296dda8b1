/** Is a workload's rollout done, under way or failing? Read from status alone, as `kubectl rollout status` and a look at the new pods would. */
import type { ContainerStatus, ControllerObject, KubeObject, PodObject } from '../model/index.ts'

export type Rollout =
  | { readonly is: 'done'; readonly note: string }
  | { readonly is: 'under-way'; readonly waiting: string }
  /** `mayPass`: it may be over by itself in a moment. */
  | { readonly is: 'failing'; readonly because: string; readonly mayPass?: boolean }
/** How often each container of the pods before was started again, by its name: as often, its new pods may be too. */
export type UsualRestarts = ReadonlyMap<string, number>
const NONE: UsualRestarts = new Map()

type Status = Readonly<Record<string, unknown>>
interface Spec {
  readonly replicas?: number
  readonly paused?: boolean
  readonly updateStrategy?: { readonly type?: string; readonly rollingUpdate?: { readonly partition?: number } }
}

export const ROLLS_OUT: ReadonlySet<string> = new Set(['Deployment', 'StatefulSet', 'DaemonSet'])

/** Reasons for which a kubelet keeps a container waiting that time alone does not mend. */
const HOPELESS = new Set([
  'CrashLoopBackOff',
  'CreateContainerConfigError',
  'CreateContainerError',
  'ErrImagePull',
  'ImagePullBackOff',
  'ErrImageNeverPull',
  'InvalidImageName',
  'RunContainerError',
  'StartError',
  'ConfigMapNotFound',
])

/** `newPods`: those that were not there before the change. */
export function rolloutOf(workload: ControllerObject | PodObject, newPods: readonly PodObject[], usual: UsualRestarts = NONE): Rollout {
  const failing = failingIn(newPods, usual) ?? conditionFailing(workload)
  if (failing !== undefined) return failing
  if (workload.kind === 'Pod') return ofPod(workload as PodObject)
  const { generation = 0 } = workload.metadata
  const status = (workload as ControllerObject).status as Status | undefined
  if (status === undefined || number(status['observedGeneration']) < generation)
    return { is: 'under-way', waiting: 'its controller has not seen the change yet' }
  const spec = ((workload as ControllerObject).spec ?? {}) as Spec
  switch (workload.kind) {
    case 'Deployment':
      return ofDeployment(spec, status)
    case 'StatefulSet':
      return ofStatefulSet(spec, status)
    case 'DaemonSet':
      return ofDaemonSet(spec, status)
    default:
      return { is: 'done', note: 'nothing restarts by this change' }
  }
}

/** Of what runs to its end and is started anew by a schedule: `newPods` are those of its next run. */
export function runOf(newPods: readonly PodObject[], usual: UsualRestarts = NONE): Rollout {
  const failing = failingIn(newPods, usual)
  if (failing !== undefined) return failing
  if (newPods.some(({ status }) => status?.phase === 'Succeeded')) return { is: 'done', note: 'its next run has ended well' }
  return { is: 'under-way', waiting: newPods.some(isReady) ? 'its next run has not ended yet' : 'its next run has not started yet' }
}

/** Of a single new pod beside the old ones. */
export function firstOf(newPods: readonly PodObject[], usual: UsualRestarts = NONE): Rollout {
  const failing = failingIn(newPods, usual)
  if (failing !== undefined) return failing
  return newPods.some(isReady)
    ? { is: 'done', note: 'one new pod is ready, the old ones are still there' }
    : { is: 'under-way', waiting: 'its first new pod is not ready' }
}
function failingIn(pods: readonly PodObject[], usual: UsualRestarts): Extract<Rollout, { is: 'failing' }> | undefined {
  const because = pods.map((pod) => whyFailing(pod, usual)).find((reason) => reason !== undefined)
  return because === undefined ? undefined : { is: 'failing', because }
}
export const isReady = ({ status }: PodObject): boolean =>
  status?.conditions?.some((condition) => condition.type === 'Ready' && condition.status === 'True') === true

function ofDeployment({ replicas = 1, paused = false }: Spec, status: Status): Rollout {
  if (paused) return { is: 'done', note: 'its rollout is paused: the change takes effect when it is resumed' }
  const [updated, all, available] = [number(status['updatedReplicas']), number(status['replicas']), number(status['availableReplicas'])]
  if (updated >= replicas && all <= updated && available >= updated) return rolledOut(available)
  return { is: 'under-way', waiting: `${updated} of ${replicas} pods are new, ${available} available, ${Math.max(0, all - updated)} old` }
}

function ofStatefulSet({ replicas = 1, updateStrategy }: Spec, status: Status): Rollout {
  if (updateStrategy?.type === 'OnDelete') return onDelete
  const partition = updateStrategy?.rollingUpdate?.partition ?? 0
  const [updated, ready] = [number(status['updatedReplicas']), number(status['readyReplicas'])]
  if (partition > 0 && updated >= replicas - partition && ready >= replicas)
    return { is: 'done', note: `${updated} of ${replicas} pods are new: its partition of ${partition} keeps the others` }
  if (status['updateRevision'] === status['currentRevision'] && ready >= replicas) return rolledOut(ready)
  return { is: 'under-way', waiting: `${updated} of ${replicas} pods are new, ${ready} ready` }
}

function ofDaemonSet({ updateStrategy }: Spec, status: Status): Rollout {
  if (updateStrategy?.type === 'OnDelete') return onDelete
  const [wanted, updated, available] = [
    number(status['desiredNumberScheduled']),
    number(status['updatedNumberScheduled']),
    number(status['numberAvailable']),
  ]
  if (updated >= wanted && available >= wanted) return rolledOut(available)
  return { is: 'under-way', waiting: `${updated} of ${wanted} pods are new, ${available} available` }
}

function ofPod(pod: PodObject): Rollout {
  const { status } = pod
  if (status?.phase === 'Succeeded') return { is: 'done', note: 'the new pod has run to its end' }
  if (isReady(pod)) return { is: 'done', note: 'the new pod is ready' }
  return { is: 'under-way', waiting: `the new pod is ${status?.phase ?? 'not started'}` }
}

const onDelete: Rollout = { is: 'done', note: 'its pods take the change when they are deleted (updateStrategy OnDelete)' }
const rolledOut = (pods: number): Rollout => ({
  is: 'done',
  note: pods === 0 ? 'it has no pods' : `rolled out, ${pods} ${pods === 1 ? 'pod' : 'pods'} available`,
})
const number = (value: unknown): number => (typeof value === 'number' ? value : 0)

/** What keeps a pod from working that time alone does not mend; undefined for one that works or is on its way. */
export function whyFailing({ metadata, status }: PodObject, usual: UsualRestarts = NONE): string | undefined {
  if (status?.phase === 'Failed') return `new pod ${metadata.name} failed${status.reason === undefined ? '' : `: ${status.reason}`}`
  const containers: readonly ContainerStatus[] = [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])]
  for (const { name, state, restartCount = 0 } of containers) {
    const waiting = state?.waiting
    // Some fail until what they wait for is there, and the pods before did so too.
    if (waiting?.reason === 'CrashLoopBackOff' && restartCount < (usual.get(name) ?? 0)) continue
    if (waiting?.reason !== undefined && HOPELESS.has(waiting.reason))
      return `container ${name} of new pod ${metadata.name}: ${waiting.reason}${waiting.message === undefined ? '' : `: ${waiting.message}`}`
  }
  return undefined
}

function conditionFailing(workload: KubeObject): Extract<Rollout, { is: 'failing' }> | undefined {
  const conditions = ((workload as { status?: { conditions?: unknown } }).status?.conditions ?? []) as readonly {
    readonly type: string
    readonly status: string
    readonly reason?: string
    readonly message?: string
  }[]
  const refused = conditions.find((condition) => condition.type === 'ReplicaFailure' && condition.status === 'True')
  // A quota has room again once an old pod has gone; its controller tries again at ever longer intervals.
  if (refused !== undefined)
    return {
      is: 'failing',
      mayPass: /exceeded quota/.test(refused.message ?? ''),
      because: `${refused.reason ?? 'FailedCreate'}: ${refused.message ?? 'its new pods are refused'}`,
    }
  const late = conditions.find((condition) => condition.type === 'Progressing' && condition.reason === 'ProgressDeadlineExceeded')
  return late === undefined
    ? undefined
    : { is: 'failing', because: `ProgressDeadlineExceeded: ${late.message ?? 'its rollout makes no progress'}` }
}

/** A Deployment's own word that its roll-out moves: `Progressing` is true, and not for the reason that it has long been complete. */
export function isGettingOn(workload: KubeObject): boolean {
  const { conditions = [] } = ((workload as { status?: unknown }).status ?? {}) as {
    readonly conditions?: readonly { readonly type: string; readonly status: string; readonly reason?: string }[]
  }
  return conditions.some(({ type, status, reason }) => type === 'Progressing' && status === 'True' && reason !== 'NewReplicaSetAvailable')
}
