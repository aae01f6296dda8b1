/** Trees of files that are the roots of nodes, beside a stand-in for the live cluster. */
import { chmod, mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { type Host, HostUnreachable } from '../../src/hosts/host.ts'
import { LocalHost } from '../../src/hosts/local.ts'
import type { ClusterSource, Facts, KubeObject, Readable, SourceEvent } from '../../src/model/index.ts'
import { reachableApiServers, staticPodFile } from '../../src/objects/host-files.ts'
import { refOf } from '../../src/objects/ref.ts'
import { SnapshotStore } from '../../src/snapshot/store.ts'
import { withHosts } from '../../src/sources/hosts.ts'
import { lookAt } from '../../src/sources/hosts-look.ts'

const KEY = Buffer.from('0123456789abcdef0123456789abcdef').toString('base64')
const OLD = Buffer.from('an old key that was commented out').toString('base64')
const ENCRYPTION = `# ours
apiVersion: apiserver.config.k8s.io/v1
kind: EncryptionConfiguration
resources:
- resources: [secrets]
  providers:
  - secretbox:
      keys:
      - name: key1
        secret: ${KEY} # never shown
  - identity: {}
# secret: ${OLD}
`
const manifest = (flags: readonly string[]) => `apiVersion: v1
kind: Pod
metadata: {name: kube-apiserver, namespace: kube-system, labels: {component: kube-apiserver}}
spec:
  containers:
  - name: kube-apiserver
    command: [kube-apiserver, ${flags.map((flag) => JSON.stringify(flag)).join(', ')}]
    volumeMounts:
    - {name: config, mountPath: /etc/kubernetes/inside, readOnly: true}
    - {name: pki, mountPath: /etc/kubernetes/pki}
  volumes:
  - {name: config, hostPath: {path: /srv/config}}
  - {name: pki, hostPath: {path: /etc/kubernetes/pki}}
`
const kubeconfig = (token: string) =>
  `apiVersion: v1\nkind: Config\ncurrent-context: a\ncontexts: [{name: a, context: {user: admin, cluster: c}}]\nclusters: [{name: c, cluster: {server: "https://x"}}]\nusers: [{name: admin, user: {token: ${token}}}]\n`

async function tree(files: Readonly<Record<string, string>>): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'k8s-harden-node-'))
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true })
    await writeFile(join(root, path), text)
    await chmod(join(root, path), 0o600)
  }
  return root
}
const FILES = {
  '/etc/kubernetes/manifests/kube-apiserver.yaml': manifest([
    '--encryption-provider-config=/etc/kubernetes/inside/enc.yaml',
    '--tls-private-key-file=/etc/kubernetes/pki/apiserver.key',
    '--client-ca-file=/etc/kubernetes/pki/ca.crt',
  ]),
  '/etc/kubernetes/manifests/.k8s-harden-x': 'kind: Pod',
  '/srv/config/enc.yaml': ENCRYPTION,
  '/etc/kubernetes/pki/apiserver.key': 'PRIVATE-KEY-BYTES',
  '/etc/kubernetes/pki/ca.crt': 'CA',
  '/etc/kubernetes/admin.conf': kubeconfig('t0ken-of-admin'),
  '/var/lib/kubelet/config.yaml': 'apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\nreadOnlyPort: 10255\n',
}

const mirror = (node: string): KubeObject =>
  ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: `kube-apiserver-${node}`, namespace: 'kube-system', annotations: { 'kubernetes.io/config.mirror': 'x' } },
    spec: { nodeName: node, containers: [{ name: 'kube-apiserver', command: ['kube-apiserver', '--profiling=false'] }] },
  }) as unknown as KubeObject
const node = (name: string): KubeObject => ({ apiVersion: 'v1', kind: 'Node', metadata: { name } })

/** Says at first what there is, then stays. */
function cluster(nodes: readonly string[], apiServers: readonly string[], unread: readonly SourceEvent[] = []): ClusterSource {
  const info = { kind: 'live', name: 'test' } as const
  return {
    info,
    async *events({ signal, follow, wanted }) {
      asked = wanted
      yield [
        { type: 'source', info },
        { type: 'replace', kind: 'Node', items: nodes.map((name) => [name, node(name)] as const) },
        { type: 'replace', kind: 'Pod', items: apiServers.map((name) => [`kube-system/kube-apiserver-${name}`, mirror(name)] as const) },
        ...unread,
        { type: 'synced' },
      ]
      if (follow) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
    },
  }
}
let asked: ReadonlySet<Readable>
const WANTED = new Set<Readable>(['Hosts', 'EncryptionConfiguration', 'AuditPolicy', 'KubeletConfiguration', 'Kubeconfig'])

async function seen(source: ClusterSource, wanted: ReadonlySet<Readable> = WANTED) {
  const store = new SnapshotStore(source.info, (ref, at) => source.locate?.(ref, at))
  const events: SourceEvent[] = []
  for await (const batch of source.events({ signal: new AbortController().signal, follow: false, wanted }))
    for (const event of Array.isArray(batch) ? (batch as readonly SourceEvent[]) : [batch as SourceEvent]) {
      events.push(event)
      store.take(event)
    }
  return { events, snapshot: store.publish(0).snapshot }
}

let root: string
let host: Host
beforeEach(async () => {
  root = await tree(FILES)
  host = new LocalHost('cp-1', root)
})

describe('one look at a node', () => {
  test('files are found where flags, through mounts, say they are; key bytes and tokens are nowhere', async () => {
    const { seen, objects, unread, apiServer } = await lookAt(host)
    expect(apiServer).toBe(true)
    // It stands for a certificate, and is none.
    expect(unread).toMatchObject([{ path: '/etc/kubernetes/pki/ca.crt', only: 'CertificateFile' }])
    const roles = Object.fromEntries(seen.files.map(({ path, role }) => [path, role]))
    expect(roles).toMatchObject({
      '/etc/kubernetes/manifests': 'static-pod-directory',
      '/etc/kubernetes/manifests/kube-apiserver.yaml': 'static-pod',
      '/srv/config/enc.yaml': 'configuration',
      '/etc/kubernetes/pki/apiserver.key': 'key',
      '/etc/kubernetes/pki/ca.crt': 'certificate',
      '/etc/kubernetes/pki': 'pki-directory',
      '/etc/kubernetes/admin.conf': 'kubeconfig',
      '/var/lib/kubelet/config.yaml': 'kubelet-config',
    })
    expect(objects.map(({ kind }) => kind).sort()).toEqual(['EncryptionConfiguration', 'Kubeconfig', 'KubeletConfiguration'])
    const everything = JSON.stringify([seen, objects])
    for (const secret of [KEY, OLD, 't0ken-of-admin', 'PRIVATE-KEY-BYTES']) expect(everything).not.toContain(secret)
    const shown = seen.files.find(({ path }) => path === '/srv/config/enc.yaml')?.text
    expect(shown).toBe(
      ENCRYPTION.replace(KEY, JSON.stringify(Buffer.alloc(32).toString('base64'))).replace(OLD, Buffer.alloc(33).toString('base64')),
    )
    expect(seen.files.find(({ path }) => path.endsWith('.key'))).not.toHaveProperty('sha256')
  })

  test('of several kubelets the one that bears the name of the node counts', async () => {
    const started: Readonly<Record<string, string>> = {
      '/proc/11/cmdline': 'kubelet\0--hostname-override=cp-2\0--config=/srv/other.yaml\0',
      '/proc/12/cmdline': 'kubelet\0--hostname-override=cp-1\0--config=/srv/config/kubelet.yaml\0',
    }
    await writeFile(join(root, '/srv/config/kubelet.yaml'), FILES['/var/lib/kubelet/config.yaml'])
    const many = new Proxy(host, {
      get: (target, name) => {
        if (name === 'run') return async () => ({ exitCode: 0, stdout: '11 12', stderr: '' })
        if (name === 'read')
          return async (path: string) => (started[path] === undefined ? target.read(path) : { text: started[path], sha256: '', stat: {} })
        const value: unknown = Reflect.get(target, name, target)
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
    const found = (await lookAt(many)).seen.files.filter(({ role }) => role === 'kubelet-config').map(({ path }) => path)
    expect(found).toEqual(['/srv/config/kubelet.yaml'])
  })

  test('a node that nobody reaches is refused, not empty', async () => {
    const dead = new Proxy(host, {
      get: (target, name) =>
        ['node', 'carrier', 'words'].includes(String(name))
          ? Reflect.get(target, name, target)
          : async () => {
              throw new HostUnreachable('ssh root@x: Connection refused')
            },
    })
    expect((await lookAt(dead)).seen).toMatchObject({ refused: 'ssh root@x: Connection refused', files: [] })
  })
})

describe('beside a cluster', () => {
  test('kinds of files are there, with their place on the node; none is none where all API servers were seen', async () => {
    const { source } = withHosts(cluster(['cp-1'], ['cp-1']), [host])
    const { snapshot, events } = await seen(source)
    const [encryption] = snapshot.all('EncryptionConfiguration')
    expect(encryption?.metadata.name).toBe('enc.yaml')
    expect(refOf(encryption!)).toMatchObject({ file: 'cp-1:/srv/config/enc.yaml', document: 0 })
    expect(snapshot.locate(refOf(encryption!), ['resources', 0, 'providers'])).toEqual({ file: 'cp-1:/srv/config/enc.yaml', line: 6 })
    expect(snapshot.unread('AuditPolicy')).toBeUndefined()
    expect(snapshot.all('AuditPolicy')).toEqual([])
    expect(snapshot.all('KubeletConfiguration')).toHaveLength(1)
    expect(events.at(-1)).toEqual({ type: 'synced' })
    expect(staticPodFile(snapshot, 'cp-1', 'kube-apiserver')?.text).toBe(FILES['/etc/kubernetes/manifests/kube-apiserver.yaml'])
    expect(staticPodFile(snapshot, 'cp-1', 'etcd')).toBeUndefined()
    // What it asks for besides is not handed on.
    expect([...asked].sort()).toEqual(['Node', 'Pod'])
    expect(events.some((event) => 'kind' in event && event.kind === 'Pod')).toBe(false)
  })

  test('two nodes with files of one name are two objects', async () => {
    const other = new LocalHost('cp-2', await tree(FILES))
    const { snapshot } = await seen(withHosts(cluster(['cp-1', 'cp-2'], ['cp-1', 'cp-2']), [host, other]).source)
    expect(snapshot.all('EncryptionConfiguration').map((one) => refOf(one).file)).toEqual([
      'cp-1:/srv/config/enc.yaml',
      'cp-2:/srv/config/enc.yaml',
    ])
  })

  test.each([
    ['an API server that no host names', ['cp-1', 'cp-2'], [], /no --host names node cp-2/],
    [
      'pods that could not be read',
      ['cp-1'],
      [{ type: 'unread', unread: { what: 'Pod', why: 'forbidden', because: 'refused (403)', answer: '' } }],
      /403/,
    ],
    ['no mirror pods at all', [], [], /no mirror pod of an API server/],
  ] as const)('%s: not known, never none', async (_, apiServers, unread, because) => {
    const { source } = withHosts(cluster(['cp-1'], apiServers, unread), [host])
    const { snapshot } = await seen(source, new Set<Readable>([...WANTED, 'Pod', 'Node']))
    for (const kind of ['EncryptionConfiguration', 'AuditPolicy', 'Kubeconfig'] as const) {
      expect(snapshot.unread(kind)?.why).toBe('partial')
      expect(snapshot.unread(kind)?.because).toMatch(because)
    }
    expect(reachableApiServers(snapshot).all).toBe(false)
  })

  test('all API servers reached', async () => {
    const { snapshot } = await seen(withHosts(cluster(['cp-1'], ['cp-1']), [host]).source, new Set<Readable>([...WANTED, 'Pod', 'Node']))
    expect(reachableApiServers(snapshot)).toEqual({ nodes: ['cp-1'], missing: [], all: true })
  })

  test('a file that a flag names and that is not there, or is no YAML, leaves its kind open', async () => {
    await writeFile(join(root, '/srv/config/enc.yaml'), 'kind: EncryptionConfiguration\n  a: [')
    const { snapshot } = await seen(withHosts(cluster(['cp-1'], ['cp-1']), [host]).source)
    expect(snapshot.unread('EncryptionConfiguration')?.because).toMatch(/cannot be understood/)
  })

  test('a change of ours is looked at again at once, and nothing is said where nothing changed', async () => {
    const { source, hosts } = withHosts(cluster(['cp-1'], ['cp-1']), [host], { everyMs: 60_000 })
    const stop = new AbortController()
    const facts: Facts['Hosts'][] = []
    const path = '/var/lib/kubelet/config.yaml'
    for await (const batch of source.events({ signal: stop.signal, follow: true, wanted: WANTED }))
      for (const event of Array.isArray(batch) ? (batch as readonly SourceEvent[]) : [batch as SourceEvent]) {
        if (event.type === 'synced') {
          const before = await hosts[0]!.read(path)
          await hosts[0]!.write(path, before!.text.replace('10255', '0'), { mode: 0o600, expected: before!.sha256 })
        }
        if (event.type === 'fact') facts.push(event.value as Facts['Hosts'])
        if (facts.length === 2) stop.abort()
      }
    expect(facts[1]!.hosts[0]!.files.find((file) => file.path === path)?.text).toContain('readOnlyPort: 0')
    expect(await readFile(join(root, path), 'utf8')).toContain('readOnlyPort: 0')
  })

  test('without a wish for files nobody looks', async () => {
    const { source } = withHosts(cluster(['cp-1'], ['cp-1']), [host])
    await seen(source, new Set<Readable>(['Pod']))
    expect([...asked]).toEqual(['Pod'])
  })
})

test('keys, kubeconfigs and data that no flag names are found where distributions keep them', async () => {
  const files = [
    ['/etc/kubernetes/pki/etcd/ca.key', 'key'],
    ['/etc/kubernetes/pki/front-proxy-ca.key', 'key'],
    ['/etc/kubernetes/ssl/sa.key', 'key'],
    ['/etc/ssl/etcd/ssl/admin-n-key.pem', 'key'],
    ['/etc/systemd/system/kubelet.service', 'kubelet-service'],
    ['/var/lib/kube-proxy/kubeconfig.conf', 'kubeconfig'],
    ['/etc/rancher/k3s/k3s.yaml', 'kubeconfig'],
    ['/var/lib/rancher/k3s/server/tls/client-admin.key', 'key'],
    ['/var/lib/rancher/k3s/server/token', 'key'],
    ['/var/lib/rancher/rke2/agent/kubelet.kubeconfig', 'kubeconfig'],
    ['/var/lib/rancher/rke2/agent/pod-manifests/etcd.yaml', 'static-pod'],
    ['/var/lib/rancher/rke2/server/tls/etcd/server-ca.key', 'key'],
  ] as const
  const others = ['/var/lib/rancher/rke2/server/db/etcd/member', '/var/lib/rancher/k3s/server/manifests/coredns.yaml']
  const placed = await tree(Object.fromEntries([...files.map(([path]) => path), ...others].map((path) => [path, 'x'])))
  const { seen } = await lookAt(new LocalHost('n', placed))
  expect(seen.files.map(({ path, role }) => [path, role])).toEqual(
    expect.arrayContaining([...files, ['/var/lib/rancher/rke2/server/db/etcd', 'etcd-data']]),
  )
  expect(JSON.stringify(seen)).not.toContain('manifests/coredns.yaml')
  expect(seen.files.some(({ text }) => text !== undefined)).toBe(false)
})
