/** Is a workload's rollout done, under way or failing? Read from status alone, as `kubectl rollout status` and a look at the new pods would. */
import type { ContainerStatus, ControllerObject, KubeObject, PodObject } from '../model/index.ts'

export type Rollout =
  | { readonly is: 'done'; readonly note: string }
  | { readonly is: 'under-way'; readonly waiting: string }
  | { readonly is: 'failing'; readonly because: string }

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
export function rolloutOf(workload: ControllerObject | PodObject, newPods: readonly PodObject[]): Rollout {
  const failing = newPods.map(whyFailing).find((reason) => reason !== undefined) ?? conditionFailing(workload)
  if (failing !== undefined) return { is: 'failing', because: failing }
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
export function runOf(newPods: readonly PodObject[]): Rollout {
  const failing = newPods.map(whyFailing).find((reason) => reason !== undefined)
  if (failing !== undefined) return { is: 'failing', because: failing }
  if (newPods.some(({ status }) => status?.phase === 'Succeeded')) return { is: 'done', note: 'its next run has ended well' }
  return newPods.some(isReady)
    ? { is: 'done', note: 'its next run has started' }
    : { is: 'under-way', waiting: 'its next run has not started yet' }
}

/** Of a single new pod beside the old ones. */
export function firstOf(newPods: readonly PodObject[]): Rollout {
  const failing = newPods.map(whyFailing).find((reason) => reason !== undefined)
  if (failing !== undefined) return { is: 'failing', because: failing }
  return newPods.some(isReady)
    ? { is: 'done', note: 'one new pod is ready, the old ones are still there' }
    : { is: 'under-way', waiting: 'its first new pod is not ready' }
}
const isReady = ({ status }: PodObject): boolean =>
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

function whyFailing({ metadata, status }: PodObject): string | undefined {
  if (status?.phase === 'Failed') return `new pod ${metadata.name} failed${status.reason === undefined ? '' : `: ${status.reason}`}`
  const containers: readonly ContainerStatus[] = [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])]
  for (const { name, state } of containers) {
    const waiting = state?.waiting
    if (waiting?.reason !== undefined && HOPELESS.has(waiting.reason))
      return `container ${name} of new pod ${metadata.name}: ${waiting.reason}${waiting.message === undefined ? '' : `: ${waiting.message}`}`
  }
  return undefined
}

function conditionFailing(workload: KubeObject): string | undefined {
  const conditions = ((workload as { status?: { conditions?: unknown } }).status?.conditions ?? []) as readonly {
    readonly type: string
    readonly status: string
    readonly reason?: string
    readonly message?: string
  }[]
  const refused = conditions.find((condition) => condition.type === 'ReplicaFailure' && condition.status === 'True')
  if (refused !== undefined) return `${refused.reason ?? 'FailedCreate'}: ${refused.message ?? 'its new pods are refused'}`
  const late = conditions.find((condition) => condition.type === 'Progressing' && condition.reason === 'ProgressDeadlineExceeded')
  return late === undefined ? undefined : `ProgressDeadlineExceeded: ${late.message ?? 'its rollout makes no progress'}`
}
