/** Needs that Ingresses and routes show: who forwards traffic from outside to which Services. */
import type { IngressBackend, IngressObject, RouteObject, SpecObject, View } from '../model/index.ts'
import { ANYWHERE, callersSide, type Edge, type Side } from './network-edges.ts'
import { list, mapping } from './network-fields.ts'
import { CONTROLLER_KINDS, gatewayPods, gatewaySide, ingressSide, podsLabelled } from './network-ingress-controllers.ts'
import { hostsIn, keysNamed } from './network-needs-names.ts'
import { edgesTo } from './network-needs-services.ts'
import { namespaceOf, servicesByKey, TARGET_KINDS, textOf } from './network-service-targets.ts'
import { keyOf } from './ref.ts'

export const ROUTES = ['HTTPRoute', 'GRPCRoute', 'TLSRoute', 'TCPRoute', 'UDPRoute'] as const
export const ROUTE_NEED_KINDS = [...TARGET_KINDS, ...CONTROLLER_KINDS, 'Ingress', ...ROUTES, 'IstioGateway', 'IstioVirtualService'] as const
type RouteView = View<(typeof ROUTE_NEED_KINDS)[number]>

export const routeEdges = (view: RouteView): readonly Edge[] => [
  ...view.all('Ingress').flatMap((ingress) => ingressEdges(view, ingress)),
  ...ROUTES.flatMap((kind) => view.all(kind).flatMap((route) => edgesOfRoute(view, route))),
  ...view.all('IstioVirtualService').flatMap((service) => virtualServiceEdges(view, service)),
]

function ingressEdges(view: RouteView, ingress: IngressObject): readonly Edge[] {
  const { metadata, spec = {} } = ingress
  const backends: readonly (IngressBackend | undefined)[] = [
    spec.defaultBackend,
    ...(spec.rules ?? []).flatMap((rule) => (rule?.http?.paths ?? []).map((path) => path?.backend)),
  ]
  const from = ingressSide(view, ingress)
  const services = servicesByKey(view)
  const routed = backends.flatMap((backend) => {
    const { name, port } = backend?.service ?? {}
    if (name === undefined) return []
    const service = services.get(keyOf(namespaceOf(ingress), name))
    return edgesTo(view, from, service, `Ingress ${metadata.name} routes to it`, port?.number ?? port?.name)
  })
  const asked = Object.entries(metadata.annotations ?? {}).flatMap(([annotation, value]) =>
    addressesIn(value)
      .flatMap((host) => keysNamed(host, namespaceOf(ingress), services))
      .flatMap((key) => edgesTo(view, from, services.get(key), `Ingress ${metadata.name} names it in annotation ${annotation}`)),
  )
  return [...routed, ...asked]
}

/** Whom the controller itself calls: to ask whether a request may pass (`auth-url`), to copy it, to answer errors. Bare words are none. */
const addressesIn = (value: string): readonly string[] =>
  hostsIn(String(value))
    .map(({ name }) => name)
    .filter((host) => host.includes('.') || String(value).toLowerCase().includes(`://${host}`))

function edgesOfRoute(view: RouteView, route: RouteObject): readonly Edge[] {
  const { metadata, spec = {} } = route
  const parents = list((spec as { readonly parentRefs?: unknown }).parentRefs).map(mapping)
  // A route without a Gateway (a mesh's, of kind Service) takes its traffic from whoever calls that Service.
  const gateways = parents.filter((parent) => (textOf(parent['kind']) ?? 'Gateway') === 'Gateway')
  const sides = gateways.map((parent) => gatewaySide(view, textOf(parent['namespace']) ?? namespaceOf(route), textOf(parent['name']) ?? ''))
  const froms: readonly Side[] = sides.length === 0 || sides.some(({ is }) => is === 'anywhere') ? [ANYWHERE] : sides
  return (spec.rules ?? []).flatMap((rule) =>
    [...(rule?.backendRefs ?? []), ...mirrors(rule)].flatMap(({ kind = 'Service', namespace = namespaceOf(route), name, port }) =>
      kind === 'Service'
        ? froms.flatMap((from) =>
            edgesTo(view, from, servicesByKey(view).get(keyOf(namespace, name)), `${route.kind} ${metadata.name} routes to it`, port),
          )
        : [],
    ),
  )
}

type BackendRef = NonNullable<NonNullable<NonNullable<RouteObject['spec']>['rules']>[number]['backendRefs']>[number]
/** Filters that send a copy of each request elsewhere (RequestMirror). */
const mirrors = (rule: unknown): readonly BackendRef[] =>
  list(mapping(rule)['filters']).flatMap((filter) => {
    const ref = mapping(mapping(mapping(filter)['requestMirror'])['backendRef'])
    return textOf(ref['name']) === undefined ? [] : [ref as unknown as BackendRef]
  })

/** Only where a gateway takes the traffic; inside the mesh the callers show themselves by what they name. */
function virtualServiceEdges(view: RouteView, virtual: SpecObject): readonly Edge[] {
  const { metadata, spec = {} } = virtual
  const gateways = list(spec['gateways'])
    .map(String)
    .filter((name) => name !== 'mesh')
  if (gateways.length === 0) return []
  const pods = gateways.map((name) => istioGatewayPods(view, namespaceOf(virtual), name))
  const from = pods.some((found) => found.length === 0) ? ANYWHERE : callersSide(pods.flat())
  const destinations = (['http', 'tls', 'tcp'] as const).flatMap((protocol) =>
    list(spec[protocol]).flatMap((rule) => {
      const { route, mirror, mirrors: copies } = mapping(rule)
      return [
        ...list(route).map((one) => mapping(mapping(one)['destination'])),
        ...list(copies).map((one) => mapping(mapping(one)['destination'])),
        mapping(mirror),
      ]
    }),
  )
  return destinations.flatMap((destination) => {
    const [name, namespace = namespaceOf(virtual)] = (textOf(destination['host']) ?? '').split('.')
    const port = mapping(destination['port'])['number']
    const service = servicesByKey(view).get(keyOf(namespace, name!))
    return edgesTo(view, from, service, `VirtualService ${metadata.name} routes to it`, typeof port === 'number' ? port : undefined)
  })
}

/** `name` or `namespace/name` of a Gateway, whose selector names pods of any namespace; or a Gateway of the Gateway API. */
function istioGatewayPods(view: RouteView, own: string, reference: string) {
  const [namespace, name] = reference.includes('/') ? (reference.split('/') as [string, string]) : [own, reference]
  const selector = mapping(view.find('IstioGateway', namespace, name)?.spec?.['selector']) as Readonly<Record<string, string>>
  return Object.keys(selector).length > 0 ? podsLabelled(view, selector) : gatewayPods(view, namespace, name)
}
