/** A roll-out to one namespace at a time: `-n` narrows what is changed, never what is known of who needs it. */
import { mkdtemp, readdir, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { beforeAll, expect, test } from 'vitest'
import type { KubeObject } from '../../src/model/index.ts'
import { describeCluster } from '../cluster/with-cluster.ts'
import { BIN } from '../helpers/cli.ts'

const BOTH = ['--control', 'net-default-deny-ingress', '--control', 'net-default-deny-egress']

describeCluster('a roll-out that is narrowed to a namespace', { audit: false }, (cluster) => {
  const newDirectory = () => mkdtemp(join(tmpdir(), 'k8s-harden-narrowed-'))
  const harden = async (kubeconfig: string, ...args: readonly string[]) => {
    const env = { KUBECONFIG: kubeconfig, NO_COLOR: '1', XDG_STATE_HOME: await newDirectory() }
    return execa(process.execPath, [BIN, ...args], { env, stdin: 'ignore', reject: false, all: true })
  }
  const put = (path: string, object: object) => cluster().api.create(path, object)
  const pod = (namespace: string, name: string, { labels = {}, annotations = {}, container = {} } = {}) =>
    put(`/api/v1/namespaces/${namespace}/pods`, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, labels: { app: name, ...labels }, annotations },
      spec: { containers: [{ name: 'app', image: 'example.test/app:1', ports: [{ containerPort: 8080 }], ...container }] },
    })
  const service = (namespace: string, name: string, spec: object = { selector: { app: name }, ports: [{ port: 80, targetPort: 8080 }] }) =>
    put(`/api/v1/namespaces/${namespace}/services`, { apiVersion: 'v1', kind: 'Service', metadata: { name }, spec })
  const policies = async (out: string): Promise<Record<string, string>> => {
    const files = (await readdir(out, { recursive: true, withFileTypes: true })).filter(({ name }) => name.endsWith('.yaml'))
    const texts = await Promise.all(files.map(({ parentPath, name }) => readFile(join(parentPath, name), 'utf8')))
    const named = texts
      .filter((text) => text.includes('kind: NetworkPolicy'))
      .map((text) => {
        const [name, namespace] = [/^ {2}name: (.+)$/m, /^ {2}namespace: (.+)$/m].map((line) => line.exec(text)![1]!)
        // Files are numbered through the whole plan.
        return [`${namespace}/${name}`, text.replace(/^# Apply: .*$/m, '')] as const
      })
    return Object.fromEntries(named)
  }
  const generate = async (kubeconfig: string, ...args: readonly string[]) => {
    const out = join(await newDirectory(), 'out')
    return { ...(await harden(kubeconfig, 'generate', '--out', out, ...args)), policies: await policies(out).catch(() => ({})) }
  }

  beforeAll(async () => {
    for (const name of ['shop', 'front', 'entry', 'watch'])
      await put('/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name } })
    const TOKEN = { name: 'K', value: 'https://kubernetes.default.svc' }
    await pod('shop', 'web', { container: { env: [{ name: 'LEDGER', value: 'http://ledger.front:80' }, TOKEN] } })
    await pod('shop', 'db', { annotations: { 'prometheus.io/scrape': 'true', 'prometheus.io/port': '9100' } })
    await pod('front', 'reader', { container: { env: [{ name: 'DB', value: 'db.shop.svc.cluster.local:80' }] } })
    await pod('front', 'ledger')
    await pod('entry', 'nginx', { container: { image: 'registry.k8s.io/ingress-nginx/controller:v1.13.0' } })
    await pod('watch', 'prometheus', { container: { image: 'quay.io/prometheus/prometheus:v3.5.0' } })
    for (const at of ['shop/web', 'shop/db', 'front/ledger']) await service(...(at.split('/') as [string, string]))
    // One that listens on loopback publishes no address.
    await put('/apis/discovery.k8s.io/v1/namespaces/default/endpointslices', {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name: 'kubernetes', labels: { 'kubernetes.io/service-name': 'kubernetes' } },
      addressType: 'IPv4',
      endpoints: [{ addresses: ['192.0.2.10'] }],
      ports: [{ name: 'https', port: 6443 }],
    })
    const ports = ['UDP', 'TCP'].map((protocol) => ({ name: protocol.toLowerCase(), protocol, port: 53 }))
    await service('kube-system', 'kube-dns', { selector: { 'k8s-app': 'kube-dns' }, ports })
    await put('/apis/networking.k8s.io/v1/ingressclasses', {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'IngressClass',
      metadata: { name: 'nginx' },
      spec: { controller: 'k8s.io/ingress-nginx' },
    })
    const backend = { service: { name: 'web', port: { number: 80 } } }
    await put('/apis/networking.k8s.io/v1/namespaces/shop/ingresses', {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'Ingress',
      metadata: { name: 'web' },
      spec: { ingressClassName: 'nginx', rules: [{ http: { paths: [{ path: '/', pathType: 'Prefix', backend }] } }] },
    })
  })

  test('it is given the very policies that it is given with all others', async () => {
    const [all, narrow] = [await generate(cluster().kubeconfig, ...BOTH), await generate(cluster().kubeconfig, ...BOTH, '-n', 'shop')]
    const ofShop = Object.fromEntries(Object.entries(all.policies).filter(([at]) => at.startsWith('shop/')))
    expect(Object.keys(ofShop).length).toBeGreaterThan(3)
    expect(Object.keys(all.policies).some((at) => at.startsWith('front/'))).toBe(true)
    expect(narrow.policies).toEqual(ofShop)
    const text = Object.values(ofShop).join('\n')
    // Whom it needs and who needs it: a client, the controller, the scraper, a server, DNS and the API server.
    for (const name of ['front', 'entry', 'watch', 'kube-system']) expect(text).toContain(`kubernetes.io/metadata.name: ${name}`)
    expect(text).toContain('cidr: 192.0.2.10/32')
    expect(text).toContain('port: 6443')
  })

  test('findings are of that namespace and of the cluster alone', async () => {
    const { stdout } = await harden(cluster().kubeconfig, 'scan', '-o', 'json', '-n', 'shop', '--practice', 'nodes-and-pods')
    const { results } = JSON.parse(stdout) as { results: { findings: { subject: { kind: string; namespace?: string; name: string } }[] }[] }
    const subjects = results.flatMap(({ findings }) => findings.map(({ subject }) => subject))
    const places = subjects.map(({ kind, namespace, name }) => namespace ?? (kind === 'Namespace' ? name : undefined))
    expect(new Set(places.filter((place) => place !== undefined))).toEqual(new Set(['shop']))
  })

  test('whoever may read that namespace alone is told why nothing is proposed, and nothing is written', async () => {
    const rbac = '/apis/rbac.authorization.k8s.io/v1/namespaces/shop'
    const rules = [{ apiGroups: ['*'], resources: ['*'], verbs: ['*'] }]
    const role = { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'Role', metadata: { name: 'all' }, rules }
    await put(`${rbac}/roles`, role)
    const binding = {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata: { name: 'all' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'all' },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'shopkeeper' }],
    }
    await put(`${rbac}/rolebindings`, binding)
    const whole = '/apis/rbac.authorization.k8s.io/v1'
    const kinds = ['mutatingwebhookconfigurations', 'validatingwebhookconfigurations', 'apiservices', 'nodes']
    await put(`${whole}/clusterroles`, {
      ...role,
      kind: 'ClusterRole',
      rules: [{ apiGroups: ['*'], resources: kinds, verbs: ['list', 'watch'] }],
    })
    await put(`${whole}/clusterrolebindings`, {
      ...binding,
      kind: 'ClusterRoleBinding',
      roleRef: { ...binding.roleRef, kind: 'ClusterRole' },
    })
    const kubeconfig = await cluster().kubeconfigFor({ user: 'shopkeeper' })
    const review = { verb: 'list', resource: 'pods', namespace: 'shop' }
    await expect
      .poll(async () => await cluster().kubectl(['auth', 'can-i', review.verb, review.resource, '-n', 'shop', '--as=shopkeeper']))
      .toBe('yes')
    const { all } = await harden(kubeconfig, 'apply', '--yes', '--accept-risk', 'may-break', '-n', 'shop', '--steady', '0', ...BOTH)
    expect(all).toContain('were read in namespace shop only (-n), not in all')
    expect(all).toMatch(/allow list and watch on \w+( in API group \S+)? in all namespaces/)
    const made = await cluster().api.get<{ items: KubeObject[] }>('/apis/networking.k8s.io/v1/networkpolicies')
    expect(made.items).toEqual([])
  })
})
