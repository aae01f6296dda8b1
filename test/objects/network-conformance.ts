/**
 * What the Kubernetes end-to-end suite asks of NetworkPolicy (kubernetes/kubernetes test/e2e/network/netpol/network_policy.go), as data: pods
 * in the namespaces x, y and z, policies, and who may reach whom. Its facts, in this project's words.
 */
import type { LabelSelector, NetworkPolicyObject } from '../../src/model/index.ts'

type Spec = NonNullable<NetworkPolicyObject['spec']>
type Ingress = NonNullable<Spec['ingress']>
type Egress = NonNullable<Spec['egress']>
export interface Stage {
  /** Besides those of the stages before; one of the same name takes its place. */
  readonly policies?: readonly NetworkPolicyObject[]
  readonly without?: readonly string[]
  /** Labels that an object gets from now on: `x/a` a pod, `y` a namespace. */
  readonly labels?: Readonly<Record<string, Record<string, string>>>
  readonly checks: readonly Check[]
}
/** By port (`80`, `UDP 53`): everybody reaches everybody, but for these, in this order: `* > x/*: no`. Nobody asks about a pod and itself. */
export type Check = readonly [port: string, ...but: string[]]
export interface ConformanceCase {
  readonly title: string
  readonly pods: string
  readonly stages: readonly Stage[]
}

const all: LabelSelector = {}
const pod = (...names: string[]): LabelSelector =>
  names.length === 1 ? { matchLabels: { pod: names[0]! } } : { matchExpressions: [{ key: 'pod', operator: 'In', values: names }] }
const NAME = 'kubernetes.io/metadata.name'
const ns = (name: string) => ({ namespaceSelector: { matchLabels: { [NAME]: name } } })
const nsNot = (name: string): { namespaceSelector: LabelSelector } => ({
  namespaceSelector: { matchExpressions: [{ key: NAME, operator: 'NotIn', values: [name] }] },
})
const nsIn = (name: string): { namespaceSelector: LabelSelector } => ({
  namespaceSelector: { matchExpressions: [{ key: NAME, operator: 'In', values: [name] }] },
})
const pods = (...names: string[]) => ({ podSelector: pod(...names) })
const made = (name: string, namespace: string, spec: Spec): NetworkPolicyObject => ({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: { name, namespace },
  spec,
})
const ingress = (name: string, podSelector: LabelSelector, ...rules: Ingress) =>
  made(name, 'x', { podSelector, policyTypes: ['Ingress'], ingress: rules })
const egress = (name: string, podSelector: LabelSelector, ...rules: Egress) =>
  made(name, 'x', { podSelector, policyTypes: ['Egress'], egress: rules })
const both = (name: string, podSelector: LabelSelector, into: Ingress, out: Egress) =>
  made(name, 'x', { podSelector, policyTypes: ['Ingress', 'Egress'], ingress: into, egress: out })
const one = (title: string, where: string, policies: readonly NetworkPolicyObject[], ...checks: Check[]): ConformanceCase => ({
  title,
  pods: where,
  stages: [{ policies, checks }],
})
/** Addresses of the pods: see network-conformance.test.ts. */
export const addressOf = (name: string): string => {
  const [namespace, which] = name.split('/') as [string, string]
  return `10.${namespace.charCodeAt(0)}.0.${which.charCodeAt(0)}`
}
const only = (name: string) => ({ ipBlock: { cidr: `${addressOf(name)}/32` } })
const DENY: Check[1] = '* > x/*: no'

export const CASES: readonly ConformanceCase[] = [
  one('default deny of ingress', 'x/a x/b y/a y/b', [ingress('deny', all)], ['80', DENY]),
  one('default deny of everything', 'x/a x/b y/a', [both('deny', all, [], [])], ['80', DENY, 'x/* > *: no']),
  one(
    'by pod selector, of the same namespace',
    'x/a x/b x/c y/a',
    [ingress('allow', pod('a'), { from: [pods('b')] })],
    ['80', '* > x/a: no', 'x/b > x/a: yes'],
  ),
  one(
    'an allow beside a default deny',
    'x/a x/b y/a',
    [ingress('deny', all), ingress('allow', pod('a'), { from: [{ podSelector: all, namespaceSelector: all }] })],
    ['80', '* > x/b: no'],
  ),
  one(
    'from all namespaces',
    'x/a x/b y/a z/a',
    [ingress('allow', pod('a'), { from: [{ namespaceSelector: { matchLabels: {} } }] })],
    ['80'],
  ),
  one(
    'from another namespace only',
    'x/a x/b y/a z/a',
    [ingress('allow', pod('a'), { from: [ns('y')] })],
    ['80', 'x/* > x/a: no', 'z/* > x/a: no'],
  ),
  one(
    'pods by expressions',
    'x/a x/b y/a',
    [ingress('allow', pod('a'), { from: [{ podSelector: { matchExpressions: [{ key: 'pod', operator: 'In', values: ['b'] }] } }] })],
    ['80', '* > x/a: no', 'x/b > x/a: yes'],
  ),
  one(
    'namespaces by expressions',
    'x/a x/b y/a z/a',
    [ingress('allow', pod('a'), { from: [nsIn('y')] })],
    ['80', 'x/* > x/a: no', 'z/* > x/a: no'],
  ),
  one(
    'pods or namespaces, in two peers',
    'x/a x/b x/c y/a',
    [ingress('allow', pod('a'), { from: [nsNot('x'), pods('b')] })],
    ['80', 'x/a > x/a: no', 'x/c > x/a: no'],
  ),
  one(
    'pods and namespaces, in one peer',
    'x/a x/b y/a y/b z/b',
    [ingress('allow', pod('a'), { from: [{ ...nsNot('x'), ...pods('b') }] })],
    ['80', '* > x/a: no', 'y/b > x/a: yes', 'z/b > x/a: yes'],
  ),
  one(
    'several pods in several namespaces',
    'x/a x/b y/a y/b y/c',
    [ingress('allow', pod('a'), { from: [{ ...nsNot('x'), ...pods('b', 'c') }] })],
    ['80', 'x/* > x/a: no', 'y/a > x/a: no'],
  ),
  one(
    'any of two pod selectors',
    'x/a x/b x/c',
    [ingress('allow', pod('a'), { from: [pods('b'), pods('c')] })],
    ['80', '* > x/a: no', 'x/b > x/a: yes', 'x/c > x/a: yes'],
  ),
  one(
    'one pod of another namespace',
    'x/a x/b y/a y/b z/a',
    [ingress('allow', pod('a'), { from: [{ ...ns('y'), ...pods('a') }] })],
    ['80', '* > x/a: no', 'y/a > x/a: yes'],
  ),
  one(
    'by port',
    'x/a x/b y/a y/b z/a',
    [ingress('allow', pod('a'), { from: [ns('y')], ports: [{ port: 81, protocol: 'TCP' }] })],
    ['81', 'x/* > x/a: no', 'z/* > x/a: no'],
    ['80', '* > x/a: no'],
  ),
  {
    title: 'policies on top of one another',
    pods: 'x/a x/b y/a y/b z/a',
    stages: [
      {
        policies: [ingress('allow', pod('a'), { from: [ns('y')], ports: [{ port: 81, protocol: 'TCP' }] })],
        checks: [
          ['81', 'x/* > x/a: no', 'z/* > x/a: no'],
          ['80', '* > x/a: no'],
        ],
      },
      {
        policies: [ingress('allow-80', pod('a'), { from: [ns('y')], ports: [{ port: 80, protocol: 'TCP' }] })],
        checks: [['80', 'x/* > x/a: no', 'z/* > x/a: no']],
      },
    ],
  },
  one('allow all', 'x/a x/b y/a', [ingress('allow', { matchLabels: {} }, {})], ['80'], ['81']),
  one('one named port', 'x/a x/b y/a', [ingress('allow', all, { ports: [{ port: 'serve-81-tcp' }] })], ['81'], ['80', DENY]),
  one(
    'a named port from one namespace',
    'x/a x/b y/a z/a',
    [ingress('allow', pod('a'), { from: [ns('y')], ports: [{ port: 'serve-80-tcp', protocol: 'TCP' }] })],
    ['80', 'x/* > x/a: no', 'z/* > x/a: no'],
    ['81', '* > x/a: no'],
  ),
  one('egress to one named port', 'x/a y/a', [egress('allow', all, { ports: [{ port: 'serve-80-tcp' }] })], ['80'], ['81', 'x/* > *: no']),
  {
    title: 'an updated policy',
    pods: 'x/a y/a',
    stages: [
      { policies: [ingress('mutable', all, {})], checks: [['81']] },
      { policies: [ingress('mutable', all)], checks: [['81', DENY]] },
    ],
  },
  {
    title: 'an updated namespace',
    pods: 'x/a y/a',
    stages: [
      {
        policies: [ingress('allow', pod('a'), { from: [{ namespaceSelector: { matchLabels: { ns2: 'updated' } } }] })],
        checks: [['80', '* > x/a: no']],
      },
      { labels: { y: { ns2: 'updated' } }, checks: [['80', '* > x/a: no', 'y/* > *: yes']] },
    ],
  },
  {
    title: 'an updated pod as peer',
    pods: 'x/a x/b',
    stages: [
      {
        policies: [ingress('allow', pod('a'), { from: [{ podSelector: { matchLabels: { pod: 'b', pod2: 'updated' } } }] })],
        checks: [['80', '* > x/a: no']],
      },
      { labels: { 'x/b': { pod2: 'updated' } }, checks: [['80', '* > x/a: no', 'x/b > x/a: yes']] },
    ],
  },
  one(
    'nobody of another namespace',
    'x/a x/b y/a z/a',
    [ingress('own', all, { from: [{ podSelector: { matchLabels: {} } }] })],
    ['80', 'y/* > x/*: no', 'z/* > x/*: no'],
  ),
  {
    title: 'an updated pod that comes to be isolated',
    pods: 'x/a y/a',
    stages: [
      { policies: [ingress('deny', { matchLabels: { target: 'isolated' } })], checks: [['80']] },
      { labels: { 'x/a': { target: 'isolated' } }, checks: [['80', '* > x/a: no']] },
    ],
  },
  one('no egress of one pod', 'x/a x/b y/a', [egress('deny', pod('a'))], ['80', 'x/a > *: no']),
  one('no egress of a namespace', 'x/a x/b y/a', [egress('deny', all)], ['80', 'x/* > *: no']),
  one(
    'ingress and egress in one policy',
    'x/a x/b x/c y/a',
    [both('both', pod('a'), [{ from: [pods('b')] }], [{ ports: [{ port: 80 }] }])],
    ['80', '* > x/a: no', 'x/b > x/a: yes'],
    ['81', '* > x/a: no', 'x/a > *: no', 'x/b > x/a: yes'],
  ),
  one(
    'egress denied although ingress is allowed',
    'x/a y/a y/b',
    [
      egress('out', pod('a'), { to: [{ ...ns('y'), ...pods('a') }] }),
      ...['a', 'b'].map((name) =>
        made(`in-${name}`, 'y', { podSelector: pod(name), policyTypes: ['Ingress'], ingress: [{ from: [{ ...ns('x'), ...pods('a') }] }] }),
      ),
    ],
    ['80', 'x/a > *: no', '* > y/a: no', 'x/a > y/a: yes', '* > y/b: no'],
  ),
  one(
    'egress to one pod of another namespace',
    'x/a y/a y/b',
    [egress('out', pod('a'), { to: [{ ...ns('y'), ...pods('a') }] })],
    ['80', 'x/a > *: no', 'x/a > y/a: yes'],
  ),
  one(
    'any port of one protocol',
    'x/a y/a',
    [ingress('tcp', pod('a'), { ports: [{ protocol: 'TCP' }] })],
    ['80'],
    ['UDP 80', '* > x/a: no'],
  ),
  {
    title: 'ingress: what allows all wins',
    pods: 'x/a y/a',
    stages: [
      { policies: [ingress('port', all, { ports: [{ port: 80 }] })], checks: [['81', DENY]] },
      { policies: [ingress('all', all, {})], checks: [['81']] },
    ],
  },
  {
    title: 'egress: what allows all wins',
    pods: 'x/a y/a',
    stages: [
      { policies: [egress('port', all, { ports: [{ port: 80 }] })], checks: [['81', 'x/* > *: no']] },
      { policies: [egress('all', all, {})], checks: [['81']] },
    ],
  },
  {
    title: 'a deleted policy',
    pods: 'x/a y/a',
    stages: [
      { policies: [both('deny', all, [], [])], checks: [['80', 'x/* > *: no', DENY]] },
      { without: ['deny'], checks: [['80']] },
    ],
  },
  one('egress to one address', 'x/a y/a y/b', [egress('out', pod('a'), { to: [only('y/b')] })], ['80', 'x/a > *: no', 'x/a > y/b: yes']),
  one(
    'egress to a range but for one address',
    'x/a x/b x/c',
    [egress('out', pod('a'), { to: [{ ipBlock: { cidr: '10.0.0.0/8', except: [`${addressOf('x/b')}/32`] } }] })],
    ['80', 'x/a > x/b: no'],
  ),
  {
    title: 'an address that one range excepts and another holds',
    pods: 'x/a x/b x/c',
    stages: [
      {
        policies: [egress('out', pod('a'), { to: [{ ipBlock: { cidr: '10.0.0.0/8', except: [`${addressOf('x/b')}/32`] } }] })],
        checks: [['80', 'x/a > x/b: no']],
      },
      { policies: [egress('out', pod('a'), { to: [only('x/b')] })], checks: [['80', 'x/a > *: no', 'x/a > x/b: yes']] },
      {
        policies: [egress('out', pod('a'), { to: [{ ipBlock: { cidr: '10.0.0.0/8', except: [`${addressOf('x/b')}/32`] } }, only('x/b')] })],
        checks: [['80']],
      },
    ],
  },
  {
    title: 'ingress and egress each on its own',
    pods: 'x/a x/b y/a',
    stages: [
      { policies: [egress('out', pod('a'), {})], checks: [['80']] },
      { policies: [ingress('deny', pod('a'))], checks: [['80', '* > x/a: no']] },
    ],
  },
  one(
    'SCTP is not TCP',
    'x/a y/a',
    [ingress('deny', all), ingress('sctp', pod('a'), { ports: [{ port: 81, protocol: 'SCTP' }] })],
    ['81', DENY],
    ['SCTP 81'],
  ),
  one(
    'what allows SCTP isolates',
    'x/a y/a',
    [ingress('sctp', pod('a'), { ports: [{ port: 80, protocol: 'SCTP' }] })],
    ['81', '* > x/a: no'],
  ),
  one('UDP is not TCP', 'x/a y/a', [ingress('udp', pod('a'), { ports: [{ port: 81, protocol: 'UDP' }] })], ['81', '* > x/a: no']),
  one(
    'the label of a namespace’s name',
    'x/a x/b y/a z/a',
    [ingress('allow', pod('a'), { from: [ns('y')] })],
    ['80', 'x/* > x/a: no', 'z/* > x/a: no'],
  ),
  one('every namespace but one, by its name', 'x/a x/b y/a z/a', [egress('out', pod('a'), { to: [nsNot('y')] })], ['80', 'x/a > y/*: no']),
  ...(['UDP', 'SCTP'] as const).flatMap((protocol) => [
    one(`${protocol}: default deny of ingress`, 'x/a x/b y/a y/b', [ingress('deny', all)], [`${protocol} 80`, DENY]),
    one(
      `${protocol}: by port`,
      'x/a x/b y/a z/a',
      [ingress('allow', pod('a'), { from: [ns('y')], ports: [{ port: 81, protocol }] })],
      [`${protocol} 81`, 'x/* > x/a: no', 'z/* > x/a: no'],
    ),
    one(
      `${protocol}: one pod of another namespace`,
      'x/a x/b y/a',
      [ingress('allow', pod('a'), { from: [{ ...ns('y'), ...pods('a') }] })],
      [`${protocol} 80`, '* > x/a: no', 'y/a > x/a: yes'],
    ),
  ]),
  // Not in that file, but in the words of the API.
  one(
    'a range of ports',
    'x/a y/a',
    [ingress('range', pod('a'), { ports: [{ port: 80, endPort: 90 }] })],
    ['80'],
    ['90'],
    ['79', '* > x/a: no'],
    ['91', '* > x/a: no'],
    ['UDP 80', '* > x/a: no'],
  ),
  one('without policyTypes and without egress: ingress only', 'x/a x/b y/a', [made('deny', 'x', { podSelector: all })], ['80', DENY]),
  one(
    'without policyTypes, an empty list of egress: ingress only',
    'x/a x/b y/a',
    [made('deny', 'x', { podSelector: all, egress: [] })],
    ['80', DENY],
  ),
  one(
    'without policyTypes, with egress rules: both',
    'x/a x/b y/a',
    [made('some', 'x', { podSelector: all, egress: [{ to: [ns('y')] }] })],
    ['80', DENY, 'x/* > x/*: no'],
  ),
  one(
    'egress alone in policyTypes: what it says of ingress is not asked',
    'x/a y/a',
    [made('out', 'x', { podSelector: all, policyTypes: ['Egress'], ingress: [] })],
    ['80', 'x/* > *: no'],
  ),
]
