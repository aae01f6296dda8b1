/** What a node shows of its certificates, and what is said where less is seen than was asked for. */
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import certLifetime from '../../src/controls/secrets/sec-cert-lifetime.ts'
import { judge } from '../../src/engine/judge.ts'
import { type Host, HostUnreachable } from '../../src/hosts/host.ts'
import { LocalHost } from '../../src/hosts/local.ts'
import type { ClusterSource, Facts, KubeObject, Readable, RegisteredControl, SourceEvent } from '../../src/model/index.ts'
import { SnapshotStore } from '../../src/snapshot/store.ts'
import { withHosts } from '../../src/sources/hosts.ts'
import { lookAt } from '../../src/sources/hosts-look.ts'
import { createAuthority } from '../cluster/certificates.ts'

const control: RegisteredControl = { ...certLifetime, id: 'sec-cert-lifetime', practice: 'secrets' } as unknown as RegisteredControl
const WANTED = new Set<Readable>(['Hosts', 'Node', 'Pod', ...control.reads, ...(control.consults ?? [])])
const KUBELET = '/var/lib/kubelet/config.yaml'
const manifest = (flags: readonly string[]) =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'kube-apiserver', namespace: 'kube-system' },
    spec: {
      containers: [
        { name: 'kube-apiserver', command: ['kube-apiserver', ...flags], volumeMounts: [{ name: 'k', mountPath: '/etc/kubernetes' }] },
      ],
      volumes: [{ name: 'k', hostPath: { path: '/etc/kubernetes' } }],
    },
  })

let files: Record<string, string>
let secrets: readonly string[]
beforeAll(async () => {
  const authority = await createAuthority('kubernetes')
  const server = await authority.issueServer(['kube-apiserver'], [])
  const client = await authority.issueClient({ user: 'system:node:cp-1', groups: ['system:nodes'] })
  secrets = [server.key, client.key].map((key) => key.split('\n')[2]!)
  files = {
    '/etc/kubernetes/manifests/kube-apiserver.yaml': manifest([
      '--tls-cert-file=/etc/kubernetes/pki/apiserver.crt',
      '--client-ca-file=/etc/kubernetes/pki/ca.crt',
      '--oidc-ca-file=/etc/ssl/certs/ca-certificates.crt',
      '--service-account-key-file=/etc/kubernetes/pki/sa.pub',
    ]),
    '/etc/kubernetes/pki/apiserver.crt': server.certificate,
    '/etc/kubernetes/pki/apiserver.key': server.key,
    '/etc/kubernetes/pki/ca.crt': authority.certificate,
    '/etc/kubernetes/pki/front-proxy-client.crt': client.certificate,
    '/var/lib/kubelet/pki/kubelet-client-current.pem': `${client.certificate}\n${client.key}`,
    '/var/lib/kubelet/pki/kubelet-client-2020-01-01.pem': 'long over',
    [KUBELET]: 'apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n',
  }
})

async function tree(more: Readonly<Record<string, string | undefined>> = {}): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'k8s-harden-node-'))
  for (const [path, text] of Object.entries({ ...files, ...more })) {
    if (text === undefined) continue
    await mkdir(dirname(join(root, path)), { recursive: true })
    await writeFile(join(root, path), text, { mode: 0o600 })
  }
  return root
}

const object = (kind: string, name: string, more: object = {}): KubeObject =>
  ({ apiVersion: 'v1', kind, metadata: { name, ...more } }) as unknown as KubeObject
function cluster(nodes: readonly KubeObject[]): ClusterSource {
  const info = { kind: 'live', name: 'test' } as const
  return {
    info,
    async *events({ signal, follow, wanted }) {
      const empty = [...wanted].filter((what) => /Configuration$|Service$|Definition$|ConfigMap$/.test(what))
      yield [
        { type: 'source', info },
        ...empty.map((kind): SourceEvent => ({ type: 'replace', kind: kind as 'Node', items: [] })),
        { type: 'fact', fact: 'KubeconfigFiles', value: { files: [] } },
        { type: 'fact', fact: 'ServerVersion', value: { gitVersion: 'v1.37.2', major: 1, minor: 37, patch: 2 } as Facts['ServerVersion'] },
        { type: 'replace', kind: 'Node', items: nodes.map((one) => [one.metadata.name, one] as const) },
        { type: 'replace', kind: 'Pod', items: [] },
        { type: 'synced' },
      ]
      if (follow) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
    },
  }
}
async function seen(nodes: readonly KubeObject[], hosts: readonly Host[], now = Date.now()) {
  const { source } = withHosts(cluster(nodes), hosts)
  const store = new SnapshotStore(source.info, (ref, at) => source.locate?.(ref, at))
  for await (const batch of source.events({
    signal: new AbortController().signal,
    follow: false,
    wanted: new Set([...WANTED, 'KubeletConfiguration' as const]),
  }))
    for (const event of Array.isArray(batch) ? (batch as readonly SourceEvent[]) : [batch as SourceEvent]) store.take(event)
  return store.publish(now).snapshot
}

let host: LocalHost
let root: string
beforeEach(async () => {
  root = await tree()
  host = new LocalHost('cp-1', root)
})
const CP1 = object('Node', 'cp-1')

describe('certificates on a node', () => {
  test("those that flags name, those beside them and the kubelet's are seen; keys are nowhere", async () => {
    const { seen: looked, objects, unread } = await lookAt(host)
    expect(
      objects
        .filter(({ kind }) => kind === 'CertificateFile')
        .map((one) => one.object.metadata.name)
        .sort(),
    ).toEqual([
      'cp-1:/etc/kubernetes/pki/apiserver.crt',
      'cp-1:/etc/kubernetes/pki/ca.crt',
      'cp-1:/etc/kubernetes/pki/front-proxy-client.crt',
      'cp-1:/var/lib/kubelet/pki/kubelet-client-current.pem',
    ])
    expect(unread).toEqual([])
    for (const secret of secrets) expect(JSON.stringify([looked, objects])).not.toContain(secret)
  })
  test('answer for their lifetime, each by its node and path', async () => {
    const year = 365 * 86_400_000
    const snapshot = await seen([CP1], [host], Date.now() + 20 * year)
    const over = judge(control, snapshot).findings.filter(({ reason }) => reason.includes('has expired'))
    expect(over.map(({ subject }) => subject.name)).toContain('cp-1:/etc/kubernetes/pki/apiserver.crt')
    const outcome = judge(control, await seen([CP1], [host]))
    expect(outcome.because).toContain('4 certificate files were seen')
    expect(JSON.stringify(outcome)).not.toContain('lie in files of its nodes')
  })
  test('one that cannot be read, or is not there though a flag names it, leaves the question open', async () => {
    for (const text of ['no certificate', undefined]) {
      const broken = new LocalHost('cp-1', await tree({ '/etc/kubernetes/pki/apiserver.crt': text }))
      const snapshot = await seen([CP1], [broken])
      expect(snapshot.unread('CertificateFile')?.because).toContain('/etc/kubernetes/pki/apiserver.crt')
      expect(snapshot.unread('KubeletConfiguration')).toBeUndefined()
      expect(judge(control, snapshot).status).not.toBe('pass')
    }
  })
})

describe('less than was asked for', () => {
  test('a kubelet whose arguments nobody knows: the places of kubeadm, and it is said', async () => {
    const silent = Object.assign(new LocalHost('cp-1', root), { run: async () => ({ exitCode: 1, stdout: '', stderr: '' }) })
    expect((await lookAt(silent)).seen.assumed).toBe('no kubelet runs there')
    expect((await seen([CP1], [silent])).unread('KubeletConfiguration')).toBeUndefined()
    await rm(join(root, KUBELET))
    const snapshot = await seen([CP1], [silent])
    expect(snapshot.unread('KubeletConfiguration')?.because).toContain('how its kubelet was started is not known (no kubelet runs there)')
    expect(snapshot.unread('CertificateFile')).toBeUndefined()
  })
  test('a node that is lost in the middle of a look is not known by halves', async () => {
    let asked = 0
    const lost = new Proxy(host, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name, target)
        if (typeof value !== 'function') return value
        return (...args: unknown[]) => {
          if (++asked > 8) throw new HostUnreachable('ssh root@10.0.0.1: Connection closed')
          return value.apply(target, args)
        }
      },
    })
    const snapshot = await seen([CP1], [lost])
    expect(asked).toBeGreaterThan(8)
    expect(snapshot.fact('Hosts')?.hosts).toMatchObject([{ refused: 'ssh root@10.0.0.1: Connection closed', files: [] }])
    expect(snapshot.all('CertificateFile')).toEqual([])
    expect(snapshot.unread('CertificateFile')?.because).toContain('Connection closed')
  })
  test('a host that the cluster does not have shows nothing, and a Windows node is named as such', async () => {
    const stranger = new LocalHost('cp-9', root)
    const windows = object('Node', 'win-1', { labels: { 'kubernetes.io/os': 'windows' } })
    const snapshot = await seen([CP1, windows], [host, stranger])
    const [ours, theirs] = snapshot.fact('Hosts')!.hosts
    expect([ours!.files.length > 0, theirs]).toMatchObject([true, { refused: 'the cluster has no node of this name', files: [] }])
    expect(snapshot.all('CertificateFile')).toHaveLength(4)
    expect(snapshot.unread('KubeletConfiguration')?.because).toMatch(/node win-1 runs Windows/)
  })
  test('a file that somebody else changes on the node is seen while watching', async () => {
    const { source } = withHosts(cluster([CP1]), [host], { everyMs: 50 })
    const stop = new AbortController()
    const facts: Facts['Hosts'][] = []
    for await (const batch of source.events({
      signal: AbortSignal.any([stop.signal, AbortSignal.timeout(15_000)]),
      follow: true,
      wanted: WANTED,
    }))
      for (const event of Array.isArray(batch) ? (batch as readonly SourceEvent[]) : [batch as SourceEvent]) {
        if (event.type === 'synced') {
          await writeFile(join(root, 'new'), `${files[KUBELET]}readOnlyPort: 10255\n`, { mode: 0o644 })
          await rename(join(root, 'new'), join(root, KUBELET))
        }
        if (event.type === 'fact' && event.fact === 'Hosts') facts.push(event.value as Facts['Hosts'])
        if (facts.length === 2) stop.abort()
      }
    const now = facts.map(({ hosts }) => hosts[0]!.files.find(({ path }) => path === KUBELET))
    expect(now).toMatchObject([{ mode: 0o600 }, { mode: 0o644, text: expect.stringContaining('10255') }])
  })
})

test('a component reads the first document of a file alone, and so is it judged', async () => {
  const flags = ['--audit-policy-file=/etc/kubernetes/audit.yaml']
  const policy = 'apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: Metadata}]\n'
  const ofFile = async (text: string) => {
    const there = await tree({ '/etc/kubernetes/manifests/kube-apiserver.yaml': manifest(flags), '/etc/kubernetes/audit.yaml': text })
    const { objects, unread } = await lookAt(new LocalHost('cp-1', there))
    return [objects.filter(({ kind }) => kind === 'AuditPolicy').length, unread.map(({ path }) => path)]
  }
  expect(await ofFile(policy)).toEqual([1, []])
  expect(await ofFile(`# ours\n---\n${policy}---\n${policy}`)).toEqual([1, []])
  expect(await ofFile(`---\n---\n${policy}`)).toEqual([0, ['/etc/kubernetes/audit.yaml']])
  expect(await ofFile(`apiVersion: v1\nkind: Whatever\n---\n${policy}`)).toEqual([0, ['/etc/kubernetes/audit.yaml']])
})
