/** Where ways to cluster-admin and to nodes begin: the rule of a role, or the subject of a binding, that takes the first step. */
import type { PolicyRule } from '../model/index.ts'
import { remembered } from './derived.ts'
import { isDefaultRule } from './rbac-bootstrap.ts'
import type { Grant } from './rbac-grants.ts'
import { type Goal, type GraphView, goalOf, type RbacGraph, rbacGraph } from './rbac-graph.ts'
import { type Edge, rootsOf } from './rbac-graph-edges.ts'
import { PARTS, type PartName } from './rbac-graph-parts.ts'
import { type Hop, pathBy } from './rbac-graph-path.ts'
import { type Holder, identityOf, isShipped, keyOfIdentity, type Power } from './rbac-graph-subjects.ts'
import { type GraphWorld, graphWorld } from './rbac-graph-world.ts'
import type { Rights } from './rbac-rules.ts'

export interface Beginning {
  readonly holder: Holder
  readonly grant: Grant
  readonly rule: PolicyRule
  /** Index in the role's rules. */
  readonly index: number
  readonly goal: Goal
  readonly path: readonly Hop[]
  /** What has to go from the rule so that no way begins there any more. */
  readonly cut: readonly Rights[]
}
export interface Beginnings {
  readonly all: readonly Beginning[]
  /** Subjects of Kubernetes itself that get there as they are shipped. */
  readonly shipped: number
}

export const beginnings = (view: GraphView): Beginnings => beginningsIn(rbacGraph(view))

const beginningsIn = remembered((graph: RbacGraph): Beginnings => collect(graph))

function collect(graph: RbacGraph): Beginnings {
  const all: Beginning[] = []
  let shipped = 0
  for (const holder of graph.holders.byKey.values()) {
    if (goalOf(graph, holder.key) === undefined) continue
    const found = beginningsOf(graph, holder)
    if (found.length === 0 && isShippedWay(graph, holder)) shipped++
    all.push(...found)
  }
  return { all, shipped }
}

const GOALS = ['cluster-admin', 'node', 'perhaps-node'] as const

function beginningsOf(graph: RbacGraph, holder: Holder): readonly Beginning[] {
  const best = new Map<string, { -readonly [K in keyof Beginning]: Beginning[K] } & { readonly powers: Power[] }>()
  for (const edge of graph.edges.get(holder.key) ?? []) {
    const power = rootsOf(edge).find((one) => isOwn(holder, one))
    const way = power === undefined ? undefined : wayBy(graph, holder, edge)
    if (power === undefined || way === undefined) continue
    const key = `${holder.grants.indexOf(power.grant)} ${power.index}`
    const known = best.get(key)
    if (known === undefined) {
      best.set(key, { holder, grant: power.grant, rule: power.rule, index: power.index, ...way, cut: [], powers: [power] })
      continue
    }
    known.powers.push(power)
    if (isBefore(way, known)) Object.assign(known, way)
  }
  return [...best.values()].map(({ powers, ...one }) => ({ ...one, cut: cutOf(powers) }))
}

function wayBy(graph: RbacGraph, { key }: Holder, edge: Edge): Pick<Beginning, 'goal' | 'path'> | undefined {
  for (const goal of GOALS) {
    const path = pathBy(graph, key, edge, goal)
    if (path.length > 0) return { goal, path }
  }
  return undefined
}

/** It gets there by what Kubernetes gives it, not by a detour or through a group. */
export const isShippedWay = (graph: RbacGraph, holder: Holder): boolean =>
  (graph.edges.get(holder.key) ?? []).some(
    (edge) => goalOf(graph, edge.to) !== undefined && rootsOf(edge).some((power) => isItsOwn(holder, power) && isShipped(power)),
  )

/** Held by itself, not through a group, and not as Kubernetes ships it. A group is a subject too, and begins its own ways. */
const isOwn = (holder: Holder, power: Power): boolean => isItsOwn(holder, power) && !isShipped(power)
function isItsOwn({ key }: Holder, { grant }: Power): boolean {
  const identity = identityOf(grant.subject, grant.binding.metadata.namespace)
  return identity !== undefined && keyOfIdentity(identity) === key
}
function isBefore(one: Pick<Beginning, 'goal' | 'path'>, other: Pick<Beginning, 'goal' | 'path'>): boolean {
  if (one.goal !== other.goal) return GOALS.indexOf(one.goal) < GOALS.indexOf(other.goal)
  return one.path.length === other.path.length ? JSON.stringify(one.path) < JSON.stringify(other.path) : one.path.length < other.path.length
}

function cutOf(powers: readonly Power[]): readonly Rights[] {
  if (powers.some(({ part }) => part === undefined))
    return (Object.keys(PARTS) as PartName[]).filter((part) => !SECOND.includes(part)).map((part) => rightsOf(PARTS[part]))
  return [...new Set(powers.map(({ part }) => part!))].sort().map((part) => rightsOf(PARTS[part]))
}
/** Good for nothing once the rest of PARTS is gone: they take escalate, or a node. */
const SECOND: readonly PartName[] = [
  ...(['makeClusterRole', 'makeRole', 'deleteClusterRole', 'deleteRole'] as const),
  ...(['bindPod', 'movePod', 'evictPod', 'changeNode', 'deleteNode'] as const),
]
const rightsOf = ({ verbs, groups, resources }: Rights): Rights => ({ verbs, groups, resources })

/** Held by a rule that the role is shipped with: it is the binding that has to change. */
export const isBuiltIn = ({ grant, rule }: Beginning): boolean => grant.role !== undefined && isDefaultRule(grant.role, rule)

/** `shop/cart-7c9 on node-1`: the running pods that hold the token of a subject; for groups none are named. */
export function podsHolding(world: GraphWorld, { kind, namespace, name }: Pick<Holder, 'kind' | 'namespace' | 'name'>): readonly string[] {
  if (kind !== 'ServiceAccount') return []
  return (tokensIn(world).get(`${namespace}/${name}`) ?? [])
    .map((pod) => `${pod.namespace}/${pod.name}${pod.node === undefined ? '' : ` on ${pod.node}`}`)
    .sort()
}
const tokensIn = remembered(({ running }: GraphWorld) =>
  Map.groupBy(
    running.filter(({ token }) => token),
    (pod) => `${pod.namespace}/${pod.account}`,
  ),
)
export const podsOf = (view: GraphView, holder: Holder): readonly string[] => podsHolding(graphWorld(view), holder)
