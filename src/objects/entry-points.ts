/** What leads from outside the cluster to a Service without the Service saying so: Ingresses, routes of the Gateway API, VirtualServices of Istio. */
import type { IngressObject, KubeObject, RouteObject, SpecObject, View } from '../model/index.ts'
import { ingressBackends, routeBackends } from './api-endpoint.ts'
import { derived } from './derived.ts'
import { isMapping, mappings } from './spec-fields.ts'

export const ROUTE_KINDS = ['HTTPRoute', 'TLSRoute', 'GRPCRoute', 'TCPRoute', 'UDPRoute'] as const
export const ENTRY_KINDS = ['Ingress', ...ROUTE_KINDS, 'IstioVirtualService'] as const
export type EntryView = View<(typeof ENTRY_KINDS)[number]>

export interface Entry {
  /** `namespace/name` of a Service. */
  readonly service: string
  readonly by: KubeObject
}

/** Each Service that something leads to, with the last that does. */
export const entries = (view: EntryView): readonly Entry[] => derived(view, collect)

function collect(view: EntryView): readonly Entry[] {
  const of = (by: KubeObject, services: readonly string[]): Entry[] => services.map((service) => ({ service, by }))
  return [
    ...view.all('Ingress').flatMap((ingress: IngressObject) => of(ingress, serviceNames(ingressBackends(ingress)))),
    ...ROUTE_KINDS.flatMap((kind) =>
      view
        .all(kind)
        .filter(isFromGateway)
        .flatMap((route) => of(route, serviceNames(routeBackends(route)))),
    ),
    ...view.all('IstioVirtualService').flatMap((service) => of(service, virtualServiceBackends(service))),
  ]
}
const serviceNames = (backends: readonly { readonly service: string }[]): readonly string[] => backends.map(({ service }) => service)

/** A route whose only parents are Services steers traffic inside a mesh (GEP-1426, GAMMA) and publishes nothing. */
const isFromGateway = ({ spec }: RouteObject): boolean => {
  const parents = spec?.parentRefs ?? []
  return parents.length === 0 || parents.some(({ kind = 'Gateway' }) => kind !== 'Service')
}

/** The gateways a VirtualService is bound to; `mesh` (the default) is the sidecars, no gateway. `namespace/name`. */
export const gatewaysOf = ({ metadata: { namespace = 'default' }, spec = {} }: SpecObject): readonly string[] =>
  (Array.isArray(spec['gateways']) ? spec['gateways'].map(String) : [])
    .filter((name) => name !== 'mesh')
    .map((name) => (name.includes('/') ? name : `${namespace}/${name}`))

function virtualServiceBackends(service: SpecObject): readonly string[] {
  if (gatewaysOf(service).length === 0) return []
  return ['http', 'tls', 'tcp']
    .flatMap((part) => mappings(service.spec?.[part]))
    .flatMap((rule) => mappings(rule['route']))
    .flatMap(({ destination }) =>
      isMapping(destination) ? serviceOfHost(String(destination['host'] ?? ''), service.metadata.namespace) : [],
    )
}

/** `web`, `web.shop`, `web.shop.svc.cluster.local`; any other name is of the outside. */
function serviceOfHost(host: string, namespace = 'default'): string[] {
  const [name = '', inNamespace, svc] = host.split('.')
  if (name === '' || (svc !== undefined && svc !== 'svc')) return []
  return [`${inNamespace ?? namespace}/${name}`]
}
