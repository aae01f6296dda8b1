import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import type { FileAction, FlagsAction, HostAction, Written } from '../../src/model/index.ts'
import { WriteConflict } from '../../src/plan/writer.ts'
import { approvalOf, stepOf } from '../e2e/node-flags.ts'
import { type FakeNode, fakeNode, MANIFEST, POD } from './host-node.ts'

const nodes: FakeNode[] = []
const open = async (...given: Parameters<typeof fakeNode>): Promise<FakeNode> => {
  const node = await fakeNode(...given)
  nodes.push(node)
  return node
}
afterEach(async () => {
  for (const node of nodes.splice(0)) await node.stop()
})

const flags = (values: FlagsAction['flags'], more: Partial<FlagsAction> = {}): FlagsAction => ({
  do: 'flags',
  node: 'cp-1',
  component: 'kube-apiserver',
  flags: values,
  mounts: [],
  files: [],
  ...more,
})
const file = (to: FileAction['to'], noticedBy: FileAction['noticedBy'] = 'nobody', path = '/var/lib/kubelet/config.yaml'): FileAction => ({
  do: 'file',
  node: 'cp-1',
  path,
  to,
  noticedBy,
})
async function rehearse({ writer }: FakeNode, action: HostAction) {
  const result = await writer.rehearse(stepOf(action))
  if (!result.ok) throw new Error(`${result.refusedBy}: ${result.because}`)
  return result.rehearsal
}
async function take(node: FakeNode, action: HostAction) {
  const rehearsal = await rehearse(node, action)
  const written = JSON.parse(JSON.stringify(await node.writer.intent(rehearsal))) as Written[]
  const told: string[] = []
  const { warnings } = await node.writer.commit(rehearsal, written, approvalOf(stepOf(action)), (words) => told.push(words))
  return { written, warnings, told, diff: rehearsal.diff }
}
const states = (node: FakeNode, written: readonly Written[]) => Promise.all(written.map((one) => node.writer.state(one)))
const backups = ({ root }: FakeNode) => readdirSync(join(root, '/var/lib/k8s-harden/run-1/step-1'))

describe('flags in a manifest', () => {
  test('comments stay, a copy is kept apart from the manifests, and undo brings every byte back', async () => {
    const node = await open()
    const { written, diff } = await take(node, flags({ profiling: 'false' }))
    expect(diff).toContain('+        - --profiling=false')
    expect(node.read(MANIFEST)).toBe(POD.replace('VersionTLS12', 'VersionTLS12\n        - --profiling=false'))
    expect(readdirSync(join(node.root, '/etc/kubernetes/manifests'))).toEqual(['kube-apiserver.yaml'])
    expect([backups(node), await states(node, written)]).toEqual([['0-kube-apiserver.yaml'], ['after']])
    expect(statSync(join(node.root, '/var/lib/k8s-harden/run-1/step-1')).mode & 0o777).toBe(0o700)
    await node.writer.undo(written, true)
    expect(node.read(MANIFEST)).not.toBe(POD)
    await node.writer.undo(written)
    expect([node.read(MANIFEST), backups(node), await states(node, written)]).toEqual([POD, [], ['before']])
  })
  test.each([false, true])('one that fails is put back with its files, and says why in its own words (API away: %s)', async (isAlone) => {
    const node = await open()
    node.isAlone = isAlone
    node.fails = (text) =>
      text.includes('VersionTLS99')
        ? 'E1126 07:00:00.000000       1 run.go:72] "command failed" err="unknown tls version \\"VersionTLS99\\""'
        : undefined
    const action = flags(
      { 'tls-min-version': 'VersionTLS99' },
      { files: [{ path: '/etc/kubernetes/x.yaml', text: 'a: 1\n', mode: 0o600 }] },
    )
    await expect(take(node, action)).rejects.toThrow(
      'ends as soon as it is started: unknown tls version "VersionTLS99"; everything was put back as it was, and it is back',
    )
    expect([node.read(MANIFEST), existsSync(join(node.root, '/etc/kubernetes/x.yaml'))]).toEqual([POD, false])
  })
  test.each([
    ['Unknown', /the kubelet of cp-1 is silent.*start it first/],
    ['False', undefined],
  ])('a node whose condition Ready is %s', async (status, refused) => {
    const node = await open()
    node.api.routes.set('/api/v1/nodes/cp-1', (_asked, response) => {
      response.writeHead(200, { 'Content-Type': 'application/json' })
      const metadata = { name: 'cp-1' }
      response.end(JSON.stringify({ apiVersion: 'v1', kind: 'Node', metadata, status: { conditions: [{ type: 'Ready', status }] } }))
    })
    const result = await node.writer.rehearse(stepOf(flags({ profiling: 'false' })))
    expect(result).toEqual(expect.objectContaining(refused === undefined ? { ok: true } : { because: expect.stringMatching(refused) }))
    expect(node.read(MANIFEST)).toBe(POD)
  })
  test('one that never comes back is put back too, once patience is over', async () => {
    const node = await open(POD, 1_000)
    node.fails = (text) => (text.includes('profiling') ? 'I1126 07:00:00.000000       1 server.go:1] starting' : undefined)
    await expect(take(node, flags({ profiling: 'false' }))).rejects.toThrow('did not come back within 1 s; its log ends with: I1126')
    expect(node.read(MANIFEST)).toBe(POD)
  })
  test('of what others have changed since only our flags are taken back, unless they changed those', async () => {
    const node = await open()
    const { written } = await take(node, flags({ profiling: 'false', 'tls-min-version': 'VersionTLS13' }))
    node.put(MANIFEST, node.read(MANIFEST).replace('--profiling=false', '--profiling=false\n        - --v=4'))
    expect(await states(node, written)).toEqual(['after'])
    await node.writer.undo(written)
    expect(node.read(MANIFEST)).toBe(POD.replace('VersionTLS12', 'VersionTLS12\n        - --v=4'))
    const second = await take(node, flags({ profiling: 'false' }))
    node.put(MANIFEST, node.read(MANIFEST).replace('--profiling=false', '--profiling=true'))
    expect(await states(node, second.written)).toEqual(['other'])
    await expect(node.writer.undo(second.written)).rejects.toThrow(WriteConflict)
    expect(node.read(MANIFEST)).toContain('--profiling=true')
  })
  test('what a probe asks changes in the same write, and comes back with the flags, also from a manifest that others changed', async () => {
    const at = ['spec', 'containers', { name: 'kube-apiserver' }, 'readinessProbe', 'httpGet', 'host']
    const action = flags({ 'bind-address': '127.0.0.1' }, { edits: [{ set: at, to: '127.0.0.1' }] })
    const node = await open()
    const { written, diff } = await take(node, action)
    expect(diff).toContain('host: 127.0.0.1')
    const changed = node.read(MANIFEST)
    expect(changed).toContain('--bind-address=127.0.0.1')
    await node.writer.undo(written)
    expect(node.read(MANIFEST)).toBe(POD)
    const second = await take(node, action)
    expect(node.read(MANIFEST)).toBe(changed)
    node.put(MANIFEST, changed.replace('--secure-port=6443', '--secure-port=6443\n        - --v=4'))
    expect(await states(node, second.written)).toEqual(['after'])
    await node.writer.undo(second.written)
    expect(node.read(MANIFEST)).not.toMatch(/bind-address|127/)
    expect(node.read(MANIFEST)).toContain('--v=4')
    const third = await take(node, action)
    node.put(MANIFEST, node.read(MANIFEST).replace('host: 127.0.0.1', 'host: 10.0.0.1'))
    expect(await states(node, third.written)).toEqual(['other'])
    await expect(node.writer.undo(third.written)).rejects.toThrow(WriteConflict)
    expect(node.read(MANIFEST)).toContain('--bind-address')
  })
  test('a file alone is read at the next start: the manifest is marked, so that there is one', async () => {
    const node = await open(POD.replace('--secure-port=6443', '--audit-policy-file=/etc/kubernetes/audit.yaml'))
    node.put('/etc/kubernetes/audit.yaml', 'old\n')
    const { written } = await take(node, flags({}, { files: [{ path: '/etc/kubernetes/audit.yaml', text: 'new: 1\n', mode: 0o600 }] }))
    expect([node.read('/etc/kubernetes/audit.yaml'), node.read(MANIFEST)]).toEqual([
      'new: 1\n',
      expect.stringContaining('k8s-harden/files: '),
    ])
    await node.writer.undo(written)
    expect([node.read('/etc/kubernetes/audit.yaml'), node.read(MANIFEST)]).not.toContain('new: 1\n')
  })
  test('what a crash leaves half-written goes with the undo; a copy that is gone is said', async () => {
    const node = await open()
    const { written } = await take(node, flags({ profiling: 'false' }))
    node.put('/etc/kubernetes/manifests/.k8s-harden-0123456789ab', 'half')
    const { backup } = written[0]!.undo as { readonly backup: string }
    node.put(backup, 'another')
    await expect(node.writer.undo(written)).rejects.toThrow(
      `the copy of ${MANIFEST} that was kept on cp-1 (${backup}) is another one by now`,
    )
    expect(readdirSync(join(node.root, '/etc/kubernetes/manifests'))).toEqual(['kube-apiserver.yaml'])
  })
  test.each<[string, (node: FakeNode) => void, Partial<FlagsAction>, string]>([
    [
      'a shell script',
      (node) => node.put(MANIFEST, POD.replace(/command:[\s\S]*TLS12/, 'command: [sh, -c, "kube-apiserver --a=1"]')),
      {},
      'from a shell script',
    ],
    ['no YAML', (node) => node.put(MANIFEST, '{{'), {}, 'cannot be parsed'],
    ['a copy', (node) => node.put('/etc/kubernetes/manifests/old.bak', POD), {}, 'both run kube-apiserver'],
    ['RKE2', (node) => node.put('/var/lib/rancher/rke2/x', ''), {}, 'RKE2 writes its static pods itself'],
    [
      'no manifest',
      (node) => node.put('/var/lib/kubelet/config.yaml', 'staticPodPath: /elsewhere\n'),
      {},
      'no manifest in /elsewhere runs kube-apiserver',
    ],
    ['a link', () => {}, { files: [{ path: '/etc/kubernetes/manifests', text: '', mode: 0o600 }] }, 'is a directory'],
    ['another node', () => {}, { node: 'cp-2' }, 'node cp-2 is not reached: say how with --host cp-2=CARRIER'],
  ])('%s is refused', async (_name, prepare, more, because) => {
    const node = await open()
    prepare(node)
    await expect(rehearse(node, flags({ profiling: 'false' }, more))).rejects.toThrow(because)
  })
  test('a file that the cluster does not show is refused: it may be another machine', async () => {
    const node = await open()
    const { routes } = node.api
    const path = '/api/v1/namespaces/kube-system/pods/kube-apiserver-cp-1'
    const shown = {
      metadata: { name: 'x', annotations: {} },
      spec: { containers: [{ name: 'kube-apiserver', command: ['kube-apiserver', '--a=1'] }] },
    }
    routes.set(path, (_asked, response) => void response.end(JSON.stringify(shown)))
    await expect(rehearse(node, flags({ profiling: 'false' }))).rejects.toThrow(
      'says another command than pod kube-system/kube-apiserver-cp-1 shows',
    )
    routes.delete(path)
    await expect(rehearse(node, flags({ profiling: 'false' }))).rejects.toThrow('shows no pod kube-system/kube-apiserver-cp-1')
  })
})

describe('a file of a node', () => {
  const CONFIG = 'kind: KubeletConfiguration\n# why\nreadOnlyPort: 10255\n'
  const ready = (node: FakeNode, renewals = 100) => {
    let renewed = 0
    const json = (path: string, body: () => unknown) =>
      node.api.routes.set(path, (_asked, response) => void response.end(JSON.stringify(body())))
    json('/api/v1/nodes/cp-1', () => ({ status: { conditions: [{ type: 'Ready', status: 'True' }] } }))
    json('/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/cp-1', () => ({
      spec: { renewTime: `t${Math.min(renewals, renewed++)}` },
    }))
    json('/api/v1/nodes/cp-1/proxy/configz', () => ({
      kubeletconfig: { readOnlyPort: Number(/readOnlyPort: (\d+)/.exec(node.read('/var/lib/kubelet/config.yaml'))?.[1]) },
    }))
  }
  const edits = file({ edits: [{ set: ['readOnlyPort'], to: 0 }] }, 'kubelet')

  test('edited in place, and the kubelet proves that it runs with it; undo restarts it again', async () => {
    const node = await open()
    node.put('/var/lib/kubelet/config.yaml', CONFIG)
    ready(node)
    const { written } = await take(node, edits)
    expect(node.read('/var/lib/kubelet/config.yaml')).toBe(CONFIG.replace('10255', '0'))
    node.put('/var/lib/kubelet/config.yaml', `${node.read('/var/lib/kubelet/config.yaml')}maxPods: 50\n`)
    ready(node)
    await node.writer.undo(written)
    expect(node.read('/var/lib/kubelet/config.yaml')).toBe(`${CONFIG}maxPods: 50\n`)
    expect(node.host.ran.filter((name) => name === 'restart the kubelet')).toHaveLength(2)
  })
  test('a kubelet that does not start gets its old file back', async () => {
    const node = await open()
    node.put('/var/lib/kubelet/config.yaml', CONFIG)
    ready(node)
    node.host.answer = ({ name }) => {
      const isDown = name !== 'restart the kubelet' && node.read('/var/lib/kubelet/config.yaml') !== CONFIG
      return { exitCode: isDown ? 3 : 0, stdout: isDown ? 'failed\n' : 'active\n', stderr: '' }
    }
    await expect(take(node, edits)).rejects.toThrow(/it does not start; .* was put back as it was, and the kubelet is back/)
    expect(node.read('/var/lib/kubelet/config.yaml')).toBe(CONFIG)
  })
  test('a kubelet that runs with other values gets its old file back: a drop-in wins', async () => {
    const node = await open()
    node.put('/var/lib/kubelet/config.yaml', CONFIG)
    ready(node)
    node.api.routes.set(
      '/api/v1/nodes/cp-1/proxy/configz',
      (_asked, response) => void response.end('{"kubeletconfig":{"readOnlyPort":10255}}'),
    )
    await expect(take(node, edits)).rejects.toThrow('runs with other values (readOnlyPort is 10255)')
    expect(node.read('/var/lib/kubelet/config.yaml')).toBe(CONFIG)
  })
  test('made, removed, and each taken back; credentials are not shown', async () => {
    const node = await open()
    const path = '/etc/kubernetes/webhook.conf'
    const made = await take(node, file({ text: 'kind: Config\nusers:\n  - user:\n      token: abcdef\n', mode: 0o600 }, 'reader', path))
    expect(made.diff).not.toContain('abcdef')
    expect(JSON.stringify(made.written)).not.toContain('abcdef')
    const removed = await take(node, file('removed', 'nobody', path))
    expect(removed.diff).not.toContain('abcdef')
    expect(existsSync(join(node.root, path))).toBe(false)
    await node.writer.undo(removed.written)
    expect([node.read(path), statSync(join(node.root, path)).mode & 0o777]).toEqual([expect.stringContaining('abcdef'), 0o600])
    await node.writer.undo(made.written)
    expect(existsSync(join(node.root, path))).toBe(false)
  })
})
