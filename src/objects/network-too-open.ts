/** Rules of NetworkPolicies that let in more than anyone means (controls.md 4.44). */
import ipaddr from 'ipaddr.js'
import type { LabelSelector, NetworkPolicyObject, NetworkPolicyPeer } from '../model/index.ts'
import { isEmptySelector } from './selectors.ts'

export type Openness = 'everybody' | 'every address' | 'every namespace' | 'any label' | 'every port'
export interface OpenRule {
  readonly index: number
  readonly is: Openness
  /** Of several rules or policies that let everybody in together: the others. */
  readonly with?: string
}
export type IngressRule = NonNullable<NonNullable<NetworkPolicyObject['spec']>['ingress']>[number]

/** What each rule for ingress opens, by itself; none where it names who, and on which ports. */
export const openRules = (policy: NetworkPolicyObject): readonly OpenRule[] =>
  (policy.spec?.ingress ?? []).flatMap((rule, index) => {
    const is = opennessOf(rule)
    return is === undefined ? [] : [{ index, is }]
  })

function opennessOf(rule: IngressRule | null): Openness | undefined {
  const peers = (rule?.from ?? []).filter((peer) => peer !== null)
  if (peers.length === 0) return 'everybody'
  if (coversAddresses(peers.flatMap(blockOf))) return 'every address'
  if (peers.some(isEveryNamespace) || peers.some((peer, at) => peers.slice(at + 1).some((other) => areOpposite(peer, other))))
    return 'every namespace'
  if (peers.some((peer) => isEmptySelector(peer.namespaceSelector))) return 'any label'
  return (rule?.ports ?? []).length === 0 && peers.some((peer) => peer.namespaceSelector !== undefined && peer.namespaceSelector !== null)
    ? 'every port'
    : undefined
}

export const isEveryNamespace = ({ namespaceSelector, podSelector }: NetworkPolicyPeer): boolean =>
  isEmptySelector(namespaceSelector) && (podSelector === undefined || podSelector === null || isEmptySelector(podSelector))

/** One selects by a label what the other leaves out. */
export function areOpposite(one: NetworkPolicyPeer, other: NetworkPolicyPeer): boolean {
  const only = ({ namespaceSelector, podSelector }: NetworkPolicyPeer) =>
    podSelector === undefined &&
    Object.keys(namespaceSelector?.matchLabels ?? {}).length === 0 &&
    namespaceSelector?.matchExpressions?.length === 1
      ? namespaceSelector.matchExpressions[0]
      : pairOf(podSelector === undefined ? namespaceSelector : undefined)
  const [a, b] = [only(one), only(other)]
  if (a === undefined || b === undefined || a.key !== b.key) return false
  const same = JSON.stringify([...(a.values ?? [])].sort()) === JSON.stringify([...(b.values ?? [])].sort())
  return [a.operator, b.operator].sort().join() === 'DoesNotExist,Exists' || (same && [a.operator, b.operator].sort().join() === 'In,NotIn')
}
/** A single label as the expression that it stands for. */
function pairOf(selector: LabelSelector | undefined): NonNullable<LabelSelector['matchExpressions']>[number] | undefined {
  const pairs = Object.entries(selector?.matchLabels ?? {})
  return pairs.length === 1 && (selector?.matchExpressions ?? []).length === 0
    ? { key: pairs[0]![0], operator: 'In', values: [pairs[0]![1]] }
    : undefined
}

/** A range that leaves out nothing, or so little that it is as good as all of it. */
export const isWholeRange = ({ ipBlock }: NetworkPolicyPeer): boolean =>
  ipBlock !== undefined && ipBlock !== null && (ipBlock.except ?? []).every(isNarrow)
const isNarrow = (cidr: string): boolean => Number(/\/(\d+)$/.exec(cidr)?.[1] ?? 0) >= (cidr.includes(':') ? 64 : 24)
const blockOf = (peer: NetworkPolicyPeer): string[] => (isWholeRange(peer) ? [peer.ipBlock!.cidr] : [])
export const blocksOf = (policy: NetworkPolicyObject): string[] =>
  (policy.spec?.ingress ?? []).flatMap((rule) => (rule?.from ?? []).flatMap(blockOf))

/** Every address of IPv4, or of IPv6: by one range, or by several together. */
export function coversAddresses(cidrs: readonly string[]): boolean {
  const ranges = cidrs.flatMap((cidr) => (ipaddr.isValidCIDR(cidr) ? [ipaddr.parseCIDR(cidr)] : []))
  return (['ipv4', 'ipv6'] as const).some((family) => {
    const bits = family === 'ipv4' ? 32 : 128
    const spans = ranges
      .filter(([ip]) => ip.kind() === family)
      .map(([ip, length]) => {
        const size = 1n << BigInt(bits - length)
        const first = (ip.toByteArray().reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n) / size) * size
        return { first, end: first + size }
      })
      .sort((a, b) => (a.first < b.first ? -1 : 1))
    let reached = 0n
    for (const { first, end } of spans) if (first <= reached && end > reached) reached = end
    return reached === 1n << BigInt(bits)
  })
}
