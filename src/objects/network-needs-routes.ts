/** Needs that Ingresses and routes show: who forwards traffic from outside to which Services. */
import type { IngressBackend, IngressObject, RouteObject, SpecObject, View } from '../model/index.ts'
import { ANYWHERE, callersSide, type Edge, type Side } from './network-edges.ts'
import { hostsIn, keysNamed } from './network-host-names.ts'
import { CONTROLLER_KINDS, gatewayPods, gatewaySide, ingressSide, podsLabelled } from './network-ingress-controllers.ts'
import { edgesTo } from './network-needs-services.ts'
import { gatewaysOf, parentsOf, ROUTES, type RouteBackend, routeBackends, virtualServiceBackends } from './network-route-backends.ts'
import { namespaceOf, servicesByKey, TARGET_KINDS } from './network-service-targets.ts'
import { keyOf } from './ref.ts'
import { mapping } from './spec-fields.ts'

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
  // A route without a Gateway (a mesh's, of kind Service) takes its traffic from whoever calls that Service.
  const sides = parentsOf(route, 'Gateway').map(({ namespace, name }) => gatewaySide(view, namespace, name))
  const froms: readonly Side[] = sides.length === 0 || sides.some(({ is }) => is === 'anywhere') ? [ANYWHERE] : sides
  return routeBackends(route).flatMap((backend) =>
    froms.flatMap((from) => edgesToBackend(view, from, backend, `${route.kind} ${route.metadata.name} routes to it`)),
  )
}
const edgesToBackend = (view: RouteView, from: Side, { namespace, name, port }: RouteBackend, because: string): readonly Edge[] =>
  edgesTo(view, from, servicesByKey(view).get(keyOf(namespace, name)), because, port)

/** Only where a gateway takes the traffic; inside the mesh the callers show themselves by what they name. */
function virtualServiceEdges(view: RouteView, virtual: SpecObject): readonly Edge[] {
  const gateways = gatewaysOf(virtual)
  if (gateways.length === 0) return []
  const pods = gateways.map((name) => istioGatewayPods(view, namespaceOf(virtual), name))
  const from = pods.some((found) => found.length === 0) ? ANYWHERE : callersSide(pods.flat())
  return virtualServiceBackends(virtual).flatMap((backend) =>
    edgesToBackend(view, from, backend, `VirtualService ${virtual.metadata.name} routes to it`),
  )
}

/** `name` or `namespace/name` of a Gateway, whose selector names pods of any namespace; or a Gateway of the Gateway API. */
function istioGatewayPods(view: RouteView, own: string, reference: string) {
  const [namespace, name] = reference.includes('/') ? (reference.split('/') as [string, string]) : [own, reference]
  const selector = mapping(view.find('IstioGateway', namespace, name)?.spec?.['selector']) as Readonly<Record<string, string>>
  return Object.keys(selector).length > 0 ? podsLabelled(view, selector) : gatewayPods(view, namespace, name)
}
