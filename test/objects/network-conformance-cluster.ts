/**
 * What the conformance suite of the network policy API asks of policies of the whole cluster (kubernetes-sigs/network-policy-api
 * conformance/), as data. Its facts, in this project's words; its four houses are called g, h, r and s, with two pods in each.
 */
import type { KubeObject, LabelSelector } from '../../src/model/index.ts'

/** `g/0 > s/1 TCP 80: no`. */
export interface ClusterCase {
  readonly title: string
  readonly policies: readonly KubeObject[]
  readonly checks: readonly string[]
}
type Rule = { readonly action: string; readonly [field: string]: unknown }
const house = (name: string): LabelSelector => ({ matchLabels: { house: name } })
const ns = (name: string) => ({ namespaces: house(name) })
const podsOf = (name: string) => ({ pods: { namespaceSelector: house(name), podSelector: house(name) } })
type Tier = 'Admin' | 'Baseline'
/** Ports in the words of v1alpha2; `inOld` puts them into those of v1alpha1. */
const at = (...ports: string[]) =>
  ports.map((text) => {
    const [protocol, port] = text.split(' ') as [string, string]
    const [start, end] = port.split('-').map(Number)
    return { [protocol.toLowerCase()]: { destinationPort: end === undefined ? { number: start } : { range: { start, end } } } }
  })
const to = (action: string, peer: object | readonly object[], ...ports: string[]): Rule => ({
  action,
  peers: [peer].flat(),
  ...(ports.length > 0 && { protocols: at(...ports) }),
})
function policy(
  name: string,
  tier: Tier,
  priority: number,
  subject: object,
  rules: { ingress?: readonly Rule[]; egress?: readonly Rule[] },
): KubeObject {
  const written = (list: readonly Rule[] | undefined, key: 'from' | 'to') => list?.map(({ peers, ...rule }) => ({ ...rule, [key]: peers }))
  const spec = {
    tier,
    priority,
    subject,
    ...(rules.ingress && { ingress: written(rules.ingress, 'from') }),
    ...(rules.egress && { egress: written(rules.egress, 'to') }),
  }
  return { apiVersion: 'policy.networking.k8s.io/v1alpha2', kind: 'ClusterNetworkPolicy', metadata: { name }, ...{ spec } }
}
/** The same in both directions. */
const gress = (...rules: readonly Rule[]) => ({ ingress: rules, egress: rules })

/** As AdminNetworkPolicy or BaselineAdminNetworkPolicy, which v1alpha1 had in its place. */
export function inOld(object: KubeObject): KubeObject {
  const { tier, priority, ...spec } = (object as KubeObject & { spec: any }).spec
  const old = (rule: any) => {
    const { protocols, action, ...rest } = rule
    const ports = protocols?.map((entry: any) => {
      if (entry.destinationNamedPort !== undefined) return { namedPort: entry.destinationNamedPort }
      const [protocol, { destinationPort }] = Object.entries(entry)[0] as [string, any]
      const { number, range } = destinationPort
      return number === undefined
        ? { portRange: { protocol: protocol.toUpperCase(), ...range } }
        : { portNumber: { protocol: protocol.toUpperCase(), port: number } }
    })
    return { ...rest, action: action === 'Accept' ? 'Allow' : action, ...(ports && { ports }) }
  }
  const isAdmin = tier === 'Admin'
  return {
    apiVersion: 'policy.networking.k8s.io/v1alpha1',
    kind: isAdmin ? 'AdminNetworkPolicy' : 'BaselineAdminNetworkPolicy',
    metadata: { name: isAdmin ? object.metadata.name : 'default' },
    ...{
      spec: {
        ...spec,
        ...(isAdmin && { priority }),
        ...(spec.ingress && { ingress: spec.ingress.map(old) }),
        ...(spec.egress && { egress: spec.egress.map(old) }),
      },
    },
  }
}

const PORTS = ['TCP 80', 'UDP 53', 'SCTP 9003'] as const
const [accept, deny, pass] = [to('Accept', ns('r')), to('Deny', ns('r')), to('Pass', ns('r'))]
const [denySome, passSome] = [to('Deny', ns('s'), ...PORTS), to('Pass', ns('s'), ...PORTS)]
const rest = (port: string) => [to('Accept', ns('h'), `TCP ${port}`, 'UDP 5353', 'SCTP 9003'), to('Deny', ns('h'))]
const ordered = (tier: Tier, title: string, rules: readonly Rule[], checks: readonly string[]): ClusterCase => ({
  title: `${tier}: ${title}`,
  policies: [policy('gress-rules', tier, 15, ns('g'), { ingress: [...rules, ...rest('80')], egress: [...rules, ...rest('8080')] })],
  checks,
})
const bothWays = (a: string, b: string, ports: readonly string[], answer: 'yes' | 'no') =>
  ports.flatMap((port) => [`${a} > ${b} ${port}: ${answer}`, `${b} > ${a} ${port}: ${answer}`])

const integration = (action: string, ...more: readonly KubeObject[]) => [
  policy('pass-example', 'Admin', 10, ns('g'), gress(to(action, ns('s')))),
  policy('default', 'Baseline', 10, ns('g'), gress(to('Deny', ns('s')))),
  ...more,
]
const plain: KubeObject = {
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: { name: 'allow-gress-from-to-s', namespace: 'g' },
  ...{
    spec: {
      podSelector: null,
      policyTypes: ['Ingress', 'Egress'],
      ingress: [{ from: [{ namespaceSelector: house('s') }] }],
      egress: [{ to: [{ namespaceSelector: house('s') }] }],
    },
  },
}
const priorities = (second: number): KubeObject[] => [
  policy('priority-50', 'Admin', 50, podsOf('g'), gress(to('Deny', podsOf('s')))),
  policy('second', 'Admin', second, podsOf('g'), gress(to('Pass', podsOf('s')))),
  policy('default', 'Baseline', 10, podsOf('g'), gress(to('Accept', podsOf('s')))),
]
const ranges = gress(
  to('Accept', ns('r'), 'TCP 80-8080'),
  to('Accept', ns('h'), 'UDP 53-5353'),
  to('Accept', ns('s'), 'SCTP 9003-9005'),
  to('Deny', { namespaces: { matchExpressions: [{ key: 'house', operator: 'Exists' }] } }),
)
const networks = (...cidrs: string[]) => ({ networks: cidrs })
const every = (from: string, ends: readonly string[], answer: string) =>
  ends.flatMap((end) => PORTS.map((port) => `${from} > ${end} ${port}: ${answer}`))

export const CLUSTER_CASES: readonly ClusterCase[] = [
  ...(['Admin', 'Baseline'] as const).flatMap((tier) => [
    ordered(
      tier,
      'what is accepted first is accepted',
      [accept, deny, pass, denySome, passSome],
      [
        ...bothWays('g/0', 'r/0', PORTS, 'yes'),
        ...bothWays('g/0', 's/0', PORTS, 'no'),
        ...bothWays('g/1', 's/1', ['TCP 8080', 'UDP 5353', 'SCTP 9005'], 'yes'),
        'g/0 > h/1 TCP 8080: yes',
        'g/1 > h/1 TCP 80: no',
        'h/0 > g/1 TCP 80: yes',
        'h/1 > g/1 TCP 8080: no',
        ...bothWays('g/0', 'h/0', ['UDP 5353', 'SCTP 9003'], 'yes'),
        ...bothWays('g/1', 'h/1', ['UDP 53', 'SCTP 9005'], 'no'),
      ],
    ),
    ordered(tier, 'what is denied first is denied', [deny, accept, pass, denySome, passSome], bothWays('g/0', 'r/1', PORTS, 'no')),
    ordered(
      tier,
      'what is passed first goes on to the next tier',
      [pass, deny, accept, denySome, passSome],
      bothWays('g/0', 'r/0', PORTS, 'yes'),
    ),
    ordered(
      tier,
      'what is passed first at some ports',
      [accept, deny, pass, passSome, denySome],
      bothWays('g/0', 's/0', [...PORTS, 'TCP 8080', 'UDP 5353', 'SCTP 9005'], 'yes'),
    ),
    {
      title: `${tier}: ranges of ports`,
      policies: [policy('port-range-rules', tier, 9, ns('g'), ranges)],
      checks: [
        ...bothWays('g/0', 'r/0', ['TCP 80', 'TCP 8080'], 'yes'),
        ...bothWays('g/1', 'r/0', ['UDP 53', 'TCP 79', 'TCP 8081'], 'no'),
        ...bothWays('g/0', 'h/0', ['UDP 53', 'UDP 5353'], 'yes'),
        ...bothWays('g/1', 'h/0', ['TCP 80'], 'no'),
        ...bothWays('g/0', 's/0', ['SCTP 9003', 'SCTP 9005'], 'yes'),
        ...bothWays('g/1', 's/0', ['TCP 80', 'SCTP 9006'], 'no'),
      ],
    },
    {
      title: `${tier}: ingress rules alone leave egress as it is`,
      policies: [policy('ingress-isolation', tier, 20, ns('g'), { ingress: [to('Deny', ns('s'))] })],
      checks: ['s/0 > g/0 TCP 80: no', 'g/0 > r/0 TCP 80: yes', 'g/0 > h/0 TCP 80: yes', 'g/0 > s/0 TCP 80: yes'],
    },
    {
      title: `${tier}: egress rules alone leave ingress as it is`,
      policies: [policy('egress-isolation', tier, 20, ns('g'), { egress: [to('Deny', ns('s'))] })],
      checks: ['g/0 > s/0 TCP 80: no', 'r/0 > g/0 TCP 80: yes', 'h/0 > g/0 TCP 80: yes', 's/0 > g/0 TCP 80: yes'],
    },
    {
      title: `${tier}: networks, which hold pods too`,
      policies: [
        policy('inline-cidr', tier, 85, podsOf('g'), { egress: [to('Accept', podsOf('s')), to('Deny', networks('0.0.0.0/0', '::/0'))] }),
      ],
      checks: [...every('g/1', ['r/0', 'h/0'], 'no'), ...every('g/1', ['s/0'], 'yes')],
    },
    {
      title: `${tier}: the addresses of single pods`,
      policies: [
        policy('inline-cidr', tier, 85, podsOf('g'), {
          egress: [
            to('Accept', networks('10.114.0.48/32', '10.104.0.48/32')),
            to('Accept', podsOf('s')),
            to('Deny', networks('0.0.0.0/0', '::/0')),
          ],
        }),
      ],
      checks: [...every('g/1', ['r/0', 'h/0', 's/0'], 'yes'), ...every('g/1', ['r/1', 'h/1'], 'no')],
    },
    {
      title: `${tier}: a named port`,
      policies: [
        policy('named', tier, 5, ns('g'), {
          egress: [{ action: 'Accept', peers: [ns('h')], protocols: [{ destinationNamedPort: 'web' }] }, to('Deny', ns('h'))],
        }),
      ],
      checks: ['g/0 > h/1 TCP 80: yes', 'g/1 > h/1 TCP 8080: no', 'g/1 > h/1 UDP 80: no'],
    },
    {
      title: `${tier}: policies of one priority all apply, each to its subject`,
      policies: [
        policy('g-s', tier, 30, ns('g'), gress(to('Deny', ns('s'), 'TCP 80'))),
        policy('g-h', tier, 30, ns('g'), gress(to('Deny', ns('h'), 'TCP 80'))),
        policy('h-s', tier, 30, ns('h'), gress(to('Deny', ns('s'), 'TCP 8080'))),
      ],
      checks: [
        ...bothWays('g/0', 's/0', ['TCP 80'], 'no'),
        ...bothWays('g/0', 'h/0', ['TCP 80'], 'no'),
        ...bothWays('h/0', 's/1', ['TCP 8080'], 'no'),
        ...bothWays('g/0', 's/0', ['TCP 8080'], 'yes'),
        ...bothWays('h/0', 's/1', ['TCP 80'], 'yes'),
        ...bothWays('g/1', 'r/0', ['TCP 80'], 'yes'),
      ],
    },
  ]),
  {
    title: 'Admin denies what a NetworkPolicy allows',
    policies: integration('Deny', plain),
    checks: bothWays('g/0', 's/0', ['TCP 80', 'TCP 8080'], 'no'),
  },
  {
    title: 'Admin passes on to a NetworkPolicy, which decides',
    policies: integration('Pass', plain),
    checks: [...bothWays('g/0', 's/0', ['TCP 80', 'TCP 8080'], 'yes'), ...bothWays('g/0', 'r/0', ['TCP 80'], 'no')],
  },
  {
    title: 'Admin passes on to the baseline where no NetworkPolicy selects the pod',
    policies: integration('Pass'),
    checks: [...bothWays('g/0', 's/0', ['TCP 80', 'TCP 8080'], 'no'), ...bothWays('g/0', 'r/0', ['TCP 80'], 'yes')],
  },
  {
    title: 'a deny of priority 50 before a pass of 60',
    policies: priorities(60),
    checks: bothWays('g/0', 's/0', ['TCP 80', 'TCP 8080'], 'no'),
  },
  {
    title: 'a pass of priority 40 before a deny of 50',
    policies: priorities(40),
    checks: bothWays('g/0', 's/0', ['TCP 80', 'TCP 8080'], 'yes'),
  },
]
