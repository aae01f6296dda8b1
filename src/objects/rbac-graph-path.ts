/** The shortest way from a subject to a goal, in steps and as one sentence. */

import { remembered } from './derived.ts'
import { type Goal, type RbacGraph, weightOf } from './rbac-graph.ts'
import { ADMIN, ANY_NODE, type Edge, PERHAPS_NODE } from './rbac-graph-edges.ts'
import type { Power } from './rbac-graph-subjects.ts'
import { refOf, refText } from './ref.ts'

export interface Hop {
  /** Of the primitive: E10, …; empty where a goal follows from what was gained before. */
  readonly primitive: string
  /** The identity that does it: `ServiceAccount:shop/cart`. */
  readonly by: string
  /** Completes "can …". */
  readonly can: string
  /** Where the rights come from; the one to take away first. */
  readonly through: readonly { readonly binding: string; readonly role: string; readonly rule: number }[]
  /** Where it is good; absent: in the whole cluster. */
  readonly namespace?: string
  /** The identity it gains, `cluster-admin`, `node`, or `node NAME`. */
  readonly gains: string
  /** How: `run as kube-system/x`. Empty for a goal that is reached at once. */
  readonly how: string
}

/** Empty where the goal is out of reach. */
export const shortestPath = (graph: RbacGraph, from: string, goal: Goal): readonly Hop[] => hopsOf(from, chain(graph, from, goal))

/**
 * The way to a goal that begins with this edge and does not come back to where it began: who can act as itself by a detour has gained
 * nothing. Empty where there is none.
 */
export function pathBy(graph: RbacGraph, from: string, first: Edge, goal: Goal): readonly Hop[] {
  if (!graph.distance[goal].has(first.to)) return []
  const rest = chain(graph, first.to, goal)
  const straight = first.to !== from && !rest.some(({ to }) => to === from) ? rest : around(graph, first.to, goal, from)
  return straight === undefined ? [] : hopsOf(from, [first, ...straight])
}

/** The edges of the shortest way. */
function chain(graph: RbacGraph, from: string, goal: Goal): readonly Edge[] {
  const found: Edge[] = []
  let at = from
  while (!isGoal(at, goal)) {
    const edge = nextEdge(graph, at, goal)
    if (edge === undefined) return []
    found.push(edge)
    at = edge.to
  }
  return found
}

/** Many rights of one holder lead to the same place, and a large graph is gone through for each: once is enough. */
const ways = remembered((_graph: RbacGraph) => new Map<string, readonly Edge[] | undefined>())
function around(graph: RbacGraph, from: string, goal: Goal, off: string): readonly Edge[] | undefined {
  const known = ways(graph)
  const key = `${goal}\0${from}\0${off}`
  if (!known.has(key)) known.set(key, findAround(graph, from, goal, off))
  return known.get(key)
}

/** The way of fewest edges that keeps off a place. */
function findAround({ edges, distance }: RbacGraph, from: string, goal: Goal, off: string): readonly Edge[] | undefined {
  if (from === off) return undefined
  if (isGoal(from, goal)) return []
  const back = new Map<string, { readonly edge: Edge; readonly before: string } | undefined>([[from, undefined]])
  for (const place of back.keys())
    for (const edge of inOrder(edges.get(place) ?? NO_EDGES)) {
      if (edge.to === off || back.has(edge.to) || !distance[goal].has(edge.to)) continue
      back.set(edge.to, { edge, before: place })
      // Places are looked at in the order in which they are found: the first goal that is found is the first that would be looked at.
      if (!isGoal(edge.to, goal)) continue
      const found: Edge[] = []
      for (let step = back.get(edge.to); step !== undefined; step = back.get(step.before)) found.unshift(step.edge)
      return found
    }
  return undefined
}
const NO_EDGES: readonly Edge[] = []
/** Many ways lead by the same few places, some of which have thousands of edges. */
const inOrder = remembered((list: readonly Edge[]): readonly Edge[] => {
  const orders = new Map(list.map((edge) => [edge, orderOf(edge)]))
  return list.toSorted((a, b) => (orders.get(a)! < orders.get(b)! ? -1 : 1))
})

/** One hop a right that is used; what follows of itself is told with it. */
function hopsOf(from: string, edges: readonly Edge[]): readonly Hop[] {
  const hops: Hop[] = []
  let at = from
  for (let index = 0; index < edges.length; ) {
    const begin = edges[index]!
    const how: string[] = []
    let end = index + 1
    while (end < edges.length && isPlace(edges[end - 1]!.to)) {
      if (edges[end]!.can !== '') how.push(edges[end]!.can)
      end++
    }
    const to = edges[end - 1]!.to
    for (const step of begin.before ?? []) {
      const by = step.by ?? at
      hops.push(hopOf({ ...step, to: step.gains ?? by }, by, step.gains ?? by, step.how ?? ''))
    }
    hops.push(hopOf(begin, at, to, how.join(', ')))
    at = to
    index = end
  }
  return hops
}

const isGoal = (place: string, goal: Goal): boolean =>
  goal === 'cluster-admin' ? place === ADMIN : goal === 'node' ? place.startsWith(ANY_NODE) : place === PERHAPS_NODE
/** No identity. */
const isPlace = (place: string): boolean => !/^(ServiceAccount|User|Group):/.test(place)

/** The one that is nearest to the goal; the same one in whichever order the objects came. */
function nextEdge({ edges, distance }: RbacGraph, place: string, goal: Goal): Edge | undefined {
  const known = nextOf(distance[goal])
  if (known.has(place)) return known.get(place)
  const next = nearest(edges.get(place) ?? NO_EDGES, distance[goal])
  known.set(place, next)
  return next
}
/** By the distances to one goal, which are those of one graph. */
const nextOf = remembered((_distance: RbacGraph['distance'][Goal]) => new Map<string, Edge | undefined>())

function nearest(list: readonly Edge[], left: RbacGraph['distance'][Goal]): Edge | undefined {
  let best: Edge | undefined
  let than = Infinity
  for (const edge of list) {
    const steps = (left.get(edge.to) ?? Infinity) + weightOf(edge)
    if (steps > than || steps === Infinity || (steps === than && orderOf(edge) >= orderOf(best!))) continue
    best = edge
    than = steps
  }
  return best
}
const orderOf = ({ id, can, to }: Edge): string => `${id}\0${can}\0${to}`

function hopOf({ id, can, uses }: Edge, by: string, to: string, how: string): Hop {
  const namespace = uses[0]?.namespace
  return {
    primitive: id,
    by,
    can,
    through: uses.filter(({ gained }) => gained === undefined).map(throughOf),
    ...(namespace !== undefined && namespace !== '*' && { namespace }),
    gains: to === ANY_NODE ? 'a node' : to.startsWith(ANY_NODE) ? `node ${to.slice(ANY_NODE.length)}` : to === PERHAPS_NODE ? 'a node' : to,
    how,
  }
}
export const throughOf = ({ grant: { binding, role }, index }: Pick<Power, 'grant' | 'index'>): Hop['through'][number] => ({
  binding: refText(refOf(binding)),
  role: role === undefined ? `${binding.roleRef.kind} ${binding.roleRef.name}` : refText(refOf(role)),
  rule: index,
})

/** `shop/cart`, `jane`, `group dev`. */
export const nameOf = (key: string): string => key.replace(/^(ServiceAccount|User):/, '').replace(/^Group:/, 'group ')

/** `ci/deployer can create pods in kube-system → run as kube-system/x → escalate ClusterRole y → cluster-admin`. */
export function sentenceOf(hops: readonly Hop[]): string {
  if (hops.length === 0) return ''
  const goal = hops.at(-1)!.gains
  const parts = hops.flatMap(({ can, how }) => [can, how]).filter((text) => text !== '')
  return [`${nameOf(hops[0]!.by)} can ${parts[0]}`, ...parts.slice(1), goal].join(' → ')
}
