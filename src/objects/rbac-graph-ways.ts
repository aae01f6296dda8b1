/** Everybody who reaches cluster-admin or a node, gravest first: one way each, the shortest. */
import { derived, remembered, rememberedWith } from './derived.ts'
import { unseenRoles } from './rbac-exposure.ts'
import { RBAC_KINDS } from './rbac-grants.ts'
import { type Goal, type GraphView, goalOf, placeOf, type RbacGraph, rbacGraph } from './rbac-graph.ts'
import { type Beginning, type Beginnings, beginnings, isShippedWay } from './rbac-graph-beginnings.ts'
import { type Hop, shortestPath } from './rbac-graph-path.ts'
import { type Holder, type Identity, keyOfIdentity } from './rbac-graph-subjects.ts'
import { type GraphWorld, graphWorld, LEADING_KINDS } from './rbac-graph-world.ts'

export interface Way {
  readonly holder: Holder
  readonly goal: Goal
  readonly path: readonly Hop[]
  /** Rights of its own by which a way begins. None: it is a member of a group that gets there, or is shipped so. */
  readonly begins: readonly Beginning[]
}
export interface Ways {
  readonly own: readonly Way[]
  /** Only by a group that they are in. */
  readonly members: readonly Way[]
  /** Kubernetes' own, as it ships them. */
  readonly shipped: readonly Way[]
}

export const ways = (view: GraphView): Ways => waysIn(rbacGraph(view), beginnings(view))

const waysIn = rememberedWith((graph: RbacGraph, { all }: Beginnings): Ways => {
  const byHolder = Map.groupBy(all, ({ holder }) => holder)
  const found: { readonly own: Way[]; readonly members: Way[]; readonly shipped: Way[] } = { own: [], members: [], shipped: [] }
  for (const holder of graph.holders.byKey.values()) {
    const way = wayFrom(graph, holder, holder.key, byHolder.get(holder))
    if (way === undefined) continue
    const isOfKubernetes = holder.key === 'Group:system:masters' || isShippedWay(graph, holder)
    found[way.begins.length > 0 ? 'own' : isOfKubernetes ? 'shipped' : 'members'].push(way)
  }
  for (const list of Object.values(found)) list.sort(compare)
  return found
})

/** The way of one subject, also of one that no binding names; undefined where it gets nowhere. */
export function wayOf(view: GraphView, identity: Identity): Way | undefined {
  const graph = rbacGraph(view)
  const key = keyOfIdentity(identity)
  return wayFrom(
    graph,
    graph.holders.of(identity),
    placeOf(graph, identity),
    beginnings(view).all.filter(({ holder }) => holder.key === key),
  )
}

function wayFrom(graph: RbacGraph, holder: Holder, place: string | undefined, begins: readonly Beginning[] = []): Way | undefined {
  const goal = place === undefined ? undefined : goalOf(graph, place)
  return goal === undefined ? undefined : { holder, goal, path: shortestPath(graph, place!, goal), begins }
}

const GOALS: readonly Goal[] = ['cluster-admin', 'node', 'perhaps-node']
function compare(a: Way, b: Way): number {
  return GOALS.indexOf(a.goal) - GOALS.indexOf(b.goal) || a.path.length - b.path.length || (a.holder.key < b.holder.key ? -1 : 1)
}

/** How many running pods hold a token of it; undefined for users and groups. */
export function podCount(view: GraphView, { kind, namespace, name }: Identity): number | undefined {
  return kind === 'ServiceAccount' ? (podCounts(graphWorld(view)).get(`${namespace}/${name}`) ?? 0) : undefined
}
const podCounts = remembered(({ running }: GraphWorld): ReadonlyMap<string, number> => {
  const counts = new Map<string, number>()
  for (const { token, namespace, account } of running)
    if (token) counts.set(`${namespace}/${account}`, (counts.get(`${namespace}/${account}`) ?? 0) + 1)
  return counts
})

/** Without these, rights or ways are missed. */
const TELLING = [...RBAC_KINDS, ...LEADING_KINDS] as const

/** What could not be read, one clause each: somebody, or a way, may be missing. */
export const unseenWays = (view: GraphView): readonly string[] => derived(view, unseen)
const unseen = (view: GraphView): readonly string[] => [
  ...TELLING.flatMap((kind) => view.unread(kind) ?? [])
    .filter(({ why }) => view.source.kind === 'live' || why !== 'not-in-manifests')
    .map(({ because }) => because),
  ...unseenRoles(view).flatMap((remark) => ('unknown' in remark ? [remark.unknown] : [])),
]
