/** NetworkPolicy (networking.k8s.io/v1) as rules. */
import type { LabelSelector, NetworkPolicyObject, NetworkPolicyPeer, NetworkPolicyPort } from '../model/index.ts'
import { remembered } from './derived.ts'
import { type End, portNamed } from './network-ends.ts'
import type { NamespaceFacts } from './network-isolation-policy.ts'
import { policyTypes } from './network-policy-types.ts'
import { ALL_PORTS, isProtocol, NO_PORTS, type PortSet, ports, union } from './network-ports.ts'
import {
  type CompiledPolicy,
  type Matcher,
  ORDER_OF_NETWORK_POLICY,
  type PeerMatch,
  type PolicyDirection,
  type PolicyRule,
  TIER,
} from './network-rules.ts'
import { refOf } from './ref.ts'
import { matchesSelector } from './selectors.ts'

type Labels = Readonly<Record<string, string>>

export const rulesOfNetworkPolicy = remembered((policy: NetworkPolicyObject): CompiledPolicy => {
  const { spec = {}, metadata } = policy
  const namespace = metadata.namespace ?? 'default'
  const types = policyTypes(policy)
  // A podSelector that is absent (a file may lack it) selects every pod, as the API server reads it.
  const selector = spec.podSelector ?? {}
  const direction = (list: readonly RawRule[] | undefined, name: 'ingress' | 'egress'): PolicyDirection => ({
    isolates: true,
    rules: (list ?? []).map((rule, index) => ruleOf(rule, namespace, name, index)),
  })
  return {
    ref: refOf(policy),
    tier: TIER.policy,
    order: ORDER_OF_NETWORK_POLICY,
    namespace,
    selects: (pod) => pod.namespace.name === namespace && matchesSelector(selector, pod.labels),
    ...(types.includes('Ingress') && { ingress: direction(spec.ingress, 'ingress') }),
    ...(types.includes('Egress') && { egress: direction(spec.egress, 'egress') }),
  }
})

type RawRule = {
  readonly from?: readonly NetworkPolicyPeer[]
  readonly to?: readonly NetworkPolicyPeer[]
  readonly ports?: readonly NetworkPolicyPort[]
}

/** Peers or ports that are absent or an empty list match all of them. */
function ruleOf(rule: RawRule | null, namespace: string, direction: 'ingress' | 'egress', index: number): PolicyRule {
  const peers = (direction === 'ingress' ? rule?.from : rule?.to) ?? []
  const list = rule?.ports ?? []
  return {
    action: 'allow',
    peers: peers.length === 0 ? [{ is: 'everything' }] : peers.map((peer) => peerOf(peer, namespace)),
    ports: list.length === 0 ? () => ALL_PORTS : (destination) => list.map((one) => portsOf(one, destination)).reduce(union, NO_PORTS),
    at: ['spec', direction, index],
  }
}

function peerOf({ ipBlock, namespaceSelector, podSelector }: NetworkPolicyPeer, namespace: string): PeerMatch {
  if (ipBlock !== undefined && ipBlock !== null) return { is: 'addresses', cidr: ipBlock.cidr, except: ipBlock.except ?? [], pods: 'yes' }
  return {
    is: 'pods',
    namespaces: namespaceSelector === undefined || namespaceSelector === null ? namespaceNamed(namespace) : namespacesBy(namespaceSelector),
    pods: podsBy(podSelector ?? {}),
  }
}

/** Named ports are those of the destination's containers; one that it does not have opens nothing. Without `port`: every port of the protocol. */
function portsOf({ protocol = 'TCP', port, endPort }: NetworkPolicyPort, destination: End): PortSet {
  if (!isProtocol(protocol)) return NO_PORTS
  if (port === undefined || port === null) return ports(protocol)
  if (typeof port === 'number') return ports(protocol, port, endPort ?? port)
  const number = destination.is === 'pod' ? portNamed(destination, protocol, port) : undefined
  return number === undefined ? NO_PORTS : ports(protocol, number, number)
}

export const namespaceNamed = (name: string): Matcher<NamespaceFacts> => ({
  key: `name ${name}`,
  matches: (namespace) => namespace.name === name,
})
export const namespacesBy = (selector: LabelSelector): Matcher<NamespaceFacts> => ({
  key: JSON.stringify(selector),
  matches: ({ labels }) => matchesSelector(selector, labels),
})
export const podsBy = (selector: LabelSelector): Matcher<Labels> => ({
  key: JSON.stringify(selector),
  matches: (labels) => matchesSelector(selector, labels),
})
