/**
 * AdminNetworkPolicy, BaselineAdminNetworkPolicy (policy.networking.k8s.io/v1alpha1) and ClusterNetworkPolicy (v1alpha2), which replaces
 * both, as rules.
 */
import type { SpecObject } from '../model/index.ts'
import { remembered } from './derived.ts'
import { type End, portNamed } from './network-ends.ts'
import { ALL_PORTS, isProtocol, NO_PORTS, type PortSet, PROTOCOLS, port, ports, union } from './network-ports.ts'
import { type CompiledPolicy, type PeerMatch, type PolicyDirection, type PolicyRule, TIER } from './network-rules.ts'
import { namespacesBy, podsBy } from './network-selectors.ts'
import { refOf } from './ref.ts'
import { isMapping, list, type Mapping, mapping, selectorIn } from './spec-fields.ts'

export const rulesOfAdminNetworkPolicy = remembered((policy: SpecObject): CompiledPolicy => compiled(policy, TIER.admin, portsOfEntry))
/** There is one of them only, named `default`; it has no priority, and comes after whatever has one. */
export const rulesOfBaselineAdminNetworkPolicy = remembered(
  (policy: SpecObject): CompiledPolicy => compiled(policy, TIER.baseline, portsOfEntry, AFTER_ALL),
)
export const rulesOfClusterNetworkPolicy = remembered((policy: SpecObject): CompiledPolicy => {
  const tier = policy.spec?.['tier']
  const made = compiled(policy, tier === 'Baseline' ? TIER.baseline : TIER.admin, portsOfProtocol)
  return tier === 'Admin' || tier === 'Baseline' ? made : { ...made, vague: `tier is ${JSON.stringify(tier)}` }
})
const AFTER_ALL = 1001

type PortsOf = (entry: Mapping, destination: End | undefined) => PortSet

function compiled(policy: SpecObject, tier: number, portsOf: PortsOf, order?: number): CompiledPolicy {
  const spec = mapping(policy.spec)
  const { namespaces, pods } = mapping(spec['subject'])
  const inNamespaces = namespacesBy(selectorIn(isMapping(pods) ? pods['namespaceSelector'] : namespaces))
  const ofPods = podsBy(isMapping(pods) ? selectorIn(pods['podSelector']) : undefined)
  const hasSubject = isMapping(pods) !== isMapping(namespaces)
  const direction = (name: 'ingress' | 'egress'): PolicyDirection => ({
    isolates: false,
    rules: list(spec[name]).flatMap((rule, index) => rulesOf(mapping(rule), name, index, portsOf)),
  })
  return {
    ref: refOf(policy),
    tier,
    order: order ?? (typeof spec['priority'] === 'number' ? spec['priority'] : AFTER_ALL),
    // Rules are asked as they are written; between two policies of one priority the API leaves open which comes first.
    sequence: '',
    ...(ofPods.needs && { needs: ofPods.needs }),
    selects: (pod) => inNamespaces.matches(pod.namespace) && ofPods.matches(pod.labels),
    maySelect: (pod) => inNamespaces.mayMatch!(pod.namespace) && ofPods.mayMatch!(pod.labels),
    ...(!hasSubject && { vague: 'its subject is neither namespaces nor pods' }),
    ingress: direction('ingress'),
    egress: direction('egress'),
  }
}

function rulesOf(rule: Mapping, direction: 'ingress' | 'egress', index: number, portsOf: PortsOf): readonly PolicyRule[] {
  const peers = list(rule[direction === 'ingress' ? 'from' : 'to']).flatMap((peer) => peersOf(mapping(peer), direction))
  const entries = list(rule['ports'] ?? rule['protocols']).map(mapping)
  const portsAt = (destination?: End): PortSet =>
    entries.length === 0 ? ALL_PORTS : entries.map((entry) => portsOf(entry, destination)).reduce(union, NO_PORTS)
  const hasNames = entries.some((entry) => entry['namedPort'] !== undefined || entry['destinationNamedPort'] !== undefined)
  const fixed = hasNames ? undefined : portsAt()
  const common = {
    peers: peers.length === 0 ? [{ is: 'vague', why: 'a rule without peers' } as const] : peers,
    ports: fixed === undefined ? portsAt : () => fixed,
    ...(fixed !== undefined && { fixed }),
    at: ['spec', direction, index],
  }
  const action = ACTIONS.get(rule['action'])
  const unknown = { ...common, vague: `its action is ${JSON.stringify(rule['action'])}` }
  if (action === undefined)
    return [
      { ...unknown, action: 'deny' },
      { ...unknown, action: 'allow' },
    ]
  const isUnclear = action !== 'allow' && peers.some(({ is }) => is === 'vague')
  // What does not know a peer of such a rule has to deny everything in its place.
  return isUnclear
    ? [
        { ...common, action },
        { ...common, action: 'deny', peers: [{ is: 'everything' }], vague: 'it has a peer that not everything that enforces it knows' },
      ]
    : [{ ...common, action }]
}
const ACTIONS = new Map<unknown, PolicyRule['action']>([
  ['Allow', 'allow'],
  ['Accept', 'allow'],
  ['Deny', 'deny'],
  ['Pass', 'pass'],
])

/** Exactly one of the fields; what has none of them comes from a newer API, or is a mistake. */
function peersOf(peer: Mapping, direction: 'ingress' | 'egress'): readonly PeerMatch[] {
  const { namespaces, pods, nodes, networks, domainNames } = peer
  if (isMapping(namespaces)) return [{ is: 'pods', namespaces: namespacesBy(selectorIn(namespaces)), pods: podsBy(undefined) }]
  if (isMapping(pods))
    return [{ is: 'pods', namespaces: namespacesBy(selectorIn(pods['namespaceSelector'])), pods: podsBy(selectorIn(pods['podSelector'])) }]
  if (direction === 'egress' && isMapping(nodes)) return [{ is: 'nodes', nodes: podsBy(selectorIn(nodes)) }]
  if (direction === 'egress' && Array.isArray(networks))
    return networks.map((cidr) => ({ is: 'addresses', cidr: String(cidr), except: [], pods: 'yes' }))
  if (direction === 'egress' && Array.isArray(domainNames)) return [{ is: 'vague', why: `what ${domainNames.join(', ')} resolves to` }]
  return [{ is: 'vague', why: 'a peer without a known field' }]
}

/** A name stands for that port of the destination's containers, whatever its protocol. */
const named = (name: unknown, destination: End | undefined): PortSet =>
  PROTOCOLS.map((protocol) => {
    const number = portNamed(destination, protocol, String(name))
    return number === undefined ? NO_PORTS : port(protocol, number)
  }).reduce(union, NO_PORTS)

/** v1alpha1: `portNumber`, `portRange` or `namedPort`. */
function portsOfEntry({ portNumber, portRange, namedPort }: Mapping, destination: End | undefined): PortSet {
  if (namedPort !== undefined) return named(namedPort, destination)
  const { protocol = 'TCP', port: one, start, end } = mapping(portNumber ?? portRange)
  if (!isProtocol(protocol)) return NO_PORTS
  return ports(protocol, Number(portNumber === undefined ? start : one), Number(portNumber === undefined ? end : one))
}

/** v1alpha2: `tcp`, `udp` or `sctp` with a `destinationPort` of `number` or `range`, or `destinationNamedPort`. */
function portsOfProtocol(entry: Mapping, destination: End | undefined): PortSet {
  if (entry['destinationNamedPort'] !== undefined) return named(entry['destinationNamedPort'], destination)
  return PROTOCOLS.map((protocol) => {
    const own = entry[protocol.toLowerCase()]
    if (own === undefined || own === null) return NO_PORTS
    const { destinationPort } = mapping(own)
    if (!isMapping(destinationPort)) return ports(protocol)
    const { start, end } = mapping(destinationPort['range'])
    const number = destinationPort['number']
    return ports(protocol, Number(number ?? start), Number(number ?? end))
  }).reduce(union, NO_PORTS)
}
