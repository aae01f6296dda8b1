/** How long it takes to say who reaches whom among 10,000 pods under 500 policies, at first and after one label has changed, in bare Node: one JSON line. */
import type { KubeObject, NetworkPolicyObject, PodObject } from '../../src/model/index.ts'
import { reach } from '../../src/objects/network-reach.ts'
import { keyOf } from '../../src/objects/ref.ts'
import { SnapshotStore } from '../../src/snapshot/store.ts'

export interface NetworkReachMeasure {
  readonly usual: Figures
  /** No two pods with the same labels, selectors that each cut the pods in another way, ranges through the middle of the pods' addresses. */
  readonly worst: Figures
}
export interface Figures {
  readonly pods: number
  readonly policies: number
  readonly groups: number
  readonly openPairs: number
  readonly firstMs: number
  /** Of the processor: what it takes on a machine that does nothing else. */
  readonly firstCpuMs: number
  readonly againCpuMs: number
  /** The median of several single changes. */
  readonly againMs: number
  readonly mb: number
}

const [PODS, POLICIES, CHANGES] = [Number(process.argv[2] ?? 10_000), 500, 9]
type Spec = NonNullable<NetworkPolicyObject['spec']>
const spread = (at: number, salt: number, most: number): number =>
  Math.floor((((at + 1) * 2_654_435_761 + salt * 40_503) % 2 ** 32) / (2 ** 32 / most))
const policy = (name: string, namespace: string, spec: Spec): NetworkPolicyObject => ({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: { name, namespace, resourceVersion: '1' },
  spec,
})
const address = (at: number) => `10.${(at >> 16) & 255}.${(at >> 8) & 255}.${at & 255}`
const pod = (at: number, namespace: string, labels: Record<string, string>): PodObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: `pod-${at}`, namespace, labels, uid: `uid-${at}`, resourceVersion: '1' },
  spec: {
    nodeName: `node-${at % 100}`,
    containers: [{ name: 'app', image: 'app', ports: [{ name: at % 3 === 0 ? 'http' : 'web', containerPort: 8080 + (at % 2) }] }],
  },
  status: { phase: 'Running', podIP: address(at), podIPs: [{ ip: address(at) }] },
})

/** A hundred namespaces, ten workloads in each: default deny, DNS, neighbours, an ingress controller, and edges between workloads. */
function usual(): readonly KubeObject[] {
  const ns = (at: number) => `team-${at % 100}`
  const pods = Array.from({ length: PODS }, (_, at) =>
    pod(at, ns(at), { app: `app-${Math.floor(at / 100) % 10}`, tier: ['web', 'api', 'db'][at % 3]!, 'pod-template-hash': `${at % 1000}` }),
  )
  const named = (name: string) => ({ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': name } } })
  const policies = Array.from({ length: POLICIES / 5 }, (_, at): NetworkPolicyObject[] => [
    policy('default-deny', ns(at), { podSelector: {}, policyTypes: ['Ingress', 'Egress'] }),
    policy('dns', ns(at), {
      podSelector: {},
      policyTypes: ['Egress'],
      egress: [{ to: [named('kube-system')], ports: [{ protocol: 'UDP', port: 53 }] }],
    }),
    policy('neighbours', ns(at), {
      podSelector: {},
      ingress: [{ from: [{ podSelector: {} }] }],
      egress: [{ to: [{ podSelector: {} }] }],
      policyTypes: ['Ingress', 'Egress'],
    }),
    policy('web', ns(at), {
      podSelector: { matchLabels: { tier: 'web' } },
      ingress: [{ from: [named('team-7')], ports: [{ port: 'http' }] }],
    }),
    policy('edge', ns(at), {
      podSelector: { matchLabels: { app: `app-${at % 10}` } },
      egress: [{ to: [{ ...named(ns(at + 1)), podSelector: { matchLabels: { tier: 'api' } } }], ports: [{ port: 8080, endPort: 8090 }] }],
      ingress: [
        {
          from: [
            { namespaceSelector: { matchLabels: { zone: `z${at % 7}` } } },
            { ipBlock: { cidr: '10.0.0.0/16', except: ['10.0.3.0/24'] } },
          ],
        },
      ],
    }),
  ]).flat()
  return [...pods, ...policies, ...namespaces(100)]
}

function worst(): readonly KubeObject[] {
  const ns = (at: number) => `team-${at % 10}`
  const pods = Array.from({ length: PODS }, (_, at) =>
    pod(at, ns(at), { name: `pod-${at}`, a: `a${spread(at, 1, 40)}`, b: `b${spread(at, 2, 30)}`, c: `c${spread(at, 3, 20)}` }),
  )
  const policies = Array.from({ length: POLICIES }, (_, at) =>
    policy(`policy-${at}`, ns(at), {
      podSelector:
        at % 3 === 0
          ? { matchExpressions: [{ key: 'b', operator: 'NotIn', values: [`b${at % 30}`, `b${(at + 7) % 30}`] }] }
          : { matchLabels: { a: `a${at % 40}` } },
      policyTypes: at % 2 === 0 ? ['Ingress', 'Egress'] : ['Ingress'],
      ingress: [
        {
          from: [{ ipBlock: { cidr: `${address(spread(at, 4, PODS))}/${20 + (at % 10)}`, except: [] } }],
          ports: [{ port: 8000 + (at % 20) }],
        },
        {
          from: [{ namespaceSelector: {}, podSelector: { matchLabels: { c: `c${at % 20}` } } }],
          ports: [{ port: 'http' }, { protocol: 'UDP', port: 53 }],
        },
      ],
      egress: [
        {
          to: [
            {
              namespaceSelector: { matchLabels: { zone: `z${at % 7}` } },
              podSelector: { matchExpressions: [{ key: 'b', operator: 'In', values: [`b${at % 30}`, `b${(at + 1) % 30}`] }] },
            },
          ],
        },
        { to: [{ ipBlock: { cidr: `${address(spread(at, 5, PODS))}/${18 + (at % 10)}` } }], ports: [{ port: 'web' }] },
      ],
    }),
  )
  return [...pods, ...policies, ...namespaces(10)]
}
const namespaces = (count: number): readonly KubeObject[] =>
  ['kube-system', ...Array.from({ length: count }, (_, at) => `team-${at}`)].map((name, at) => ({
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name, labels: { 'kubernetes.io/metadata.name': name, zone: `z${at % 7}` }, resourceVersion: '1' },
  }))

function figures(objects: readonly KubeObject[]): Figures {
  const store = new SnapshotStore({ kind: 'live', name: 'bench' })
  for (const [kind, list] of Map.groupBy(objects, ({ kind }) => kind as 'Pod'))
    store.take({ type: 'replace', kind, items: list.map((object) => [keyOf(object.metadata.namespace, object.metadata.name), object]) })
  const timed = () => {
    const { snapshot } = store.publish(0)
    const start = performance.now()
    const before = process.cpuUsage()
    const known = reach(snapshot)
    const { open } = known.totals()
    return { ms: performance.now() - start, cpuMs: process.cpuUsage(before).user / 1000, open, known }
  }
  const first = timed()
  const pods = objects.filter(({ kind }) => kind === 'Pod') as PodObject[]
  const again = Array.from({ length: CHANGES }, (_, change) => {
    const one = pods[spread(change, 9, PODS)]!
    const labels = { ...one.metadata.labels, tier: 'api', a: `a${change}`, b: 'b1' }
    const object = { ...one, metadata: { ...one.metadata, labels, resourceVersion: '2' } }
    store.take({ type: 'upsert', kind: 'Pod', key: keyOf(object.metadata.namespace, object.metadata.name), object })
    return timed()
  })
  const median = (list: readonly number[]) => list.toSorted((a, b) => a - b)[(CHANGES - 1) / 2]!
  return {
    pods: PODS,
    policies: POLICIES,
    groups: first.known.groups.length,
    openPairs: first.open,
    firstMs: first.ms,
    againMs: median(again.map(({ ms }) => ms)),
    firstCpuMs: first.cpuMs,
    againCpuMs: median(again.map(({ cpuMs }) => cpuMs)),
    mb: process.memoryUsage.rss() / 2 ** 20,
  }
}
process.stdout.write(`${JSON.stringify({ usual: figures(usual()), worst: figures(worst()) } satisfies NetworkReachMeasure)}\n`)
