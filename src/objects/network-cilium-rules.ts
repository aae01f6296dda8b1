/** Cilium's policies as rules. https://docs.cilium.io/en/stable/network/kubernetes/policy/ and pkg/policy/api of cilium/cilium. */
import type { Json, Path, SpecObject } from '../model/index.ts'
import { remembered } from './derived.ts'
import { ciliumPorts } from './network-cilium-ports.ts'
import { ciliumPeer, ciliumSubject } from './network-cilium-selector.ts'
import { podsBy } from './network-policy-rules.ts'
import { ALL_PORTS } from './network-ports.ts'
import {
  type CompiledPolicy,
  ORDER_OF_NETWORK_POLICY,
  type PeerMatch,
  type PolicyDirection,
  type PolicyRule,
  TIER,
} from './network-rules.ts'
import { refOf } from './ref.ts'
import { isMapping, list, type Mapping, mapping, mappings, selectorIn, texts } from './spec-fields.ts'

/** Each of `spec` and `specs[]` by itself. Rules for nodes (`nodeSelector`) say nothing of pods. Deny wins over allow, whatever policy it is of. */
export const rulesOfCilium = remembered((policy: SpecObject): readonly CompiledPolicy[] => {
  const namespace = policy.kind === 'CiliumNetworkPolicy' ? (policy.metadata.namespace ?? 'default') : undefined
  const places: readonly { spec: Json | undefined; at: Path }[] = [
    { spec: policy.spec, at: ['spec'] },
    ...(policy.specs ?? []).map((spec, index) => ({ spec, at: ['specs', index] })),
  ]
  return places.flatMap(({ spec, at }): CompiledPolicy[] => {
    const selector = isMapping(spec) ? selectorIn(spec['endpointSelector']) : undefined
    if (!isMapping(spec) || selector === undefined) return []
    const refused = [...mappings(spec['ingress']), ...mappings(spec['egress'])].map(refusal).find((one) => one !== undefined)
    const { vague = refused, ...subject } = ciliumSubject(selector, namespace)
    const [ingress, egress] = [direction(spec, 'ingress', at, namespace), direction(spec, 'egress', at, namespace)]
    return [
      {
        ref: refOf(policy),
        tier: TIER.policy,
        order: ORDER_OF_NETWORK_POLICY,
        ...(namespace !== undefined && { namespace }),
        ...subject,
        ...(vague !== undefined && { vague }),
        ...(ingress && { ingress }),
        ...(egress && { egress }),
      },
    ]
  })
})

/** A section with rules puts pods into default deny, unless it is told not to. */
function direction(spec: Mapping, name: 'ingress' | 'egress', at: Path, namespace?: string): PolicyDirection | undefined {
  const [allows, denies] = [list(spec[name]), list(spec[`${name}Deny`])]
  const told = mapping(spec['enableDefaultDeny'])[name]
  const isolates = typeof told === 'boolean' ? told : allows.length + denies.length > 0
  if (!isolates && allows.length + denies.length === 0) return undefined
  return {
    isolates,
    rules: [
      ...denies.flatMap((rule, index) => rulesIn(mapping(rule), 'deny', name, [...at, `${name}Deny`, index], namespace)),
      ...allows.flatMap((rule, index) => rulesIn(mapping(rule), 'allow', name, [...at, name, index], namespace)),
    ],
  }
}

interface Peer {
  readonly peer: PeerMatch
  readonly vague?: string
}

/** Those that are the same in doubt stand in one rule. A rule without peers is for all, but one without ports as well allows nothing. */
function rulesIn(rule: Mapping, action: 'allow' | 'deny', name: 'ingress' | 'egress', at: Path, namespace?: string): PolicyRule[] {
  const side = name === 'ingress' ? 'from' : 'to'
  const hasPorts = list(rule['toPorts']).length > 0 || list(rule['icmps']).length > 0
  const isAbout = Object.keys(rule).some(
    (key) => key.startsWith(side) && key !== 'toPorts' && !key.endsWith('Requires') && rule[key] !== null,
  )
  const peers: readonly Peer[] = isAbout ? peersIn(rule, side, namespace) : hasPorts ? [{ peer: { is: 'everything' } }] : []
  const more = mapping(rule['authentication'])['mode'] === 'required' ? 'needs mutual authentication' : undefined
  const rules = [...Map.groupBy(peers, (one) => one.vague)].flatMap(([vague, group]) =>
    ciliumPorts(rule).map((one): PolicyRule => {
      const doubt = [vague, one.vague, more].filter((word) => word !== undefined).join('; ')
      return { action, peers: group.map(({ peer }) => peer), ports: one.ports, ...(doubt !== '' && { vague: doubt }), at }
    }),
  )
  const requires = mappings(rule[`${side}Requires`]).map((selector) => ciliumPeer(selector, namespace).peer)
  return requires.length === 0 ? rules : [lacking(requires, at), ...rules]
}

/** `fromRequires` allows nothing; it shuts out those that lack what it asks for, of whichever rule they are. */
const lacking = (requires: readonly PeerMatch[], at: Path): PolicyRule => ({
  action: 'deny',
  peers: [
    {
      is: 'pods',
      namespaces: { key: 'any', matches: () => true },
      pods: {
        key: `lacks ${JSON.stringify(requires)}`,
        matches: (labels) => requires.some((peer) => peer.is !== 'pods' || !peer.pods.matches(labels)),
      },
    },
  ],
  ports: () => ALL_PORTS,
  vague: 'fromRequires and toRequires are no longer part of Cilium',
  at,
})

function peersIn(rule: Mapping, side: 'from' | 'to', namespace?: string): readonly Peer[] {
  const cidr = (text: string, except: readonly string[]): Peer => {
    const range = text.includes('/') ? text : `${text}/${text.includes(':') ? 128 : 32}`
    return { peer: { is: 'addresses', cidr: range, except, pods: 'no', nodes: 'no' } }
  }
  const unsure = (field: string, peer: PeerMatch, vague: string): Peer[] => (list(rule[field]).length > 0 ? [{ peer, vague }] : [])
  return [
    ...mappings(rule[`${side}Endpoints`]).map((selector) => ciliumPeer(selector, namespace)),
    ...texts(rule[`${side}Entities`]).flatMap(entity),
    ...texts(rule[`${side}CIDR`]).map((text) => cidr(text, [])),
    ...mappings(rule[`${side}CIDRSet`]).map(
      (set): Peer =>
        typeof set['cidr'] === 'string'
          ? cidr(set['cidr'], texts(set['except']))
          : { peer: { is: 'world' }, vague: 'a group of addresses that is not read' },
    ),
    ...mappings(rule[`${side}Nodes`]).map(
      (selector): Peer => ({ peer: { is: 'nodes', nodes: podsBy(selector) }, vague: 'nodes by label' }),
    ),
    ...unsure(`${side}Groups`, { is: 'world' }, 'a group of a cloud provider'),
    ...unsure('toFQDNs', { is: 'world' }, 'host names'),
    ...(list(rule['toServices']).length > 0 ? [{ peer: { is: 'vague', why: 'by Service' } as const }] : []),
  ]
}

const ANY = podsBy({})
const EVERY_POD: PeerMatch = { is: 'pods', namespaces: { key: '{}', matches: () => true }, pods: ANY }
const EVERY_NODE: PeerMatch = { is: 'nodes', nodes: ANY }
const CONTROL_PLANE: PeerMatch = {
  is: 'nodes',
  nodes: podsBy({ matchExpressions: [{ key: 'node-role.kubernetes.io/control-plane', operator: 'Exists' }] }),
}

/** `pkg/policy/api/entity.go`. Of `host` more than the pod's own node is not meant, and that reaches it anyway. */
function entity(name: string): readonly Peer[] {
  const unsure = (why: string, ...peers: PeerMatch[]): Peer[] => peers.map((peer) => ({ peer, vague: why }))
  switch (name) {
    case 'all':
      return [{ peer: { is: 'everything' } }]
    case 'world':
      return [{ peer: { is: 'world' } }]
    case 'cluster':
      return [{ peer: EVERY_POD }, { peer: EVERY_NODE }]
    case 'remote-node':
      return [{ peer: EVERY_NODE }]
    case 'host':
      return unsure('only the node that the pod runs on', EVERY_NODE)
    case 'kube-apiserver':
      return unsure('only addresses of API servers', CONTROL_PLANE, { is: 'world' })
    case 'world-ipv4':
    case 'world-ipv6':
      return unsure('addresses of one family', { is: 'world' })
    case 'unmanaged':
      return unsure('only pods that Cilium does not manage', EVERY_POD)
    // Cilium's own probes are none of the ends that are looked at here.
    case 'health':
      return []
    default:
      return [{ peer: { is: 'vague', why: `entity ${name}` } }]
  }
}

/** What makes the agent refuse the whole policy, so that it may not be there at all. */
function refusal(rule: Mapping): string | undefined {
  const about = Object.keys(rule).filter(
    (key) => /^(from|to)[A-Z]/.test(key) && key !== 'toPorts' && !key.endsWith('Requires') && list(rule[key]).length > 0,
  )
  if (about.length > 1) return `Cilium takes no rule with both ${about.slice(0, 2).join(' and ')}`
  return list(rule['icmps']).length > 0 && list(rule['toPorts']).length > 0 ? 'Cilium takes no rule with both icmps and toPorts' : undefined
}
