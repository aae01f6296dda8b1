/** Services whose callers a mesh leads elsewhere: the name says one thing, the packets go to the other. */
import type { View } from '../model/index.ts'
import { derived } from './derived.ts'
import { keysNamed } from './network-host-names.ts'
import { isOfMesh, parentsOf, ROUTES, type RouteBackend, routeBackends, virtualServiceBackends } from './network-route-backends.ts'
import { namespaceOf, servicesByKey } from './network-service-targets.ts'
import { keyOf } from './ref.ts'
import { list } from './spec-fields.ts'

export const REDIRECT_KINDS = ['Service', ...ROUTES, 'IstioVirtualService'] as const
type RedirectView = View<(typeof REDIRECT_KINDS)[number]>

export interface Redirect extends RouteBackend {
  /** `VirtualService split`. */
  readonly by: string
}

/** By `namespace/name` of the Service that is called. */
export const redirects = (view: RedirectView): ReadonlyMap<string, readonly Redirect[]> => derived(view, findRedirects)

function findRedirects(view: RedirectView): ReadonlyMap<string, readonly Redirect[]> {
  const services = servicesByKey(view)
  const pairs = [
    ...view
      .all('IstioVirtualService')
      .filter(isOfMesh)
      .flatMap((virtual) => {
        const keys = list(virtual.spec?.['hosts']).flatMap((host) => keysNamed(String(host), namespaceOf(virtual), services))
        const by = `VirtualService ${virtual.metadata.name}`
        return keys.flatMap((key) => virtualServiceBackends(virtual).map((backend) => ({ key, to: { ...backend, by } })))
      }),
    ...ROUTES.flatMap((kind) => view.all(kind)).flatMap((route) =>
      parentsOf(route, 'Service').flatMap(({ namespace, name }) =>
        routeBackends(route).map((backend) => ({
          key: keyOf(namespace, name),
          to: { ...backend, by: `${route.kind} ${route.metadata.name}` },
        })),
      ),
    ),
  ].filter(({ key, to }) => key !== keyOf(to.namespace, to.name))
  return new Map([...Map.groupBy(pairs, ({ key }) => key)].map(([key, list]) => [key, list.map(({ to }) => to)]))
}
