/** Antrea's own policies as rules. https://antrea.io/docs/main/docs/antrea-network-policy/ */
import type { SpecObject } from '../model/index.ts'
import { remembered } from './derived.ts'
import { type End, type PodEnd, portNamed } from './network-ends.ts'
import { namespaceNamed, namespacesBy, podsBy } from './network-policy-rules.ts'
import { ALL_PORTS, isProtocol, NO_PORTS, type PortSet, ports, union } from './network-ports.ts'
import { type CompiledPolicy, type PeerMatch, type PolicyRule, TIER } from './network-rules.ts'
import { refOf } from './ref.ts'
import { matchesSelector } from './selectors.ts'
import { isMapping, list, type Mapping, mapping, mappings, selectorIn, texts } from './spec-fields.ts'

/** Priorities of the tiers that Antrea makes itself. Those of other tiers are not read. */
const TIERS: Readonly<Record<string, number>> = { emergency: 50, securityops: 100, networkops: 150, platform: 200, application: 250 }
const BEFORE = TIER.admin - 1
/** All its tiers but Baseline stand before NetworkPolicies: `Pass` goes on to those, over what is left of Antrea's. */
const placeOf = (tier: string): { readonly tier: number; readonly order: number; readonly vague?: string } => {
  const name = tier.toLowerCase()
  if (name === 'baseline') return { tier: TIER.baseline - 1, order: 0 }
  const priority = TIERS[name]
  return {
    tier: BEFORE,
    order: (priority ?? TIERS['application']!) * 1e5,
    ...(priority === undefined && { vague: `the priority of tier ${tier} is not read` }),
  }
}

const ACTIONS: Readonly<Record<string, PolicyRule['action']>> = { Allow: 'allow', Drop: 'deny', Reject: 'deny', Pass: 'pass' }
/** Less than the distance of two priorities, for as many rules as a policy may have. */
const STEP = 1e-6

/** They isolate nothing: what no rule matches goes on to NetworkPolicies. Rules are asked one after another, so each is a compiled policy. */
export const rulesOfAntrea = remembered((policy: SpecObject): readonly CompiledPolicy[] => {
  const spec = mapping(policy.spec)
  const namespace = policy.kind === 'NetworkPolicy' ? (policy.metadata.namespace ?? 'default') : undefined
  const place = placeOf(String(spec['tier'] ?? 'application'))
  const priority = typeof spec['priority'] === 'number' ? spec['priority'] : 1
  return (['ingress', 'egress'] as const).flatMap((name) =>
    mappings(spec[name]).flatMap((rule, index): CompiledPolicy[] => {
      const action = ACTIONS[String(rule['action'])]
      const appliedTo = mappings(spec['appliedTo']).length > 0 ? mappings(spec['appliedTo']) : mappings(rule['appliedTo'])
      if (action === undefined) return []
      const subjects = appliedTo.map((one) => subjectOf(one, namespace))
      const vague = place.vague ?? subjects.map((one) => one.vague).find((one) => one !== undefined)
      return [
        {
          ref: refOf(policy),
          tier: place.tier,
          order: place.order + priority + index * STEP,
          ...(namespace !== undefined && { namespace }),
          selects: (pod) => subjects.some((one) => one.selects(pod)),
          ...(vague !== undefined && { vague }),
          [name]: { isolates: false, rules: ruleOf(rule, action, name, index, namespace) },
        },
      ]
    }),
  )
})

interface Subject {
  selects(pod: PodEnd): boolean
  readonly vague?: string
}
function subjectOf(one: Mapping, namespace: string | undefined): Subject {
  const [pods, namespaces, account] = [selectorIn(one['podSelector']), selectorIn(one['namespaceSelector']), one['serviceAccount']]
  const inNamespace = (pod: PodEnd) =>
    namespace !== undefined
      ? pod.namespace.name === namespace
      : namespaces === undefined || matchesSelector(namespaces, pod.namespace.labels)
  if (isMapping(account))
    return {
      selects: (pod) => accountOf(pod) === account['name'] && pod.namespace.name === (namespace ?? account['namespace']),
    }
  if (pods !== undefined || namespaces !== undefined)
    return { selects: (pod) => inNamespace(pod) && (pods === undefined || matchesSelector(pods, pod.labels)) }
  if (one['nodeSelector'] !== undefined || one['externalEntitySelector'] !== undefined) return { selects: () => false }
  return {
    selects: inNamespace,
    vague: one['group'] === undefined ? 'what it applies to is not understood' : `group ${String(one['group'])} is not read`,
  }
}
const accountOf = ({ pod, workload }: PodEnd): string => pod?.spec?.serviceAccountName ?? workload.serviceAccount

/** Peers that may match less than they say stand in a rule of their own, so that the others stay sure. */
function ruleOf(rule: Mapping, action: PolicyRule['action'], name: 'ingress' | 'egress', index: number, namespace?: string): PolicyRule[] {
  const peers = mappings(rule[name === 'ingress' ? 'from' : 'to']).map((peer) => peerOf(peer, namespace))
  const services = list(rule['toServices']).length > 0
  const narrow = list(rule['l7Protocols']).length > 0 ? 'rules about what is said on the connection' : undefined
  const groups: readonly (readonly [string | undefined, readonly PeerMatch[]])[] = services
    ? [[undefined, [{ is: 'vague', why: 'a Service' }]]]
    : peers.length === 0
      ? [[undefined, [{ is: 'everything' }]]]
      : [...Map.groupBy(peers, (one) => one.vague)].map(([vague, group]) => [vague, group.map(({ peer }) => peer)] as const)
  const through = portsIn(rule)
  return groups.map(([vague, group]) => {
    const doubt = [vague, narrow, through.vague].filter((word) => word !== undefined).join('; ')
    return { action, peers: group, ports: through.ports, ...(doubt !== '' && { vague: doubt }), at: ['spec', name, index] }
  })
}

function peerOf(peer: Mapping, namespace: string | undefined): { readonly peer: PeerMatch; readonly vague?: string } {
  const block = peer['ipBlock']
  if (isMapping(block)) return { peer: { is: 'addresses', cidr: String(block['cidr']), except: texts(block['except']), pods: 'yes' } }
  if (peer['fqdn'] !== undefined) return { peer: { is: 'world' }, vague: 'host names' }
  const nodes = selectorIn(peer['nodeSelector'])
  if (nodes !== undefined) return { peer: { is: 'nodes', nodes: podsBy(nodes) } }
  if (['group', 'serviceAccount', 'externalEntitySelector'].some((field) => peer[field] !== undefined) || peer['scope'] === 'ClusterSet')
    return { peer: { is: 'vague', why: 'a group, a service account or another cluster' } }
  const [pods, namespaces, own] = [selectorIn(peer['podSelector']), selectorIn(peer['namespaceSelector']), peer['namespaces']]
  const within =
    namespaces !== undefined
      ? namespacesBy(namespaces)
      : namespace !== undefined && own === undefined
        ? namespaceNamed(namespace)
        : namespacesBy({})
  return {
    peer: { is: 'pods', namespaces: within, pods: podsBy(pods ?? {}) },
    ...(own !== undefined && { vague: 'the namespaces depend on the one of the pod it applies to' }),
  }
}

/** Without `ports`: every port, but for rules about ICMP and IGMP. */
function portsIn(rule: Mapping): { readonly ports: (destination: End) => PortSet; readonly vague?: string } {
  const entries = mappings(rule['ports'])
  if (entries.length === 0) return { ports: () => (list(rule['protocols']).length > 0 ? NO_PORTS : ALL_PORTS) }
  const bySource = entries.some((one) => one['sourcePort'] !== undefined)
  return {
    ports: (destination) => entries.map((one) => portsOf(one, destination)).reduce(union, NO_PORTS),
    ...(bySource && { vague: 'ports of the source' }),
  }
}
function portsOf({ protocol = 'TCP', port, endPort }: Mapping, destination: End): PortSet {
  if (!isProtocol(protocol)) return NO_PORTS
  if (port === undefined || port === null) return ports(protocol)
  if (typeof port === 'number') return ports(protocol, port, Number(endPort ?? port))
  const number = portNamed(destination, protocol, String(port))
  return number === undefined ? NO_PORTS : ports(protocol, number, number)
}
