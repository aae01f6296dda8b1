import { describe, expect, test } from 'vitest'
import control from '../../src/controls/rbac/rbac-default-sa.ts'
import { judge } from '../../src/engine/judge.ts'
import type { RegisteredControl, Snapshot } from '../../src/model/index.ts'
import { grants, mayI, serviceAccountGroups, serviceAccountUser } from '../../src/objects/rbac-grants.ts'
import { compile } from '../../src/plan/compile.ts'
import { applyPlan, undoPlan } from '../../src/plan/in-memory.ts'
import { worldOf } from '../helpers/world.ts'

const registered = { ...(control as object), id: 'rbac-default-sa', practice: 'rbac' } as RegisteredControl
const world = (more = '', kind = 'Deployment') =>
  worldOf(`
apiVersion: v1
kind: ServiceAccount
metadata: {name: default, namespace: shop}
imagePullSecrets: [{name: registry}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: reads, namespace: shop}
rules: [{apiGroups: [""], resources: [configmaps], verbs: [get]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: reads, namespace: shop}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: reads}
subjects: [{kind: ServiceAccount, name: default, namespace: shop}, {kind: User, apiGroup: rbac.authorization.k8s.io, name: jane}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: nodes}
rules: [{apiGroups: [""], resources: [nodes], verbs: [list]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: nodes}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: nodes}
subjects: [{kind: ServiceAccount, name: default, namespace: shop}]
---
apiVersion: ${kind === 'Job' ? 'batch' : 'apps'}/v1
kind: ${kind}
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      serviceAccount: default
      containers: [{name: web, image: "shop/web:1"}]
${more}`).snapshot
const planFor = (snapshot: Snapshot, account = 'web') =>
  compile(
    judge(registered, snapshot).findings.filter(({ subject }) => subject.kind.endsWith('Binding')),
    new Map([[registered.id, registered]]),
    snapshot,
    { values: { 'rbac-default-sa': { account } } },
  )
const may = (snapshot: Snapshot, name: string, verb: string, resource: string) =>
  mayI(grants(snapshot), serviceAccountUser('shop', name), serviceAccountGroups('shop'), {
    ...{ verb, group: '', resource },
    ...(resource === 'configmaps' && { namespace: 'shop', name: 'c' }),
  })

describe('workloads of a default account', () => {
  const before = world()
  const plan = planFor(before)
  test('move to one of their own, which may do the same, before the default one loses it', () => {
    const after = applyPlan(before, plan.steps)
    expect(after.find('Deployment', 'shop', 'web')!.spec!.template!.spec).toMatchObject({
      serviceAccountName: 'web',
      serviceAccount: 'web',
    })
    expect(after.find('ServiceAccount', 'shop', 'web')).toMatchObject({ imagePullSecrets: [{ name: 'registry' }] })
    expect([may(after, 'web', 'get', 'configmaps'), may(after, 'web', 'list', 'nodes')]).toEqual([true, true])
    expect([may(after, 'default', 'get', 'configmaps'), may(after, 'default', 'list', 'nodes')]).toEqual([false, false])
    expect(after.find('RoleBinding', 'shop', 'reads')!.subjects).toMatchObject([{ name: 'jane' }])
  })
  test('never stand without the rights in between', () => {
    for (let done = 0; done <= plan.steps.length; done++) {
      const now = applyPlan(before, plan.steps.slice(0, done))
      const account = now.find('Deployment', 'shop', 'web')!.spec!.template!.spec!.serviceAccountName ?? 'default'
      expect([may(now, account, 'get', 'configmaps'), may(now, account, 'list', 'nodes')], `after ${done} steps`).toEqual([true, true])
    }
    expect(undoPlan(applyPlan(before, plan.steps), plan.steps).find('RoleBinding', 'shop', 'reads')).toEqual(
      before.find('RoleBinding', 'shop', 'reads'),
    )
  })
  test('that cannot move keep the rights of theirs', () => {
    const { steps, ledger } = planFor(world('', 'Job'))
    expect(steps).toEqual([])
    expect(ledger.byHand[0]!.why).toMatch(/^move Job shop\/web first: .*template of a Job/)
  })
  test('that an identity of the cloud hangs on are for a human', () => {
    const cloudy = worldOf(`
apiVersion: v1
kind: ServiceAccount
metadata: {name: default, namespace: shop, annotations: {eks.amazonaws.com/role-arn: "arn:aws:iam::1:role/x"}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: b}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}
subjects: [{kind: ServiceAccount, name: default, namespace: shop}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template: {metadata: {labels: {app: web}}, spec: {containers: [{name: web, image: "shop/web:1"}]}}
`).snapshot
    expect(planFor(cloudy).ledger.byHand[0]!.why).toContain('identity of the cloud')
  })
  test('stay where they are unless an account is named', () => {
    const { steps } = planFor(before, '')
    expect(steps.flatMap(({ changes }) => changes.map(({ type }) => type)).sort()).toEqual(['delete', 'edit'])
  })
})
