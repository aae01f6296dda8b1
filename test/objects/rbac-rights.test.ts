/** How grave the rights that lead further are, and whom a remedy leaves alone: what fixtures cannot say. */
import { describe, expect, test } from 'vitest'
import { controls } from '../../src/controls/index.gen.ts'
import { judge } from '../../src/engine/judge.ts'
import type { Finding } from '../../src/model/index.ts'
import { exposures } from '../../src/objects/rbac-exposure.ts'
import { grants } from '../../src/objects/rbac-grants.ts'
import { ruleAllows } from '../../src/objects/rbac-rules.ts'
import { byCertainty, together } from '../../src/objects/rbac-together.ts'
import { compile } from '../../src/plan/compile.ts'
import { applyPlan } from '../../src/plan/in-memory.ts'
import { worldOf } from '../helpers/world.ts'

const HEAD = 'apiVersion: rbac.authorization.k8s.io/v1'
/** A role and its binding; a namespace makes the binding a RoleBinding. */
const held = (name: string, rule: string, subjects: string, namespace?: string) => `
${HEAD}
kind: ClusterRole
metadata: {name: ${name}}
rules: [${rule}]
---
${HEAD}
kind: ${namespace === undefined ? 'ClusterRoleBinding' : 'RoleBinding'}
metadata: {name: ${name}${namespace === undefined ? '' : `, namespace: ${namespace}`}}
roleRef: {kind: ClusterRole, name: ${name}}
subjects: [${subjects}]
---`
const SA = (name: string, namespace = 'shop') => `{kind: ServiceAccount, name: ${name}, namespace: ${namespace}}`
const account = (name: string, namespace = 'shop') => `
apiVersion: v1
kind: ServiceAccount
metadata: {name: ${name}, namespace: ${namespace}}
---`
const rule = (group: string, resources: string, verbs: string, names = '') =>
  `{apiGroups: ["${group}"], resources: [${resources}], verbs: [${verbs}]${names && `, resourceNames: [${names}]`}}`
const POWERFUL = account('operator') + held('operator', rule('rbac.authorization.k8s.io', 'clusterroles', 'bind'), SA('operator'))

function findings(id: string, yaml: string): readonly Finding[] {
  return judge(controls.find((one) => one.id === id)!, worldOf(yaml.replace(/---$/, '')).snapshot).findings
}
const grave = (id: string, yaml: string) => findings(id, yaml).map(({ severity, verdict }) => `${severity} ${verdict}`)

describe('how grave it is to run pods', () => {
  const creates = (namespace?: string) => held('ci', rule('', 'pods', 'create'), SA('ci'), namespace)
  test('in one namespace: high; in all of them: critical', () => {
    expect(grave('rbac-workload-create', creates('shop'))).toEqual(['high fail'])
    expect(grave('rbac-workload-create', creates())).toEqual(['critical fail'])
  })
  test('beside an account that can do more: critical, but not beside one that is the subject itself, or does not exist', () => {
    expect(grave('rbac-workload-create', POWERFUL + creates('shop'))).toEqual(['critical fail'])
    expect(grave('rbac-workload-create', POWERFUL + creates('pay'))).toEqual(['high fail'])
    expect(grave('rbac-workload-create', creates('shop') + held('more', rule('', 'nodes/proxy', 'get'), SA('ci')) + account('ci'))).toEqual(
      ['high fail'],
    )
    expect(grave('rbac-workload-create', creates('shop') + held('more', rule('', 'nodes/proxy', 'get'), SA('gone')))).toEqual(['high fail'])
  })
  test('a namespace that is held to baseline is not the worst, and one that is not seen is no failure', () => {
    const namespace = (labels: string) => `
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {${labels}}}
---`
    expect(grave('rbac-workload-create', namespace('pod-security.kubernetes.io/enforce: privileged') + creates('shop'))).toEqual([
      'critical fail',
    ])
    expect(grave('rbac-workload-create', namespace('pod-security.kubernetes.io/enforce: baseline') + creates('shop'))).toEqual([
      'high fail',
    ])
  })
})

describe('how grave it is to act as others', () => {
  test.each([
    [rule('', 'groups', 'impersonate'), 'critical fail'],
    [rule('', 'groups', 'impersonate', 'system:masters'), 'critical fail'],
    [rule('', 'users', 'impersonate', 'jane'), 'medium review'],
    [rule('', 'serviceaccounts', 'impersonate'), 'critical fail'],
    [rule('', 'serviceaccounts', 'impersonate', 'operator'), 'high fail'],
    [rule('authentication.k8s.io', 'uids', 'impersonate'), 'low review'],
  ])('%s', (one, expected) => {
    expect(grave('rbac-impersonate', POWERFUL + held('portal', one, SA('portal')))).toEqual([expected])
  })
  test('of one namespace: by what lives there', () => {
    const acts = held('portal', rule('', 'serviceaccounts', 'impersonate'), SA('portal'), 'shop')
    expect(grave('rbac-impersonate', acts)).toEqual(['high fail'])
    expect(grave('rbac-impersonate', POWERFUL + acts)).toEqual(['critical fail'])
  })
})

test('approving with the right to make requests is the worst', () => {
  const C = 'certificates.k8s.io'
  const approves = held('a', `${rule(C, 'certificatesigningrequests/approval', 'patch')}, ${rule(C, 'signers', 'approve')}`, SA('a'))
  expect(grave('rbac-csr-approve', approves)).toEqual(['high fail'])
  expect(grave('rbac-csr-approve', approves + held('b', rule(C, 'certificatesigningrequests', 'create'), SA('a')))).toEqual([
    'critical fail',
  ])
  expect(grave('rbac-csr-approve', approves + held('b', rule(C, 'certificatesigningrequests', 'create'), SA('b')))).toEqual(['high fail'])
})

test('a controller that lives with Secrets is for a human to judge, and so are people whose groups are not known', () => {
  const writes = held('writer', rule('', 'secrets', '"patch"'), SA('writer'))
  const runs = (image: string) => `
apiVersion: apps/v1
kind: Deployment
metadata: {name: writer, namespace: shop}
spec: {selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {serviceAccountName: writer, containers: [{name: c, image: "${image}"}]}}}
---`
  expect(grave('rbac-token-create', writes + runs('nginx:1'))).toEqual(['high fail'])
  expect(grave('rbac-token-create', writes + runs('quay.io/jetstack/cert-manager-controller:v1'))).toEqual(['high review'])
  const people =
    held('maker', rule('', 'secrets', 'create'), '{kind: User, name: jane}') +
    held('reader', rule('', 'secrets', 'get'), '{kind: Group, name: team}')
  expect(grave('rbac-token-create', people)).toEqual(['high review'])
})

test('the same subject by name, as a user and by a group is one; people and groups of people may be', () => {
  const yaml =
    held('x', rule('', 'pods', 'get'), `${SA('a')}, {kind: User, name: jane}, {kind: Group, name: "system:serviceaccounts:shop"}`) +
    held('y', rule('', 'pods', 'list'), '{kind: User, name: "system:serviceaccount:shop:a"}') +
    held('z', rule('', 'pods', 'list'), '{kind: Group, name: team}')
  const { snapshot } = worldOf(yaml.replace(/---$/, ''))
  const others = grants(snapshot).all.filter(({ binding }) => binding.metadata.name !== 'x')
  const [exposure] = exposures(snapshot, ({ verbs }) => verbs.includes('get'))
  const told = byCertainty(exposure!, (grant) => together(grant, others)).map((part) => [
    part.doubtful,
    part.exposure.grants.map(({ subject }) => subject.name),
  ])
  expect(told).toEqual([
    [false, ['a', 'system:serviceaccounts:shop']],
    [true, ['jane']],
  ])
})

test('a role with every right loses all of these in one step, and nothing that is none of them', () => {
  const facts = `
apiVersion: k8s-harden.test/v1
kind: World
facts: {ServedResources: {groups: [{group: "", resources: [pods, pods/exec, secrets, serviceaccounts, serviceaccounts/token, nodes, nodes/proxy]}, {group: apps, resources: [deployments]}, {group: certificates.k8s.io, resources: [certificatesigningrequests, certificatesigningrequests/approval]}]}}
---`
  const own = controls.filter(({ id }) => /^rbac-(workload-create|impersonate|nodes-proxy|csr-approve|token-create)$/.test(id))
  const { snapshot } = worldOf((facts + held('all', rule('*', '"*"', '"*"'), SA('all'))).replace(/---$/, ''))
  const found = own.flatMap((control) => judge(control, snapshot).findings)
  expect(new Set(found.map(({ control }) => control)).size).toBe(5)
  const plan = compile(found, new Map(own.map((control) => [control.id, control])), snapshot, {})
  expect(plan.steps).toHaveLength(1)
  const after = applyPlan(snapshot, plan.steps)
  expect(own.flatMap((control) => judge(control, after).findings)).toEqual([])
  const rules = after.find('ClusterRole', undefined, 'all')!.rules ?? []
  const may = (verb: string, group: string, resource: string, subresource = '') =>
    rules.some((one) => ruleAllows(one, { verb, group, resource, subresource }))
  expect([
    may('create', '', 'pods', 'exec'),
    may('delete', '', 'pods'),
    may('get', 'apps', 'deployments'),
    may('get', '', 'secrets'),
  ]).toEqual([true, true, true, true])
  expect([
    may('update', 'certificates.k8s.io', 'certificatesigningrequests', 'approval'),
    may('attest', 'certificates.k8s.io', 'signers'),
  ]).toEqual([true, true])
})
