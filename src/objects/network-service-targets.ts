/** What stands behind a Service: pods and their ports, as policies see them (after translation). */
import type { EndpointSliceObject, NetworkPolicyPort, ServiceObject, ServicePort, View } from '../model/index.ts'
import { eachContainer } from './containers.ts'
import { derived } from './derived.ts'
import { hostCidr, type Side } from './network-edges.ts'
import { END_KINDS, type PodEnd, podEnds } from './network-ends.ts'
import { keyOf } from './ref.ts'
import { matchesPairs } from './selectors.ts'
import type { Workload } from './workloads.ts'

export const TARGET_KINDS = [...END_KINDS, 'Service', 'EndpointSlice'] as const
export type TargetView = View<(typeof TARGET_KINDS)[number]>

export interface Target {
  readonly side: Side
  readonly ports: readonly NetworkPolicyPort[]
}
export const namespaceOf = ({ metadata }: { readonly metadata: { readonly namespace?: string } }): string => metadata.namespace ?? 'default'
export const textOf = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined)
export const serviceKey = (service: ServiceObject): string => keyOf(namespaceOf(service), service.metadata.name)

export const servicesByKey = (view: View<'Service'>): ReadonlyMap<string, ServiceObject> => derived(view, indexServices)
const indexServices = (view: View<'Service'>) => new Map(view.all('Service').map((service) => [serviceKey(service), service] as const))
export const endsByNamespace = (view: View<(typeof END_KINDS)[number]>): ReadonlyMap<string, readonly PodEnd[]> => derived(view, indexEnds)
const indexEnds = (view: View<(typeof END_KINDS)[number]>) => Map.groupBy(podEnds(view), ({ namespace }) => namespace.name)

/** `only`: one of its ports, by number or name; all of them where it has no such port. Nothing where it leads nowhere that can be told. */
export function targetsOf(view: TargetView, service: ServiceObject, only?: number | string): readonly Target[] {
  const known = derived(view, targetsKnown)
  const key = `${serviceKey(service)} ${only ?? ''}`
  let targets = known.get(key)
  if (targets === undefined) known.set(key, (targets = findTargets(view, service, only)))
  return targets
}
const targetsKnown = () => new Map<string, readonly Target[]>()

function findTargets(view: TargetView, service: ServiceObject, only: number | string | undefined): readonly Target[] {
  const { spec = {} } = service
  if (spec.type === 'ExternalName') return []
  const selector = spec.selector ?? {}
  const wanted = (spec.ports ?? []).filter((port) => only === undefined || port.port === only || port.name === only)
  const asked = wanted.length > 0 ? wanted : (spec.ports ?? [])
  if (Object.keys(selector).length === 0) return manualTargets(view, service)
  const behind = selectedBy(view, service)
  const isHeadless = spec.clusterIP === 'None'
  const ports = asked.flatMap((port) => podPorts(port, isHeadless, behind))
  // A headless Service may have no ports at all: its clients go by the addresses of the pods.
  if (ports.length === 0 && !isHeadless) return []
  const side: Side =
    behind.length === 0
      ? { is: 'selector', namespace: namespaceOf(service), labels: selector }
      : { is: 'workloads', workloads: [...new Set(behind.map(({ workload }) => workload))] }
  return [{ side, ports: distinct(ports) }]
}

/** By the labels of live pods, or of the template, whose pods come next. */
export const selectedBy = (view: TargetView, service: ServiceObject): readonly PodEnd[] =>
  (endsByNamespace(view).get(namespaceOf(service)) ?? []).filter(
    ({ labels, workload }) => matchesPairs(service.spec?.selector, labels) || matchesPairs(service.spec?.selector, workload.templateLabels),
  )

/** Numbers, one for each that a name stands for among its pods: a name would leave out whoever lacks it. */
function podPorts(
  { protocol = 'TCP', port, targetPort = port }: ServicePort,
  isHeadless: boolean,
  behind: readonly PodEnd[],
): NetworkPolicyPort[] {
  const numbers = typeof targetPort === 'number' ? [targetPort] : behind.flatMap((end) => numbersOf(end, protocol, targetPort))
  // Nothing translates the ports of a headless Service.
  const all = isHeadless ? [...numbers, port] : numbers
  return (all.length > 0 ? all : [targetPort]).map((one) => ({ protocol, port: one }))
}

/** A rollout that is under way may give the name another number. */
const numbersOf = ({ named, workload }: PodEnd, protocol: string, name: string): readonly number[] => [
  ...[named.get(`${protocol}/${name}`)].filter((one) => one !== undefined),
  ...eachContainer(workload.spec).flatMap(({ container }) =>
    (container.ports ?? []).filter((one) => one.name === name && (one.protocol ?? 'TCP') === protocol).map((one) => one.containerPort),
  ),
]

export const distinct = (ports: readonly NetworkPolicyPort[]): readonly NetworkPolicyPort[] => [
  ...new Map(ports.map((port) => [`${port.protocol ?? 'TCP'}/${port.port}/${port.endPort ?? ''}`, port])).values(),
]

/** Without a selector: whoever made its EndpointSlices says where it leads, to pods or to addresses. */
function manualTargets(view: TargetView, service: ServiceObject): readonly Target[] {
  const slices = derived(view, slicesByService).get(serviceKey(service)) ?? []
  const byIp = derived(view, workloadsByIp)
  return slices.flatMap((slice): readonly Target[] => {
    const ports = (slice.ports ?? []).flatMap(({ protocol = 'TCP', port }) => (port === undefined ? [] : [{ protocol, port }]))
    const ips = (slice.endpoints ?? []).flatMap(({ addresses }) => addresses)
    const pods = ips.map((ip) => byIp.get(ip)).filter((one) => one !== undefined)
    const outside = ips.filter((ip) => !byIp.has(ip))
    return [
      ...(pods.length > 0 ? [{ side: { is: 'workloads', workloads: [...new Set(pods)] } as const, ports }] : []),
      ...(outside.length > 0 && slice.addressType !== 'FQDN'
        ? [{ side: { is: 'addresses', cidrs: outside.map(hostCidr) } as const, ports }]
        : []),
    ]
  })
}
const slicesByService = (view: View<'EndpointSlice'>): ReadonlyMap<string, readonly EndpointSliceObject[]> =>
  Map.groupBy(view.all('EndpointSlice'), (slice) =>
    keyOf(namespaceOf(slice), slice.metadata.labels?.['kubernetes.io/service-name'] ?? slice.metadata.name),
  )
export const workloadsByIp = (view: View<(typeof END_KINDS)[number]>): ReadonlyMap<string, Workload> =>
  new Map(podEnds(view).flatMap(({ hostNetwork, ips, workload }) => (hostNetwork ? [] : ips.map((ip) => [ip, workload] as const))))
