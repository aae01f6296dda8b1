/** Why policies let something through between two ends, or do not: which isolate them, and which of their rules speak of it. */
import type { ObjectRef } from '../model/index.ts'
import { type End, nodeEnds } from './network-ends.ts'
import { hasPort, isNone, type PortSet, type Protocol } from './network-ports.ts'
import { type ReachView, reach } from './network-reach.ts'
import type { PolicyRule } from './network-rules.ts'
import { NO, YES } from './network-selectors.ts'
import { applying, facings, ruleMatches } from './network-verdict.ts'
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
  view: ReachView,
  from: End,
  to: End,
  asked?: { readonly protocol: Protocol; readonly port: number },
): readonly SideReason[] {
  const known = reach(view)
  const nodeNamed = (name: string) => nodeEnds(view).find((node) => node.name === name)
  const side = (pod: End, other: End, direction: 'ingress' | 'egress'): readonly SideReason[] => {
    if (pod.is !== 'pod' || pod.hostNetwork) return []
    const facing = facings(other, nodeNamed)
    const rules = known.policies
      .flatMap((policy) => (policy[direction] === undefined ? [] : (applying(policy, pod) ?? [])))
      .toSorted((a, b) => a.policy.tier - b.policy.tier || a.policy.order - b.policy.order)
      .flatMap(({ policy, sure }) =>
        policy[direction]!.rules.flatMap((rule): readonly SpeakingRule[] => {
          const matches = facing.map((one) => ruleMatches(rule, sure && rule.vague === undefined, one))
          const ports = rule.ports(to)
          const isAsked = asked === undefined ? !isNone(ports) : hasPort(ports, asked.protocol, asked.port)
          if (!isAsked || matches.every((one) => one === NO)) return []
          const isSure = matches.every((one) => one === YES)
          return [{ policy: policy.ref, rule: formatPath(rule.at), action: rule.action, ports, ...(!isSure && { perhaps: true as const }) }]
        }),
      )
    return [{ direction, isolatedBy: known.isolating(pod, direction), rules }]
  }
  return [...side(from, to, 'egress'), ...side(to, from, 'ingress')]
}
