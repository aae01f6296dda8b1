import { expect, test } from 'vitest'
import { kubeletRights } from '../../remediations/kubelet-rights.ts'
import nodesProxy from '../../src/controls/rbac/rbac-nodes-proxy.ts'
import { judge } from '../../src/engine/judge.ts'
import type { Proposal, RegisteredControl } from '../../src/model/index.ts'
import { worldOf } from '../helpers/world.ts'

const control = { ...nodesProxy, id: 'rbac-nodes-proxy', practice: 'rbac' } as RegisteredControl

function proposal(rule: string, instead: readonly string[], version = 'v1.37.2'): Proposal {
  const { snapshot } = worldOf(`
apiVersion: k8s-harden.test/v1
kind: World
kubernetes: ${version}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: metrics}
rules: [${rule}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: metrics}
roleRef: {kind: ClusterRole, name: metrics}
subjects: [{kind: ServiceAccount, name: metrics, namespace: monitoring}]
`)
  const [finding] = judge(control, snapshot).findings
  return kubeletRights.propose(finding as never, { view: snapshot, options: { instead }, alongside: [] })
}
const rulesOf = (made: Proposal): unknown => {
  if (!('changes' in made) || made.changes[0]?.type !== 'edit') throw new Error(JSON.stringify(made))
  const [edit] = made.changes[0].edits
  return edit !== undefined && 'to' in edit ? edit.to : undefined
}
const PROXY = '{apiGroups: [""], resources: [nodes, nodes/proxy], verbs: [get, list]}'
const WITHOUT = { apiGroups: [''], resources: ['nodes'], verbs: ['get', 'list'] }

test('by default nothing comes in its place', () => {
  expect(rulesOf(proposal(PROXY, []))).toEqual([WITHOUT])
})
test('what the operator names is granted to read, and said', () => {
  const made = proposal(PROXY, ['nodes/metrics', 'nodes/stats'])
  expect(rulesOf(made)).toEqual([WITHOUT, { apiGroups: [''], resources: ['nodes/metrics', 'nodes/stats'], verbs: ['get'] }])
  expect(made).toMatchObject({ risk: 'may-break', summary: expect.stringContaining('get nodes/metrics, nodes/stats instead') })
})
test('a rule that names its nodes is not widened', () => {
  const made = proposal('{apiGroups: [""], resources: [nodes/proxy], resourceNames: [node-1], verbs: [get]}', ['nodes/log'])
  expect(rulesOf(made)).toEqual([{ apiGroups: [''], resources: ['nodes/log'], resourceNames: ['node-1'], verbs: ['get'] }])
})
test('what no kubelet asks for, or not yet, is not written', () => {
  expect(proposal(PROXY, ['nodes/exec'])).toMatchObject({ byHand: expect.stringContaining('nodes/exec') })
  expect(proposal(PROXY, ['secrets'])).toMatchObject({ byHand: expect.stringContaining('secrets') })
  expect(proposal(PROXY, ['nodes/configz'], 'v1.32.1')).toMatchObject({ byHand: expect.stringContaining('1.33') })
  expect(rulesOf(proposal(PROXY, ['nodes/configz'], 'v1.33.0'))).toHaveLength(2)
})
