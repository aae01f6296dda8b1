/** The two ends of a connection, as policies see them. */
import type { ContainerSpec, NamespaceObject, NodeObject, ObjectRef, PodObject, View } from '../model/index.ts'
import { eachContainer } from './containers.ts'
import { derived, remembered, rememberedWith } from './derived.ts'
import type { NamespaceFacts } from './network-isolation-policy.ts'
import { isProtocol, type Protocol } from './network-ports.ts'
import { namespaceLabels } from './selectors.ts'
import { WORKLOAD_KINDS, type Workload, workloads } from './workloads.ts'

type Labels = Readonly<Record<string, string>>

/** A pod that runs, or would run, with everything that a policy may look at. */
export interface PodEnd {
  readonly is: 'pod'
  readonly namespace: NamespaceFacts
  readonly labels: Labels
  /** Its pods share the node's address: no policy selects them, and as peers they are the node (NetworkPolicy v1, "hostNetwork pods"). */
  readonly hostNetwork: boolean
  /** Of the container ports that have a name: `TCP/web` and the number. */
  readonly named: ReadonlyMap<string, number>
  /** Empty where it does not run yet, or was read from a file. Of a host-network pod: its node's. */
  readonly ips: readonly string[]
  readonly node?: string
  /** The workload it belongs to. */
  readonly workload: Workload
  /** Absent for a workload without a pod: its template stands for those that would run. */
  readonly pod?: PodObject
}
/** An address outside of the pod network, or one that nobody knows the owner of. */
export interface AddressEnd {
  readonly is: 'address'
  readonly ip: string
}
/** A node itself: its kubelet, and whatever runs with its address. */
export interface NodeEnd {
  readonly is: 'node'
  readonly name: string
  readonly labels: Labels
  readonly ips: readonly string[]
  /** Those of `ips` that pods see it by, where the node says which they are. */
  readonly internal?: readonly string[]
}
export type End = PodEnd | AddressEnd | NodeEnd

export const END_KINDS = [...WORKLOAD_KINDS, 'Namespace', 'Node'] as const
export type EndView = View<(typeof END_KINDS)[number]>

/**
 * One for every live pod, and one for each workload without any. Pods that are over or being deleted take no part. An end is the very
 * same in the next snapshot where nothing that it is made of has changed.
 */
export const podEnds = (view: EndView): readonly PodEnd[] => derived(view, endsOf)

function endsOf(view: EndView): readonly PodEnd[] {
  const namespaces = new Map<string, NamespaceFacts>()
  const factsOf = (name: string): NamespaceFacts => {
    let facts = namespaces.get(name)
    if (facts === undefined) namespaces.set(name, (facts = namespaceFactsOf(view, name)))
    return facts
  }
  return workloads(view).flatMap((workload): PodEnd | PodEnd[] => {
    const facts = factsOf(workload.namespace)
    return workload.pods.length === 0 ? ofTemplate(workload, facts) : ofPods(workload, facts)
  })
}

const ofTemplate = rememberedWith(
  (workload: Workload, namespace: NamespaceFacts): PodEnd => ({
    is: 'pod',
    namespace,
    workload,
    labels: nextLabels(workload),
    hostNetwork: workload.spec.hostNetwork === true,
    named: namedPorts(workload.spec),
    ips: [],
  }),
)
const ofPods = rememberedWith((workload: Workload, namespace: NamespaceFacts): PodEnd[] =>
  workload.pods.map((pod) => ofPod(pod, workload, namespace)),
)
const ofPod = rememberedWith(
  (pod: PodObject, workload: Workload, namespace: NamespaceFacts): PodEnd => ({
    is: 'pod',
    namespace,
    workload,
    labels: pod.metadata.labels ?? {},
    hostNetwork: pod.spec?.hostNetwork === true,
    named: namedPorts(pod.spec ?? workload.spec),
    ips: ipsOf(pod),
    ...(pod.spec?.nodeName && { node: pod.spec.nodeName }),
    pod,
  }),
)

const namespaceFactsOf = (view: View<'Namespace'>, name: string): NamespaceFacts => {
  const object = view.find('Namespace', undefined, name)
  return object === undefined ? unreadNamespace(name) : factsOfNamespace(object)
}
const factsOfNamespace = remembered(
  ({ metadata: { name, labels } }: NamespaceObject): NamespaceFacts => ({ name, labels: namespaceLabels(name, labels) }),
)
const unreadNamespaces = new Map<string, NamespaceFacts>()
/** Always the same for one name, since there is no object to remember it by. */
function unreadNamespace(name: string): NamespaceFacts {
  let facts = unreadNamespaces.get(name)
  if (facts === undefined) {
    if (unreadNamespaces.size > MOST) unreadNamespaces.clear()
    unreadNamespaces.set(name, (facts = { name, labels: namespaceLabels(name), unread: true }))
  }
  return facts
}
const MOST = 10_000

/** Of the next pod it makes; the Job controller adds the Job's name (batch/v1, `batch.kubernetes.io/job-name` from 1.27). */
export const nextLabels = ({ ref, templateLabels }: Workload): Labels =>
  ref.kind === 'Job' || ref.kind === 'CronJob'
    ? { 'batch.kubernetes.io/job-name': ref.name, 'job-name': ref.name, ...templateLabels }
    : templateLabels

const ipsOf = ({ status }: PodObject): readonly string[] =>
  status?.podIPs?.map(({ ip }) => ip) ?? (status?.podIP === undefined ? [] : [status.podIP])

/** Sidecars (init containers that stay) can be named too; of two ports with one name the first counts, as for Services. */
const namedPorts = remembered((spec: Workload['spec']): ReadonlyMap<string, number> => {
  const named = new Map<string, number>()
  const containers = eachContainer(spec)
  for (const wanted of ['regular', 'sidecar'] as const) {
    for (const { container, type } of containers) {
      const list: unknown = (container as ContainerSpec).ports
      if (type !== wanted || !Array.isArray(list)) continue
      for (const entry of list as NonNullable<ContainerSpec['ports']>) {
        const { name, protocol, containerPort } = entry ?? {}
        const key = `${protocol ?? 'TCP'}/${name}`
        if (name && isProtocol(protocol ?? 'TCP') && !named.has(key)) named.set(key, containerPort)
      }
    }
  }
  return named
})
/** Of its containers, whatever network they are on: what a Service leads to. */
export const containerPortNamed = ({ named }: PodEnd, protocol: Protocol, name: string): number | undefined =>
  named.get(`${protocol}/${name}`)
/** As a policy means it: what runs with the address of a node is that node, and a node has no names for its ports. */
export const portNamed = (end: End | undefined, protocol: Protocol, name: string): number | undefined =>
  end?.is === 'pod' && !end.hostNetwork ? containerPortNamed(end, protocol, name) : undefined

export const nodeEnds = (view: View<'Node'>): readonly NodeEnd[] => view.all('Node').map(nodeEnd)
const nodeEnd = remembered(({ metadata, status }: NodeObject): NodeEnd => {
  const ipsOfType = (wanted: string) => (status?.addresses ?? []).filter(({ type }) => type === wanted).map(({ address }) => address)
  const internal = ipsOfType('InternalIP')
  return { is: 'node', name: metadata.name, labels: metadata.labels ?? {}, ips: [...internal, ...ipsOfType('ExternalIP')], internal }
})

/** What to call it: the workload of a pod, `Node worker-1`, or the address. */
export const endText = (end: End): string => {
  if (end.is === 'address') return end.ip
  if (end.is === 'node') return `Node ${end.name}`
  const { kind, name, namespace }: ObjectRef = end.workload.ref
  return `${kind} ${namespace ?? end.namespace.name}/${name}`
}
