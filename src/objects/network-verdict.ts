/** What policies decide between a pod and one other end: plainly, rule by rule. network-rows.ts does the same for many ends at once. */
import { cidrHolds } from './network-addresses.ts'
import type { End, NodeEnd, PodEnd } from './network-ends.ts'
import { ALL_PORTS, difference, intersection, isNone, NO_PORTS, type PortSet, union } from './network-ports.ts'
import { type CompiledPolicy, type PeerMatch, type PolicyRule, TIER } from './network-rules.ts'
import { type Answer, answerOf, both, NO, PERHAPS, YES } from './network-selectors.ts'

export interface Connection {
  /** Let through whatever is not known. */
  readonly ports: PortSet
  /** Let through if every doubt falls out that way; the same as `ports` where there is none. */
  readonly perhaps: PortSet
}
export const EVERYTHING: Connection = { ports: ALL_PORTS, perhaps: ALL_PORTS }
export type Direction = 'ingress' | 'egress'

/** An end as peers see it, by one address of it. */
export interface Facing {
  readonly end: End
  /** Absent: not known. */
  readonly ip?: string
  /** Of what has the address of a node; absent where that node is not known. */
  readonly node?: NodeEnd
}
/** Two-stack ends have one for each of their addresses: a connection uses one of them. */
export function facings(end: End, nodeNamed: (name: string) => NodeEnd | undefined): readonly Facing[] {
  if (end.is === 'address') return [{ end, ip: end.ip }]
  const node = end.is === 'node' ? end : end.hostNetwork && end.node !== undefined ? nodeNamed(end.node) : undefined
  const own = end.is === 'pod' && end.ips.length > 0 ? end.ips : node === undefined ? [] : node.internal?.length ? node.internal : node.ips
  const common = { end, ...(node && { node }) }
  return own.length === 0 ? [common] : own.map((ip) => ({ ...common, ip }))
}

/** A policy that selects the pod, for sure or perhaps. */
export interface Applying {
  readonly policy: CompiledPolicy
  readonly sure: boolean
}
export function applying(policy: CompiledPolicy, pod: PodEnd): Applying | undefined {
  if (policy.selects(pod)) return { policy, sure: policy.vague === undefined }
  return policy.maySelect?.(pod) === true ? { policy, sure: false } : undefined
}

/** Of many policies, in their order, those that may select pods of a namespace. */
export function around(policies: readonly CompiledPolicy[]): (namespace: string) => readonly CompiledPolicy[] {
  const known = new Map<string, readonly CompiledPolicy[]>()
  return (name) => {
    let list = known.get(name)
    if (list === undefined) known.set(name, (list = policies.filter(({ namespace }) => namespace === undefined || namespace === name)))
    return list
  }
}

/** Rules of one tier in the order in which they are asked; those of one turn come from policies that nobody knows the order of. */
export interface Turn {
  readonly chains: readonly (readonly { readonly rule: PolicyRule; readonly sure: boolean }[])[]
}
export interface TierProgram {
  readonly turns: readonly Turn[]
  /** Whether a policy isolates the pod: what no rule matches is denied. */
  readonly isolates: Answer
  /** What no rule matches may be let through here, without a word from the tiers that follow. */
  readonly mayEnd?: true
}
const RANK = { deny: 0, pass: 1, allow: 2 } as const

export function programOf(policies: readonly Applying[], direction: Direction): readonly TierProgram[] {
  const baselines = policies.some(({ policy }) => policy.tier > TIER.policy && policy[direction] !== undefined)
  const speaking = policies.filter(({ policy }) => policy[direction] !== undefined || (baselines && isPlain(policy)))
  return [...Map.groupBy(speaking, ({ policy }) => policy.tier)]
    .sort(([a], [b]) => a - b)
    .map(([, all]) => {
      const list = all.filter(({ policy }) => policy[direction] !== undefined)
      const isolating = list.filter(({ policy }) => policy[direction]!.isolates)
      const turns = [...Map.groupBy(list, ({ policy: { order, sequence } }) => `${order} ${sequence ?? ''}`).values()]
        .sort(([a], [b]) => a!.policy.order - b!.policy.order || compare(a!.policy.sequence, b!.policy.sequence))
        .map((together) => turnOf(together, direction))
        .filter(({ chains }) => chains.length > 0)
      const isolates = isolating.some(({ sure }) => sure) ? YES : isolating.length > 0 ? PERHAPS : NO
      return { turns, isolates, ...(list.length < all.length && { mayEnd: true as const }) }
    })
}
/**
 * ClusterNetworkPolicy, `tier`: "further evaluation only happens for Pods not selected by a v1.NetworkPolicy". Of a pod that one selects in
 * the other direction only, some ask the baselines (Calico, OVN-Kubernetes), others do not (kube-network-policies).
 */
const isPlain = ({ ref }: CompiledPolicy): boolean => ref.kind === 'NetworkPolicy' && ref.apiVersion.startsWith('networking.k8s.io/')
const compare = (a = '', b = ''): number => (a < b ? -1 : a > b ? 1 : 0)

function turnOf(policies: readonly Applying[], direction: Direction): Turn {
  const rulesOf = ({ policy, sure }: Applying) => policy[direction]!.rules.map((rule) => ({ rule, sure: sure && rule.vague === undefined }))
  const pooled = policies.filter(({ policy }) => policy.sequence === undefined).flatMap(rulesOf)
  const written = policies.filter(({ policy }) => policy.sequence !== undefined).map(rulesOf)
  const chains = [pooled.sort((a, b) => RANK[a.rule.action] - RANK[b.rule.action]), ...written]
  return { chains: chains.filter((chain) => chain.length > 0) }
}

/** Where a connection stands while rules are asked: by port, all that may be. */
export interface State {
  /** Nothing may have decided it yet. */
  readonly open: PortSet
  readonly allowed: PortSet
  readonly denied: PortSet
  /** Handed on to the next tier. */
  readonly passed: PortSet
}
export const START: State = { open: ALL_PORTS, allowed: NO_PORTS, denied: NO_PORTS, passed: NO_PORTS }

export function afterRule(state: State, action: PolicyRule['action'], ports: PortSet, match: Answer): State {
  if (match === NO) return state
  const taken = intersection(state.open, ports)
  if (isNone(taken)) return state
  const open = match === YES ? difference(state.open, taken) : state.open
  if (action === 'allow') return { ...state, open, allowed: union(state.allowed, taken) }
  if (action === 'deny') return { ...state, open, denied: union(state.denied, taken) }
  return { ...state, open, passed: union(state.passed, taken) }
}
/** Of policies in an unknown order any may have decided: open stays what none of them decides. */
export const merged = (states: readonly State[]): State =>
  states.reduce((a, b) => ({
    open: intersection(a.open, b.open),
    allowed: union(a.allowed, b.allowed),
    denied: union(a.denied, b.denied),
    passed: union(a.passed, b.passed),
  }))
export function afterTier({ open, allowed, denied, passed }: State, { isolates, mayEnd }: TierProgram): State {
  return {
    open: isolates === YES ? passed : union(open, passed),
    allowed: mayEnd && isolates !== YES ? union(allowed, open) : allowed,
    denied: isolates === NO ? denied : union(denied, open),
    passed: NO_PORTS,
  }
}
/** What is left open in the end is let through. */
export const settled = ({ open, allowed, denied }: State): Connection => ({
  ports: difference(ALL_PORTS, denied),
  perhaps: union(allowed, open),
})

export function decided(program: readonly TierProgram[], facing: Facing, destination: End): Connection {
  let state = START
  for (const tier of program) {
    for (const { chains } of tier.turns) {
      const ends = chains.map((chain) =>
        chain.reduce((now, { rule, sure }) => afterRule(now, rule.action, rule.ports(destination), ruleMatches(rule, sure, facing)), state),
      )
      state = merged(ends)
    }
    state = afterTier(state, tier)
    if (isNone(state.open)) break
  }
  return settled(state)
}

/** Whichever address it uses. */
export const overAll = (connections: readonly Connection[]): Connection =>
  connections.reduce((a, b) => ({ ports: intersection(a.ports, b.ports), perhaps: union(a.perhaps, b.perhaps) }))

export function ruleMatches(rule: PolicyRule, sure: boolean, facing: Facing): Answer {
  let best: Answer = NO
  for (const peer of rule.peers) {
    const answer = peerMatches(peer, facing)
    if (answer > best) best = answer
    if (best === YES) break
  }
  return sure ? best : both(best, PERHAPS)
}

export function peerMatches(peer: PeerMatch, { end, ip, node }: Facing): Answer {
  switch (peer.is) {
    case 'everything':
      return YES
    case 'vague':
      return PERHAPS
    case 'pods':
      return end.is === 'pod' && !end.hostNetwork ? both(answerOf(peer.namespaces, end.namespace), answerOf(peer.pods, end.labels)) : NO
    case 'nodes':
      return end.is === 'address' || (end.is === 'pod' && !end.hostNetwork)
        ? NO
        : node === undefined
          ? PERHAPS
          : answerOf(peer.nodes, node.labels)
    case 'world':
      return end.is === 'address' ? YES : NO
    case 'addresses': {
      const isPod = end.is === 'pod' && !end.hostNetwork
      if (isPod ? peer.pods === 'no' : end.is !== 'address' && peer.nodes === 'no') return NO
      if (ip !== undefined && !cidrHolds(peer.cidr, peer.except, ip)) return NO
      return ip === undefined || (isPod ? peer.pods : end.is === 'address' ? undefined : peer.nodes) === 'perhaps' ? PERHAPS : YES
    }
  }
}
