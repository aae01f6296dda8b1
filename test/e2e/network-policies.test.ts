/** Namespaces closed on a real API server: what is written is taken, cuts nothing that Services and DNS need, and leaves no pod out. */
import { existsSync } from 'node:fs'
import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { parseAllDocuments, stringify } from 'yaml'
import { defaultDenyIngress } from '../../remediations/network-policy/default-deny.ts'
import { defaultDenyEgress } from '../../remediations/network-policy/default-deny-egress.ts'
import type { NetworkPolicyObject, RegisteredControl, Snapshot } from '../../src/model/index.ts'
import { podEnds } from '../../src/objects/network-ends.ts'
import { hasPort } from '../../src/objects/network-ports.ts'
import { reach } from '../../src/objects/network-reach.ts'
import { applyPlan } from '../../src/plan/in-memory.ts'
import { FILES } from '../../src/sample-cluster/files.gen.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { loadCorpora } from '../cluster/seed.ts'
import { describeCluster } from '../cluster/with-cluster.ts'
import { type NaiveEnd, type NaivePod, naiveAllows, naiveIsolated } from '../remediations/network-policy/naive-policies.ts'
import { openSession } from './apply-harness.ts'

vi.setConfig({ testTimeout: 240_000, hookTimeout: 120_000 })
const GOAT = join(import.meta.dirname, '../../../shared/corpora/kubernetes-goat')
const INTERNET = '203.0.113.9'

/** Fails for every namespace of the list that lacks its policy: the controls themselves ask more than is asked here. */
const closing = (direction: 'ingress' | 'egress', namespaces: () => readonly string[]): RegisteredControl => ({
  id: `close-${direction}`,
  practice: 'nodes-and-pods',
  title: 'closed',
  severity: 'high',
  why: 'Because.',
  references: [],
  reads: ['NetworkPolicy'],
  *evaluate(view) {
    for (const name of namespaces())
      if (view.find('NetworkPolicy', name, `default-deny-${direction}`) === undefined)
        yield { subject: { apiVersion: 'v1', kind: 'Namespace', name }, reason: 'is open', evidence: null, origin: 'workload' }
  },
  remedy: direction === 'ingress' ? defaultDenyIngress() : defaultDenyEgress(),
})

/** The DNS of a cluster, which nothing here runs; kwok makes it look alive. */
const DNS = ['UDP', 'TCP'].map((protocol) => ({ name: `dns-${protocol.toLowerCase()}`, protocol, port: 53, targetPort: 53 }))
const dns = (clusterIP: string) => [
  {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'coredns', namespace: 'kube-system' },
    spec: {
      selector: { matchLabels: { 'k8s-app': 'kube-dns' } },
      template: {
        metadata: { labels: { 'k8s-app': 'kube-dns' } },
        spec: { containers: [{ name: 'coredns', image: 'registry.k8s.io/coredns/coredns:v1.12.0' }] },
      },
    },
  },
  {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'kube-dns', namespace: 'kube-system' },
    spec: { clusterIP, selector: { 'k8s-app': 'kube-dns' }, ports: DNS },
  },
]

async function load(cluster: Cluster, objects: readonly object[]): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'k8s-harden-load-'))
  await writeFile(join(folder, 'all.yaml'), objects.map((one) => stringify(one)).join('---\n'))
  const { rejected } = await loadCorpora(cluster, folder)
  expect(rejected).toEqual([])
}

interface Wire {
  readonly metadata: {
    readonly name: string
    readonly namespace: string
    readonly labels?: Record<string, string>
    readonly deletionTimestamp?: string
  }
  readonly spec: Record<string, any>
  readonly status?: { readonly phase?: string; readonly podIP?: string; readonly hostIP?: string }
}
/** Read anew, from the server and by nothing of the product. */
async function live({ api }: Cluster) {
  const list = async <T = Wire>(path: string) => (await api.get<{ items: T[] }>(path)).items
  const wires = (await list('/api/v1/pods')).filter(
    ({ metadata, status }) => metadata.deletionTimestamp === undefined && !['Succeeded', 'Failed'].includes(status?.phase ?? ''),
  )
  const pods = wires.map(
    ({ metadata, spec, status }, index): NaivePod => ({
      namespace: metadata.namespace,
      name: metadata.name,
      labels: metadata.labels ?? {},
      ip: status?.podIP ?? `192.0.2.${index + 1}`,
      hostNetwork: spec['hostNetwork'] === true,
      namedPorts: Object.fromEntries(
        (spec['containers'] as any[]).flatMap(({ ports = [] }) => ports.map((port: any) => [port.name ?? '', port.containerPort])),
      ),
    }),
  )
  return {
    pods,
    services: await list('/api/v1/services'),
    policies: await list<NetworkPolicyObject>('/apis/networking.k8s.io/v1/networkpolicies'),
  }
}
type Live = Awaited<ReturnType<typeof live>>

/** What Services and DNS need: everybody of the namespace calls every Service of it, the outside calls those that are open to it. */
function needs({ pods, services }: Live, namespaces: readonly string[]): readonly (readonly [NaiveEnd, NaivePod, string, number])[] {
  const own = pods.filter((pod) => namespaces.includes(pod.namespace) && !pod.hostNetwork)
  const ofServices = services.flatMap(({ metadata, spec }) => {
    const selector = Object.entries((spec['selector'] ?? {}) as Record<string, string>)
    const behind = own.filter(
      (pod) => pod.namespace === metadata.namespace && selector.length > 0 && selector.every(([key, value]) => pod.labels[key] === value),
    )
    const from: NaiveEnd[] = [
      ...own.filter((pod) => pod.namespace === metadata.namespace),
      ...(spec['type'] === 'ClusterIP' ? [] : [INTERNET]),
    ]
    return behind.flatMap((to) =>
      (spec['ports'] as any[]).flatMap(({ protocol = 'TCP', port, targetPort = port }) => {
        const number = typeof targetPort === 'number' ? targetPort : to.namedPorts?.[targetPort]
        return number === undefined ? [] : from.filter((one) => one !== to).map((one) => [one, to, protocol as string, number] as const)
      }),
    )
  })
  const resolvers = pods.filter(({ labels }) => labels['k8s-app'] === 'kube-dns')
  const ofDns = own.flatMap((pod) => resolvers.flatMap((to) => ['UDP', 'TCP'].map((protocol) => [pod, to, protocol, 53] as const)))
  return [...ofServices, ...ofDns]
}
const text = ([from, to, protocol, port]: ReturnType<typeof needs>[number]) =>
  `${typeof from === 'string' ? from : `${from.namespace}/${from.name}`} to ${to.namespace}/${to.name} ${protocol} ${port}`

/** By the engine, of what a snapshot holds. */
function cutBy(snapshot: Snapshot, needed: ReturnType<typeof needs>): readonly string[] {
  const ends = new Map(podEnds(snapshot).map((end) => [`${end.namespace.name}/${end.pod?.metadata.name}`, end]))
  const { connection } = reach(snapshot)
  const endOf = (end: NaiveEnd) =>
    typeof end === 'string' ? ({ is: 'address', ip: end } as const) : ends.get(`${end.namespace}/${end.name}`)!
  return needed
    .filter(([from, to, protocol, port]) => !hasPort(connection(endOf(from), endOf(to)).ports, protocol as 'TCP', port))
    .map(text)
}

async function closeAll(cluster: Cluster, namespaces: readonly string[]): Promise<void> {
  const before = await live(cluster)
  const needed = needs(before, namespaces).filter(([from, to, protocol, port]) => naiveAllows(before.policies, from, to, protocol, port))
  expect(needed.length).toBeGreaterThan(10)
  const session = await openSession({
    kubeconfig: cluster.kubeconfig,
    controls: [closing('ingress', () => namespaces), closing('egress', () => namespaces)],
  })
  try {
    const plan = session.plan()
    expect(plan.ledger.refused.concat(plan.ledger.byHand as never)).toEqual([])
    const { snapshot } = session.scan.state
    for (let length = 1; length <= plan.steps.length; length++)
      expect(cutBy(applyPlan(snapshot, plan.steps.slice(0, length)), needed)).toEqual([])
    const states = await session.apply()
    expect([...new Set(states.map(({ is }) => is))]).toEqual(['mended'])
  } finally {
    await session.close()
  }
  const after = await live(cluster)
  expect(needed.filter(([from, to, protocol, port]) => !naiveAllows(after.policies, from, to, protocol, port)).map(text)).toEqual([])
  const mine = after.pods.filter((pod) => namespaces.includes(pod.namespace) && !pod.hostNetwork)
  for (const type of ['Ingress', 'Egress'] as const)
    expect(mine.filter((pod) => !naiveIsolated(after.policies, pod, type)).map(({ name }) => name)).toEqual([])
  const stranger: NaivePod = { namespace: 'elsewhere', name: 'stranger', labels: {}, ip: '10.9.9.9' }
  const open = mine.filter((pod) => naiveAllows(after.policies, stranger, pod, 'TCP', 12345)).map(({ name }) => name)
  expect(open, 'open to a stranger').toEqual([])
  expect(mine.filter((pod) => naiveAllows(after.policies, pod, '169.254.169.254', 'TCP', 80))).toEqual([])
}

const options = { controllerManager: true, scheduler: true, kwokNodes: 2, flags: { 'service-cluster-ip-range': '10.96.0.0/12' } }
const running = async (cluster: Cluster) => (await live(cluster)).pods.filter(({ ip }) => !ip.startsWith('192.0.2.')).length

describeCluster('network policies for the sample', options, (cluster) => {
  test('are taken, cut nothing and leave no pod out', async () => {
    // Its controllers make its pods here; nodes and their files belong to the machines that they were read from.
    const objects = Object.values(FILES)
      .flatMap((file) => parseAllDocuments(file).map((document) => document.toJS() as any))
      .filter(
        ({ apiVersion, kind }) =>
          !/^(kubeadm|kubelet\.config)\.k8s\.io\//.test(apiVersion) && !['Node', 'Pod', 'ReplicaSet'].includes(kind),
      )
      .map(({ status: _status, metadata: { uid: _uid, creationTimestamp: _created, ...metadata }, ...object }) => ({ ...object, metadata }))
    const order = ['Namespace', 'ServiceAccount']
    const rank = ({ kind }: { kind: string }) => (order.includes(kind) ? order.indexOf(kind) : order.length)
    const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default', namespace: 'kube-system' } }
    await load(
      cluster(),
      [...objects, account].toSorted((a, b) => rank(a) - rank(b)),
    )
    await vi.waitFor(async () => expect(await running(cluster())).toBeGreaterThan(8), { timeout: 90_000, interval: 500 })
    await closeAll(cluster(), ['shop', 'blog', 'payments', 'ci'])
  })
})

describeCluster('network policies for vulnerable workloads that others published', options, (cluster) => {
  test.skipIf(!existsSync(GOAT))('are taken, cut nothing and leave no pod out (skipped where ../shared/corpora is absent)', async () => {
    await load(cluster(), dns('10.96.0.10'))
    await loadCorpora(cluster(), GOAT)
    await vi.waitFor(async () => expect(await running(cluster())).toBeGreaterThan(8), { timeout: 90_000, interval: 500 })
    const { pods } = await live(cluster())
    await closeAll(
      cluster(),
      [...new Set(pods.map(({ namespace }) => namespace))].filter((namespace) => namespace !== 'kube-system'),
    )
  })
})
