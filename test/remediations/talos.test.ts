/** On Talos nobody edits a manifest: a flag is a patch of the machine configuration. */
import { expect, test } from 'vitest'
import { controls } from '../../src/controls/index.gen.ts'
import { judge } from '../../src/engine/judge.ts'
import { remedyPreview } from '../../src/plan/compile.ts'
import { worldOf } from '../helpers/world.ts'

const NODE = {
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name: 'cp-1' },
  status: { nodeInfo: { osImage: 'Talos (v1.9.1)' } },
}
const pod = (component: string) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: `${component}-cp-1`, namespace: 'kube-system', annotations: { 'kubernetes.io/config.mirror': 'x' } },
  spec: { nodeName: 'cp-1', containers: [{ name: component, command: [`/usr/local/bin/${component}`, '--profiling=true'] }] },
})
const snapshotOf = (...objects: object[]) => worldOf(objects.map((one) => JSON.stringify(one)).join('\n---\n')).snapshot

test.each([
  ['kube-apiserver', 'apiServer'],
  ['kube-controller-manager', 'controllerManager'],
  ['kube-scheduler', 'scheduler'],
])('a flag of %s is set by a patch, one node after the other', (component, key) => {
  const snapshot = snapshotOf(NODE, pod(component))
  const control = controls.find(({ id }) => id === 'api-profiling-limits')!
  const finding = judge(control, snapshot).findings.find(({ key: of }) => of === `${component} --profiling`)!
  const { kind, summary } = remedyPreview(finding, control, snapshot, {}, [])
  expect(kind).toBe('byHand')
  expect(summary).toContain(`talosctl -n NODE patch mc -p '{"cluster":{"${key}":{"extraArgs":{"profiling":"false"}}}}'`)
  expect(summary).toContain('on one control-plane node after the other')
  expect(summary).not.toContain('/etc/kubernetes')
})

test('flags that cannot be seen are looked for with talosctl, not in files of its nodes', () => {
  const { status, answers = [] } = judge(controls.find(({ id }) => id === 'api-profiling-limits')!, snapshotOf(NODE))
  expect(status).toBe('unknown')
  expect(answers.join()).toContain('talosctl -n NODE get staticpods -o yaml')
  expect(answers.join()).not.toContain('/etc/kubernetes')
})
