/** Connections that the cluster's own objects show to be wanted (controls.md 7c). Hard-coded or templated host names stay unseen. */
import type { Unread, View } from '../model/index.ts'
import { derived } from './derived.ts'
import { narrowed } from './narrowed.ts'
import type { Edge, Side } from './network-edges.ts'
import { MESH_KINDS, meshEdges } from './network-mesh.ts'
import { FLOW_NEED_KINDS, flowEdges } from './network-needs-flows.ts'
import { NAME_NEED_KINDS, nameEdges } from './network-needs-names.ts'
import { ROUTE_NEED_KINDS, routeEdges } from './network-needs-routes.ts'
import { SCRAPE_NEED_KINDS, scrapeEdges } from './network-needs-scrapes.ts'
import { SERVICE_NEED_KINDS, serviceEdges } from './network-needs-services.ts'
import { OPERATOR_KINDS, operatorEdges } from './network-operators.ts'

export const NEED_KINDS = [
  ...new Set([...SERVICE_NEED_KINDS, ...ROUTE_NEED_KINDS, ...NAME_NEED_KINDS, ...SCRAPE_NEED_KINDS, ...FLOW_NEED_KINDS, ...MESH_KINDS]),
] as const
/** With what is evidence where there is some, and no doubt where there is none. */
export const NEED_READS = [...new Set([...NEED_KINDS, ...OPERATOR_KINDS, 'ObservedFlows' as const])] as const
export type NeedView = View<(typeof NEED_READS)[number]>

/** All of them, of all namespaces: who opens which connection to whom, and what says so. */
export const neededEdges = (view: NeedView): readonly Edge[] => derived(view, findEdges)
const findEdges = (view: NeedView): readonly Edge[] => [
  ...serviceEdges(view),
  ...routeEdges(view),
  ...scrapeEdges(view),
  ...nameEdges(view),
  ...meshEdges(view),
  ...operatorEdges(view),
  ...flowEdges(view),
]

/** Those that pods of a namespace open or, with `to`, take: by its name on that side. What is said of every pod or of anywhere is said of none. */
export const edgesOf = (view: NeedView, end: 'from' | 'to', namespace: string): readonly Edge[] =>
  derived(view, end === 'from' ? edgesFrom : edgesInto).get(namespace) ?? []
const edgesFrom = (view: NeedView) => byNamespace(neededEdges(view), 'from')
const edgesInto = (view: NeedView) => byNamespace(neededEdges(view), 'to')

function byNamespace(edges: readonly Edge[], end: 'from' | 'to'): ReadonlyMap<string, readonly Edge[]> {
  const index = new Map<string, Edge[]>()
  for (const edge of edges) {
    for (const namespace of namespacesOf(edge[end])) {
      const list = index.get(namespace)
      if (list === undefined) index.set(namespace, [edge])
      else list.push(edge)
    }
  }
  return index
}

function namespacesOf(side: Side): Iterable<string> {
  if (side.is === 'workloads') return new Set(side.workloads.map(({ namespace }) => namespace))
  if (side.is === 'selector') return [side.namespace]
  return side.is === 'namespace' ? [side.name] : []
}

/** Without these a rule is wider than it could be, and nothing is missed. */
const ONLY_NARROW: ReadonlySet<string> = new Set(['Namespace', 'Node', 'IngressClass', 'Gateway', 'GatewayClass', 'IstioGateway'])

/** Kinds that could show a need and may not be read, or not in all namespaces. What files do not hold is not refused: it is said. */
export const unreadNeeds = (view: NeedView): readonly Unread[] => {
  const kinds = NEED_KINDS.filter((kind) => !ONLY_NARROW.has(kind))
  return [...kinds.map((kind) => view.unread(kind)).filter((unread) => unread !== undefined), ...narrowed(view, kinds)]
}
export const isOfFiles = ({ why }: Unread): boolean => why === 'not-in-manifests'
