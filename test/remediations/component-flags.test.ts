import { join } from 'node:path'
import { expect, test } from 'vitest'
import control from '../../src/controls/nodes-and-pods/node-control-plane-components.ts'
import { judge } from '../../src/engine/judge.ts'
import type { RegisteredControl } from '../../src/model/index.ts'
import { compile } from '../../src/plan/compile.ts'
import { loadWorld } from '../helpers/world.ts'

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
