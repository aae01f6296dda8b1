/** Clusters at random, each with what its objects need, said by whoever made them and not by what reads them. */
import fc from 'fast-check'
import { stringify } from 'yaml'
import type { KubeObject, NetworkPolicyObject } from '../../../src/model/index.ts'
import type { NaiveEnd, NaivePod } from './naive-policies.ts'

export interface NeededConnection {
  readonly from: NaiveEnd
  readonly to: NaiveEnd
  readonly protocol: string
  readonly port: number
  readonly why: string
}
export interface RandomCluster {
  readonly objects: readonly KubeObject[]
  readonly pods: readonly NaivePod[]
  readonly policies: readonly NetworkPolicyObject[]
  readonly needed: readonly NeededConnection[]
}
export const OUTSIDE = '203.0.113.9'
export const METADATA_SERVICE = '169.254.169.254'
export const API_SERVER = '10.0.0.10'
const NAMESPACES = ['shop', 'bank', 'blog'] as const

const workload = fc.record({
  namespace: fc.constantFrom(...NAMESPACES),
  app: fc.constantFrom('web', 'db', 'api', undefined),
  tier: fc.constantFrom(undefined, 'front', 'back'),
  version: fc.constantFrom(undefined, 'v1', 'v2'),
  copies: fc.integer({ min: 1, max: 2 }),
  hostNetwork: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
  named: fc.boolean(),
  port: fc.constantFrom(8080, 8081, 9000),
  scraped: fc.boolean(),
  token: fc.boolean(),
  calls: fc.array(fc.nat({ max: 7 }), { maxLength: 2 }),
  service: fc.constantFrom('none', 'ClusterIP', 'LoadBalancer', 'NodePort', 'headless'),
  route: fc.constantFrom('none', 'none', 'ingress', 'webhook'),
  isolated: fc.constantFrom('no', 'no', 'no', 'Ingress', 'Egress'),
})
type Made = typeof workload extends fc.Arbitrary<infer T> ? T & { readonly name: string } : never

export const cluster: fc.Arbitrary<RandomCluster> = fc
  .array(workload, { minLength: 2, maxLength: 8 })
  .map((list) => clusterOf(list.map((one, index) => withService({ ...one, name: `w${index}` }))))
/** A Service without a selector leads to no pods. */
const withService = (one: Made): Made => (Object.keys(labelsOf(one)).length === 0 ? { ...one, service: 'none' } : one)

const labelsOf = (one: Made): Record<string, string> => ({
  ...(one.app && { app: one.app }),
  ...(one.tier && { tier: one.tier }),
  ...(one.version && { version: one.version }),
})
const nameOf = (one: Made): string => `svc-${one.name}`

function clusterOf(list: readonly Made[]): RandomCluster {
  const at = (namespace: string) => list.filter((one) => one.namespace === namespace)
  const pods = list.flatMap((one, index) =>
    Array.from({ length: one.copies }, (_, copy): NaivePod & { readonly of: Made } => ({
      of: one,
      namespace: one.namespace,
      name: `${one.name}-${copy}`,
      labels: { ...labelsOf(one), 'pod-template-hash': 'abc123def' },
      ip: one.hostNetwork ? `10.0.0.${20 + index}` : `10.244.${index}.${copy + 5}`,
      hostNetwork: one.hostNetwork,
      namedPorts: { main: one.port },
    })),
  )
  const dns: NaivePod = { namespace: 'kube-system', name: 'coredns', labels: { 'k8s-app': 'kube-dns' }, ip: '10.244.100.2' }
  const collector: NaivePod = { namespace: 'mon', name: 'prometheus', labels: { app: 'prometheus' }, ip: '10.244.101.2' }
  const all = [...pods, dns, collector]
  const own = pods.filter(({ hostNetwork }) => !hostNetwork)
  const behind = (one: Made) =>
    own.filter(
      ({ namespace, labels }) =>
        namespace === one.namespace && Object.entries(labelsOf(one)).every(([key, value]) => labels[key] === value),
    )
  const portOf = (service: Made, pod: (typeof own)[number]) => (service.named ? pod.of.port : service.port)
  const needed: NeededConnection[] = []
  const need = (from: NaiveEnd, to: NaiveEnd, port: number, why: string, protocol = 'TCP') => needed.push({ from, to, protocol, port, why })
  for (const one of list) {
    const mine = own.filter(({ of }) => of === one)
    const hasService = one.service !== 'none'
    for (const pod of hasService ? behind(one) : []) {
      if (one.service === 'LoadBalancer' || one.service === 'NodePort') need(OUTSIDE, pod, portOf(one, pod), 'exposed')
      if (one.route === 'ingress') need(OUTSIDE, pod, portOf(one, pod), 'routed')
      if (one.route === 'webhook') need(API_SERVER, pod, portOf(one, pod), 'webhook')
    }
    for (const called of one.calls.map((index) => list[index]).filter((two) => two !== undefined && two.service !== 'none'))
      for (const from of pods.filter(({ of }) => of === one)) for (const to of behind(called!)) need(from, to, portOf(called!, to), 'named')
    for (const pod of mine) {
      if (one.scraped) need(collector, pod, one.port, 'scraped')
      for (const protocol of ['UDP', 'TCP']) need(pod, dns, 53, 'dns', protocol)
      need(pod, '10.96.0.10', 53, 'dns', 'UDP')
      need(pod, '169.254.20.10', 53, 'node cache', 'UDP')
      need(pod, OUTSIDE, 443, 'outside')
      if (one.token) need(pod, API_SERVER, 6443, 'token')
      for (const other of own) if (other.namespace === pod.namespace && other !== pod) need(pod, other, 12345, 'fence')
    }
  }
  return { objects: objectsOf(list, at, all), pods: all, policies: policiesOf(list), needed }
}

const policiesOf = (list: readonly Made[]): readonly NetworkPolicyObject[] =>
  list
    .filter(({ isolated }) => isolated !== 'no')
    .map((one) => ({
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      metadata: { name: `own-${one.name}`, namespace: one.namespace },
      spec: {
        podSelector: { matchLabels: labelsOf(one) },
        policyTypes: [one.isolated],
        ...(one.isolated === 'Ingress' && {
          ingress: [{ from: [{ podSelector: { matchLabels: { app: 'web' } } }], ports: [{ port: 8080 }] }],
        }),
        ...(one.isolated === 'Egress' && {
          egress: [{ to: [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'kube-system' } } }] }],
        }),
      },
    }))

function objectsOf(list: readonly Made[], at: (namespace: string) => readonly Made[], pods: readonly NaivePod[]): readonly KubeObject[] {
  const objects: object[] = []
  const namespaced = (apiVersion: string, kind: string, namespace: string, name: string, rest: object, metadata: object = {}) =>
    objects.push({ apiVersion, kind, metadata: { name, namespace, ...metadata }, ...rest })
  for (const one of list) {
    const names = one.calls.map((index) => list[index]).filter((two) => two !== undefined)
    const container = {
      name: 'main',
      image: 'registry.example/app',
      ports: [{ name: 'main', containerPort: one.port }],
      env: names.map((two, index) => ({ name: `PEER_${index}`, value: `http://${nameOf(two)}.${two.namespace}.svc:80` })),
    }
    const annotations = one.scraped ? { 'prometheus.io/scrape': 'true', 'prometheus.io/port': String(one.port) } : {}
    const spec = { automountServiceAccountToken: one.token, hostNetwork: one.hostNetwork, containers: [container] }
    const template = { metadata: { labels: labelsOf(one), annotations }, spec }
    namespaced(
      'apps/v1',
      'Deployment',
      one.namespace,
      one.name,
      { spec: { selector: { matchLabels: labelsOf(one) }, template } },
      { uid: `u-${one.name}` },
    )
    for (const pod of pods.filter(({ name, namespace }) => namespace === one.namespace && name.startsWith(`${one.name}-`)))
      namespaced(
        'v1',
        'Pod',
        one.namespace,
        pod.name,
        { spec: { ...spec, nodeName: `n-${pod.ip}` }, status: { phase: 'Running', podIP: pod.ip } },
        {
          labels: pod.labels,
          annotations,
          ownerReferences: [{ apiVersion: 'apps/v1', kind: 'Deployment', name: one.name, uid: `u-${one.name}`, controller: true }],
        },
      )
    if (one.service === 'none') continue
    const type = one.service === 'headless' ? { clusterIP: 'None' } : { type: one.service }
    namespaced('v1', 'Service', one.namespace, nameOf(one), {
      spec: { ...type, selector: labelsOf(one), ports: [{ name: 'http', port: 80, targetPort: one.named ? 'main' : one.port }] },
    })
    if (one.route === 'ingress')
      namespaced('networking.k8s.io/v1', 'Ingress', one.namespace, one.name, {
        spec: {
          rules: [
            { http: { paths: [{ path: '/', pathType: 'Prefix', backend: { service: { name: nameOf(one), port: { number: 80 } } } }] } },
          ],
        },
      })
    if (one.route === 'webhook')
      objects.push({
        apiVersion: 'admissionregistration.k8s.io/v1',
        kind: 'ValidatingWebhookConfiguration',
        metadata: { name: one.name },
        webhooks: [{ name: `${one.name}.example`, clientConfig: { service: { namespace: one.namespace, name: nameOf(one), port: 80 } } }],
      })
  }
  for (const namespace of [...NAMESPACES, 'kube-system', 'mon', 'default'])
    if (at(namespace).length > 0 || namespace.length > 0)
      objects.push({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } })
  const single = (namespace: string, name: string, labels: object, ip: string, image: string, rest: object = {}) =>
    namespaced(
      'v1',
      'Pod',
      namespace,
      name,
      { spec: { containers: [{ name: 'main', image, ...rest }] }, status: { phase: 'Running', podIP: ip } },
      { labels },
    )
  single('kube-system', 'coredns', { 'k8s-app': 'kube-dns' }, '10.244.100.2', 'registry.k8s.io/coredns/coredns')
  single('mon', 'prometheus', { app: 'prometheus' }, '10.244.101.2', 'quay.io/prometheus/prometheus:v3')
  const cache = { name: 'node-cache', image: 'registry.k8s.io/dns/k8s-dns-node-cache:1.23', args: ['-localip', '169.254.20.10,10.96.0.10'] }
  namespaced('apps/v1', 'DaemonSet', 'kube-system', 'node-local-dns', {
    spec: { template: { metadata: { labels: { 'k8s-app': 'node-local-dns' } }, spec: { hostNetwork: true, containers: [cache] } } },
  })
  namespaced('v1', 'Service', 'kube-system', 'kube-dns', {
    spec: {
      clusterIP: '10.96.0.10',
      selector: { 'k8s-app': 'kube-dns' },
      ports: ['UDP', 'TCP'].map((protocol) => ({ name: `dns-${protocol}`.toLowerCase(), protocol, port: 53, targetPort: 53 })),
    },
  })
  objects.push({
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: 'kubernetes', namespace: 'default', labels: { 'kubernetes.io/service-name': 'kubernetes' } },
    addressType: 'IPv4',
    endpoints: [{ addresses: [API_SERVER] }],
    ports: [{ name: 'https', port: 6443, protocol: 'TCP' }],
  })
  objects.push({ apiVersion: 'v1', kind: 'Node', metadata: { name: 'n1' }, spec: { podCIDR: '10.244.0.0/16' } })
  return objects as KubeObject[]
}
export const asText = (objects: readonly KubeObject[]): string => objects.map((one) => stringify(one)).join('---\n')
