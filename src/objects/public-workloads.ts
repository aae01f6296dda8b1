/** Workloads that are reached from outside the cluster: through a Service that opens a port there, or that an Ingress or route leads to. */
import type { View } from '../model/index.ts'
import { derived } from './derived.ts'
import { ENTRY_KINDS, entries } from './entry-points.ts'
import { refOf, refText } from './ref.ts'
import { matchesPairs } from './selectors.ts'
import { WORKLOAD_KINDS, type Workload, workloads } from './workloads.ts'

export const PUBLIC_KINDS = [...WORKLOAD_KINDS, 'Service', ...ENTRY_KINDS] as const
type PublicView = View<(typeof PUBLIC_KINDS)[number]>

/** Each with what leads to it: `Service shop/web`, `Ingress shop/web`. */
export const publicWorkloads = (view: PublicView): ReadonlyMap<Workload, string> => derived(view, find)

function find(view: PublicView): ReadonlyMap<Workload, string> {
  const routed = new Map(entries(view).map(({ service, by }) => [service, refText(refOf(by))]))
  const open = view.all('Service').flatMap((service) => {
    const { type, externalIPs = [] } = service.spec ?? {}
    const namespace = service.metadata.namespace ?? 'default'
    const own = type === 'LoadBalancer' || type === 'NodePort' || externalIPs.length > 0 ? refText(refOf(service)) : undefined
    const by = own ?? routed.get(`${namespace}/${service.metadata.name}`)
    return by === undefined ? [] : [{ namespace, selector: service.spec?.selector, by }]
  })
  const found = new Map<Workload, string>()
  for (const workload of workloads(view)) {
    const way = open.find(({ namespace, selector }) => namespace === workload.namespace && matchesPairs(selector, workload.templateLabels))
    if (way !== undefined) found.set(workload, way.by)
  }
  return found
}
