/** The shortest way from a subject to a goal, in steps and as one sentence. */

import type { Goal, RbacGraph } from './rbac-graph.ts'
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

/** Empty where the goal is out of reach. `first`: an edge that the way has to begin with. */
export function shortestPath(graph: RbacGraph, from: string, goal: Goal, first?: Edge): readonly Hop[] {
  const hops: Hop[] = []
  let at = from
  let edge = first ?? nextEdge(graph, at, goal)
  while (edge !== undefined) {
    const begin: Edge = edge
    const how: string[] = []
    let place = begin.to
    let follow = isPlace(place) && !isGoal(place, goal) ? nextEdge(graph, place, goal) : undefined
    while (follow !== undefined) {
      if (follow.can !== '') how.push(follow.can)
      place = follow.to
      follow = isPlace(place) && !isGoal(place, goal) ? nextEdge(graph, place, goal) : undefined
    }
    hops.push(hopOf(begin, at, place, how.join(', ')))
    if (isGoal(place, goal)) return hops
    at = place
    edge = nextEdge(graph, at, goal)
  }
  return []
}

const isGoal = (place: string, goal: Goal): boolean =>
  goal === 'cluster-admin' ? place === ADMIN : goal === 'node' ? place.startsWith(ANY_NODE) : place === PERHAPS_NODE
/** Neither an identity nor such a one with more rights. */
const isPlace = (place: string): boolean => !/^(ServiceAccount|User|Group):/.test(place)

/** The one that is nearest to the goal; the same one in whichever order the objects came. */
function nextEdge({ edges, distance }: RbacGraph, place: string, goal: Goal): Edge | undefined {
  const left = distance[goal]
  let best: Edge | undefined
  for (const edge of edges.get(place) ?? []) {
    const steps = left.get(edge.to)
    if (steps === undefined) continue
    const than = best === undefined ? Infinity : left.get(best.to)!
    if (steps < than || (steps === than && orderOf(edge) < orderOf(best!))) best = edge
  }
  return best
}
const orderOf = ({ id, can, to }: Edge): string => `${id}\0${can}\0${to}`

function hopOf({ id, can, uses }: Edge, by: string, to: string, how: string): Hop {
  const namespace = uses[0]?.namespace
  return {
    primitive: id,
    by: withoutGains(by),
    can,
    through: uses.map(throughOf),
    ...(namespace !== undefined && namespace !== '*' && { namespace }),
    gains:
      to === ANY_NODE
        ? 'a node'
        : to.startsWith(ANY_NODE)
          ? `node ${to.slice(ANY_NODE.length)}`
          : to === PERHAPS_NODE
            ? 'a node'
            : withoutGains(to),
    how,
  }
}
export const throughOf = ({ grant: { binding, role }, index }: Power): Hop['through'][number] => ({
  binding: refText(refOf(binding)),
  role: role === undefined ? `${binding.roleRef.kind} ${binding.roleRef.name}` : refText(refOf(role)),
  rule: index,
})

const withoutGains = (key: string): string =>
  /^(ServiceAccount|User|Group):/.test(key) ? key.replace(/\+(everything|ClusterRole\/|Role\/).*$/s, '') : key

/** `shop/cart`, `jane`, `group dev`. */
export const nameOf = (key: string): string => key.replace(/^(ServiceAccount|User):/, '').replace(/^Group:/, 'group ')

/** `ci/deployer can create pods in kube-system → run as kube-system/x → escalate ClusterRole y → cluster-admin`. */
export function sentenceOf(hops: readonly Hop[]): string {
  if (hops.length === 0) return ''
  const goal = hops.at(-1)!.gains
  const parts = hops.flatMap(({ can, how }) => [can, how]).filter((text) => text !== '')
  return [`${nameOf(hops[0]!.by)} can ${parts[0]}`, ...parts.slice(1), goal].join(' → ')
}
