/** Which workloads take traffic from outside the cluster: through a Service, an Ingress or a route. */
import type { ServiceObject, View } from '../model/index.ts'
import { eachContainer } from './containers.ts'
import { derived } from './derived.ts'
import { ENTRY_KINDS, entries } from './entry-points.ts'
import { internalBecause } from './load-balancers.ts'
import { keyOf } from './ref.ts'
import { matchesPairs } from './selectors.ts'
import type { Workload } from './workloads.ts'

export const PUBLISHING_KINDS = ['Service', ...ENTRY_KINDS] as const
export type PublishingView = View<(typeof PUBLISHING_KINDS)[number]>

interface Publication {
  readonly service: ServiceObject
  /** `Ingress shop/web`, `Service shop/web of type LoadBalancer`. */
  readonly by: string
  /** By a load balancer that stands inside the provider's network. */
  readonly inside?: true
}

const publications = (view: PublishingView): ReadonlyMap<string, readonly Publication[]> => derived(view, collect)

/** By namespace. A Service without a selector leads to no pod that can be told from it. */
function collect(view: PublishingView): ReadonlyMap<string, readonly Publication[]> {
  const backends = new Map(
    entries(view).map(({ service, by }) => [service, `${by.kind} ${keyOf(by.metadata.namespace ?? 'default', by.metadata.name)}`]),
  )
  const found = view.all('Service').flatMap((service): readonly Publication[] => {
    const { spec = {}, metadata } = service
    if (Object.keys(spec.selector ?? {}).length === 0) return []
    const name = `${metadata.namespace ?? 'default'}/${metadata.name}`
    const type = spec.type === 'LoadBalancer' || spec.type === 'NodePort' ? `Service ${name} of type ${spec.type}` : undefined
    const isInside = spec.type === 'LoadBalancer' && internalBecause(service) !== undefined
    const addresses = (spec.externalIPs ?? []).length > 0 ? `Service ${name} on external addresses` : undefined
    return [
      ...(type === undefined ? [] : [{ service, by: type, ...(isInside && { inside: true as const }) }]),
      ...[addresses, backends.get(name)].flatMap((by) => (by === undefined ? [] : [{ service, by }])),
    ]
  })
  return Map.groupBy(found, ({ service }) => service.metadata.namespace ?? 'default')
}

/** By its template, or by what its pods are called now. */
const publicationsOf = (view: PublishingView, { namespace, templateLabels, pods }: Workload): readonly Publication[] =>
  (publications(view).get(namespace) ?? []).filter(({ service }) =>
    [templateLabels, ...pods.map(({ metadata }) => metadata.labels ?? {})].some((labels) => matchesPairs(service.spec?.selector, labels)),
  )

/** What publishes it, in words. */
export const publishedBy = (view: PublishingView, workload: Workload): readonly string[] =>
  publicationsOf(view, workload).map(({ by }) => by)

/** As `publishedBy`, without what leads no further than the provider's network, and with ports that are opened on the nodes themselves. */
export const exposedBy = (view: PublishingView, workload: Workload): readonly string[] => [
  ...publicationsOf(view, workload)
    .filter(({ inside }) => inside !== true)
    .map(({ by }) => by),
  ...hostPorts(workload).map((port) => `port ${port} of its nodes`),
]
/** Of a pod on the network of its node every port is one: the API server fills them in, and another control speaks of it. */
const hostPorts = ({ spec }: Workload): readonly number[] =>
  spec.hostNetwork === true
    ? []
    : eachContainer(spec).flatMap(({ container }) =>
        (container.ports ?? []).flatMap((port) =>
          port?.hostPort && !/^(127\.|::1$)/.test(String(port.hostIP ?? '')) ? [port.hostPort] : [],
        ),
      )
