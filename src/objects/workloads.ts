/** Everything that makes pods, each once: the top controller of a chain of owners, or a pod that nobody owns (controls.md 0.4). */
import type {
  ControllerObject,
  CronJobObject,
  KubeObject,
  ObjectRef,
  Path,
  PodObject,
  PodSpec,
  PodTemplateObject,
  PodTemplateSpec,
  View,
} from '../model/index.ts'
import { derived } from './derived.ts'
import { refOf } from './ref.ts'
import { CONTROLLERS, controllerOf, ownersOf, type Top, topFinder } from './workload-owners.ts'

/** The nine kinds that Pod Security Admission evaluates. */
export const WORKLOAD_KINDS = [
  'Pod',
  'Deployment',
  'ReplicaSet',
  'StatefulSet',
  'DaemonSet',
  'Job',
  'CronJob',
  'ReplicationController',
  'PodTemplate',
] as const
export type WorkloadKind = (typeof WORKLOAD_KINDS)[number]

export interface Workload {
  /** The top controller, of any kind (an Argo Rollout, …), or the bare pod. */
  readonly ref: ObjectRef
  /** The top controller, where it was read. */
  readonly object?: KubeObject
  /** Of its template; of the nearest controller that was read, or of a live pod, where the top one was not. */
  readonly spec: PodSpec
  readonly templateLabels: Readonly<Record<string, string>>
  readonly templateAnnotations: Readonly<Record<string, string>>
  /** Where `spec` stands in `object`; absent where it cannot be changed there (an owner of a kind we do not read). */
  readonly at?: Path
  /** A static pod: its source is a file on a node, never the API. */
  readonly mirror: boolean
  readonly namespace: string
  readonly serviceAccount: string
  /** Live pods that are neither finished nor being deleted. */
  readonly pods: readonly PodObject[]
  /** Of what runs to its end (Job, CronJob): the newest pod that is over; what it ran as, the next one will. */
  readonly over?: PodObject
}

export interface Template {
  readonly spec: PodSpec
  readonly at: Path
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
}

/** The pod template inside an object of a workload kind; a pod is its own. Undefined where there is none. */
export function templateOf(object: KubeObject): Template | undefined {
  if (object.kind === 'Pod') {
    const { spec, metadata } = object as PodObject
    return spec === undefined || spec === null
      ? undefined
      : { spec, at: ['spec'], labels: metadata.labels ?? {}, annotations: metadata.annotations ?? {} }
  }
  if (object.kind === 'CronJob')
    return fromTemplate((object as CronJobObject).spec?.jobTemplate?.spec?.template, ['spec', 'jobTemplate', 'spec', 'template', 'spec'])
  if (object.kind === 'PodTemplate') return fromTemplate((object as PodTemplateObject).template, ['template', 'spec'])
  return fromTemplate((object as ControllerObject).spec?.template, ['spec', 'template', 'spec'])
}
const fromTemplate = (template: PodTemplateSpec | undefined, at: Path): Template | undefined =>
  template?.spec
    ? { spec: template.spec, at, labels: template.metadata?.labels ?? {}, annotations: template.metadata?.annotations ?? {} }
    : undefined

/** All workloads of a snapshot. A workload keeps its identity from one snapshot to the next while its object and its pods do. */
export const workloads = (view: View<WorkloadKind>): readonly Workload[] => derived(view, collect)
/** Those of one namespace, in the same order. */
export const workloadsIn = (view: View<WorkloadKind>, namespace: string): readonly Workload[] =>
  derived(view, byNamespace).get(namespace) ?? []
const byNamespace = (view: View<WorkloadKind>) => Map.groupBy(workloads(view), (workload) => workload.namespace)

/** Nodes run it on Windows. Pod Security Admission trusts `spec.os` only; the scheduler's own selectors say it as plainly. */
export function isWindows(workload: Workload): boolean {
  const { os, nodeSelector } = workload.spec
  if (os?.name !== undefined) return os.name === 'windows'
  return nodeSelector?.['kubernetes.io/os'] === 'windows' || demandsWindows(workload.spec)
}

type NodeTerm = {
  readonly matchExpressions?: readonly { readonly key?: string; readonly operator?: string; readonly values?: readonly string[] }[]
}
/** Every alternative of the required node affinity asks for it. */
function demandsWindows(spec: PodSpec): boolean {
  const { affinity } = spec as {
    readonly affinity?: {
      readonly nodeAffinity?: {
        readonly requiredDuringSchedulingIgnoredDuringExecution?: { readonly nodeSelectorTerms?: readonly NodeTerm[] }
      }
    }
  }
  const terms = affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? []
  return (
    terms.length > 0 &&
    terms.every(
      (term) =>
        term?.matchExpressions?.some(
          ({ key, operator, values }) => key === 'kubernetes.io/os' && operator === 'In' && values?.join() === 'windows',
        ) === true,
    )
  )
}

/** A chain of owners, from its top. */
interface Head extends Top {
  readonly namespace: string | undefined
  readonly children: KubeObject[]
  readonly pods: PodObject[]
  over?: PodObject
}

function collect(view: View<WorkloadKind>): readonly Workload[] {
  const heads = new Heads()
  const find = ownersOf(view)
  const topOf = topFinder(view, find)
  for (const kind of CONTROLLERS) for (const object of view.all(kind)) heads.of(topOf(object), object)
  for (const object of view.all('PodTemplate')) heads.of({ object }, object)
  for (const pod of view.all('Pod')) {
    const { phase } = pod.status ?? {}
    const isOver = phase === 'Succeeded' || phase === 'Failed'
    const owner = controllerOf(pod)
    if (pod.metadata.deletionTimestamp !== undefined || (isOver && owner?.kind !== 'Job')) continue
    const nearest = owner === undefined ? undefined : find(owner, pod.metadata.namespace)
    if (nearest !== undefined && nearestOf.get(pod) !== nearest) nearestOf.set(pod, nearest)
    if (isOver && nearest === undefined) continue
    const head = heads.of(nearest !== undefined ? topOf(nearest) : owner === undefined ? { object: pod } : { owner }, pod)
    if (!isOver) head.pods.push(pod)
    else if (!isNewer(head.over, pod)) head.over = pod
  }
  const inFiles = view.source.kind !== 'live'
  return heads
    .all()
    .map((head) => toWorkload(head, inFiles))
    .filter((workload) => workload !== undefined)
}

const isNewer = (one: PodObject | undefined, other: PodObject): boolean =>
  one !== undefined && (one.metadata.creationTimestamp ?? '') > (other.metadata.creationTimestamp ?? '')

class Heads {
  readonly #read = new Map<KubeObject, Head>()
  readonly #unread = new Map<string, Head>()

  /** The head that a member belongs to. */
  of(top: Top, member: KubeObject): Head {
    const { namespace } = member.metadata
    if (top.object !== undefined) {
      let head = this.#read.get(top.object)
      if (head === undefined) this.#read.set(top.object, (head = { object: top.object, namespace, children: [], pods: [] }))
      return head
    }
    const { kind, name, uid } = top.owner!
    const key = `${kind}\0${namespace}\0${name}\0${uid}`
    let head = this.#unread.get(key)
    if (head === undefined) this.#unread.set(key, (head = { owner: top.owner!, namespace, children: [], pods: [] }))
    if (member.kind !== 'Pod') head.children.push(member)
    return head
  }

  all(): Head[] {
    return [...this.#read.values(), ...this.#unread.values()]
  }
}

const nearestOf = new WeakMap<PodObject, KubeObject>()
/** The controller that made a pod (the ReplicaSet, not its Deployment), where `workloads` has seen it. */
export const nearestController = (pod: PodObject): KubeObject | undefined => nearestOf.get(pod)
const made = new WeakMap<
  KubeObject,
  {
    readonly inFiles: boolean
    readonly workload: Workload | undefined
    readonly from: readonly KubeObject[]
    readonly over: PodObject | undefined
  }
>()

function toWorkload(head: Head, inFiles: boolean): Workload | undefined {
  const from = head.object !== undefined ? head.pods : [...head.children, ...head.pods]
  const anchor = head.object ?? from[0]
  if (anchor === undefined) return undefined
  const before = made.get(anchor)
  if (before !== undefined && before.inFiles === inFiles && before.over === head.over && isSameList(before.from, from))
    return before.workload
  const workload = head.object !== undefined ? ofObject(head.object, head, inFiles) : ofUnreadOwner(head)
  made.set(anchor, { inFiles, workload, from, over: head.over })
  return workload
}

const isSameList = (a: readonly unknown[], b: readonly unknown[]): boolean =>
  a.length === b.length && a.every((one, index) => one === b[index])

function ofObject(object: KubeObject, { pods, over }: Head, inFiles: boolean): Workload | undefined {
  const template = templateOf(object)
  if (template === undefined || (object.kind === 'Pod' && pods.length === 0)) return undefined
  return {
    ref: refOf(object),
    object,
    at: template.at,
    mirror: object.kind === 'Pod' && isStatic(object, inFiles),
    pods,
    ...(over !== undefined && { over }),
    ...common(template, object.metadata.namespace),
  }
}

function ofUnreadOwner(head: Head): Workload | undefined {
  const active = head.children.filter((child) => ((child as ControllerObject).spec?.replicas ?? 1) > 0)
  const newest = latest(active) ?? latest(head.pods) ?? latest(head.children)
  const template = newest === undefined ? undefined : templateOf(newest)
  if (template === undefined) return undefined
  const { apiVersion, kind, name, uid } = head.owner!
  const ref: ObjectRef = { apiVersion, kind, ...(head.namespace !== undefined && { namespace: head.namespace }), name, uid }
  return { ref, mirror: false, pods: head.pods, ...common(template, head.namespace) }
}

const common = (
  template: Template,
  namespace: string | undefined,
): Pick<Workload, 'spec' | 'templateLabels' | 'templateAnnotations' | 'namespace' | 'serviceAccount'> => ({
  spec: template.spec,
  templateLabels: template.labels,
  templateAnnotations: template.annotations,
  namespace: namespace ?? 'default',
  serviceAccount: template.spec.serviceAccountName || template.spec.serviceAccount || 'default',
})

const latest = (objects: readonly KubeObject[]): KubeObject | undefined =>
  objects.toSorted(
    (a, b) =>
      (b.metadata.creationTimestamp ?? '').localeCompare(a.metadata.creationTimestamp ?? '') ||
      a.metadata.name.localeCompare(b.metadata.name),
  )[0]

const CONTROL_PLANE = new Set(['kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'etcd'])

function isStatic({ metadata }: KubeObject, inFiles: boolean): boolean {
  if (
    metadata.annotations?.['kubernetes.io/config.mirror'] !== undefined ||
    metadata.ownerReferences?.some((owner) => owner.kind === 'Node') === true
  )
    return true
  return (
    inFiles &&
    metadata.namespace === 'kube-system' &&
    metadata.labels?.['tier'] === 'control-plane' &&
    CONTROL_PLANE.has(metadata.labels['component'] ?? '')
  )
}
