/** Which pods stand behind an address and a port that a client connects to (Service v1): policies see the pod's own port. */
import type { EndpointSliceObject, ServiceObject, ServicePort, View } from '../model/index.ts'
import { derived } from './derived.ts'
import { canonicalIp } from './network-addresses.ts'
import { containerPortNamed, END_KINDS, nodeEnds, type PodEnd, podEnds } from './network-ends.ts'
import { isProtocol, type Protocol } from './network-ports.ts'
import { matchesPairs } from './selectors.ts'

export const BACKEND_KINDS = [...END_KINDS, 'Service', 'EndpointSlice'] as const
export type BackendView = View<(typeof BACKEND_KINDS)[number]>

/** What answers: a pod, or an address that somebody wrote into an EndpointSlice. */
export type Backend = { readonly pod: PodEnd; readonly port: number } | { readonly ip: string; readonly port: number }
export interface Translation {
  readonly service: ServiceObject
  readonly backends: readonly Backend[]
}
export interface ServiceAddresses {
  /** The same list for the same port. Undefined where no Service has the address, or, of a node's address, the port. No backends: nothing stands behind it now. */
  translate(ip: string, protocol: Protocol, port: number): Translation | undefined
  /** The Service whose own address it is. */
  owner(ip: string): ServiceObject | undefined
}

/** `ip` as canonicalIp writes it. */
export const serviceAddresses = (view: BackendView): ServiceAddresses => derived(view, addressesOf)

function addressesOf(view: BackendView): ServiceAddresses {
  const nodes = new Set(nodeEnds(view).flatMap((node) => node.ips.map(canonicalIp)))
  const own = new Map<string, ServiceObject>()
  const backends = new Map<ServicePort, readonly Backend[]>()
  const behindPort = (service: ServiceObject, port: ServicePort): Translation => {
    const known = backends.get(port) ?? serviceBackends(view, service, port)
    backends.set(port, known)
    return { service, backends: known }
  }
  const onNodes = new Map<string, { service: ServiceObject; port: ServicePort }>()
  for (const service of view.all('Service')) {
    for (const ip of ipsOf(service)) own.set(canonicalIp(ip), service)
    for (const port of service.spec?.ports ?? [])
      if (port.nodePort !== undefined) onNodes.set(`${port.protocol ?? 'TCP'}/${port.nodePort}`, { service, port })
  }
  return {
    owner: (ip) => own.get(ip),
    translate(ip, protocol, number) {
      const service = own.get(ip)
      if (service !== undefined) {
        const port = service.spec?.ports?.find((one) => one.port === number && (one.protocol ?? 'TCP') === protocol)
        if (port !== undefined) return behindPort(service, port)
        // An external address may be a node's own, where other ports are no Service's.
        if (!nodes.has(ip)) return { service, backends: [] }
      }
      const onNode = nodes.has(ip) ? onNodes.get(`${protocol}/${number}`) : undefined
      return onNode && behindPort(onNode.service, onNode.port)
    },
  }
}

const ipsOf = ({ spec = {}, status }: ServiceObject): readonly string[] =>
  [
    ...(spec.clusterIPs ?? []),
    spec.clusterIP,
    ...(spec.externalIPs ?? []),
    ...(status?.loadBalancer?.ingress ?? []).map((one) => one.ip),
  ].filter((ip): ip is string => ip !== undefined && ip !== '' && ip !== 'None')

/** What answers at a port of a Service. */
export function serviceBackends(view: BackendView, service: ServiceObject, port: ServicePort): readonly Backend[] {
  const { selector } = service.spec ?? {}
  const protocol = isProtocol(port.protocol) ? port.protocol : 'TCP'
  if (Object.keys(selector ?? {}).length === 0) return written(view, service, port, protocol)
  const target = port.targetPort ?? port.port
  return (derived(view, podsByNamespace).get(service.metadata.namespace ?? 'default') ?? []).flatMap((pod) => {
    if (!matchesPairs(selector, pod.labels)) return []
    const number = typeof target === 'number' ? target : containerPortNamed(pod, protocol, target)
    return number === undefined ? [] : [{ pod, port: number }]
  })
}

function podsByNamespace(view: BackendView): ReadonlyMap<string, readonly PodEnd[]> {
  return Map.groupBy(podEnds(view), (pod) => pod.namespace.name)
}

/** Of a Service without a selector (default/kubernetes): what its EndpointSlices say. */
const written = (view: BackendView, service: ServiceObject, port: ServicePort, protocol: Protocol): readonly Backend[] =>
  (derived(view, slicesByService).get(`${service.metadata.namespace ?? 'default'}/${service.metadata.name}`) ?? []).flatMap((slice) => {
    const number = slice.ports?.find((one) => (one.name ?? '') === (port.name ?? '') && (one.protocol ?? 'TCP') === protocol)?.port
    if (number === undefined) return []
    return (slice.endpoints ?? []).flatMap(({ addresses }) => addresses.map((ip) => ({ ip: canonicalIp(ip), port: number })))
  })

function slicesByService(view: View<'EndpointSlice'>): ReadonlyMap<string, readonly EndpointSliceObject[]> {
  return Map.groupBy(
    view.all('EndpointSlice'),
    ({ metadata }) => `${metadata.namespace ?? 'default'}/${metadata.labels?.['kubernetes.io/service-name'] ?? ''}`,
  )
}
