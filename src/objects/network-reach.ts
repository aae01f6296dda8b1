/**
 * What the policies of a cluster let through between two ends, with the exact semantics of their APIs. Says what would be enforced:
 * whether anything enforces it is network-cni.ts's to say.
 */
import type { ObjectRef, View } from '../model/index.ts'
import { derived } from './derived.ts'
import { cidrHolds } from './network-addresses.ts'
import { END_KINDS, type End, type PodEnd, podEnds } from './network-ends.ts'
import { compiledPolicies, POLICY_KINDS } from './network-policies.ts'
import { ALL_PORTS, difference, intersection, isNone, NO_PORTS, type PortSet, union } from './network-ports.ts'
import type { CompiledPolicy, PeerMatch, PolicyRule } from './network-rules.ts'

export const REACH_KINDS = [...END_KINDS, ...POLICY_KINDS] as const
export type ReachView = View<(typeof REACH_KINDS)[number]>

export interface Connection {
  /** Let through whatever is not known. */
  readonly ports: PortSet
  /** Let through if every doubt falls out that way; the same as `ports` where there is none. */
  readonly perhaps: PortSet
}
export interface Reach {
  readonly ends: readonly PodEnd[]
  readonly policies: readonly CompiledPolicy[]
  /** Replies are always let through, so this is about who opens a connection (or sends the first packet). */
  connection(from: End, to: End): Connection
  /** The policies that isolate a pod, by direction; a pod of the host network has none. */
  isolating(pod: PodEnd, direction: 'ingress' | 'egress'): readonly ObjectRef[]
}

/** Once per snapshot. */
export const reach = (view: ReachView): Reach => derived(view, reachOf)

function reachOf(view: ReachView): Reach {
  const policies = compiledPolicies(view)
  const selecting = new WeakMap<PodEnd, readonly CompiledPolicy[]>()
  const of = (pod: PodEnd): readonly CompiledPolicy[] => {
    let known = selecting.get(pod)
    if (known === undefined)
      selecting.set(pod, (known = pod.hostNetwork ? [] : policies.filter((policy) => policy.selects(pod)).sort(byTier)))
    return known
  }
  const side = (pod: End, direction: 'ingress' | 'egress', other: End, destination: End): Connection =>
    pod.is === 'pod' ? decided(of(pod), direction, other, destination) : EVERYTHING
  return {
    ends: podEnds(view),
    policies,
    connection(from, to) {
      if (isBeyondPolicies(from, to)) return EVERYTHING
      const [out, into] = [side(from, 'egress', to, to), side(to, 'ingress', from, to)]
      return { ports: intersection(out.ports, into.ports), perhaps: intersection(out.perhaps, into.perhaps) }
    },
    isolating: (pod, direction) =>
      of(pod)
        .filter((policy) => policy[direction]?.isolates === true)
        .map(({ ref }) => ref),
  }
}

const EVERYTHING: Connection = { ports: ALL_PORTS, perhaps: ALL_PORTS }
const byTier = (a: CompiledPolicy, b: CompiledPolicy): number => a.tier - b.tier || a.order - b.order

/** A pod reaches itself, and its node reaches it and is reached by it, whatever policies say (NetworkPolicy v1). */
function isBeyondPolicies(from: End, to: End): boolean {
  if (from === to || (from.is === 'pod' && to.is === 'pod' && from.pod !== undefined && from.pod === to.pod)) return true
  return (
    (nodeOf(from) ?? '') === (to.is === 'pod' ? to.node : undefined) || (nodeOf(to) ?? '') === (from.is === 'pod' ? from.node : undefined)
  )
}
/** The node whose address it has. */
const nodeOf = (end: End): string | undefined => (end.is === 'node' ? end.name : end.is === 'pod' && end.hostNetwork ? end.node : undefined)

/** Once with every doubt against the connection, once with every doubt for it. */
function decided(policies: readonly CompiledPolicy[], direction: 'ingress' | 'egress', other: End, destination: End): Connection {
  const sure = decide(policies, direction, other, destination, false)
  const hasDoubt = policies.some((policy) => policy.vague !== undefined || policy[direction]?.rules.some(isVague) === true)
  return { ports: sure, perhaps: hasDoubt ? decide(policies, direction, other, destination, true) : sure }
}
const isVague = (rule: PolicyRule): boolean =>
  rule.vague !== undefined || rule.peers.some((peer) => peer.is === 'vague' || (peer.is === 'addresses' && peer.pods === 'perhaps'))

const RANK = { deny: 0, pass: 1, allow: 2 } as const

/** The rules of one tier after another, each for what those before it have left undecided. */
function decide(
  policies: readonly CompiledPolicy[],
  direction: 'ingress' | 'egress',
  other: End,
  destination: End,
  hopeful: boolean,
): PortSet {
  let [open, allowed] = [ALL_PORTS, NO_PORTS]
  for (const tier of new Set(policies.map((policy) => policy.tier))) {
    const here = policies.filter((policy) => policy.tier === tier && policy[direction] !== undefined)
    const rules = here
      .flatMap((policy) => policy[direction]!.rules.map((rule) => ({ rule, policy })))
      .sort((a, b) => a.policy.order - b.policy.order || RANK[a.rule.action] - RANK[b.rule.action])
    let passed = NO_PORTS
    for (const { rule, policy } of rules) {
      const isSure = policy.vague === undefined && rule.vague === undefined
      if (!isSure && (rule.action === 'allow') !== hopeful) continue
      if (!rule.peers.some((peer) => matchesPeer(peer, other, (rule.action === 'allow') === hopeful))) continue
      const taken = intersection(open, rule.ports(destination))
      open = difference(open, taken)
      if (rule.action === 'allow') allowed = union(allowed, taken)
      else if (rule.action === 'pass') passed = union(passed, taken)
    }
    const isolates = here.some((policy) => policy[direction]!.isolates && (policy.vague === undefined || !hopeful))
    open = isolates ? passed : union(open, passed)
    if (isNone(open)) return allowed
  }
  return union(allowed, open)
}

/** `doubt`: what to say where it cannot be told. */
function matchesPeer(peer: PeerMatch, end: End, doubt: boolean): boolean {
  switch (peer.is) {
    case 'everything':
      return true
    case 'vague':
      return doubt
    case 'pods':
      return end.is === 'pod' && !end.hostNetwork && peer.namespaces.matches(end.namespace) && peer.pods.matches(end.labels)
    case 'nodes':
      return end.is === 'node' && peer.nodes.matches(end.labels)
    case 'world':
      return end.is === 'address'
    case 'addresses': {
      if (end.is === 'address') return cidrHolds(peer.cidr, peer.except, end.ip)
      const byPods = end.is === 'pod' && !end.hostNetwork ? peer.pods : 'yes'
      if (byPods === 'no') return false
      if (byPods === 'perhaps' && !doubt) return false
      return end.ips.length === 0 ? doubt : end.ips.some((ip) => cidrHolds(peer.cidr, peer.except, ip))
    }
  }
}
