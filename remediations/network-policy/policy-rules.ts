/** Rules of a policy in the making, each with what asked for it. */
import type { LabelSelector, NetworkPolicyObject, NetworkPolicyPeer, NetworkPolicyPort } from '../../src/model/index.ts'
import { EVIDENCE, evidenceText } from '../../src/objects/policy-evidence.ts'

export { EVIDENCE }

export interface Rule {
  /** Absent: everybody, inside and outside of the cluster. */
  readonly peers?: readonly NetworkPolicyPeer[]
  /** Absent: every port. */
  readonly ports?: readonly NetworkPolicyPort[]
  readonly because: readonly string[]
}
export type Direction = 'ingress' | 'egress'

const keyOf = (value: unknown): string => JSON.stringify(value ?? null)
const once = <T>(list: readonly T[]): readonly T[] => [...new Map(list.map((one) => [keyOf(one), one])).values()]

/** As few rules as say the same: of one port, of one set of peers, and none that another holds already. */
export function merged(rules: readonly Rule[]): readonly Rule[] {
  // Rules for every port stay apart: they are about different things.
  const byPorts = [...Map.groupBy(rules, ({ peers, ports }) => keyOf(ports ?? [peers])).values()].map((same): Rule => {
    const isOpen = same.some(({ peers }) => peers === undefined)
    const { ports } = same[0]!
    return {
      ...(!isOpen && { peers: once(same.flatMap(({ peers }) => peers!)) }),
      ...(ports && { ports }),
      because: once(same.flatMap(({ because }) => because)),
    }
  })
  const byPeers = [...Map.groupBy(byPorts, ({ peers }) => keyOf(peers)).values()].map((same): Rule => {
    const isOpen = same.some(({ ports }) => ports === undefined)
    const { peers } = same[0]!
    return {
      ...(peers && { peers }),
      ...(!isOpen && { ports: once(same.flatMap(({ ports }) => ports!)) }),
      because: once(same.flatMap(({ because }) => because)),
    }
  })
  const isHeldBy = (rule: Rule, other: Rule): boolean =>
    rule !== other &&
    (other.peers === undefined || keyOf(rule.peers) === keyOf(other.peers)) &&
    (other.ports === undefined || (rule.ports ?? [null]).every((one) => other.ports!.some((two) => keyOf(one) === keyOf(two))))
  return byPeers
    .filter((rule) => !byPeers.some((other) => isHeldBy(rule, other)))
    .map((rule) => ({
      ...rule,
      because: once([...rule.because, ...byPeers.filter((other) => isHeldBy(other, rule)).flatMap(({ because }) => because)]),
    }))
}

export interface PolicyDraft {
  readonly name: string
  readonly pods: LabelSelector
  readonly rules: readonly Rule[]
  /** Of a policy without rules. */
  readonly because?: string
}

export function policyObject(
  namespace: string,
  direction: Direction,
  { name, pods, rules, because }: PolicyDraft,
  taken: Set<string>,
): NetworkPolicyObject {
  let free = name.slice(0, MOST)
  for (let n = 2; taken.has(free); n++) free = `${name.slice(0, MOST)}-${n}`
  taken.add(free)
  const evidence =
    because ??
    evidenceText(
      direction,
      rules.map((rule) => rule.because.join(', ')),
    )
  const list = rules.map(({ peers, ports }) => ({
    ...(peers && (direction === 'ingress' ? { from: peers } : { to: peers })),
    ...(ports && { ports }),
  }))
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name: free, namespace, labels: { ...MANAGED }, annotations: { [EVIDENCE]: evidence } },
    spec: {
      podSelector: pods,
      policyTypes: [direction === 'ingress' ? 'Ingress' : 'Egress'],
      ...(list.length > 0 && { [direction]: list }),
    },
  }
}
/** A name is at most 253 characters long. */
const MOST = 240
export const MANAGED = { 'app.kubernetes.io/managed-by': 'k8s-harden' } as const
