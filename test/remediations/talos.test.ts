/** On Talos nobody edits a manifest: a flag is a patch of the machine configuration. */
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { proposeFlags } from '../../remediations/apiserver-flag.ts'
import { encryptionElsewhere } from '../../remediations/encryption-elsewhere.ts'
import { setKubelet } from '../../remediations/kubelet-config.ts'
import { controls } from '../../src/controls/index.gen.ts'
import { judge } from '../../src/engine/judge.ts'
import type { Change, Finding, Proposal, Remedy } from '../../src/model/index.ts'
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
const changesOf = (proposal: Proposal) => {
  if (!('changes' in proposal)) throw new Error(JSON.stringify(proposal))
  return proposal.changes as Extract<Change, { type: 'file' }>[]
}
const snapshotOf = (...objects: object[]) => worldOf(objects.map((one) => JSON.stringify(one)).join('\n---\n')).snapshot

test.each([
  ['kube-apiserver', 'apiServer'],
  ['kube-controller-manager', 'controllerManager'],
  ['kube-scheduler', 'scheduler'],
])('a flag of %s is set by a patch, one node after the other', (component, key) => {
  const snapshot = snapshotOf(NODE, pod(component))
  const control = controls.find(({ id }) => id === 'api-profiling-limits')!
  const finding = judge(control, snapshot).findings.find(({ key: of }) => of === `${component} --profiling`)!
  const proposal = (control.remedy as Remedy).propose(finding as never, { view: snapshot, options: {}, alongside: [] })
  const [file] = changesOf(proposal)
  expect(parse(file!.text.text)).toEqual({ cluster: { [key]: { extraArgs: { profiling: 'false' } } } })
  expect(file!.runbook.join('\n')).toContain(
    `on one control-plane node after the other: \`talosctl -n NODE patch mc --mode=no-reboot -p @${file!.name}\``,
  )
  expect([...file!.runbook, ...file!.rollback].join()).not.toContain('/etc/kubernetes')
})

test('flags that cannot be seen are looked for with talosctl, not in files of its nodes', () => {
  const { status, answers = [] } = judge(controls.find(({ id }) => id === 'api-profiling-limits')!, snapshotOf(NODE))
  expect(status).toBe('unknown')
  expect(answers.join()).toContain('talosctl -n NODE get staticpods -o yaml')
  expect(answers.join()).not.toContain('/etc/kubernetes')
})

test('what Talos gives its components itself is no patch of extraArgs, which it would refuse', () => {
  const snapshot = snapshotOf(NODE, pod('kube-apiserver'))
  const finding = {
    subject: { apiVersion: 'v1', kind: 'Pod', namespace: 'kube-system', name: 'kube-apiserver-cp-1' },
  } as unknown as Finding
  for (const flag of ['etcd-cafile', 'authorization-config'])
    expect(proposeFlags({ flags: { [flag]: '/x' } }, finding, { view: snapshot, options: {} })).toEqual({
      byHand: expect.stringContaining(`Talos gives --${flag} itself`),
    })
})

test('encryption is a secret of the machine configuration, the same on all nodes', () => {
  const [file] = changesOf(encryptionElsewhere('plain', snapshotOf(NODE, pod('kube-apiserver')))!)
  expect(file!.text.secretKeys).toBe(1)
  expect(parse(file!.text.text)).toEqual({ cluster: { secretboxEncryptionSecret: '{{key 1}}' } })
  expect(file!.runbook[0]).toContain('nothing may be set there yet')
})

test('an audit policy stands in the machine configuration itself', () => {
  const control = controls.find(({ id }) => id === 'audit-enabled')!
  const snapshot = snapshotOf(NODE, pod('kube-apiserver'))
  const [finding] = judge(control, snapshot).findings
  const [file, ...more] = changesOf((control.remedy as Remedy).propose(finding as never, { view: snapshot, options: {}, alongside: [] }))
  expect(more).toEqual([])
  const policy = parse(file!.text.text).cluster.apiServer.auditPolicy
  expect(policy).toMatchObject({ apiVersion: 'audit.k8s.io/v1', kind: 'Policy' })
  expect(policy.rules.length).toBeGreaterThan(5)
})

test('settings of kubelets are extraConfig', () => {
  const remedy = setKubelet({ set: { podPidsLimit: 4096, 'authentication.anonymous.enabled': false }, summary: 's' })
  const [file] = changesOf(
    remedy.propose({ subject: { kind: 'Node', name: 'cp-1' } } as never, { view: snapshotOf(NODE), options: {}, alongside: [] }),
  )
  expect(parse(file!.text.text)).toEqual({
    machine: { kubelet: { extraConfig: { podPidsLimit: 4096, authentication: { anonymous: { enabled: false } } } } },
  })
  expect(file!.runbook.join()).not.toContain('systemctl')
})
