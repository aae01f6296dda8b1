/**
 * Who can become cluster-admin, or take over a node, and by which steps: the closure over the primitives of controls.md 7(a). Edges
 * go from identities to what one right (or several together) gains; places that many lead to stand for all their members.
 */
import type { View } from '../model/index.ts'
import { derived, remembered } from './derived.ts'
import { type Grant, type Grants, grants, type RBAC_KINDS } from './rbac-grants.ts'
import { type Leads, namesDigest, placementDigest, runningDigest } from './rbac-graph-digest.ts'
import { ADMIN, ANY_NODE, type Edge, EdgeFinder, PERHAPS_NODE } from './rbac-graph-edges.ts'
import { type Grown, grown } from './rbac-graph-growth.ts'
import { jointEdges } from './rbac-graph-joint.ts'
import { Places } from './rbac-graph-places.ts'
import { groupsOf, type Holders, holders, type Identity, keyOfIdentity, type Power, type Powered } from './rbac-graph-subjects.ts'
import { type GRAPH_CONSULTS, type GraphWorld, graphWorld } from './rbac-graph-world.ts'

export type GraphView = View<(typeof RBAC_KINDS)[number] | (typeof GRAPH_CONSULTS)[number]>
export type Goal = 'cluster-admin' | 'node' | 'perhaps-node'

export interface RbacGraph {
  readonly holders: Holders
  /** By key of the holder. */
  readonly alone: ReadonlyMap<string, Alone>
  /** From every identity and every place that can be come to. */
  readonly edges: ReadonlyMap<string, readonly Edge[]>
  /** Weight of the way to a goal; places from which it is out of reach are not in it. */
  readonly distance: Readonly<Record<Goal, ReadonlyMap<string, number>>>
}

interface Kept {
  /** Made when it is first asked for: a scan that does not go on watching never does. */
  readonly digest: () => string
  readonly graph: RbacGraph
  /** Where rules name pods or workloads, those. */
  readonly names: string | undefined
  /** Where pods can be debugged, the nodes that they are on. */
  readonly placement: string | undefined
}
/** By the grants it was made of, which live for as long as no role or binding changes. */
const kept = new WeakMap<Grants, Kept>()

/** Once for as long as neither RBAC changes nor which accounts run where: a pod that replaces another costs nothing here. */
export const rbacGraph = (view: GraphView): RbacGraph => derived(view, find)

function find(view: GraphView): RbacGraph {
  const known = grants(view)
  const world = graphWorld(view)
  const leads = leadsOf(holders(view))
  const digest = once(() => `${world.digest}\n${runningDigest(world, leads)}`)
  const before = kept.get(known)
  const isAs = (text: string | undefined, digestNow: (world: GraphWorld) => string) => text === undefined || text === digestNow(world)
  if (before !== undefined && before.digest() === digest() && isAs(before.names, namesDigest) && isAs(before.placement, placementDigest))
    return before.graph
  const graph = buildGraph(view, world)
  kept.set(known, {
    digest,
    graph,
    names: namesObjects(graph.holders) ? namesDigest(world) : undefined,
    placement: graph.edges.keys().some((place) => place.startsWith('debugged:')) ? placementDigest(world) : undefined,
  })
  return graph
}

/** Computed when it is first asked for; what it is computed from is let go then. */
function once(compute: () => string): () => string {
  let made: string | undefined
  let left: (() => string) | undefined = compute
  return () => {
    made ??= left!()
    left = undefined
    return made
  }
}

/** Whether to be an account leads on, by itself or by the groups that it is in: whoever holds nothing has no edges. */
const leadsOf = remembered(({ byKey }: Holders): Leads => {
  const isSomebody = (key: string): boolean => {
    const holder = byKey.get(key)
    return holder !== undefined && !isNothing(holder.powers)
  }
  const all = isSomebody('Group:system:serviceaccounts')
  return (namespace, account) =>
    all || isSomebody(`Group:system:serviceaccounts:${namespace}`) || isSomebody(`ServiceAccount:${namespace}/${account}`)
})

const namesObjects = ({ byKey }: Holders): boolean =>
  byKey.values().some(({ powers }) => NAMED.some((part) => powers.parts.get(part)?.some(({ names }) => names !== undefined)))
const NAMED = ['changeApps', 'changeBatch', 'changeController', 'changePod', 'exec', 'execByGet', 'debug'] as const

/** What is taken away: powers, or whole grants with their powers; a role whose rule goes stays bound. */
export type Removal = { readonly powers: (power: Power) => boolean } | { readonly grants: (grant: Grant) => boolean }

/** The graph as it would be after a removal: what others have, and where places lead, is taken over from `graph`, which is of the same view. */
export function graphWithout(view: GraphView, graph: RbacGraph, removal: Removal): RbacGraph {
  const without = 'powers' in removal ? removal.powers : ({ grant }: Power) => removal.grants(grant)
  const world = graphWorld(view)
  const alone = new Map(graph.alone)
  for (const { key, powers, grants: all } of graph.holders.byKey.values()) {
    const left = less(powers, without)
    if (left === powers) continue
    const own = 'grants' in removal ? all.filter((grant) => !removal.grants(grant)) : all.map((grant) => lessOf(grant, without))
    if (isNothing(left)) alone.delete(key)
    else alone.set(key, aloneOf(view, world, graph.holders, left, own))
  }
  return joined(view, world, graph.holders, alone, graph.edges)
}

export function buildGraph(view: GraphView, world: GraphWorld): RbacGraph {
  const all = holders(view)
  const alone = new Map<string, Alone>()
  for (const { key, powers, grants: own } of all.byKey.values())
    if (!isNothing(powers)) alone.set(key, aloneOf(view, world, all, powers, own))
  return joined(view, world, all, alone)
}

/** What a holder comes to have by its own rights, and where that leads. */
interface Alone {
  readonly grown: Grown
  readonly edges: readonly Edge[]
}

function aloneOf(view: GraphView, world: GraphWorld, all: Holders, powers: Powered, own: readonly Grant[]): Alone {
  const one = grown(view, world, all, powers, own)
  const each = [one.powers, ...one.acting.map((as) => as.powers)]
  return { grown: one, edges: each.flatMap((its) => new EdgeFinder(its, world, one.bound).find()) }
}

/** `known`: where places lead, as far as that was found out before. */
function joined(
  view: GraphView,
  world: GraphWorld,
  all: Holders,
  alone: ReadonlyMap<string, Alone>,
  known: RbacGraph['edges'] = new Map(),
): RbacGraph {
  const places = new Places(all, world)
  const edges = new Map<string, readonly Edge[]>()
  const pending: string[] = []
  const put = (from: string, list: readonly Edge[]) => {
    edges.set(from, list)
    for (const { to } of list) pending.push(to)
  }
  const follow = () => {
    for (let place = pending.pop(); place !== undefined; place = pending.pop())
      if (!edges.has(place)) put(place, (all.byKey.has(place) ? undefined : known.get(place)) ?? places.edgesOf(place))
  }
  for (const [key, one] of alone) put(key, one.edges)
  follow()
  // What is gained by several together may be what was missing to somebody else.
  const grownOf = new Map([...alone].map(([key, one]) => [key, one.grown]))
  for (let more = true; more; ) {
    more = false
    for (const key of alone.keys()) {
      const joint = jointEdges({ view, world, edges, grown: grownOf, byKey: all.byKey }, key)
      if (joint.length === 0) continue
      more = true
      put(key, [...edges.get(key)!, ...joint])
      follow()
    }
  }
  put('Group:system:masters', [{ to: ADMIN, id: '', can: 'pass every authorizer', uses: [] }])
  return { holders: all, alone, edges, distance: distances(edges) }
}

const isNothing = ({ parts, everything }: Powered): boolean => parts.size === 0 && everything.length === 0

/** The same powers where nothing of them goes. */
function less(powers: Powered, without: (power: Power) => boolean): Powered {
  const { parts, everything } = powers
  if (!everything.some(without) && !parts.values().some((list) => list.some(without))) return powers
  const left = [...parts].map(([part, list]) => [part, list.filter((power) => !without(power))] as const)
  return { parts: new Map(left.filter(([, list]) => list.length > 0)), everything: everything.filter((power) => !without(power)) }
}

/** What is left of a grant; a role whose rules go stays bound. */
function lessOf(grant: Grant, without: (power: Power) => boolean): Grant {
  const none = { names: undefined, verbs: [], resources: [], namespace: grant.namespace }
  const rules = grant.rules.filter((rule, index) => !without({ ...none, rule, index, grant }))
  return rules.length === grant.rules.length ? grant : { ...grant, rules }
}

/** A right that is used weighs more than what follows from it, so that the shortest way is the one with the fewest rights. */
export const weightOf = ({ uses, before = [] }: Edge): number => (uses.length > 0 ? 8 * (1 + before.length) : 1)

type Into = ReadonlyMap<string, readonly { readonly from: string; readonly weight: number }[]>

function distances(edges: ReadonlyMap<string, readonly Edge[]>): RbacGraph['distance'] {
  const into = new Map<string, { from: string; weight: number }[]>()
  for (const [from, list] of edges)
    for (const edge of list) {
      const others = into.get(edge.to)
      if (others === undefined) into.set(edge.to, [{ from, weight: weightOf(edge) }])
      else others.push({ from, weight: weightOf(edge) })
    }
  const nodes = [...edges.keys()].filter((place) => place.startsWith(ANY_NODE))
  return {
    'cluster-admin': distancesTo([ADMIN], into),
    node: distancesTo(nodes, into),
    'perhaps-node': distancesTo([PERHAPS_NODE], into),
  }
}

/** Dijkstra's, with a list for each distance: weights are small and whole. */
function distancesTo(goals: readonly string[], into: Into): ReadonlyMap<string, number> {
  const found = new Map(goals.map((goal) => [goal, 0]))
  const waiting: string[][] = [[...goals]]
  for (let at = 0; at < waiting.length; at++)
    for (const place of waiting[at] ?? []) {
      if (found.get(place) !== at) continue
      for (const { from, weight } of into.get(place) ?? []) {
        const steps = at + weight
        if (steps >= (found.get(from) ?? Infinity)) continue
        found.set(from, steps)
        ;(waiting[steps] ??= []).push(from)
      }
    }
  return found
}

/** The gravest goal within reach. Whoever is in no binding has what its groups have. */
export function goalOf({ distance }: Pick<RbacGraph, 'distance'>, place: string): Goal | undefined {
  return (['cluster-admin', 'node', 'perhaps-node'] as const).find((goal) => distance[goal].has(place))
}

/** Where somebody stands in the graph. Who is in no binding has what its groups have; undefined: nothing. */
export function placeOf({ edges }: RbacGraph, identity: Identity): string | undefined {
  const keys = [keyOfIdentity(identity), ...groupsOf(identity).map((name) => `Group:${name}`)]
  const { namespace } = identity
  const inOrder = namespace === undefined ? keys : [keys[0]!, `Group:system:serviceaccounts:${namespace}`, ...keys]
  return inOrder.find((key) => edges.has(key))
}
