import { join } from 'node:path'
import { expect, test } from 'vitest'
import control from '../../src/controls/nodes-and-pods/node-control-plane-components.ts'
import { judge } from '../../src/engine/judge.ts'
import type { RegisteredControl } from '../../src/model/index.ts'
import { compile } from '../../src/plan/compile.ts'
import { loadWorld, worldOf } from '../helpers/world.ts'

const FIXTURES = join(import.meta.dirname, '../controls/nodes-and-pods/node-control-plane-components')
const registered: RegisteredControl = { ...control, id: 'node-control-plane-components', practice: 'nodes-and-pods' }
function planOf(fixture: string) {
  const { snapshot } = loadWorld(join(FIXTURES, fixture))
  return compile(judge(registered, snapshot).findings, new Map([[registered.id, registered]]), snapshot, {})
}

test('live, an address is not changed under a probe that asks another one', () => {
  const { steps, ledger } = planOf('fail.live.yaml')
  expect(ledger.byHand).toMatchObject([
    { why: expect.stringMatching(/in the same edit, host: 127\.0\.0\.1 under httpGet of livenessProbe/) },
  ])
  expect(steps.map(({ changes }) => changes)).toMatchObject([[{ type: 'file', name: 'kube-scheduler.kubeadm.yaml' }]])
})

test('in files the probe is changed with the address, and stays where the kubelet asks 127.0.0.1 already', () => {
  const hosts = (fixture: string) =>
    planOf(fixture).steps.flatMap(({ changes }) =>
      changes.flatMap((change) =>
        change.type === 'edit'
          ? change.edits.flatMap((edit) => ('set' in edit && edit.set.at(-1) === 'host' ? [[change.target.name, edit.to]] : []))
          : [],
      ),
    )
  expect(hosts('fail.yaml')).toEqual([])
  expect(hosts('fail.probe-elsewhere.yaml')).toEqual([
    ['kube-controller-manager', '127.0.0.1'],
    ['kube-scheduler', '127.0.0.1'],
  ])
})

test('on a node that is reached, flag and probe change in one write of the manifest', () => {
  const world = (hostNetwork: boolean) => {
    const Hosts = {
      hosts: [
        {
          node: 'cp-1',
          carrier: 'ssh',
          controlPlane: true,
          unread: [],
          files: [{ path: '/etc/kubernetes/manifests/kube-scheduler.yaml', is: 'file', mode: 0o600, uid: 0, gid: 0 }],
        },
      ],
    }
    const get = { path: '/livez', port: 10259, scheme: 'HTTPS' }
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'kube-scheduler-cp-1', namespace: 'kube-system', annotations: { 'kubernetes.io/config.mirror': 'x' } },
      spec: {
        nodeName: 'cp-1',
        hostNetwork,
        containers: [
          {
            name: 'kube-scheduler',
            image: 'x:v1.37.2',
            command: ['kube-scheduler', '--leader-elect=true'],
            livenessProbe: { httpGet: get },
            startupProbe: { httpGet: { ...get, host: '127.0.0.1' } },
            readinessProbe: { httpGet: { ...get, host: '10.0.0.1' } },
          },
        ],
      },
    }
    const { snapshot } = worldOf(
      [{ apiVersion: 'k8s-harden.test/v1', kind: 'World', source: 'live', facts: { Hosts } }, pod]
        .map((one) => JSON.stringify(one))
        .join('\n---\n'),
    )
    return compile(judge(registered, snapshot).findings, new Map([[registered.id, registered]]), snapshot, {})
  }
  const at = (probe: string) => ['spec', 'containers', { name: 'kube-scheduler' }, probe, 'httpGet', 'host']
  expect(world(true).steps.flatMap(({ changes }) => changes)).toMatchObject([
    {
      type: 'host',
      action: {
        do: 'flags',
        flags: { 'bind-address': '127.0.0.1' },
        edits: [
          { set: at('livenessProbe'), to: '127.0.0.1' },
          { set: at('readinessProbe'), to: '127.0.0.1' },
        ],
      },
    },
  ])
  // 127.0.0.1 of the node is not that of the pod.
  expect(world(false)).toMatchObject({ steps: [], ledger: { byHand: [{ why: expect.stringContaining('in the same edit') }] } })
})
