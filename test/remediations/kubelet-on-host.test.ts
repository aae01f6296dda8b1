/** What is proposed for kubelets whose nodes are reached: where it is written, in which order, and when it is not. */
import { expect, test } from 'vitest'
import { stringify } from 'yaml'
import { controls } from '../../src/controls/index.gen.ts'
import { judge } from '../../src/engine/judge.ts'
import type { HostSeen, Plan } from '../../src/model/index.ts'
import { kubelets } from '../../src/objects/kubelet-config.ts'
import { compile } from '../../src/plan/compile.ts'
import { worldOf } from '../helpers/world.ts'

const header = { apiVersion: 'kubelet.config.k8s.io/v1beta1', kind: 'KubeletConfiguration' }
const file = (path: string, config: object) => ({
  path,
  is: 'file' as const,
  mode: 0o644,
  uid: 0,
  gid: 0,
  text: stringify({ ...header, ...config }),
})
const MAIN = '/var/lib/kubelet/config.yaml'
interface Wanted {
  readonly controlPlane?: boolean
  readonly configz?: object
  readonly files?: readonly ReturnType<typeof file>[]
}
const fine = { authentication: { x509: { clientCAFile: '/ca.crt' } }, rotateCertificates: true }

function worldWith(nodes: Readonly<Record<string, Wanted>>, more: readonly object[] = []) {
  const names = Object.keys(nodes)
  const hosts: HostSeen[] = names.flatMap((node) => {
    const { files, controlPlane = false } = nodes[node]!
    return files === undefined ? [] : [{ node, carrier: 'ssh', controlPlane, files, unread: [] }]
  })
  const answers = names.flatMap((node) =>
    nodes[node]!.configz === undefined ? [] : [{ node, config: { ...fine, ...nodes[node]!.configz } }],
  )
  const world = {
    apiVersion: 'k8s-harden.test/v1',
    kind: 'World',
    facts: { ...(answers.length > 0 && { KubeletConfigz: { nodes: answers } }), ...(hosts.length > 0 && { Hosts: { hosts } }) },
  }
  const objects = names.map((name) => ({ apiVersion: 'v1', kind: 'Node', metadata: { name } }))
  return worldOf([world, ...objects, ...more].map((one) => JSON.stringify(one)).join('\n---\n')).snapshot
}
function plan(snapshot: ReturnType<typeof worldWith>, ...ids: string[]): Plan {
  const chosen = controls.filter(({ id }) => ids.includes(id))
  const findings = chosen.flatMap((control) => judge(control, snapshot).findings)
  return compile(findings, new Map(chosen.map((control) => [control.id, control])), snapshot, {})
}
const changesOf = ({ steps }: Plan) => steps.map(({ changes }) => changes[0])

test('the file of each node is edited, workers before the control plane, and the ConfigMap of kubeadm last', () => {
  const map = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'kubelet-config', namespace: 'kube-system' },
    data: { kubelet: '# ours\nreadOnlyPort: 10255\n' },
  }
  const open = { configz: { readOnlyPort: 10255, podPidsLimit: -1 }, files: [file(MAIN, { readOnlyPort: 10255 })] }
  const made = plan(worldWith({ a: { ...open, controlPlane: true }, z: open }, [map]), 'node-kubelet-readonly-port', 'node-pod-pids')
  const [z, a, wished] = changesOf(made)
  expect(z).toMatchObject({ action: { node: 'z', path: MAIN, noticedBy: 'kubelet' } })
  expect(z).toMatchObject({
    action: {
      to: {
        edits: [
          { set: ['readOnlyPort'], to: 0 },
          { set: ['podPidsLimit'], to: 4096 },
        ],
      },
    },
  })
  expect(a).toMatchObject({ action: { node: 'a' } })
  // Two findings, one text: both are in it, and what stood there.
  expect(wished).toMatchObject({ type: 'edit', edits: [{ to: '# ours\nreadOnlyPort: 0\npodPidsLimit: 4096\n' }] })
  expect(made.ledger.refused).toEqual([])
})

test('where a flag wins over the file it is left to a human, who is told which', () => {
  const made = plan(
    worldWith({ a: { configz: { readOnlyPort: 10255 }, files: [file(MAIN, { readOnlyPort: 0 })] } }),
    'node-kubelet-readonly-port',
  )
  expect(made.steps).toEqual([])
  expect(made.ledger.byHand[0]?.why).toMatch(/--read-only-port/)
})

test('a kubelet with drop-ins gets one, or the drop-in that says it is edited', () => {
  const dropIn = '/etc/kubernetes/kubelet.conf.d/50-site.conf'
  const says = plan(
    worldWith({ a: { configz: { readOnlyPort: 10255 }, files: [file(MAIN, { readOnlyPort: 0 }), file(dropIn, { readOnlyPort: 10255 })] } }),
    'node-kubelet-readonly-port',
  )
  expect(changesOf(says)).toMatchObject([{ action: { path: dropIn, to: { edits: [{ set: ['readOnlyPort'], to: 0 }] } } }])
  const own = plan(
    worldWith({ a: { configz: { podPidsLimit: -1, seccompDefault: false }, files: [file(MAIN, {}), file(dropIn, { maxPods: 50 })] } }),
    'node-pod-pids',
    'node-seccomp-default',
  )
  const [change] = changesOf(own)
  expect(change).toMatchObject({ action: { path: '/etc/kubernetes/kubelet.conf.d/90-k8s-harden.conf', to: { mode: 0o644 } } })
  const text = (change as { action: { to: { text: string } } }).action.to.text
  expect(text).toContain('podPidsLimit: 4096')
  expect(text).toContain('seccompDefault: true')
  expect(text).toContain('KubeletConfiguration')
})

test('nodes that do not answer are judged by their files, drop-ins over the main file', () => {
  const dropIn = '/etc/kubernetes/kubelet.conf.d/50-site.conf'
  const { instances, notes } = kubelets(
    worldWith({ a: { files: [file(MAIN, { readOnlyPort: 10255, maxPods: 5 }), file(dropIn, { readOnlyPort: 0 })] }, b: {} }),
  )
  expect(instances).toMatchObject([{ name: 'a', source: 'file', effective: false, config: { readOnlyPort: 0, maxPods: 5 } }])
  expect(notes.join('; ')).toContain('1 of 2 nodes were seen')
})

const server = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name: 'kube-apiserver-a',
    namespace: 'kube-system',
    annotations: { 'kubernetes.io/config.mirror': 'x' },
    labels: { component: 'kube-apiserver', tier: 'control-plane' },
  },
  spec: {
    nodeName: 'a',
    containers: [
      {
        name: 'kube-apiserver',
        image: 'x',
        command: [
          'kube-apiserver',
          '--client-ca-file=/etc/kubernetes/pki/ca.crt',
          '--kubelet-client-certificate=/c.crt',
          '--kubelet-client-key=/c.key',
        ],
      },
    ],
  },
}
const manifest = { ...file('/etc/kubernetes/manifests/kube-apiserver.yaml', {}), text: 'kind: Pod\n' }

test('the flag of the API server comes after every kubelet serves a signed certificate', () => {
  const unsigned = { configz: { tlsCertFile: '/var/lib/kubelet/pki/kubelet.crt' }, files: [file(MAIN, {})] }
  const made = plan(
    worldWith({ a: { ...unsigned, controlPlane: true, files: [file(MAIN, {}), manifest] }, b: unsigned }, [server]),
    'sec-apiserver-kubelet-tls',
    'sec-kubelet-cert-rotation',
  )
  const order = changesOf(made).map((change) =>
    change?.type === 'host' ? `${change.action.do} ${'node' in change.action ? change.action.node : ''}` : change?.type,
  )
  expect(order).toEqual(['file b', 'approve-serving b', 'file a', 'approve-serving a', 'flags a'])
  expect(made.steps[4]!.after).toEqual(expect.arrayContaining([made.steps[3]!.id]))
})

test('one node that is not reached keeps the flag away', () => {
  const unsigned = { configz: {}, files: [file(MAIN, {})] }
  const made = plan(
    worldWith({ a: { ...unsigned, controlPlane: true, files: [file(MAIN, {}), manifest] }, b: { configz: {} } }, [server]),
    'sec-apiserver-kubelet-tls',
  )
  expect(changesOf(made).filter((change) => change?.type === 'host')).toEqual([])
  expect(made.ledger.byHand.some(({ why }) => why.includes('cannot be brought about here for b'))).toBe(true)
})
