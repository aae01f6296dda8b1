/** Random clusters with pods, nodes and policies of every tier, as the API server takes them and (`odd`) as only a file may hold them. */
import fc from 'fast-check'
import type { KubeObject } from '../../src/model/index.ts'

const pick = <T>(...items: readonly T[]) => fc.constantFrom(...items)
export const NAMESPACES = ['x', 'y', 'z'] as const
const NODES = ['n1', 'n2'] as const
export const IPS = ['10.0.0.1', '10.0.0.2', '10.0.1.7', '10.2.0.9', 'fd00::1', 'fd00::2:1', '192.168.0.10', '8.8.8.8'] as const
const CIDRS = [
  '10.0.0.0/8',
  '10.0.0.0/24',
  '10.0.0.2/32',
  '10.0.1.0/30',
  '0.0.0.0/0',
  '::/0',
  'fd00::/64',
  'fd00::1/128',
  '192.168.0.0/16',
  '8.8.0.0/16',
]
const EXCEPT: Readonly<Record<string, readonly string[]>> = {
  '10.0.0.0/8': ['10.0.0.0/24', '10.0.1.7/32'],
  '0.0.0.0/0': ['10.0.0.0/9', '8.8.8.8/32'],
  '::/0': ['fd00::/64'],
  '10.0.0.0/24': ['10.0.0.1/32'],
}
export const PORTS = [1, 53, 80, 81, 443, 8080, 9003, 65535] as const
const PROTOCOL: fc.Arbitrary<string> = pick('TCP', 'UDP', 'SCTP')
const NAMES = ['web', 'dns', 'http'] as const

const optional = <T>(of: fc.Arbitrary<T>) => fc.option(of, { nil: undefined, freq: 2 })
const defined = <T extends object>(value: T): T => Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined)) as T
const record = (model: Record<string, fc.Arbitrary<unknown>>): fc.Arbitrary<any> => fc.record(model).map(defined)

const labels = fc.dictionary(pick('app', 'tier', 'env'), pick('a', 'b'), { maxKeys: 3 })
/** Of what is subject to a policy: often everything, so that policies meet. */
const subjectOf = (odd: boolean): fc.Arbitrary<any> => fc.oneof(fc.constant({}), selectorOf(odd))
function selectorOf(odd: boolean): fc.Arbitrary<any> {
  const values = fc.uniqueArray(pick('a', 'b', 'c'), { minLength: 1, maxLength: 2 })
  const key = pick('app', 'tier', 'env', 'kubernetes.io/metadata.name')
  const valid = fc.oneof(
    fc.record({ key, operator: pick('In', 'NotIn'), values: fc.oneof(values, fc.uniqueArray(pick(...NAMESPACES), { minLength: 1 })) }),
    fc.record({ key, operator: pick('Exists', 'DoesNotExist') }),
  )
  const invalid = fc.oneof(
    fc.record({ key, operator: pick('Equals', 'in'), values }),
    fc.record({ key, operator: pick('In', 'NotIn') }),
    fc.record({ key, operator: fc.constant('Exists'), values }),
  )
  const matchLabels = fc.oneof(
    { weight: 4, arbitrary: fc.dictionary(pick('app', 'tier', 'env'), pick('a', 'b'), { maxKeys: 2 }) },
    { weight: 2, arbitrary: fc.record({ 'kubernetes.io/metadata.name': pick(...NAMESPACES) }) },
  )
  return record({
    matchLabels: optional(matchLabels),
    matchExpressions: fc.option(fc.array(odd ? fc.oneof({ weight: 5, arbitrary: valid }, invalid) : valid, { maxLength: 2 }), {
      nil: undefined,
      freq: 3,
    }),
  })
}

const plainPort = (odd: boolean) =>
  fc.oneof(
    record({ protocol: optional(PROTOCOL), port: pick<unknown>(...PORTS, ...NAMES) }),
    record({ protocol: PROTOCOL }),
    record({ protocol: optional(PROTOCOL), port: pick(53, 80), endPort: pick(81, 8080) }),
    ...(odd
      ? [
          record({ port: fc.constant(443), endPort: fc.constant(80) }),
          record({ protocol: fc.constant('ICMP'), port: fc.constant(80) }),
          fc.constant(null),
        ]
      : []),
  )
const ipBlock = pick(...CIDRS).chain((cidr) =>
  record({ cidr: fc.constant(cidr), except: optional(fc.subarray([...(EXCEPT[cidr] ?? [])])) }),
)
const plainPeer = (odd: boolean) =>
  fc.oneof(
    record({ podSelector: selectorOf(odd) }),
    record({ namespaceSelector: selectorOf(odd) }),
    record({ namespaceSelector: selectorOf(odd), podSelector: selectorOf(odd) }),
    fc.record({ ipBlock }),
    ...(odd ? [fc.constant({}), fc.constant(null)] : []),
  )
function plainRules(odd: boolean, peers: 'from' | 'to'): fc.Arbitrary<any> {
  const absent = odd ? [fc.constant(null)] : []
  const rule = record({
    [peers]: optional(fc.oneof(fc.array(plainPeer(odd), { maxLength: 3 }), ...absent)),
    ports: optional(fc.oneof(fc.array(plainPort(odd), { maxLength: 3 }), ...absent)),
  })
  return fc.array(odd ? fc.oneof({ weight: 9, arbitrary: rule }, fc.constant(null)) : rule, { maxLength: 3 })
}
const plainPolicy = (odd: boolean): fc.Arbitrary<KubeObject> =>
  fc
    .record({
      namespace: pick(...NAMESPACES),
      spec: record({
        podSelector: odd ? optional(subjectOf(odd)) : subjectOf(odd),
        policyTypes: optional(
          fc.oneof(fc.uniqueArray(pick('Ingress', 'Egress'), { maxLength: 2 }), ...(odd ? [fc.constant(['Both'])] : [])),
        ),
        ingress: optional(plainRules(odd, 'from')),
        egress: optional(plainRules(odd, 'to')),
      }),
    })
    .map(({ namespace, spec }) => ({ apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata: { name: '', namespace }, spec }))

const namespacedPod = (odd: boolean) => fc.record({ namespaceSelector: subjectOf(odd), podSelector: subjectOf(odd) })
const range = fc.record({ start: pick(53, 80), end: pick(81, 8080) })
const portsV1 = fc.oneof(
  record({ portNumber: fc.record({ protocol: PROTOCOL, port: pick(...PORTS) }) }),
  record({ portRange: fc.tuple(optional(PROTOCOL), range).map(([protocol, one]) => defined({ protocol, ...one })) }),
  record({ namedPort: pick(...NAMES) }),
)
const portsV2 = fc.oneof(
  fc
    .tuple(
      pick('tcp', 'udp', 'sctp'),
      fc.oneof(
        pick(...PORTS).map((number) => ({ number })),
        range.map((one) => ({ range: one })),
      ),
    )
    .map(([protocol, destinationPort]) => ({ [protocol]: { destinationPort } })),
  record({ destinationNamedPort: pick(...NAMES) }),
)
function clusterRules(odd: boolean, direction: 'from' | 'to', version: 1 | 2, isBaseline: boolean): fc.Arbitrary<any> {
  const inside = [fc.record({ namespaces: selectorOf(odd) }), fc.record({ pods: namespacedPod(odd) })]
  const beyond = [
    fc.record({ nodes: selectorOf(odd) }),
    fc.record({ networks: fc.uniqueArray(pick(...CIDRS), { minLength: 1, maxLength: 2 }) }),
  ]
  const peer = direction === 'from' ? fc.oneof(...inside) : fc.oneof(...inside, ...beyond)
  const allow = version === 1 ? 'Allow' : 'Accept'
  const actions = isBaseline && version === 1 ? [allow, 'Deny'] : [allow, 'Deny', 'Pass']
  const plain = record({
    action: pick(...actions),
    [direction]: fc.array(peer, { minLength: 1, maxLength: 2 }),
    [version === 1 ? 'ports' : 'protocols']: optional(fc.array(version === 1 ? portsV1 : portsV2, { minLength: 1, maxLength: 2 })),
  })
  const names = fc.record({ action: fc.constant(allow), to: fc.constant([{ domainNames: ['kubernetes.io'] }]) })
  return fc.array(direction === 'to' ? fc.oneof({ weight: 9, arbitrary: plain }, names) : plain, { maxLength: 3 })
}
function clusterPolicy(odd: boolean): fc.Arbitrary<KubeObject> {
  const made = (kind: string, version: 1 | 2, isBaseline: boolean) =>
    record({
      ...(version === 2 && { tier: fc.constant(isBaseline ? 'Baseline' : 'Admin') }),
      ...(!(version === 1 && isBaseline) && { priority: pick(0, 5, 5, 10, 1000) }),
      subject: fc.oneof(fc.record({ namespaces: subjectOf(odd) }), fc.record({ pods: namespacedPod(odd) })),
      ingress: optional(clusterRules(odd, 'from', version, isBaseline)),
      egress: optional(clusterRules(odd, 'to', version, isBaseline)),
    }).map((spec): KubeObject => ({ apiVersion: `policy.networking.k8s.io/v1alpha${version}`, kind, metadata: { name: '' }, ...{ spec } }))
  return fc.oneof(
    made('AdminNetworkPolicy', 1, false),
    made('BaselineAdminNetworkPolicy', 1, true),
    made('ClusterNetworkPolicy', 2, false),
    made('ClusterNetworkPolicy', 2, true),
  )
}

const containerPort = record({ name: optional(pick(...NAMES)), protocol: optional(PROTOCOL), containerPort: pick(...PORTS) })
const containers = fc.array(record({ sidecar: optional(fc.constant(true)), ports: optional(fc.array(containerPort, { maxLength: 3 })) }), {
  minLength: 1,
  maxLength: 3,
})
export interface RandomPod {
  readonly namespace: string
  readonly labels: Record<string, string>
  readonly hostNetwork: boolean
  readonly node?: string
  readonly ips: readonly string[]
  readonly containers: readonly {
    readonly sidecar?: boolean
    readonly ports?: readonly { name?: string; protocol?: string; containerPort: number }[]
  }[]
  /** `template`: a Deployment without pods. `over`, `going`: takes no part. */
  readonly as: 'pod' | 'template' | 'over' | 'going'
}
const pod: fc.Arbitrary<RandomPod> = record({
  namespace: pick(...NAMESPACES, 'x'),
  labels,
  hostNetwork: fc.oneof({ weight: 5, arbitrary: fc.constant(false) }, fc.constant(true)),
  node: optional(pick(...NODES, 'gone')),
  ips: fc.oneof(
    pick(...IPS.slice(0, 4)).map((ip) => [ip]),
    fc.tuple(pick(...IPS.slice(0, 4)), pick(...IPS.slice(4, 6))),
    fc.constant([]),
  ),
  containers,
  as: fc.oneof({ weight: 8, arbitrary: fc.constant('pod' as const) }, pick('template' as const, 'over' as const, 'going' as const)),
})

export interface RandomWorld {
  readonly namespaces: ReadonlyMap<string, Record<string, string>>
  readonly nodes: ReadonlyMap<string, { readonly labels: Record<string, string>; readonly ips: readonly string[] }>
  readonly pods: readonly RandomPod[]
  readonly policies: readonly KubeObject[]
}
const named = (policies: readonly KubeObject[]): readonly KubeObject[] =>
  policies.map((policy, at) => ({ ...policy, metadata: { ...policy.metadata, name: `policy-${at}` } }))
export const policiesOf = (odd: boolean): fc.Arbitrary<readonly KubeObject[]> =>
  fc.array(fc.oneof({ weight: 3, arbitrary: plainPolicy(odd) }, { weight: 2, arbitrary: clusterPolicy(odd) }), { maxLength: 6 }).map(named)
export const worldOf = (odd: boolean): fc.Arbitrary<RandomWorld> =>
  fc.record({
    namespaces: fc
      .subarray([...NAMESPACES], { minLength: odd ? 0 : 3 })
      .chain((names) => fc.tuple(...names.map((name) => labels.map((of) => [name, of] as const))).map((entries) => new Map(entries))),
    nodes: fc
      .subarray([...NODES])
      .chain((names) =>
        fc
          .tuple(
            ...names.map((name) =>
              fc.record({ labels, ips: fc.subarray(['192.168.0.10', 'fd00::2:1']) }).map((node) => [name, node] as const),
            ),
          )
          .map((entries) => new Map(entries)),
      ),
    pods: fc.array(pod, { minLength: 1, maxLength: 5 }),
    policies: policiesOf(odd),
  })

export function objectsOf({ namespaces, nodes, pods, policies }: RandomWorld): readonly KubeObject[] {
  return [
    ...policies,
    ...[...namespaces].map(([name, of]) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels: of } })),
    ...[...nodes].map(([name, { labels: of, ips }]) => ({
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name, labels: of },
      status: {
        addresses: [
          ...ips.map((address) => ({ type: 'InternalIP', address })),
          ...(ips.length > 0 ? [{ type: 'ExternalIP', address: '8.8.8.8' }] : []),
        ],
      },
    })),
    ...pods.map((one, at) => podObject(one, `pod-${at}`)),
  ]
}
export function podObject({ as, namespace, labels: of, hostNetwork, node, ips, containers: list }: RandomPod, name: string): KubeObject {
  const container = ({ ports }: { ports?: unknown }, at: number) => ({
    name: `c${at}`,
    image: 'app',
    ...(ports !== undefined && { ports }),
  })
  const spec = {
    ...(hostNetwork && { hostNetwork }),
    ...(as !== 'template' && node !== undefined && { nodeName: node }),
    containers: list.flatMap((one, at) => (one.sidecar ? [] : [container(one, at)])),
    initContainers: list.flatMap((one, at) => (one.sidecar ? [{ ...container(one, at), restartPolicy: 'Always' }] : [])),
  }
  if (as === 'template')
    return {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name, namespace },
      ...{ spec: { selector: { matchLabels: of }, template: { metadata: { labels: of }, spec } } },
    }
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace, labels: of, uid: name, ...(as === 'going' && { deletionTimestamp: '2026-11-20T00:00:00Z' }) },
    ...{ spec, status: { phase: as === 'over' ? 'Succeeded' : 'Running', podIPs: ips.map((ip) => ({ ip })) } },
  }
}
