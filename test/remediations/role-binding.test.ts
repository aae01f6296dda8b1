import { describe, expect, test } from 'vitest'
import { removeSubjects } from '../../remediations/role-binding.ts'
import type { Finding, Json, Proposal, Remedy } from '../../src/model/index.ts'
import type { SubjectEvidence } from '../../src/objects/rbac-exposure.ts'
import { refOf } from '../../src/objects/ref.ts'
import { worldOf } from '../helpers/world.ts'

const BINDING = (name: string, role: string, subjects: string, namespace?: string) =>
  worldOf(`
apiVersion: rbac.authorization.k8s.io/v1
kind: ${namespace ? 'RoleBinding' : 'ClusterRoleBinding'}
metadata: {name: "${name}"${namespace ? `, namespace: ${namespace}` : ''}}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: ${role}}
subjects: ${subjects}
`).snapshot
type View = ReturnType<typeof BINDING>
const bindingIn = (view: View) => (view.all('ClusterRoleBinding')[0] ?? view.all('RoleBinding')[0])!
const finding = (view: View, indexes: readonly number[]): Finding<SubjectEvidence> => {
  const binding = bindingIn(view)
  return {
    subject: refOf(binding),
    reason: 'x',
    evidence: {
      role: `ClusterRole ${binding.roleRef.name}`,
      rules: [],
      remove: indexes.map((index) => binding.subjects![index]!),
      usedBy: [],
    },
  } as unknown as Finding<SubjectEvidence>
}
const propose = (
  view: View,
  indexes: readonly number[],
  options: Record<string, Json> = {},
  alongside: readonly Finding<any>[] = [],
  remedy: Remedy<SubjectEvidence> = removeSubjects('may-break'),
): Proposal => remedy.propose(finding(view, indexes), { view, options, alongside })

const TWO = '[{kind: User, name: jane}, {kind: ServiceAccount, name: app, namespace: shop}]'

describe('removal', () => {
  test('of one subject leaves the others', () =>
    expect(propose(BINDING('b', 'view', TWO), [0])).toMatchObject({
      changes: [{ type: 'edit', edits: [{ set: ['subjects'], to: [{ kind: 'ServiceAccount', name: 'app', namespace: 'shop' }] }] }],
      risk: 'may-break',
    }))
  test('of the last one deletes the binding', () =>
    expect(propose(BINDING('b', 'view', TWO), [0, 1])).toMatchObject({ changes: [{ type: 'delete', target: { name: 'b' } }] }))
  test('together with another finding on the binding comes to the same change from both', () => {
    const view = BINDING('b', 'view', TWO)
    const [a, b] = [propose(view, [0], {}, [finding(view, [1])]), propose(view, [1], {}, [finding(view, [0])])] as unknown as {
      changes: unknown
    }[]
    expect(a!.changes).toEqual(b!.changes)
    expect(a!.changes).toMatchObject([{ type: 'delete' }])
  })
  test('a subject of the same name and another kind stays', () => {
    const view = BINDING('b', 'view', '[{kind: User, name: app}, {kind: Group, name: app}]')
    expect(propose(view, [0])).toMatchObject({ changes: [{ edits: [{ to: [{ kind: 'Group', name: 'app' }] }] }] })
  })
  test('is safe only where told so', () =>
    expect(propose(BINDING('b', 'view', TWO), [0], {}, [], removeSubjects('safe'))).toMatchObject({ risk: 'safe' }))
})

describe('less instead', () => {
  const view = BINDING('b', 'cluster-admin', TWO)
  test('another role', () => {
    expect(propose(view, [1], { role: 'view' })).toMatchObject({
      changes: [
        {
          type: 'create',
          object: { kind: 'ClusterRoleBinding', metadata: { name: 'b-view' }, roleRef: { name: 'view' }, subjects: [{ name: 'app' }] },
        },
        { type: 'edit' },
      ],
    })
  })
  test('another role in some namespaces, as a list or as words', () => {
    for (const namespaces of [['shop', 'pay'], 'shop, pay']) {
      const { changes } = propose(view, [1], { role: 'edit', namespaces }) as unknown as {
        changes: { type: string; object?: { kind: string; metadata: { namespace: string } } }[]
      }
      expect(changes.slice(0, 2).map(({ type, object }) => [type, object?.kind, object?.metadata.namespace])).toEqual([
        ['create', 'RoleBinding', 'shop'],
        ['create', 'RoleBinding', 'pay'],
      ])
    }
  })
  test("a service account of the RoleBinding's own namespace is still meant elsewhere", () => {
    const local = BINDING('b', 'view', '[{kind: ServiceAccount, name: app}]', 'shop')
    expect(propose(local, [0], { namespaces: ['pay'] })).toMatchObject({
      changes: [
        { object: { metadata: { namespace: 'pay' }, subjects: [{ kind: 'ServiceAccount', name: 'app', namespace: 'shop' }] } },
        { type: 'delete' },
      ],
    })
  })
})

describe('never', () => {
  test.each([
    ['system:masters', 'cluster-admin', 'cluster-admin', '[{kind: Group, name: "system:masters"}]'],
    ['system:masters in a binding of another name', 'my-admins', 'cluster-admin', '[{kind: Group, name: "system:masters"}]'],
    ['the administrators of kubeadm', 'kubeadm:cluster-admins', 'cluster-admin', '[{kind: Group, name: "kubeadm:cluster-admins"}]'],
    ['the scheduler', 'system:kube-scheduler', '"system:kube-scheduler"', '[{kind: User, name: "system:kube-scheduler"}]'],
    ['the controller manager, wherever', 'extra', 'view', '[{kind: User, name: "system:kube-controller-manager"}]'],
  ])('%s', (_who, name, role, subjects) => expect(propose(BINDING(name, role, subjects), [0])).toHaveProperty('refused'))

  test('but a stranger beside them goes, and they stay', () => {
    const view = BINDING('cluster-admin', 'cluster-admin', '[{kind: Group, name: "system:masters"}, {kind: User, name: mallory}]')
    expect(propose(view, [1])).toMatchObject({ changes: [{ type: 'edit', edits: [{ to: [{ name: 'system:masters' }] }] }] })
    expect(propose(view, [1], {}, [finding(view, [0])])).toMatchObject({
      changes: [{ type: 'edit', edits: [{ to: [{ name: 'system:masters' }] }] }],
    })
  })
  test("kubeadm's group elsewhere is an ordinary group", () =>
    expect(propose(BINDING('other', 'view', '[{kind: Group, name: "kubeadm:cluster-admins"}]'), [0])).toMatchObject({
      changes: [{ type: 'delete' }],
    }))
})
