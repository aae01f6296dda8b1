import { describe, expect, test } from 'vitest'
import type { BindingObject, RoleObject } from '../../src/model/index.ts'
import { BOOTSTRAP_BINDINGS, BOOTSTRAP_MINORS, BOOTSTRAP_ROLES, BUILT_IN_RESOURCES } from '../../src/objects/rbac-bootstrap.gen.ts'
import {
  bootstrapBinding,
  defaultRole,
  defaultRules,
  isDefaultRule,
  isDefaultSubject,
  mayBeForeignDefault,
  subjectText,
} from '../../src/objects/rbac-bootstrap.ts'
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

describe('every supported minor has its own defaults', () => {
  const minors = Array.from({ length: BOOTSTRAP_MINORS[1] - BOOTSTRAP_MINORS[0] + 1 }, (_, at) => BOOTSTRAP_MINORS[0] + at)
  const allows = (minor: number | undefined, gates: boolean, name: string, verb: string, group: string, resource: string) =>
    defaultRules(undefined, name, minor, gates)!.some((rule) => ruleAllows(rule, { verb, group, resource }))
  test('the ten from 1.28 on', () => expect(minors).toEqual([28, 29, 30, 31, 32, 33, 34, 35, 36, 37]))
  test('each holds the pillars', () => {
    for (const minor of minors) {
      for (const name of ['cluster-admin', 'admin', 'edit', 'view', 'system:node', 'system:kube-scheduler'])
        expect(defaultRules(undefined, name, minor, false)!.length, `${name} 1.${minor}`).toBeGreaterThan(0)
      expect(bootstrapBinding('cluster-admin', minor)).toEqual({ role: 'ClusterRole cluster-admin', subjects: ['Group system:masters'] })
      expect(bootstrapBinding('system:node', minor)).toEqual({ role: 'ClusterRole system:node', subjects: [] })
    }
  })
  test('a role is there from its first minor on', () => {
    const has = (minor: number) => defaultRules(undefined, 'system:controller:legacy-service-account-token-cleaner', minor) !== undefined
    expect(minors.filter(has)).toEqual(minors.slice(1))
    expect(bootstrapBinding('system:controller:service-cidrs-controller', 32)).toBeUndefined()
    expect(bootstrapBinding('system:controller:service-cidrs-controller', 33)).toBeDefined()
  })
  test('a subject too', () => {
    const subjects = (minor: number) => bootstrapBinding('kube-system/system::leader-locking-kube-controller-manager', minor)!.subjects
    expect(subjects(30)).not.toContain('ServiceAccount kube-system/leader-election-controller')
    expect(subjects(31)).toContain('ServiceAccount kube-system/leader-election-controller')
  })
  test('what a feature gate adds counts only where it is asked for', () => {
    const claims = (minor: number, gates: boolean) =>
      allows(minor, gates, 'system:aggregate-to-edit', 'create', 'resource.k8s.io', 'resourceclaims')
    expect([32, 33, 34].map((minor) => [claims(minor, false), claims(minor, true)])).toEqual([
      [false, false],
      [false, true],
      [true, true],
    ])
  })
  test('without a minor: the sum of all minors', () => {
    for (const minor of minors) {
      const sum = defaultRules(undefined, 'edit')!
      for (const rule of defaultRules(undefined, 'edit', minor)!) expect(sum).toContainEqual(rule)
    }
  })
  test('a label is believed only of a minor that is not known here', () =>
    expect(['v1.27.1', 'v1.28.0', 'v1.37.9', 'v1.38.0', undefined].map((version) => mayBeForeignDefault(role('view'), version))).toEqual([
      true,
      false,
      false,
      true,
      true,
    ]))
})

test('subjects in words', () => {
  expect(subjectText({ kind: 'ServiceAccount', name: 'app' }, 'shop')).toBe('ServiceAccount shop/app')
  expect(subjectText({ kind: 'Group', name: 'team', namespace: 'ignored' })).toBe('Group team')
})
