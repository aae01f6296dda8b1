import { expect, test } from 'vitest'
import { controls } from '../../src/controls/index.gen.ts'
import { judge } from '../../src/engine/judge.ts'
import type { Finding, Snapshot } from '../../src/model/index.ts'
import { parsed } from '../../src/objects/flag-kubeadm.ts'
import { compile } from '../../src/plan/compile.ts'
import { applyPlan } from '../../src/plan/in-memory.ts'
import { worldOf } from '../helpers/world.ts'

const KUBELET_CONTROLS = controls.filter(({ consults = [] }) => consults.includes('KubeletConfigz'))
/** What kubeadm writes by default, and kubelets make of it. */
const USUAL = {
  authentication: { anonymous: { enabled: false }, webhook: { enabled: true } },
  authorization: { mode: 'Webhook' },
  rotateCertificates: true,
}
const HARDENED = { ...USUAL, podPidsLimit: 4096, seccompDefault: true, protectKernelDefaults: true, streamingConnectionIdleTimeout: '5m0s' }
const configMap = (config: object, more = '') => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'kubelet-config', namespace: 'kube-system' },
  data: {
    kubelet: `# kept\n${Object.entries(config)
      .map(([key, value]) => `${key}: ${JSON.stringify(value)}`)
      .join('\n')}\n${more}`,
  },
})
function world(nodes: Readonly<Record<string, object>>, objects: readonly object[], more: object = {}, source = 'live'): Snapshot {
  const KubeletConfigz = { nodes: Object.entries(nodes).map(([node, config]) => ({ node, config })) }
  const first = { apiVersion: 'k8s-harden.test/v1', kind: 'World', kubernetes: 'v1.37.2', source, facts: { KubeletConfigz, ...more } }
  const all = Object.keys(nodes).map((name) => ({
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, labels: { 'kubernetes.io/os': 'linux' } },
  }))
  return worldOf([first, ...all, ...objects].map((one) => JSON.stringify(one)).join('\n---\n')).snapshot
}
const forgotten = (view: Snapshot): readonly Finding[] =>
  KUBELET_CONTROLS.flatMap((control) => judge(control, view).findings).filter(
    ({ evidence }) => (evidence as { kubeadm?: object } | null)?.kubeadm !== undefined,
  )
const keys = (view: Snapshot): readonly string[] => forgotten(view).map(({ key = '' }) => key)
const plan = (view: Snapshot, unattended = false) =>
  compile(forgotten(view), new Map(controls.map((one) => [one.id, one])), view, { unattended })
const kept = (view: Snapshot): string => String(view.find('ConfigMap', 'kube-system', 'kubelet-config')?.data?.['kubelet'])

test('settings that the next node upgrade would take away are found, and written where kubeadm keeps them', () => {
  const view = world({ a: HARDENED, b: HARDENED }, [configMap(USUAL)])
  expect(keys(view)).toEqual(expect.arrayContaining(['kubeadm podPidsLimit', 'kubeadm seccompDefault']))
  for (const finding of forgotten(view))
    expect(finding).toMatchObject({
      subject: { name: 'kubelet-config' },
      verdict: 'review',
      detail: expect.stringMatching(/^unless patches/),
    })
  const { steps, ledger } = plan(view, true)
  expect(ledger.fixable).toHaveLength(forgotten(view).length)
  const after = applyPlan(view, steps)
  expect(parsed(kept(after))).toMatchObject({ podPidsLimit: 4096, seccompDefault: true, rotateCertificates: true })
  expect([kept(after).startsWith('# kept'), keys(after)]).toEqual([true, []])
})
test('what it says otherwise is for a human to judge', () => {
  const view = world({ a: HARDENED }, [configMap({ ...HARDENED, podPidsLimit: -1 })])
  expect(forgotten(view).map(({ reason }) => reason)).toEqual(['has another podPidsLimit than kubelets run with'])
  expect(plan(view, true).ledger.fixable).toEqual([])
  expect(parsed(kept(applyPlan(view, plan(view).steps)))?.['podPidsLimit']).toBe(4096)
})
test('nodes that differ are left to the operator; one that fails is mended first', () => {
  const differ = world({ a: HARDENED, b: { ...HARDENED, podPidsLimit: 2048 } }, [configMap({ ...HARDENED, podPidsLimit: undefined })])
  expect(plan(differ).ledger.byHand.map(({ why }) => why)).toEqual([expect.stringContaining('do not all say the same of podPidsLimit')])
  expect(keys(world({ a: HARDENED, b: USUAL }, [configMap(USUAL)]))).toEqual([])
})
test.each([
  ['nothing is kept for kubelets', { a: HARDENED }, []],
  ['it says the same', { a: HARDENED }, [configMap(HARDENED)]],
  ['it cannot be understood', { a: HARDENED }, [configMap(USUAL, '{{')]],
  ['no kubelet was seen', {}, [configMap(USUAL)]],
])('nothing is said where %s', (_, nodes, objects) => {
  expect(keys(world(nodes, objects))).toEqual([])
})
test('a drop-in of the node outlives the upgrade', () => {
  const file = (path: string, text: object) => ({
    path,
    role: 'kubelet-config',
    is: 'file',
    mode: 0o600,
    uid: 0,
    gid: 0,
    text: JSON.stringify({ apiVersion: 'kubelet.config.k8s.io/v1beta1', kind: 'KubeletConfiguration', ...text }),
  })
  const host = {
    node: 'a',
    carrier: 'local',
    controlPlane: false,
    unread: [],
    kubelet: { config: '/var/lib/kubelet/config.yaml', dropIns: '/etc/kubelet.d', flags: {} },
  }
  const files = [file('/var/lib/kubelet/config.yaml', USUAL), file('/etc/kubelet.d/90.conf', { podPidsLimit: 4096 })]
  const view = world({ a: { ...USUAL, podPidsLimit: 4096 } }, [configMap(USUAL)], { Hosts: { hosts: [{ ...host, files }] } })
  expect(keys(view)).not.toContain('kubeadm podPidsLimit')
})
