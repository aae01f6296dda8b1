import { describe, expect, test } from 'vitest'
import type { BindingObject, RoleObject } from '../../src/model/index.ts'
import { BOOTSTRAP_BINDINGS, BOOTSTRAP_ROLES, BUILT_IN_RESOURCES } from '../../src/objects/rbac-bootstrap.gen.ts'
import { defaultRole, defaultRules, isDefaultRule, isDefaultSubject, subjectText } from '../../src/objects/rbac-bootstrap.ts'
import { overlap, ruleAllows } from '../../src/objects/rbac-rules.ts'

const role = (name: string, namespace?: string): RoleObject => ({
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: namespace ? 'Role' : 'ClusterRole',
  metadata: { name, ...(namespace && { namespace }), labels: { 'kubernetes.io/bootstrapping': 'rbac-defaults' } },
})
const binding = (name: string, roleName: string): BindingObject => ({
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'ClusterRoleBinding',
  metadata: { name, labels: { 'kubernetes.io/bootstrapping': 'rbac-defaults' } },
  roleRef: { kind: 'ClusterRole', name: roleName },
})
const secrets = { verbs: ['get'], apiGroups: [''], resources: ['secrets'] }

describe('a default is known by what it holds', () => {
  test('a rule it has, and a part of one', () => {
    expect(
      isDefaultRule(role('system:kube-dns'), { verbs: ['list', 'watch'], apiGroups: [''], resources: ['endpoints', 'services'] }),
    ).toBe(true)
    expect(isDefaultRule(role('system:kube-dns'), { verbs: ['list'], apiGroups: [''], resources: ['services'] })).toBe(true)
  })
  test('not by its name or its label', () => {
    expect(isDefaultRule(role('system:kube-dns'), secrets)).toBe(false)
    expect(isDefaultRule(role('system:foo'), secrets)).toBe(false)
    expect(isDefaultRule(role('constructor'), secrets)).toBe(false)
    expect(isDefaultRule(role('system:kube-dns', 'shop'), { verbs: ['list'], apiGroups: [''], resources: ['services'] })).toBe(false)
  })
  test('a binding subject by subject, and only with its own role', () => {
    const masters = { kind: 'Group', name: 'system:masters' }
    expect(isDefaultSubject(binding('cluster-admin', 'cluster-admin'), masters)).toBe(true)
    expect(isDefaultSubject(binding('cluster-admin', 'cluster-admin'), { kind: 'User', name: 'mallory' })).toBe(false)
    expect(isDefaultSubject(binding('system:discovery', 'cluster-admin'), { kind: 'Group', name: 'system:authenticated' })).toBe(false)
    expect(isDefaultSubject(binding('toString', 'cluster-admin'), masters)).toBe(false)
  })
  test("kubeadm's as well", () =>
    expect(isDefaultSubject(binding('kubeadm:cluster-admins', 'cluster-admin'), { kind: 'Group', name: 'kubeadm:cluster-admins' })).toBe(
      true,
    ))
})

describe('the aggregated roles are the sum of their parts', () => {
  const allows = (name: string, verb: string, resource: string) =>
    defaultRules(undefined, name)!.some((rule) => ruleAllows(rule, { verb, group: '', resource }))
  test('view reads no Secrets, edit and admin do', () =>
    expect(['view', 'edit', 'admin'].map((name) => allows(name, 'get', 'secrets'))).toEqual([false, true, true]))
  test('admin has what edit has, and edit what view has', () =>
    expect(['view', 'edit', 'admin'].map((name) => allows(name, 'list', 'pods'))).toEqual([true, true, true]))
  test('none of them binds or escalates', () => {
    for (const name of ['view', 'edit', 'admin'])
      for (const rule of defaultRules(undefined, name)!)
        expect(
          overlap(rule, { verbs: ['bind', 'escalate'], groups: ['rbac.authorization.k8s.io'], resources: ['roles', 'clusterroles'] }),
        ).toBeUndefined()
  })
  test('defaultRole is one that isDefaultRule knows', () => {
    for (const name of ['view', 'cluster-admin', 'system:node'])
      for (const rule of defaultRole(undefined, name)!.rules!) expect(isDefaultRule(defaultRole(undefined, name)!, rule)).toBe(true)
  })
})

test("the table holds the API server's roles, bindings and resources", () => {
  expect(Object.keys(BOOTSTRAP_ROLES).length).toBeGreaterThan(60)
  expect(BOOTSTRAP_BINDINGS['cluster-admin']).toEqual(['ClusterRole cluster-admin', 'Group system:masters'])
  expect(BOOTSTRAP_ROLES['cluster-admin']?.rules).toEqual([
    ['*', '*', '*'],
    ['*', null, '*'],
  ])
  expect(BUILT_IN_RESOURCES['']?.split(' ')).toEqual(expect.arrayContaining(['secrets', 'pods/exec', 'nodes/proxy']))
})

test('subjects in words', () => {
  expect(subjectText({ kind: 'ServiceAccount', name: 'app' }, 'shop')).toBe('ServiceAccount shop/app')
  expect(subjectText({ kind: 'Group', name: 'team', namespace: 'ignored' })).toBe('Group team')
})
