/** NetworkPolicy (networking.k8s.io/v1) as rules. */
import type { NetworkPolicyObject, NetworkPolicyPeer, NetworkPolicyPort } from '../model/index.ts'
import { remembered } from './derived.ts'
import { type End, portNamed } from './network-ends.ts'
import { policyTypes } from './network-policy-types.ts'
import { ALL_PORTS, isProtocol, NO_PORTS, type PortSet, ports, union } from './network-ports.ts'
import {
  type CompiledPolicy,
  ORDER_OF_NETWORK_POLICY,
  type PeerMatch,
  type PolicyDirection,
  type PolicyRule,
  TIER,
} from './network-rules.ts'
import { namespaceNamed, namespacesBy, podsBy } from './network-selectors.ts'
import { refOf } from './ref.ts'

export const rulesOfNetworkPolicy = remembered((policy: NetworkPolicyObject): CompiledPolicy => {
  const { metadata } = policy
  const spec = policy.spec ?? {}
  const namespace = metadata.namespace ?? 'default'
  const types = policyTypes({ ...policy, spec })
  // A podSelector that is absent (a file may lack it) selects every pod, as the API server reads it.
  const selector = podsBy(spec.podSelector)
  const direction = (list: unknown, name: 'ingress' | 'egress'): PolicyDirection => ({
    isolates: true,
    rules: entries<RawRule>(list).map((rule, index) => ruleOf(rule, namespace, name, index)),
  })
  return {
    ref: refOf(policy),
    tier: TIER.policy,
    order: ORDER_OF_NETWORK_POLICY,
    namespace,
    ...(selector.needs && { needs: selector.needs }),
    selects: (pod) => pod.namespace.name === namespace && selector.matches(pod.labels),
    maySelect: (pod) => pod.namespace.name === namespace && selector.mayMatch!(pod.labels),
    ...(types.includes('Ingress') && { ingress: direction(spec.ingress, 'ingress') }),
    ...(types.includes('Egress') && { egress: direction(spec.egress, 'egress') }),
  }
})

/** As Cilium reads it: pods are never met by their addresses, and nodes only where policyCIDRMatchMode says so. */
export const rulesOnCilium = remembered((policy: NetworkPolicyObject): CompiledPolicy => {
  const compiled = rulesOfNetworkPolicy(policy)
  const direction = (said: PolicyDirection): PolicyDirection => ({ ...said, rules: said.rules.map(ofCilium) })
  return {
    ...compiled,
    ...(compiled.ingress && { ingress: direction(compiled.ingress) }),
    ...(compiled.egress && { egress: direction(compiled.egress) }),
  }
})
const ofCilium = (rule: PolicyRule): PolicyRule => ({
  ...rule,
  peers: rule.peers.map((peer) => (peer.is === 'addresses' ? { ...peer, pods: 'no', nodes: 'perhaps' } : peer)),
})

export { namespaceNamed, namespacesBy, podsBy }

type RawRule = {
  readonly from?: readonly NetworkPolicyPeer[] | null
  readonly to?: readonly NetworkPolicyPeer[] | null
  readonly ports?: readonly NetworkPolicyPort[] | null
}
const entries = <T>(value: unknown): readonly (T | null)[] => (Array.isArray(value) ? value : [])

/** Peers or ports that are absent or an empty list match all of them; so does a rule that is null, which the API server reads as `{}`. */
function ruleOf(rule: RawRule | null, namespace: string, direction: 'ingress' | 'egress', index: number): PolicyRule {
  const peers = entries<NetworkPolicyPeer>(direction === 'ingress' ? rule?.from : rule?.to)
  const list = entries<NetworkPolicyPort>(rule?.ports)
  const portsAt = (destination?: End): PortSet =>
    list.length === 0 ? ALL_PORTS : list.map((one) => portsOf(one, destination)).reduce(union, NO_PORTS)
  const fixed = list.some((one) => typeof one?.port === 'string') ? undefined : portsAt()
  return {
    action: 'allow',
    peers: peers.length === 0 ? [{ is: 'everything' }] : peers.map((peer) => peerOf(peer, namespace)),
    ports: fixed === undefined ? portsAt : () => fixed,
    ...(fixed !== undefined && { fixed }),
    at: ['spec', direction, index],
  }
}

/** A peer without any field (or null) is refused by the API server; what a file means by it cannot be told. */
function peerOf(peer: NetworkPolicyPeer | null, namespace: string): PeerMatch {
  const { ipBlock, namespaceSelector, podSelector } = peer ?? {}
  if (ipBlock !== undefined && ipBlock !== null)
    return { is: 'addresses', cidr: String(ipBlock.cidr), except: entries<string>(ipBlock.except).map(String), pods: 'yes' }
  const hasNamespaces = namespaceSelector !== undefined && namespaceSelector !== null
  if (!hasNamespaces && (podSelector === undefined || podSelector === null)) return { is: 'vague', why: 'a peer without any field' }
  return {
    is: 'pods',
    namespaces: hasNamespaces ? namespacesBy(namespaceSelector) : namespaceNamed(namespace),
    pods: podsBy(podSelector),
  }
}

/** Named ports are those of the destination's containers; one that it does not have opens nothing. Without `port`: every port of the protocol. */
function portsOf(entry: NetworkPolicyPort | null, destination: End | undefined): PortSet {
  const { port, endPort } = entry ?? {}
  const protocol = entry?.protocol ?? 'TCP'
  if (!isProtocol(protocol)) return NO_PORTS
  if (port === undefined || port === null) return ports(protocol)
  if (typeof port === 'number') return ports(protocol, port, endPort ?? port)
  const number = portNamed(destination, protocol, port)
  return number === undefined ? NO_PORTS : ports(protocol, number, number)
}
