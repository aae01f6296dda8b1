/** Can pods that are shut in for egress still ask for names? */
import type { ServiceObject, View } from '../model/index.ts'
import { eachContainer } from './containers.ts'
import { derived } from './derived.ts'
import type { AddressEnd, End, PodEnd } from './network-ends.ts'
import { hasPort, NO_PORTS, type PortSet, union } from './network-ports.ts'
import { REACH_KINDS, reach } from './network-reach.ts'
import { matchesPairs } from './selectors.ts'
import { workloads } from './workloads.ts'

export const DNS_PATH_KINDS = [...REACH_KINDS, 'Service'] as const
type DnsView = View<(typeof DNS_PATH_KINDS)[number]>

interface Resolver {
  readonly end: End
  readonly port: number
}

/** `shut`: not even DNS. `silent`: it reaches something, but no DNS. Undefined: it asks, or it does not ask the cluster. */
export function dnsPath(view: DnsView, pod: PodEnd): 'shut' | 'silent' | undefined {
  const policy = pod.pod?.spec?.dnsPolicy ?? pod.workload.spec.dnsPolicy ?? 'ClusterFirst'
  const known = reach(view)
  if (pod.hostNetwork || policy === 'None' || policy === 'Default' || known.isolating(pod, 'egress').length === 0) return undefined
  const resolvers = derived(view, resolversOf)
  const asks = ({ end, port }: Resolver) =>
    end === pod || ['UDP', 'TCP'].some((protocol) => hasPort(known.connection(pod, end).perhaps, protocol as 'UDP', port))
  if (resolvers.some(asks)) return undefined
  const allows = known.policies
    .flatMap((one) => (one.egress !== undefined && one.selects(pod) ? one.egress.rules : []))
    .filter((rule) => rule.action === 'allow')
  // Where the cluster's DNS is not among what was read, a rule for port 53 is taken to be for it.
  if (resolvers.length === 0 && allows.some((rule) => rule.peers.length > 0 && hasPort(portsOf(rule), 'UDP', 53))) return undefined
  return allows.some((rule) => rule.peers.length > 0) ? 'silent' : 'shut'
}
const ANYWHERE: AddressEnd = { is: 'address', ip: '' }
const portsOf = (rule: { ports(end: End): PortSet }): PortSet => union(rule.ports(ANYWHERE), NO_PORTS)

const isDns = ({ metadata, spec }: ServiceObject): boolean =>
  (spec?.ports ?? []).some(({ port }) => port === 53) &&
  (metadata.labels?.['k8s-app'] === 'kube-dns' || /^(kube-system|openshift-dns|kube-dns|coredns)$/.test(metadata.namespace ?? 'default'))

/** The pods behind the cluster's DNS Service, its own address, and the address of a cache on the nodes. */
function resolversOf(view: DnsView): readonly Resolver[] {
  const { ends } = reach(view)
  const services = view.all('Service').filter(isDns)
  const caches = workloads(view)
    .flatMap(({ spec }) => [...eachContainer(spec)])
    .filter(({ container }) => /k8s-dns-node-cache/.test(container.image ?? ''))
    .flatMap(({ container }) => [...(container.command ?? []), ...(container.args ?? [])].flatMap((word) => String(word).split(',')))
    .filter((word) => /^\d+\.\d+\.\d+\.\d+$/.test(word))
  const pods = services.flatMap((service) =>
    ends
      .filter((end) => end.namespace.name === (service.metadata.namespace ?? 'default') && matchesPairs(service.spec?.selector, end.labels))
      .flatMap((end) =>
        (service.spec?.ports ?? [])
          .filter(({ port }) => port === 53)
          .flatMap(({ targetPort = 53, protocol = 'TCP' }) => {
            const port = typeof targetPort === 'number' ? targetPort : end.named.get(`${protocol}/${targetPort}`)
            return port === undefined ? [] : [{ end, port }]
          }),
      ),
  )
  const addresses = [...services.flatMap(({ spec }) => [spec?.clusterIP, ...(spec?.clusterIPs ?? [])]), ...caches]
    .filter((ip) => ip !== undefined && ip !== '' && ip !== 'None')
    .map((ip) => ({ end: { is: 'address' as const, ip: ip! }, port: 53 }))
  // A Service's address is translated before policies look, unless a cache on the node holds it.
  return caches.length > 0 || pods.length === 0 ? [...pods, ...addresses] : pods
}
