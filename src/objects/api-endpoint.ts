/** Where the API server answers, and which Services lead to it. */
import type { EndpointSliceObject, IngressObject, NodeObject, Path, PodObject, RouteObject, ServiceObject, View } from '../model/index.ts'
import { isPublicAddress } from './address.ts'
import { derived } from './derived.ts'
import { staticPods } from './flag-parse.ts'
import { declaredInternal } from './load-balancers.ts'

type ServiceView = View<'Service' | 'EndpointSlice' | 'Pod'>

/** EndpointSlices of Service default/kubernetes: the API servers themselves. */
export const apiServerSlices = (view: View<'EndpointSlice'>): readonly EndpointSliceObject[] => slicesOf(view, 'default', 'kubernetes')

const slicesOf = (view: View<'EndpointSlice'>, namespace: string, service: string): readonly EndpointSliceObject[] =>
  view
    .all('EndpointSlice')
    .filter(
      ({ metadata }) => metadata.namespace === namespace && (metadata.labels?.['kubernetes.io/service-name'] ?? metadata.name) === service,
    )

const addressesOf = (slices: readonly EndpointSliceObject[]): readonly string[] =>
  slices.flatMap((slice) => (slice.endpoints ?? []).flatMap((endpoint) => endpoint.addresses))

export interface ApiService {
  readonly service: ServiceObject /** Completes "leads to the API server: …". */
  readonly because: string
}
export interface ApiServices {
  readonly services: readonly ApiService[]
  /** Without selectors, and their EndpointSlices could not be read: whether they lead there is not known. */
  readonly undecided: readonly ServiceObject[]
}

/** The Services that lead to the API server, whatever their type. */
export const apiServices = (view: ServiceView): ApiServices => derived(view, findServices)

function findServices(view: ServiceView): ApiServices {
  const services: ApiService[] = []
  const undecided: ServiceObject[] = []
  const labels = staticPods(view)
    .filter(isApiServer)
    .map((pod) => pod.metadata.labels ?? {})
  const own = new Set(addressesOf(apiServerSlices(view)))
  for (const service of view.all('Service')) {
    const because = whyApi(service, labels, own, view)
    if (because !== undefined) services.push({ service, because })
    else if (!hasSelector(service) && service.spec?.type !== 'ExternalName' && view.unread('EndpointSlice') !== undefined)
      undecided.push(service)
  }
  return { services, undecided }
}

const hasSelector = ({ spec }: ServiceObject): boolean => Object.keys(spec?.selector ?? {}).length > 0
const isApiServer = (pod: PodObject): boolean =>
  pod.metadata.labels?.['component'] === 'kube-apiserver' || pod.metadata.name.startsWith('kube-apiserver')

function whyApi(
  service: ServiceObject,
  labels: readonly Readonly<Record<string, string>>[],
  own: ReadonlySet<string>,
  view: ServiceView,
): string | undefined {
  const {
    metadata: { namespace, name },
    spec = {},
  } = service
  if (namespace === 'default' && name === 'kubernetes') return "it is the API server's own Service"
  if (spec.type === 'ExternalName')
    return /^kubernetes\.default(\.svc(\..+)?)?\.?$/.test(spec.externalName ?? '') ? `its external name is ${spec.externalName}` : undefined
  if (hasSelector(service)) {
    if (namespace !== 'kube-system') return undefined
    const selector = Object.entries(spec.selector!)
    const selects =
      spec.selector!['component'] === 'kube-apiserver' || labels.some((own) => selector.every(([key, value]) => own[key] === value))
    return selects ? 'its selector matches the API server pods' : undefined
  }
  const addresses = addressesOf(slicesOf(view, namespace ?? 'default', name))
  return addresses.some((address) => own.has(address)) ? 'its endpoints are the API servers' : undefined
}

/** Nodes that run the API server, by the labels that kubeadm, k3s, RKE2 and OpenShift give them. */
export const controlPlaneNodes = (view: View<'Node'>): readonly NodeObject[] =>
  view
    .all('Node')
    .filter(
      ({ metadata: { labels = {} } }) => 'node-role.kubernetes.io/control-plane' in labels || 'node-role.kubernetes.io/master' in labels,
    )

/** External addresses of a node that the Internet routes. */
export const publicAddresses = (node: NodeObject): readonly string[] =>
  (node.status?.addresses ?? [])
    .filter(({ type, address }) => type.endsWith('IP') && isPublicAddress(address))
    .map(({ address }) => address)

/** Does its load balancer stand inside the provider's network? */
export const isInternalLoadBalancer = (service: ServiceObject): boolean => declaredInternal(service) !== undefined

export interface Backend {
  readonly at: Path
  /** `namespace/name` of a Service. */
  readonly service: string
}

/** The Services that an Ingress leads to. */
export const ingressBackends = ({ metadata: { namespace = 'default' }, spec = {} }: IngressObject): readonly Backend[] => [
  ...(spec.defaultBackend?.service === undefined
    ? []
    : [{ at: ['spec', 'defaultBackend'], service: `${namespace}/${spec.defaultBackend.service.name}` }]),
  ...(spec.rules ?? []).flatMap((rule, i) =>
    (rule?.http?.paths ?? []).flatMap((path, j): Backend[] =>
      path?.backend?.service === undefined
        ? []
        : [{ at: ['spec', 'rules', i, 'http', 'paths', j, 'backend'], service: `${namespace}/${path.backend.service.name}` }],
    ),
  ),
]
/** The Services that a route of the Gateway API leads to. */
export const routeBackends = ({ metadata: { namespace = 'default' }, spec = {} }: RouteObject): readonly Backend[] =>
  (spec.rules ?? []).flatMap((rule, i) =>
    (rule?.backendRefs ?? []).flatMap((ref, j): Backend[] =>
      (ref.kind ?? 'Service') === 'Service'
        ? [{ at: ['spec', 'rules', i, 'backendRefs', j], service: `${ref.namespace ?? namespace}/${ref.name}` }]
        : [],
    ),
  )
