/** Where routes lead: the Services behind HTTPRoutes and their like, and behind VirtualServices of Istio. */
import type { RouteObject, SpecObject } from '../model/index.ts'
import { namespaceOf, textOf } from './network-service-targets.ts'
import { list, mapping } from './spec-fields.ts'

export const ROUTES = ['HTTPRoute', 'GRPCRoute', 'TLSRoute', 'TCPRoute', 'UDPRoute'] as const

export interface RouteBackend {
  readonly namespace: string
  readonly name: string
  readonly port?: number
}

export const routeBackends = (route: RouteObject): readonly RouteBackend[] =>
  (route.spec?.rules ?? []).flatMap((rule) =>
    [...(rule?.backendRefs ?? []), ...mirrors(rule)].flatMap(({ kind = 'Service', namespace = namespaceOf(route), name, port }) =>
      kind === 'Service' ? [{ namespace, name, ...(port !== undefined && { port }) }] : [],
    ),
  )

type BackendRef = NonNullable<NonNullable<NonNullable<RouteObject['spec']>['rules']>[number]['backendRefs']>[number]
/** Filters that send a copy of each request elsewhere (RequestMirror). */
const mirrors = (rule: unknown): readonly BackendRef[] =>
  list(mapping(rule)['filters']).flatMap((filter) => {
    const ref = mapping(mapping(mapping(filter)['requestMirror'])['backendRef'])
    return textOf(ref['name']) === undefined ? [] : [ref as unknown as BackendRef]
  })

/** What a route hangs on: a Gateway, or a Service, whose callers it leads elsewhere. */
export const parentsOf = (route: RouteObject, kind: 'Gateway' | 'Service'): readonly { namespace: string; name: string }[] =>
  list((route.spec as { readonly parentRefs?: unknown } | undefined)?.parentRefs)
    .map(mapping)
    .filter((parent) => (textOf(parent['kind']) ?? 'Gateway') === kind)
    .map((parent) => ({ namespace: textOf(parent['namespace']) ?? namespaceOf(route), name: textOf(parent['name']) ?? '' }))

/** Short names of hosts are of its own namespace (networking.istio.io/v1, `Destination.host`). */
export function virtualServiceBackends(virtual: SpecObject): readonly RouteBackend[] {
  const destinations = (['http', 'tls', 'tcp'] as const).flatMap((protocol) =>
    list(virtual.spec?.[protocol]).flatMap((rule) => {
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
    return name ? [{ namespace, name, ...(typeof port === 'number' && { port }) }] : []
  })
}

/** Names of its gateways, without the mesh itself. */
export const gatewaysOf = (virtual: SpecObject): readonly string[] =>
  list(virtual.spec?.['gateways'])
    .map(String)
    .filter((name) => name !== 'mesh')
/** It is for callers inside the mesh: the default where no gateway is named. */
export const isOfMesh = (virtual: SpecObject): boolean => {
  const gateways = list(virtual.spec?.['gateways'])
  return gateways.length === 0 || gateways.includes('mesh')
}
