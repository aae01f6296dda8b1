/** NetworkPolicy judged connection by connection, by the words of its API and by nothing of the product: for tests to stand on. */
import { BlockList, isIPv6 } from 'node:net'
import type { LabelSelector, NetworkPolicyObject, NetworkPolicyPeer, NetworkPolicyPort } from '../../../src/model/index.ts'

export interface NaivePod {
  readonly namespace: string
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly ip: string
  readonly hostNetwork?: boolean
  readonly namedPorts?: Readonly<Record<string, number>>
}
/** A pod, or an address. */
export type NaiveEnd = NaivePod | string
type Rule = {
  readonly from?: readonly NetworkPolicyPeer[]
  readonly to?: readonly NetworkPolicyPeer[]
  readonly ports?: readonly NetworkPolicyPort[]
}

const selects = (selector: LabelSelector | undefined, labels: Readonly<Record<string, string>>): boolean => {
  for (const [key, value] of Object.entries(selector?.matchLabels ?? {})) if (labels[key] !== value) return false
  for (const { key, operator, values = [] } of selector?.matchExpressions ?? []) {
    const has = labels[key] !== undefined
    if (operator === 'Exists' && !has) return false
    if (operator === 'DoesNotExist' && has) return false
    if (operator === 'In' && !(has && values.includes(labels[key]!))) return false
    if (operator === 'NotIn' && has && values.includes(labels[key]!)) return false
  }
  return true
}

function inBlock(ip: string, cidr: string): boolean {
  const [network, prefix] = cidr.split('/') as [string, string]
  const family = isIPv6(network) ? 'ipv6' : 'ipv4'
  if (isIPv6(ip) !== (family === 'ipv6')) return false
  const list = new BlockList()
  list.addSubnet(network, Number(prefix), family)
  return list.check(ip, family)
}

function isPeer(peer: NetworkPolicyPeer, end: NaiveEnd, own: string): boolean {
  if (peer.ipBlock !== undefined) {
    const ip = typeof end === 'string' ? end : end.ip
    return inBlock(ip, peer.ipBlock.cidr) && !(peer.ipBlock.except ?? []).some((cidr) => inBlock(ip, cidr))
  }
  if (typeof end === 'string' || end.hostNetwork) return false
  const inNamespace =
    peer.namespaceSelector === undefined
      ? end.namespace === own
      : selects(peer.namespaceSelector, { 'kubernetes.io/metadata.name': end.namespace })
  return inNamespace && selects(peer.podSelector, end.labels)
}

function isPort({ protocol = 'TCP', port }: NetworkPolicyPort, to: NaiveEnd, asked: string, number: number): boolean {
  if (protocol !== asked) return false
  if (port === undefined) return true
  return typeof port === 'number' ? port === number : typeof to !== 'string' && to.namedPorts?.[port] === number
}

export const naiveIsolated = (policies: readonly NetworkPolicyObject[], pod: NaivePod, type: 'Ingress' | 'Egress'): boolean =>
  selecting(policies, pod, type).length > 0
function selecting(policies: readonly NetworkPolicyObject[], pod: NaivePod, type: 'Ingress' | 'Egress'): readonly NetworkPolicyObject[] {
  if (pod.hostNetwork) return []
  return policies.filter(({ metadata, spec = {} }) => {
    const types = spec.policyTypes ?? ['Ingress', ...((spec.egress ?? []).length > 0 ? ['Egress'] : [])]
    return metadata.namespace === pod.namespace && types.includes(type) && selects(spec.podSelector, pod.labels)
  })
}

/** May `from` open a connection to that port of `to`? */
export function naiveAllows(
  policies: readonly NetworkPolicyObject[],
  from: NaiveEnd,
  to: NaiveEnd,
  protocol: string,
  port: number,
): boolean {
  if (from === to) return true
  const side = (pod: NaiveEnd, type: 'Ingress' | 'Egress', other: NaiveEnd): boolean => {
    if (typeof pod === 'string') return true
    const here = selecting(policies, pod, type)
    if (here.length === 0) return true
    return here.some(({ metadata, spec = {} }) =>
      ((type === 'Ingress' ? spec.ingress : spec.egress) ?? []).some((rule: Rule) => {
        const peers = (type === 'Ingress' ? rule.from : rule.to) ?? []
        const ports = rule.ports ?? []
        return (
          (peers.length === 0 || peers.some((peer) => isPeer(peer, other, metadata.namespace!))) &&
          (ports.length === 0 || ports.some((one) => isPort(one, to, protocol, port)))
        )
      }),
    )
  }
  return side(from, 'Egress', to) && side(to, 'Ingress', from)
}
