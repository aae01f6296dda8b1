/** Where pods ask for names: the cluster's DNS Service, its pods, and the cache that may run on each node. */
import type { NetworkPolicyPeer, NetworkPolicyPort, ServiceObject, View } from '../model/index.ts'
import { eachContainer } from './containers.ts'
import { derived } from './derived.ts'
import { hostCidr } from './network-edges.ts'
import { stablePairs } from './network-pod-selector.ts'
import { distinct, namespaceOf, selectedBy, TARGET_KINDS, targetsOf } from './network-service-targets.ts'
import { type Workload, workloads } from './workloads.ts'

export const DNS_KINDS = TARGET_KINDS
type DnsView = View<(typeof DNS_KINDS)[number]>

export interface ClusterDns {
  /** Empty: no DNS Service is known, names are asked for anywhere. */
  readonly peers: readonly NetworkPolicyPeer[]
  readonly ports: readonly NetworkPolicyPort[]
  readonly because: string
  /** A cache on each node answers: with Cilium it is no address but the host. */
  readonly onNode: boolean
}

const NAMESPACES = /^(kube-system|openshift-dns|kube-dns|coredns)$/
const answersDns = ({ spec }: ServiceObject): boolean => (spec?.ports ?? []).some(({ port }) => port === 53)
const isClusterDns = (service: ServiceObject): boolean =>
  answersDns(service) && (NAMESPACES.test(namespaceOf(service)) || service.metadata.labels?.['k8s-app'] === 'kube-dns')

const BOTH: readonly NetworkPolicyPort[] = [
  { protocol: 'UDP', port: 53 },
  { protocol: 'TCP', port: 53 },
]

export const clusterDns = (view: DnsView): ClusterDns => derived(view, findClusterDns)

function findClusterDns(view: DnsView): ClusterDns {
  const services = view.all('Service').filter(isClusterDns)
  const caches = nodeCaches(view)
  // OpenShift's pods listen on 5353: policies see the port of the pod, and both protocols are needed (long answers come over TCP).
  const podPorts = services.flatMap((service) =>
    targetsOf(view, service, undefined)
      .flatMap(({ ports }) => ports)
      .filter(({ port }) => isOfDns(service, port))
      .flatMap(({ port }) => ['UDP', 'TCP'].map((protocol) => ({ protocol, port: port! }))),
  )
  const pods = services.flatMap((service): readonly NetworkPolicyPeer[] => {
    const namespaceSelector = { matchLabels: { 'kubernetes.io/metadata.name': namespaceOf(service) } }
    const labels = stablePairs(service.spec?.selector ?? {})
    const onHosts = selectedBy(view, service).filter(({ hostNetwork }) => hostNetwork)
    const selected = Object.keys(labels).length === 0 ? [] : [{ namespaceSelector, podSelector: { matchLabels: labels } }]
    return [...selected, ...onHosts.flatMap(({ ips }) => ips.map(block))]
  })
  const own = services.flatMap(({ spec = {} }) => (spec.clusterIPs ?? [spec.clusterIP ?? '']).filter((ip) => ip !== '' && ip !== 'None'))
  const peers = [...pods, ...[...new Set([...own, ...caches])].sort().map(block)]
  const names = services.map((service) => `Service ${service.metadata.name} in namespace ${namespaceOf(service)}`)
  return {
    peers,
    ports: distinct([...BOTH, ...podPorts]),
    onNode: caches.length > 0,
    because:
      peers.length === 0
        ? 'no DNS Service of the cluster is known: names may be asked for anywhere'
        : `every pod asks ${[...names, ...(caches.length > 0 ? ['the DNS cache on its node'] : [])].join(' and ')} for names`,
  }
}
const block = (ip: string): NetworkPolicyPeer => ({ ipBlock: { cidr: hostCidr(ip) } })

/** Its pods ask the resolver of their node, or name servers of their own: those may be anywhere, the metadata service of a cloud too. */
export const asksElsewhere = ({ spec }: Workload): boolean => spec.dnsPolicy === 'Default' || spec.dnsPolicy === 'None'
export const ANY_DNS = BOTH

/** Not the port of its metrics. */
const isOfDns = (service: ServiceObject, port: number | string | undefined): boolean =>
  (service.spec?.ports ?? [])
    .filter((one) => one.port === 53)
    .some(({ targetPort = 53 }) => targetPort === port || typeof targetPort === 'string') &&
  !(service.spec?.ports ?? []).some((one) => one.port !== 53 && (one.targetPort ?? one.port) === port)

/** NodeLocal DNSCache listens on the addresses of `-localip`, on the network of the node: no selector of pods matches it. */
function nodeCaches(view: DnsView): readonly string[] {
  return workloads(view)
    .flatMap(({ spec }) => eachContainer(spec))
    .filter(({ container }) => /(^|\/)(k8s-)?(dns-)?node-cache(:|@|$)|k8s-dns-node-cache/.test(container.image ?? ''))
    .flatMap(({ container }) => {
      const words = [...(container.command ?? []), ...(container.args ?? [])].map(String)
      const at = words.findIndex((word) => /^--?localip$/.test(word))
      const value = words.find((word) => /^--?localip=/.test(word))?.replace(/^[^=]*=/, '') ?? (at >= 0 ? words[at + 1] : undefined)
      const ips = (value ?? '').split(',').filter((ip) => /^[0-9a-f.:]+$/.test(ip))
      return ips.length > 0 ? ips : ['169.254.20.10']
    })
}
