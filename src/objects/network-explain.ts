/** Why policies let something through between two ends, or do not: which isolate them, and which of their rules speak of it. */
import type { ObjectRef } from '../model/index.ts'
import { cidrHolds } from './network-addresses.ts'
import type { End } from './network-ends.ts'
import { hasPort, isNone, type PortSet, type Protocol } from './network-ports.ts'
import type { Reach } from './network-reach.ts'
import type { PeerMatch, PolicyRule } from './network-rules.ts'
import { formatPath } from './path.ts'

export interface SpeakingRule {
  readonly policy: ObjectRef
  /** `spec.ingress[1]`. */
  readonly rule: string
  readonly action: PolicyRule['action']
  readonly ports: PortSet
  /** Whether it speaks of this end cannot be told from here. */
  readonly perhaps?: true
}
export interface SideReason {
  readonly direction: 'ingress' | 'egress'
  readonly isolatedBy: readonly ObjectRef[]
  /** In the order in which they are asked. */
  readonly rules: readonly SpeakingRule[]
}

/** The egress of `from`, and the ingress of `to`, where they are pods that policies can select. Without a port: of all ports. */
export function reasons(
  known: Reach,
  from: End,
  to: End,
  asked?: { readonly protocol: Protocol; readonly port: number },
): readonly SideReason[] {
  const side = (pod: End, other: End, direction: 'ingress' | 'egress'): readonly SideReason[] => {
    if (pod.is !== 'pod' || pod.hostNetwork) return []
    const selecting = known.policies.filter((policy) => policy[direction] !== undefined && policy.selects(pod))
    const rules = selecting
      .toSorted((a, b) => a.tier - b.tier || a.order - b.order)
      .flatMap((policy) =>
        policy[direction]!.rules.flatMap((rule): readonly SpeakingRule[] => {
          const matches = rule.peers.map((peer) => peerSpeaksOf(peer, other))
          const ports = rule.ports(to)
          const isAsked = asked === undefined ? !isNone(ports) : hasPort(ports, asked.protocol, asked.port)
          if (!isAsked || matches.every((one) => one === 'no')) return []
          const isSure = matches.includes('yes') && rule.vague === undefined && policy.vague === undefined
          return [{ policy: policy.ref, rule: formatPath(rule.at), action: rule.action, ports, ...(!isSure && { perhaps: true as const }) }]
        }),
      )
    return [{ direction, isolatedBy: known.isolating(pod, direction), rules }]
  }
  return [...side(from, to, 'egress'), ...side(to, from, 'ingress')]
}

function peerSpeaksOf(peer: PeerMatch, end: End): 'yes' | 'no' | 'perhaps' {
  const told = (is: boolean) => (is ? 'yes' : 'no')
  switch (peer.is) {
    case 'everything':
      return 'yes'
    case 'vague':
      return 'perhaps'
    case 'pods':
      return told(end.is === 'pod' && !end.hostNetwork && peer.namespaces.matches(end.namespace) && peer.pods.matches(end.labels))
    case 'nodes':
      return told(end.is === 'node' && peer.nodes.matches(end.labels))
    case 'world':
      return told(end.is === 'address')
    case 'addresses': {
      if (end.is === 'address') return told(cidrHolds(peer.cidr, peer.except, end.ip))
      if (end.ips.length === 0) return 'perhaps'
      const holds = end.ips.some((ip) => cidrHolds(peer.cidr, peer.except, ip))
      return !holds || (end.is === 'pod' && peer.pods === 'no') ? 'no' : end.is === 'pod' && peer.pods === 'perhaps' ? 'perhaps' : 'yes'
    }
  }
}
