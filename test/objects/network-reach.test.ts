/** What is easily got wrong, one by one: each pair by pair and by rows. */
import { expect, test } from 'vitest'
import type { KubeObject } from '../../src/model/index.ts'
import { nodeEnds } from '../../src/objects/network-ends.ts'
import { portsText } from '../../src/objects/network-ports.ts'
import { reach } from '../../src/objects/network-reach.ts'
import { viewOf } from './rbac-graph-worlds.ts'

type More = {
  readonly spec?: object
  readonly ips?: readonly string[]
  readonly containers?: readonly object[]
  readonly initContainers?: readonly object[]
}
const pod = (name: string, { spec, ips = ['10.0.0.1'], ...containers }: More = {}): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'x', labels: { app: name } },
  ...{
    spec: { containers: [{ name: 'c', image: 'i' }], ...containers, ...spec },
    status: { phase: 'Running', podIPs: ips.map((ip) => ({ ip })) },
  },
})
const policy = (spec: object): KubeObject => ({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: { name: 'one', namespace: 'x' },
  ...{ spec },
})
const cluster = (name: string, action: string, peers: object = {}): KubeObject => ({
  apiVersion: 'policy.networking.k8s.io/v1alpha2',
  kind: 'ClusterNetworkPolicy',
  metadata: { name },
  ...{ spec: { tier: 'Admin', priority: 5, subject: { namespaces: {} }, ingress: [{ action, from: [{ namespaces: peers }] }] } },
})
const DENY = policy({ podSelector: { matchLabels: { app: 'b' } }, policyTypes: ['Ingress'] })

/** From `a` to `b`: `sure / perhaps`, both ways of asking. */
function between(...objects: readonly KubeObject[]): string {
  const known = reach(viewOf([{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'x' } }, ...objects]))
  const [from, to] = ['a', 'b'].map((name) => known.ends.find(({ workload }) => workload.ref.name === name)!)
  const text = ({ ports, perhaps }: { ports: Parameters<typeof portsText>[0]; perhaps: Parameters<typeof portsText>[0] }) =>
    `${portsText(ports)} / ${portsText(perhaps)}`
  const pair = text(known.connection(from!, to!))
  if (known.isBeyondPolicies(from!, to!) !== 0) return pair
  const row = known.into(known.groupOf(to!)).find((one) => one.from.includes(known.groupOf(from!)))!
  expect(text(row.connection)).toBe(pair)
  return pair
}

test('two policies of one priority that disagree leave it open which of them counts', () => {
  expect(between(pod('a'), pod('b'), cluster('one', 'Accept'), cluster('two', 'Deny'))).toBe('no port / every port')
  expect(between(pod('a'), pod('b'), cluster('one', 'Deny'), cluster('two', 'Deny'))).toBe('no port / no port')
  const elsewhere = cluster('two', 'Accept', { matchLabels: { 'kubernetes.io/metadata.name': 'y' } })
  expect(between(pod('a'), pod('b'), cluster('one', 'Deny'), elsewhere), 'only one of them speaks of it').toBe('no port / no port')
})

test('a pod that a NetworkPolicy selects in the other direction only may be beyond the baselines, or not', () => {
  const { spec, ...rest } = cluster('base', 'Deny') as KubeObject & { spec: object }
  const baseline = { ...rest, spec: { ...spec, tier: 'Baseline' } }
  const outOfB = policy({ podSelector: { matchLabels: { app: 'b' } }, policyTypes: ['Egress'] })
  expect(between(pod('a'), pod('b'), baseline)).toBe('no port / no port')
  expect(between(pod('a'), pod('b'), baseline, outOfB)).toBe('no port / every port')
  expect(between(pod('a'), pod('b'), baseline, outOfB, DENY), 'it isolates it for sure').toBe('no port / no port')
  const admin = cluster('admin', 'Deny')
  expect(between(pod('a'), pod('b'), baseline, outOfB, admin), 'the tier before it').toBe('no port / no port')
})

test('a label without a value is an empty one', () => {
  const b = pod('b')
  const unlabelled = { ...b, metadata: { ...b.metadata, labels: { app: 'b', track: null } } } as unknown as KubeObject
  const closed = policy({ podSelector: { matchLabels: { track: '' } } })
  expect(between(pod('a'), unlabelled, closed)).toBe('no port / no port')
  expect(between(pod('a'), b, closed)).toBe('every port / every port')
})

test('of two ports with one name that of the container counts before that of the sidecar', () => {
  const ports = (containerPort: number) => [{ name: 'web', containerPort }]
  const b = pod('b', {
    containers: [{ name: 'c', image: 'i', ports: ports(80) }],
    initContainers: [
      { name: 's', image: 'i', restartPolicy: 'Always', ports: ports(81) },
      { name: 'once', image: 'i', ports: [{ name: 'other', containerPort: 82 }] },
    ],
  })
  expect(between(pod('a'), b, policy({ podSelector: {}, ingress: [{ ports: [{ port: 'web' }, { port: 'other' }] }] }))).toBe(
    'TCP 80 / TCP 80',
  )
})

test('an excepted address is not held by its range, and an address that is not known perhaps', () => {
  const from = (ips: readonly string[], except: readonly string[]) =>
    between(
      pod('a', { ips }),
      pod('b'),
      policy({ podSelector: { matchLabels: { app: 'b' } }, ingress: [{ from: [{ ipBlock: { cidr: '10.0.0.0/8', except } }] }] }),
    )
  expect(from(['10.0.0.1'], [])).toBe('every port / every port')
  expect(from(['10.0.0.1'], ['10.0.0.0/24'])).toBe('no port / no port')
  expect(from([], [])).toBe('no port / every port')
  expect(from(['10.0.0.1', 'fd00::1'], []), 'the other address is not in it').toBe('no port / every port')
})

test('the own node reaches a pod whatever policies say, another one does not, and a pod without a node perhaps', () => {
  const host = pod('a', { spec: { hostNetwork: true, nodeName: 'n1' } })
  expect(between(host, pod('b', { spec: { nodeName: 'n1' } }), DENY)).toBe('every port / every port')
  expect(between(host, pod('b', { spec: { nodeName: 'n2' } }), DENY)).toBe('no port / no port')
  expect(between(host, pod('b'), DENY)).toBe('no port / every port')
})

test('a pod of the host network is in no selector, but is its node', () => {
  const host = pod('a', { spec: { hostNetwork: true, nodeName: 'n1' }, ips: ['192.168.0.1'] })
  const b = pod('b', { spec: { nodeName: 'n2' } })
  expect(between(host, b, policy({ podSelector: {}, ingress: [{ from: [{ podSelector: {}, namespaceSelector: {} }] }] }))).toBe(
    'no port / no port',
  )
  expect(between(host, b, policy({ podSelector: {}, ingress: [{ from: [{ ipBlock: { cidr: '192.168.0.1/32' } }] }] }))).toBe(
    'every port / every port',
  )
})

test('a name of a port opens nothing at a pod of the host network: a node has no names for its ports', () => {
  const ports = [{ name: 'web', containerPort: 80 }]
  const out = policy({ podSelector: { matchLabels: { app: 'a' } }, policyTypes: ['Egress'], egress: [{ ports: [{ port: 'web' }] }] })
  const a = pod('a', { spec: { nodeName: 'n1' } })
  const b = (hostNetwork: boolean) =>
    pod('b', { spec: { hostNetwork, nodeName: 'n2' }, ips: ['192.168.0.1'], containers: [{ name: 'c', image: 'i', ports }] })
  expect(between(a, b(false), out)).toBe('TCP 80 / TCP 80')
  expect(between(a, b(true), out)).toBe('no port / no port')
})

test('labels of a namespace that was not read are not known, its name is', () => {
  const allow = (selector: object) => policy({ podSelector: {}, ingress: [{ from: [{ namespaceSelector: selector }] }] })
  const known = (selector: object) => {
    const { ends, connection } = reach(viewOf([pod('a'), pod('b'), allow(selector)], { source: 'manifests' }))
    const { ports, perhaps } = connection(ends[0]!, ends[1]!)
    return `${portsText(ports)} / ${portsText(perhaps)}`
  }
  expect(known({ matchLabels: { team: 'blue' } })).toBe('no port / every port')
  expect(known({ matchLabels: { 'kubernetes.io/metadata.name': 'x' } })).toBe('every port / every port')
  expect(known({ matchLabels: { 'kubernetes.io/metadata.name': 'y' } })).toBe('no port / no port')
})

test('nodes reach one another, and kinds that could not be read are told', () => {
  const node = (name: string): KubeObject => ({ apiVersion: 'v1', kind: 'Node', metadata: { name } })
  const because = { what: 'NetworkPolicy', why: 'forbidden', because: 'refused', answer: 'allow list' } as const
  const view = viewOf([node('n1'), node('n2')], { unread: [because] })
  const [one, other] = nodeEnds(view)
  expect(portsText(reach(view).connection(one!, other!).ports)).toBe('every port')
  expect(reach(view).unread).toEqual([because])
})
