/**
 * Who can become cluster-admin, or take over a node, and by which steps: the closure over the primitives of controls.md 7(a). Edges
 * go from identities to what one right (or several together) gains; places that many lead to stand for all their members.
 */
import type { View } from '../model/index.ts'
import { derived } from './derived.ts'
import { type Grant, type Grants, grants, type RBAC_KINDS } from './rbac-grants.ts'
import { ADMIN, ANY_NODE, type Edge, EdgeFinder, PERHAPS_NODE } from './rbac-graph-edges.ts'
import { type Grown, grown } from './rbac-graph-growth.ts'
import { jointEdges } from './rbac-graph-joint.ts'
import { Places } from './rbac-graph-places.ts'
import { groupsOf, type Holders, holders, type Identity, keyOfIdentity, type Power, type Powered } from './rbac-graph-subjects.ts'
import { type GRAPH_CONSULTS, type GraphWorld, graphWorld, namesDigest } from './rbac-graph-world.ts'

export type GraphView = View<(typeof RBAC_KINDS)[number] | (typeof GRAPH_CONSULTS)[number]>
export type Goal = 'cluster-admin' | 'node' | 'perhaps-node'

export interface RbacGraph {
  readonly holders: Holders
  /** From every identity and every place that can be come to. */
  readonly edges: ReadonlyMap<string, readonly Edge[]>
  /** Weight of the way to a goal; places from which it is out of reach are not in it. */
  readonly distance: Readonly<Record<Goal, ReadonlyMap<string, number>>>
}

interface Kept {
  readonly digest: string
  readonly names: string | undefined
  readonly graph: RbacGraph
}
/** By the grants it was made of, which live for as long as no role or binding changes. */
const kept = new WeakMap<Grants, Kept>()

/** Once for as long as neither RBAC changes nor which accounts run where: a pod that replaces another costs nothing here. */
export const rbacGraph = (view: GraphView): RbacGraph => derived(view, find)

function find(view: GraphView): RbacGraph {
  const known = grants(view)
  const world = graphWorld(view)
  const before = kept.get(known)
  if (before?.digest === world.digest && (before.names === undefined || before.names === namesDigest(world))) return before.graph
  const graph = buildGraph(view, world)
  kept.set(known, { digest: world.digest, names: namesObjects(graph.holders) ? namesDigest(world) : undefined, graph })
  return graph
}

const namesObjects = ({ byKey }: Holders): boolean =>
  byKey.values().some(({ powers }) => NAMED.some((part) => powers.parts.get(part)?.some(({ names }) => names !== undefined)))
const NAMED = ['changeApps', 'changeBatch', 'changeController', 'changePod', 'exec', 'execByGet', 'debug'] as const

/** `without`: powers that are taken away, to see what that would stop. */
export function buildGraph(view: GraphView, world: GraphWorld, without?: (power: Power) => boolean): RbacGraph {
  const all = holders(view)
  const places = new Places(all, world)
  const edges = new Map<string, readonly Edge[]>()
  const pending: string[] = []
  const has = new Map<string, Grown>()
  const put = (from: string, list: readonly Edge[]) => {
    edges.set(from, list)
    for (const { to } of list) pending.push(to)
  }
  for (const holder of all.byKey.values()) {
    const powers = without === undefined ? holder.powers : less(holder.powers, without)
    if (isNothing(powers)) continue
    const grants = without === undefined ? holder.grants : holder.grants.flatMap((grant) => lessOf(grant, without))
    const one = grown(view, world, all, powers, grants)
    has.set(holder.key, one)
    const each = [one.powers, ...one.acting.map((as) => as.powers)]
    put(
      holder.key,
      each.flatMap((its) => new EdgeFinder(its, world, one.bound).find()),
    )
  }
  const follow = () => {
    for (let place = pending.pop(); place !== undefined; place = pending.pop()) if (!edges.has(place)) put(place, places.edgesOf(place))
  }
  follow()
  // What is gained by several together may be what was missing to somebody else.
  const known = { view, world, edges, grown: has, byKey: all.byKey }
  for (let more = true; more; ) {
    more = false
    for (const key of has.keys()) {
      const joint = jointEdges(known, key)
      if (joint.length === 0) continue
      more = true
      put(key, [...edges.get(key)!, ...joint])
      follow()
    }
  }
  put('Group:system:masters', [{ to: ADMIN, id: '', can: 'pass every authorizer', uses: [] }])
  return { holders: all, edges, distance: distances(edges) }
}

const isNothing = ({ parts, everything }: Powered): boolean => parts.size === 0 && everything.length === 0

function less({ parts, everything }: Powered, without: (power: Power) => boolean): Powered {
  const left = [...parts].map(([part, list]) => [part, list.filter((power) => !without(power))] as const)
  return { parts: new Map(left.filter(([, list]) => list.length > 0)), everything: everything.filter((power) => !without(power)) }
}

/** What is left of a grant; its role stays the same one. */
function lessOf(grant: Grant, without: (power: Power) => boolean): readonly Grant[] {
  const none = { names: undefined, verbs: [], resources: [], namespace: grant.namespace }
  const rules = grant.rules.filter((rule, index) => !without({ ...none, rule, index, grant }))
  return rules.length === grant.rules.length ? [grant] : rules.length === 0 ? [] : [{ ...grant, rules }]
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
