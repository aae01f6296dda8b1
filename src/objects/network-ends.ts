/** The two ends of a connection, as policies see them. */
import type { ContainerSpec, NodeObject, ObjectRef, PodObject, View } from '../model/index.ts'
import { eachContainer } from './containers.ts'
import { derived } from './derived.ts'
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
}
export type End = PodEnd | AddressEnd | NodeEnd

export const END_KINDS = [...WORKLOAD_KINDS, 'Namespace', 'Node'] as const
export type EndView = View<(typeof END_KINDS)[number]>

/** One for every live pod, and one for each workload without any. Pods that are over or being deleted take no part. */
export const podEnds = (view: EndView): readonly PodEnd[] => derived(view, endsOf)

function endsOf(view: EndView): readonly PodEnd[] {
  const namespaces = new Map<string, NamespaceFacts>()
  const factsOf = (name: string): NamespaceFacts => {
    let facts = namespaces.get(name)
    if (facts === undefined) {
      const labels = namespaceLabels(name, view.find('Namespace', undefined, name)?.metadata.labels)
      namespaces.set(name, (facts = { name, labels }))
    }
    return facts
  }
  return workloads(view).flatMap((workload): PodEnd[] => {
    const common = { is: 'pod', namespace: factsOf(workload.namespace), workload } as const
    if (workload.pods.length === 0) {
      const { spec } = workload
      return [{ ...common, labels: nextLabels(workload), hostNetwork: spec.hostNetwork === true, named: namedPorts(spec), ips: [] }]
    }
    return workload.pods.map((pod) => ({
      ...common,
      labels: pod.metadata.labels ?? {},
      hostNetwork: pod.spec?.hostNetwork === true,
      named: namedPorts(pod.spec ?? workload.spec),
      ips: ipsOf(pod),
      ...(pod.spec?.nodeName !== undefined && { node: pod.spec.nodeName }),
      pod,
    }))
  })
}

/** Of the next pod it makes; the Job controller adds the Job's name (batch/v1, `batch.kubernetes.io/job-name` from 1.27). */
export const nextLabels = ({ ref, templateLabels }: Workload): Labels =>
  ref.kind === 'Job' || ref.kind === 'CronJob'
    ? { 'batch.kubernetes.io/job-name': ref.name, 'job-name': ref.name, ...templateLabels }
    : templateLabels

const ipsOf = ({ status }: PodObject): readonly string[] =>
  status?.podIPs?.map(({ ip }) => ip) ?? (status?.podIP === undefined ? [] : [status.podIP])

/** Sidecars (init containers that stay) can be named too; of two ports with one name the first counts. */
function namedPorts(spec: Workload['spec']): ReadonlyMap<string, number> {
  const named = new Map<string, number>()
  for (const { container } of eachContainer(spec)) {
    for (const { name, protocol = 'TCP', containerPort } of (container as ContainerSpec).ports ?? []) {
      if (name !== undefined && isProtocol(protocol) && !named.has(`${protocol}/${name}`)) named.set(`${protocol}/${name}`, containerPort)
    }
  }
  return named
}
export const portNamed = ({ named }: PodEnd, protocol: Protocol, name: string): number | undefined => named.get(`${protocol}/${name}`)

export const nodeEnds = (view: View<'Node'>): readonly NodeEnd[] =>
  view.all('Node').map(({ metadata, status }: NodeObject) => ({
    is: 'node',
    name: metadata.name,
    labels: metadata.labels ?? {},
    ips: (status?.addresses ?? []).filter(({ type }) => type === 'InternalIP' || type === 'ExternalIP').map(({ address }) => address),
  }))

/** What to call it: the workload of a pod, `Node worker-1`, or the address. */
export const endText = (end: End): string => {
  if (end.is === 'address') return end.ip
  if (end.is === 'node') return `Node ${end.name}`
  const { kind, name, namespace }: ObjectRef = end.workload.ref
  return `${kind} ${namespace ?? end.namespace.name}/${name}`
}
