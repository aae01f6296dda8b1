/** k3s and RKE2 as a look at their nodes finds them: trees of files, beside a stand-in for the live cluster. */
import { chmod, mkdir, mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import auditCoverage from '../../src/controls/audit/audit-policy-coverage.ts'
import encrypted from '../../src/controls/secrets/sec-etcd-encryption.ts'
import { wantedBy } from '../../src/engine/evaluator.ts'
import { judge } from '../../src/engine/judge.ts'
import type { Host } from '../../src/hosts/host.ts'
import { LocalHost } from '../../src/hosts/local.ts'
import type { ClusterSource, KubeObject, Readable } from '../../src/model/index.ts'
import { kubelets } from '../../src/objects/kubelet-config.ts'
import { SnapshotStore } from '../../src/snapshot/store.ts'
import { withHosts } from '../../src/sources/hosts.ts'
import { lookAt } from '../../src/sources/hosts-look.ts'

const KEY = Buffer.from('0123456789abcdef0123456789abcdef').toString('base64')
const encryption = (...providers: readonly object[]) =>
  JSON.stringify({
    kind: 'EncryptionConfiguration',
    apiVersion: 'apiserver.config.k8s.io/v1',
    resources: [{ resources: ['secrets'], providers }],
  })
const AESCBC = { aescbc: { keys: [{ name: 'aescbckey', secret: KEY }] } }
const IDENTITY = { identity: {} }
const NOTHING_LOGGED = 'apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- level: None\n'
const UNIT = `[Service]
EnvironmentFile=-/etc/systemd/system/k3s.service.env
ExecStart=/usr/local/bin/k3s \\
    server \\
	'--token' \\
	's3cret' \\
	'--kube-apiserver-arg=audit-log-path=/var/log/k3s-audit.log' \\
`
const K3S = {
  '/etc/rancher/k3s/config.yaml': 'token: s3cret\nsecrets-encryption: true\nkube-apiserver-arg:\n- profiling=true\n',
  '/etc/rancher/k3s/config.yaml.d/10-audit.yaml': 'kube-apiserver-arg+:\n- audit-policy-file=/etc/audit/policy.yaml\n',
  '/etc/rancher/k3s/config.yaml.d/20-not-read.txt': 'kube-apiserver-arg: []\n',
  '/etc/rancher/k3s/k3s.yaml': 'apiVersion: v1\nkind: Config\nusers: []\n',
  '/etc/systemd/system/k3s.service': UNIT,
  '/etc/audit/policy.yaml': NOTHING_LOGGED,
  '/var/lib/rancher/k3s/server/cred/encryption-config.json': encryption(AESCBC, IDENTITY),
  '/var/lib/rancher/k3s/agent/etc/kubelet.conf.d/00-k3s-defaults.conf':
    'apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\nauthentication: {anonymous: {enabled: false}, webhook: {enabled: true}}\nauthorization: {mode: Webhook}\n',
}
async function tree(files: Readonly<Record<string, string>>): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'k8s-harden-rancher-'))
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true })
    await writeFile(join(root, path), text)
    await chmod(join(root, path), 0o600)
  }
  return root
}
const server = (name: string, ...args: readonly string[]): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name, annotations: { 'k3s.io/node-args': JSON.stringify(['server', ...args]) } },
})

async function snapshotOf(nodes: readonly KubeObject[], hosts: readonly Host[], pods: readonly KubeObject[] = []) {
  const info = { kind: 'live', name: 'test', kubernetes: 'v1.36.1+k3s1' } as const
  const cluster: ClusterSource = {
    info,
    async *events() {
      yield [
        { type: 'source', info },
        { type: 'replace', kind: 'Node', items: nodes.map((one) => [one.metadata.name, one] as const) },
        { type: 'replace', kind: 'Pod', items: pods.map((one) => [`kube-system/${one.metadata.name}`, one] as const) },
        { type: 'synced' },
      ]
    },
  }
  const { source } = withHosts(cluster, hosts)
  const store = new SnapshotStore(info)
  const wanted = new Set<Readable>([...wantedBy([ENCRYPTED, COVERAGE]), 'KubeletConfiguration'])
  for await (const batch of source.events({ signal: new AbortController().signal, follow: false, wanted }))
    for (const event of [batch].flat()) store.take(event)
  return store.publish(0).snapshot
}
const registered = (id: string, control: object) => ({ id, practice: 'secrets', ...control }) as unknown as Parameters<typeof judge>[0]
const [ENCRYPTED, COVERAGE] = [registered('sec-etcd-encryption', encrypted), registered('audit-policy-coverage', auditCoverage)]
const SECRETS = ['--secrets-encryption', 'true']

describe('a k3s server', () => {
  test('says how it is told to start, file by file; of its token nothing', async () => {
    const { seen, apiServer, unread } = await lookAt(new LocalHost('s1', await tree(K3S)))
    expect(apiServer).toBe(true)
    expect(unread).toEqual([])
    expect(seen.rancher).toMatchObject({ program: 'k3s', server: true, data: '/var/lib/rancher/k3s' })
    const given = seen.rancher!.settings.filter(({ key }) => key === 'kube-apiserver-arg')
    expect(given.map(({ at, adds, values, isUnit }) => [at, adds, values, isUnit])).toEqual([
      ['/etc/rancher/k3s/config.yaml', false, ['profiling=true'], undefined],
      ['/etc/rancher/k3s/config.yaml.d/10-audit.yaml', true, ['audit-policy-file=/etc/audit/policy.yaml'], undefined],
      ['/etc/systemd/system/k3s.service', true, ['audit-log-path=/var/log/k3s-audit.log'], true],
    ])
    expect(JSON.stringify(seen)).not.toContain('s3cret')
    expect(JSON.stringify(seen)).not.toContain(KEY)
  })

  test('its own files count, where every server was seen', async () => {
    const hosts = [new LocalHost('s1', await tree(K3S))]
    const snapshot = await snapshotOf([server('s1', ...SECRETS, '--kube-apiserver-arg', 'audit-policy-file=/etc/audit/policy.yaml')], hosts)
    expect(snapshot.unread('EncryptionConfiguration')).toBeUndefined()
    expect(judge(ENCRYPTED, snapshot).status).toBe('pass')
    const audit = judge(COVERAGE, snapshot)
    expect(audit.status).toBe('fail')
    expect(audit.findings[0]?.subject.file).toBe('s1:/etc/audit/policy.yaml')
  })

  test.each([
    ['has identity first after secrets-encrypt disable', encryption(IDENTITY, AESCBC), 'fail'],
    ['is not there', undefined, 'unknown'],
  ])('its file %s', async (_what, text, expected) => {
    const files = Object.entries({ ...K3S, '/var/lib/rancher/k3s/server/cred/encryption-config.json': text })
    const host = new LocalHost('s1', await tree(Object.fromEntries(files.filter((one): one is [string, string] => one[1] !== undefined))))
    expect(judge(ENCRYPTED, await snapshotOf([server('s1', ...SECRETS)], [host])).status).toBe(expected)
  })

  test('one server says nothing of another', async () => {
    const nodes = [server('s1', ...SECRETS), server('s2', ...SECRETS)]
    const first = new LocalHost('s1', await tree(K3S))
    const alone = await snapshotOf(nodes, [first])
    expect(alone.unread('EncryptionConfiguration')?.because).toContain('no --host names node s2')
    expect(judge(ENCRYPTED, alone).status).toBe('unknown')
    const plain = { ...K3S, '/var/lib/rancher/k3s/server/cred/encryption-config.json': encryption(IDENTITY) }
    expect(judge(ENCRYPTED, await snapshotOf(nodes, [first, new LocalHost('s2', await tree(plain))])).status).toBe('fail')
  })

  test('configuration that nobody can read leaves open what its API server is given', async () => {
    const host = new LocalHost('s1', await tree({ ...K3S, '/etc/rancher/k3s/config.yaml': 'a: [' }))
    const snapshot = await snapshotOf([server('s1', ...SECRETS)], [host])
    expect(snapshot.unread('AuditPolicy')?.because).toContain('/etc/rancher/k3s/config.yaml cannot be understood')
  })

  test('an agent runs no API server, whatever lies there', async () => {
    const { '/etc/systemd/system/k3s.service': _unit, ...files } = K3S
    const { apiServer, seen } = await lookAt(
      new LocalHost('a1', await tree({ ...files, '/etc/systemd/system/k3s-agent.service': 'ExecStart=/usr/local/bin/k3s agent\n' })),
    )
    expect([apiServer, seen.rancher?.server]).toEqual([false, false])
  })

  test('its kubelet is known by the drop-ins, which it reads from 1.32 on; before that only it can tell', async () => {
    const host = new LocalHost('s1', await tree({ ...K3S, '/etc/rancher/k3s/config.yaml': 'kubelet-arg: [read-only-port=10255]\n' }))
    const [kubelet] = kubelets(await snapshotOf([server('s1')], [host])).instances
    expect(kubelet?.config).toMatchObject({ authorization: { mode: 'Webhook' }, readOnlyPort: 10255 })
    const { '/var/lib/rancher/k3s/agent/etc/kubelet.conf.d/00-k3s-defaults.conf': _, ...older } = K3S
    expect((await lookAt(new LocalHost('s1', await tree(older)))).seen.assumed).toContain('inside itself')
  })
})

describe('an RKE2 server', () => {
  const manifest = `apiVersion: v1
kind: Pod
metadata: {name: kube-apiserver, namespace: kube-system, labels: {component: kube-apiserver}}
spec:
  containers:
  - name: kube-apiserver
    args: [--audit-policy-file=/etc/rancher/rke2/audit-policy.yaml]
    command: [kube-apiserver]
    volumeMounts: [{name: file0, mountPath: /etc/rancher/rke2/audit-policy.yaml}]
  volumes: [{name: file0, hostPath: {path: /etc/rancher/rke2/audit-policy.yaml, type: File}}]
`
  test('its static pods are found where a drop-in of its kubelet says they are', async () => {
    const directory = '/var/lib/rancher/rke2/agent/etc/kubelet.conf.d'
    const root = await tree({
      '/etc/rancher/rke2/config.yaml': 'profile: cis\n',
      '/etc/rancher/rke2/audit-policy.yaml': NOTHING_LOGGED,
      '/usr/local/lib/systemd/system/rke2-server.service': 'ExecStart=/usr/local/bin/rke2 server\n',
      [`${directory}/00-rke2-defaults.conf`]:
        'apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\nstaticPodPath: /var/lib/rancher/rke2/agent/pod-manifests\n',
      '/var/lib/rancher/rke2/agent/pod-manifests/kube-apiserver.yaml': manifest,
      '/proc/11/cmdline': `kubelet\0--config-dir=${directory}\0`,
    })
    const host = new Proxy(new LocalHost('r1', root), {
      get: (target, name) => {
        if (name === 'run') return async () => ({ exitCode: 0, stdout: '11', stderr: '' })
        const value: unknown = Reflect.get(target, name, target)
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
    const { seen, apiServer, objects } = await lookAt(host)
    expect(apiServer).toBe(true)
    expect(seen.rancher).toMatchObject({ program: 'rke2', server: true })
    expect(objects.map(({ kind }) => kind)).toContain('AuditPolicy')
  })
})
