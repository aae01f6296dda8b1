/** Whom a question about the network is about: pods, workloads, Services, nodes and addresses, as people and programs name them. */
import type { ServiceObject } from '../model/index.ts'
import { derived } from './derived.ts'
import { fewOf } from './few-of.ts'
import { canonicalIp, isAddress } from './network-addresses.ts'
import { type End, type EndView, nodeEnds, type PodEnd, podEnds } from './network-ends.ts'
import { type Backend, type BackendView, serviceAddresses, serviceBackends } from './network-flow-services.ts'
import { idOf, outsideOf } from './network-matrix.ts'
import type { Protocol } from './network-ports.ts'
import { matchesPairs, namespaceLabels } from './selectors.ts'

/** One that a question names. */
export type EndName =
  /** `outside`, `nodes`, an address, `NS/NAME` or `NS/KIND/NAME`. */
  | string
  | { readonly ip: string }
  | { readonly namespace: string; readonly pod: string }
  /** Pods that have all of these labels; where there are none, a pod that would. */
  | { readonly namespace: string; readonly labels: Readonly<Record<string, string>> }

export interface NamedEnds {
  readonly text: string
  /** Where it is a Service, its ports are given: pods behind one, and what that is on them. */
  readonly ends: readonly End[]
  readonly service?: ServiceObject
  /** Pods behind a port of the Service. Empty: nothing is. */
  behind?(protocol: Protocol, port: number): readonly { readonly end: End; readonly port: number }[]
}
/** Says what to write instead. */
export class NoEnd extends Error {}

export function namedEnds(view: BackendView, name: EndName): NamedEnds {
  if (typeof name !== 'string') {
    if ('ip' in name) return byAddress(view, name.ip)
    return 'pod' in name ? podNamed(view, name.namespace, name.pod) : labelled(view, name.namespace, name.labels)
  }
  if (name === 'outside') return { text: 'outside the cluster', ends: outsideOf(view, podEnds(view)) }
  if (name === 'nodes') return { text: 'nodes', ends: nodeEnds(view) }
  if (isAddress(name)) return byAddress(view, name)
  const parts = name.split('/')
  if (parts.length === 2) return /^nodes?$/i.test(parts[0]!) ? node(view, parts[1]!) : anyNamed(view, parts[0]!, parts[1]!)
  if (parts.length === 3) return ofKind(view, parts[0]!, parts[1]!, parts[2]!)
  throw new NoEnd(`"${name}" names nobody: give NAMESPACE/NAME, NAMESPACE/KIND/NAME, an address, "nodes" or "outside"`)
}

const podsByIp = (view: EndView): ReadonlyMap<string, PodEnd> => {
  const made = new Map<string, PodEnd>()
  for (const end of podEnds(view)) if (!end.hostNetwork) for (const ip of end.ips.map(canonicalIp)) if (!made.has(ip)) made.set(ip, end)
  return made
}
const podsByNamespace = (view: EndView): ReadonlyMap<string, readonly PodEnd[]> => Map.groupBy(podEnds(view), (end) => end.namespace.name)
const podsByName = (view: EndView): ReadonlyMap<string, readonly PodEnd[]> =>
  Map.groupBy(podEnds(view), ({ namespace, pod }) => `${namespace.name}/${pod?.metadata.name ?? ''}`)
const podsIn = (view: EndView, namespace: string): readonly PodEnd[] => derived(view, podsByNamespace).get(namespace) ?? []

/** Whose address it is: a pod's, a Service's, a node's, or nobody's here. */
function byAddress(view: BackendView, text: string): NamedEnds {
  if (!isAddress(text)) throw new NoEnd(`"${text}" is no address`)
  const ip = canonicalIp(text)
  const has = ({ ips }: { readonly ips: readonly string[] }) => ips.some((one) => canonicalIp(one) === ip)
  const pod = derived(view, podsByIp).get(ip)
  if (pod !== undefined) return { text: `${ip} (${podText(pod)})`, ends: [pod] }
  const owner = nodeEnds(view).find(has)
  if (owner !== undefined) return { text: `${ip} (Node ${owner.name})`, ends: [owner] }
  const service = serviceAddresses(view).owner(ip)
  if (service !== undefined) return ofService(view, service)
  return { text: ip, ends: [{ is: 'address', ip }] }
}
const podText = ({ namespace, pod, workload }: PodEnd): string => `Pod ${namespace.name}/${pod?.metadata.name ?? workload.ref.name}`

function node(view: BackendView, name: string): NamedEnds {
  const found = nodeEnds(view).filter((one) => one.name === name)
  if (found.length === 0) throw new NoEnd(`there is no Node ${name}`)
  return { text: `Node ${name}`, ends: found }
}

function podNamed(view: BackendView, namespace: string, name: string): NamedEnds {
  const found = name === '' ? [] : (derived(view, podsByName).get(`${namespace}/${name}`) ?? [])
  if (found.length === 0) throw new NoEnd(`there is no Pod ${namespace}/${name} that runs`)
  return { text: `Pod ${namespace}/${name}`, ends: found }
}

function labelled(view: BackendView, namespace: string, labels: Readonly<Record<string, string>>): NamedEnds {
  const here = podsIn(view, namespace)
  const found = here.filter((end) => Object.keys(labels).length === 0 || matchesPairs(labels, end.labels))
  const text = `pods of ${namespace} with ${JSON.stringify(labels)}`
  if (found.length > 0) return { text, ends: found }
  const facts = here[0]?.namespace ?? {
    name: namespace,
    labels: namespaceLabels(namespace, view.find('Namespace', undefined, namespace)?.metadata.labels),
  }
  const ref = { apiVersion: 'v1', kind: 'Pod', namespace, name: 'that-would-be' }
  const workload = {
    ref,
    spec: { containers: [] },
    templateLabels: labels,
    templateAnnotations: {},
    mirror: false,
    namespace,
    serviceAccount: 'default',
    pods: [],
  }
  return { text, ends: [{ is: 'pod', namespace: facts, labels, hostNetwork: false, named: new Map(), ips: [], workload }] }
}

/** A workload, a pod or a Service; where several have the name, a workload before the Service that leads to it. */
function anyNamed(view: BackendView, namespace: string, name: string): NamedEnds {
  const here = podsIn(view, namespace)
  const kinds = [...new Set(here.filter(({ workload }) => workload.ref.name === name).map(({ workload }) => workload.ref.kind))]
  if (kinds.length > 1) throw new NoEnd(`${namespace}/${name} may be ${kinds.join(' or ')}: give ${namespace}/${kinds[0]}/${name}`)
  if (kinds.length === 1) return workloadNamed(here, namespace, kinds[0]!, name)
  if (here.some(({ pod }) => pod?.metadata.name === name)) return podNamed(view, namespace, name)
  const service = view.find('Service', namespace, name)
  if (service !== undefined) return ofService(view, service)
  const names = [...new Set(here.map(({ workload }) => workload.ref.name))]
  if (names.length > 0) throw new NoEnd(`there is no workload, pod or Service ${namespace}/${name}; ${namespace} has ${fewOf(names, 6)}`)
  const namespaces = [...new Set(podEnds(view).map((end) => end.namespace.name))]
  throw new NoEnd(
    `there is no workload, pod or Service ${namespace}/${name}, and no other in ${namespace}${namespaces.length === 0 ? '' : `; there are pods in ${fewOf(namespaces, 6)}`}`,
  )
}

const SHORT: Readonly<Record<string, string>> = {
  po: 'pod',
  deploy: 'deployment',
  sts: 'statefulset',
  ds: 'daemonset',
  rs: 'replicaset',
  rc: 'replicationcontroller',
  cj: 'cronjob',
  svc: 'service',
}
function ofKind(view: BackendView, namespace: string, typed: string, name: string): NamedEnds {
  const word = SHORT[typed.toLowerCase()] ?? typed.toLowerCase()
  const isKind = (kind: string) => [kind.toLowerCase(), `${kind.toLowerCase()}s`].includes(word)
  if (isKind('Service')) {
    const service = view.find('Service', namespace, name)
    if (service === undefined) throw new NoEnd(`there is no Service ${namespace}/${name}`)
    return ofService(view, service)
  }
  const here = podsIn(view, namespace)
  const kind = here.find(({ workload: { ref } }) => ref.name === name && isKind(ref.kind))?.workload.ref.kind
  if (kind !== undefined) return workloadNamed(here, namespace, kind, name)
  if (isKind('Pod')) return podNamed(view, namespace, name)
  throw new NoEnd(`there is no ${typed} ${namespace}/${name} that makes pods`)
}

const workloadNamed = (here: readonly PodEnd[], namespace: string, kind: string, name: string): NamedEnds => ({
  text: `${kind} ${namespace}/${name}`,
  ends: here.filter((end) => idOf(end) === `${namespace}/${kind}/${name}`),
})

function ofService(view: BackendView, service: ServiceObject): NamedEnds {
  const { namespace = 'default', name } = service.metadata
  const placed = (backends: readonly Backend[]) =>
    backends.map((one) => ({ end: 'pod' in one ? one.pod : ({ is: 'address', ip: one.ip } as const), port: one.port }))
  const ends = (service.spec?.ports ?? []).flatMap((port) => placed(serviceBackends(view, service, port)).map(({ end }) => end))
  return {
    text: `Service ${namespace}/${name}`,
    ends: [...new Set(ends)],
    service,
    behind: (protocol, number) => {
      const port = service.spec?.ports?.find((one) => one.port === number && (one.protocol ?? 'TCP') === protocol)
      return port === undefined ? [] : placed(serviceBackends(view, service, port))
    },
  }
}
