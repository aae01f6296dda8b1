/** TLS of the listeners of Gateways, of the Gateway API and of Istio. */
import type { KubeObject, RouteObject, SpecObject, View } from '../model/index.ts'
import { derived } from './derived.ts'
import { gatewaysOf } from './entry-points.ts'
import { fault, isAcmeSolver, judgeSecret, type TlsJudged } from './entry-tls.ts'
import { fewOf } from './few-of.ts'
import { keyOf, refOf, refText } from './ref.ts'
import { list, type Mapping, mapping } from './spec-fields.ts'

const mappingsOf = (value: unknown): readonly Mapping[] => list(value).map(mapping)

export const GATEWAY_TLS_KINDS = ['Gateway', 'HTTPRoute', 'GRPCRoute', 'IstioGateway', 'IstioVirtualService', 'Secret'] as const
type GatewayView = View<(typeof GATEWAY_TLS_KINDS)[number]>
const nameOf = ({ metadata: { namespace = 'default', name } }: KubeObject): string => keyOf(namespace, name)

// ── Gateway API ────────────────────────────────────────────────────────────────────────────────
export function* judgeGateway(view: GatewayView, gateway: SpecObject): Iterable<TlsJudged> {
  for (const listener of mappingsOf(gateway.spec?.['listeners'])) {
    const at = ['spec', 'listeners', { name: String(listener['name']) }]
    const tls = mapping(listener['tls'])
    if (listener['protocol'] === 'HTTP') yield* plainRoutes(view, gateway, listener)
    else if (listener['protocol'] === 'HTTPS' || (listener['protocol'] === 'TLS' && tls['mode'] !== 'Passthrough')) {
      const refs = mappingsOf(tls['certificateRefs'])
      // Providers name certificates of their own in options, or in an annotation (GKE).
      const isElsewhere =
        Object.keys(mapping(tls['options'])).length > 0 || gateway.metadata.annotations?.['networking.gke.io/certmap'] !== undefined
      if (refs.length === 0 && !isElsewhere)
        yield fault(gateway, {
          is: 'certificate',
          at,
          reason: 'has a listener for TLS without a certificate',
          detail: `listener ${listener['name']}`,
        })
      for (const { kind = 'Secret', name, namespace = gateway.metadata.namespace ?? 'default' } of refs)
        if (kind === 'Secret')
          yield* judgeSecret(view, gateway, { at: [...at, 'tls', 'certificateRefs'], name: String(name), namespace: String(namespace) })
    }
  }
}

function* plainRoutes(view: GatewayView, gateway: SpecObject, listener: Mapping): Iterable<TlsJudged> {
  for (const kind of ['HTTPRoute', 'GRPCRoute'] as const) {
    const unread = view.unread(kind)
    if (unread !== undefined)
      yield {
        unknown: `whether ${refText(refOf(gateway))} redirects plain HTTP: ${unread.because}`,
        answer: unread.answer,
        subject: refOf(gateway),
      }
  }
  const attached = (routesByGateway(view).get(nameOf(gateway)) ?? []).filter((route) => attaches(route, gateway, listener))
  const plain = attached.filter((route) => !isAcmeSolver(route) && !redirects(route))
  if (plain.length === 0) return
  const isInside = /rilb|internal/.test(String(gateway.spec?.['gatewayClassName']))
  yield fault(gateway, {
    is: 'redirect',
    at: ['spec', 'listeners', { name: String(listener['name']) }],
    reason: isInside
      ? 'answers plain HTTP inside the network of the provider'
      : 'has a listener for plain HTTP whose routes do not redirect to TLS',
    detail: `listener ${listener['name']}: ${fewOf(plain.map((route) => refText(refOf(route))))}`,
    ...(isInside && { verdict: 'review' as const, severity: 'low' as const }),
  })
}

const parentsOf = (route: RouteObject) =>
  (route.spec?.parentRefs ?? []).map((parent) => ({
    ...parent,
    gateway:
      (parent.kind ?? 'Gateway') === 'Gateway' ? keyOf(parent.namespace ?? route.metadata.namespace ?? 'default', parent.name) : undefined,
  }))
const routesByGateway = (view: GatewayView): ReadonlyMap<string, readonly RouteObject[]> => derived(view, collectRoutes)
function collectRoutes(view: GatewayView): ReadonlyMap<string, readonly RouteObject[]> {
  const found = new Map<string, RouteObject[]>()
  for (const route of [...view.all('HTTPRoute'), ...view.all('GRPCRoute')])
    for (const gateway of new Set(parentsOf(route).flatMap((parent) => parent.gateway ?? [])))
      found.set(gateway, [...(found.get(gateway) ?? []), route])
  return found
}
/** To all listeners where none is named. Host names and allowedRoutes are not looked at: they take away, so this may find too much. */
const attaches = (route: RouteObject, gateway: SpecObject, listener: Mapping): boolean =>
  parentsOf(route).some(
    ({ gateway: name, sectionName = listener['name'], port = listener['port'] }) =>
      name === nameOf(gateway) && sectionName === listener['name'] && port === listener['port'],
  )
const redirects = ({ kind, spec }: RouteObject): boolean =>
  kind === 'HTTPRoute' &&
  (spec?.rules ?? []).length > 0 &&
  (spec?.rules ?? []).every((rule) =>
    (rule?.filters ?? []).some(({ type, requestRedirect }) => type === 'RequestRedirect' && requestRedirect?.scheme === 'https'),
  )

// ── Istio ──────────────────────────────────────────────────────────────────────────────────────
const PLAIN = new Set(['HTTP', 'HTTP2', 'GRPC', 'HTTP_PROXY'])

export function* judgeIstioGateway(view: GatewayView, gateway: SpecObject): Iterable<TlsJudged> {
  // What leaves the mesh is wrapped on its way out.
  if (Object.values(mapping(gateway.spec?.['selector'])).some((value) => /egress/i.test(String(value)))) return
  const servers = mappingsOf(gateway.spec?.['servers'])
  for (const [index, server] of servers.entries()) {
    const at = ['spec', 'servers', index]
    const tls = mapping(server['tls'])
    const protocol = String(mapping(server['port'])['protocol']).toUpperCase()
    if (PLAIN.has(protocol) && tls['httpsRedirect'] !== true) {
      const unread = view.unread('IstioVirtualService')
      if (unread !== undefined)
        yield {
          unknown: `what ${refText(refOf(gateway))} answers over plain HTTP: ${unread.because}`,
          answer: unread.answer,
          subject: refOf(gateway),
        }
      const bound = view.all('IstioVirtualService').filter((one) => gatewaysOf(one).includes(nameOf(gateway)) && !redirectsAll(one))
      // A redirect is an answer only where TLS is served for the same hosts.
      const twin = servers.some((other) => mapping(other['tls'])['mode'] !== undefined && sameHosts(other, server))
      if (bound.length > 0)
        yield fault(gateway, {
          is: 'redirect',
          at,
          reason: 'has a server for plain HTTP that does not redirect to TLS',
          detail: fewOf(bound.map((one) => refText(refOf(one)))),
          ...(twin && { edit: { at: [...at, 'tls', 'httpsRedirect'], to: true } }),
        })
    }
    if (['TLSV1_0', 'TLSV1_1'].includes(String(tls['minProtocolVersion'])))
      yield fault(gateway, {
        is: 'weak',
        at: [...at, 'tls', 'minProtocolVersion'],
        reason: 'accepts versions of TLS before 1.2',
        detail: String(tls['minProtocolVersion']),
        edit: { at: [...at, 'tls', 'minProtocolVersion'], to: 'TLSV1_2' },
      })
    // The Secret is looked for beside the pods of the gateway, which may be in another namespace.
    if (typeof tls['credentialName'] === 'string')
      yield* judgeSecret(view, gateway, { at: [...at, 'tls', 'credentialName'], name: tls['credentialName'] })
  }
}
const sameHosts = (a: Mapping, b: Mapping): boolean => {
  const hosts = (server: Mapping) => (Array.isArray(server['hosts']) ? server['hosts'].map(String) : [])
  return hosts(b).every((host) => hosts(a).includes(host) || hosts(a).includes('*'))
}
const redirectsAll = (service: SpecObject): boolean => {
  const rules = mappingsOf(service.spec?.['http'])
  return rules.length > 0 && rules.every((rule) => mapping(rule['redirect'])['scheme'] === 'https')
}
