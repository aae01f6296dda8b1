import { describe, expect, test } from 'vitest'
import rbacClusterAdminBindings from '../../src/controls/rbac/rbac-cluster-admin-bindings.ts'
import rbacSecretsRead from '../../src/controls/rbac/rbac-secrets-read.ts'
import rbacWildcards from '../../src/controls/rbac/rbac-wildcards.ts'
import { judge } from '../../src/engine/judge.ts'
import type { Control, RegisteredControl } from '../../src/model/index.ts'
import { worldOf } from '../helpers/world.ts'

const API = 'apiVersion: rbac.authorization.k8s.io/v1'
const role = (name: string, rules: string) => `${API}\nkind: ClusterRole\nmetadata: {name: '${name}'}\nrules: ${rules}\n---\n`
const binding = (name: string, roleName: string, namespace: string, account: string) =>
  `${API}\nkind: ClusterRoleBinding\nmetadata: {name: '${name}'}\nroleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: '${roleName}'}\nsubjects: [{kind: ServiceAccount, name: ${account}, namespace: ${namespace}}]\n---\n`
const seen = (control: Control, text: string) =>
  judge({ ...control, id: 'one', practice: 'rbac' } as RegisteredControl, worldOf(text).snapshot).findings.map(
    ({ subject, origin }) => [subject.kind, subject.name, origin] as const,
  )

const SECRETS = '[{apiGroups: [""], resources: [secrets], verbs: [get, list]}]'
const VOLUMES =
  '[{apiGroups: [""], resources: [endpoints, persistentvolumes, pods], verbs: ["*"]}, {apiGroups: [""], resources: [nodes], verbs: [get, list, watch]}]'
const PROVISIONER = 'local-path-provisioner-role'
const bound = (namespace: string, account = 'local-path-provisioner-service-account') =>
  binding('local-path-provisioner-bind', PROVISIONER, namespace, account)

describe('an add-on is known by what it holds and who holds it', () => {
  test('as shipped: shown apart', () => {
    expect(seen(rbacWildcards, role(PROVISIONER, VOLUMES) + bound('local-path-storage'))).toEqual([['ClusterRole', PROVISIONER, 'system']])
    expect(seen(rbacWildcards, role(PROVISIONER, VOLUMES) + bound('kube-system'))).toEqual([['ClusterRole', PROVISIONER, 'system']])
    expect(
      seen(
        rbacSecretsRead,
        role('csi-azuredisk-controller-secret-role', SECRETS) +
          binding(
            'csi-azuredisk-controller-secret-binding',
            'csi-azuredisk-controller-secret-role',
            'kube-system',
            'csi-azuredisk-controller-sa',
          ),
      ),
    ).toEqual([['ClusterRole', 'csi-azuredisk-controller-secret-role', 'system']])
  })
  test('its name with a right more: that rule is somebody’s own', () =>
    expect(seen(rbacSecretsRead, role(PROVISIONER, SECRETS) + bound('local-path-storage'))).toEqual([
      ['ClusterRole', PROVISIONER, 'workload'],
    ]))
  test('held by a subject of another namespace or name: that binding is', () => {
    for (const subject of [bound('shop'), bound('local-path-storage', 'cart')])
      expect(seen(rbacWildcards, role(PROVISIONER, VOLUMES) + subject)).toEqual([
        ['ClusterRoleBinding', 'local-path-provisioner-bind', 'workload'],
      ])
  })
  test('its binding to another role: that too', () =>
    expect(
      seen(
        rbacSecretsRead,
        role('mine', SECRETS) +
          binding('local-path-provisioner-bind', 'mine', 'local-path-storage', 'local-path-provisioner-service-account'),
      ),
    ).toEqual([['ClusterRole', 'mine', 'workload']]))
  test('cluster-admin is no add-on, whoever ships it', () =>
    expect(seen(rbacClusterAdminBindings, binding('minikube-rbac', 'cluster-admin', 'kube-system', 'default'))).toEqual([
      ['ClusterRoleBinding', 'minikube-rbac', 'workload'],
    ]))
})
