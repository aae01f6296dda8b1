import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import pods from '../../src/controls/rbac/rbac-pod-exec.ts'
import secrets from '../../src/controls/rbac/rbac-secrets-read.ts'
import wildcards from '../../src/controls/rbac/rbac-wildcards.ts'
import { judge } from '../../src/engine/judge.ts'
import type { Finding, Json, PolicyRule, Proposal, RegisteredControl } from '../../src/model/index.ts'
import { hasWildcard, ruleAllows } from '../../src/objects/rbac-rules.ts'
import { compile, type RemedyValues } from '../../src/plan/compile.ts'
import { applyPlan } from '../../src/plan/in-memory.ts'
import { worldOf } from '../helpers/world.ts'

const registered = [
  ['rbac-pod-exec', pods],
  ['rbac-secrets-read', secrets],
  ['rbac-wildcards', wildcards],
].map(([id, control]) => ({ ...(control as object), id, practice: 'rbac' }) as RegisteredControl)
const world = (rules: string, more = '') =>
  worldOf(`
apiVersion: k8s-harden.test/v1
kind: World
facts: {ServedResources: {groups: [{group: "", resources: [pods, pods/exec, pods/log, secrets]}, {group: apps, resources: [deployments]}]}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: app${more}}
rules: ${rules}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: app}
roleRef: {kind: ClusterRole, name: app}
subjects: [{kind: User, name: jane}]
`).snapshot
const findingsOf = (snapshot: ReturnType<typeof world>, controls = registered): readonly Finding[] =>
  controls.flatMap((control) => judge(control, snapshot).findings)
const proposalFor = (snapshot: ReturnType<typeof world>, control: RegisteredControl): Proposal => {
  const [finding] = judge(control, snapshot).findings
  return (control.remedy as { propose: (finding: Finding, context: object) => Proposal }).propose(finding!, {
    view: snapshot,
    options: {},
    alongside: [],
  })
}

describe('several findings on one role', () => {
  const snapshot = world(
    '[{apiGroups: ["*"], resources: ["*"], verbs: ["*"]}, {apiGroups: [""], resources: [secrets, pods], verbs: [get, create]}]',
  )
  const plan = compile(findingsOf(snapshot), new Map(registered.map((control) => [control.id, control])), snapshot, {})

  test('are one step without a conflict, and all mended', () => {
    expect(plan.ledger.fixable).toHaveLength(findingsOf(snapshot).length)
    expect(plan.steps).toHaveLength(1)
    expect(findingsOf(applyPlan(snapshot, plan.steps))).toEqual([])
  })
  test('leave what none of them is about', () => {
    const rules = applyPlan(snapshot, plan.steps).find('ClusterRole', undefined, 'app')!.rules as readonly PolicyRule[]
    const may = (verb: string, resource: string, subresource = '', group = '') =>
      rules.some((rule) => ruleAllows(rule, { verb, group, resource, subresource }))
    expect(rules.some(hasWildcard)).toBe(false)
    expect([may('get', 'secrets'), may('create', 'pods', 'exec')]).toEqual([false, false])
    expect([
      may('create', 'secrets'),
      may('delete', 'secrets'),
      may('get', 'pods', 'log'),
      may('patch', 'deployments', '', 'apps'),
      may('get', 'pods'),
    ]).toEqual([true, true, true, true, true])
  })
})

describe('what is not done', () => {
  test('a role of Kubernetes is refused', () => {
    const builtIn = worldOf(`
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: "system:kube-controller-manager"}
rules: [{apiGroups: [""], resources: [secrets], verbs: [get]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: "system:kube-controller-manager"}
roleRef: {kind: ClusterRole, name: "system:kube-controller-manager"}
subjects: [{kind: User, name: "system:kube-controller-manager"}]
`).snapshot
    expect(judge(registered[1]!, builtIn)).toMatchObject({ status: 'pass', findings: [{ origin: 'system' }] })
    expect(proposalFor(builtIn, registered[1]!)).toMatchObject({ refused: expect.stringContaining('API server puts it back') })
  })
  test('without discovery a wildcard of a live cluster is not spelled out', () => {
    const blind = worldOf(`
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: app, namespace: shop}
rules: [{apiGroups: [apps], resources: ["*"], verbs: [get]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: app, namespace: shop}
roleRef: {kind: Role, name: app}
subjects: [{kind: User, name: jane}]
`).snapshot
    expect(proposalFor(blind, registered[2]!)).toMatchObject({ byHand: expect.stringContaining('kubectl api-resources') })
  })
  test('an aggregated role is changed in its parts', () => {
    const found = proposalFor(
      worldOf(`
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: whole}
aggregationRule: {clusterRoleSelectors: [{matchLabels: {to: whole}}]}
rules: [{apiGroups: [""], resources: [secrets], verbs: [get]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: whole}
roleRef: {kind: ClusterRole, name: whole}
subjects: [{kind: User, name: jane}]
`).snapshot,
      registered[1]!,
    )
    expect(found).toMatchObject({ byHand: expect.stringContaining('aggregationRule') })
  })
  test('a rule that is gone meanwhile', () => {
    const snapshot = world('[{apiGroups: [""], resources: [secrets], verbs: [get]}]')
    const [finding] = judge(registered[1]!, snapshot).findings
    const later = world('[]')
    expect(
      (secrets.remedy as unknown as { propose: (finding: Finding, context: object) => Proposal }).propose(finding!, {
        view: later,
        options: {},
        alongside: [],
      }),
    ).toMatchObject({ byHand: expect.stringContaining('scan again') })
  })
})

test('who would lose it is said', () => {
  const proposal = proposalFor(world('[{apiGroups: [""], resources: [secrets, pods], verbs: [get]}]'), registered[1]!)
  expect(proposal).toMatchObject({ risk: 'may-break', mayBreak: [expect.stringContaining('User jane by ClusterRoleBinding app')] })
  const edit = (proposal as unknown as { changes: { edits: { to: Json }[] }[] }).changes[0]!.edits[0]!
  expect(edit.to).toEqual([{ apiGroups: [''], resources: ['pods'], verbs: ['get'] }])
})

test('named objects may stay readable', () => {
  const snapshot = world('[{apiGroups: [""], resources: [secrets, pods], verbs: [get, list]}]')
  const [finding] = judge(registered[1]!, snapshot).findings
  const proposal = (secrets.remedy as unknown as { propose: (finding: Finding, context: object) => Proposal }).propose(finding!, {
    view: snapshot,
    options: { names: 'tls, registry' },
    alongside: [],
  })
  expect((proposal as unknown as { changes: { edits: { to: Json }[] }[] }).changes[0]!.edits[0]!.to).toEqual([
    { apiGroups: [''], resources: ['pods'], verbs: ['get', 'list'] },
    { apiGroups: [''], resources: ['secrets'], resourceNames: ['tls', 'registry'], verbs: ['get', 'list'] },
  ])
})

describe('exec over a WebSocket', () => {
  const at = (kubernetes: string) =>
    worldOf(`
apiVersion: k8s-harden.test/v1
kind: World
kubernetes: "${kubernetes}"
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: app, namespace: shop}
rules: [{apiGroups: [""], resources: [pods, pods/exec, pods/attach, pods/portforward], verbs: [get, create]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: app, namespace: shop}
roleRef: {kind: Role, name: app}
subjects: [{kind: User, name: jane}]
`).snapshot
  const mended = (kubernetes: string) => {
    const snapshot = at(kubernetes)
    return applyPlan(
      snapshot,
      compile(findingsOf(snapshot), new Map(registered.map((control) => [control.id, control])), snapshot, {}).steps,
    )
  }
  const maySee = (snapshot: ReturnType<typeof at>) =>
    (snapshot.find('Role', 'shop', 'app')!.rules as readonly PolicyRule[]).some((rule) =>
      ruleAllows(rule, { verb: 'get', group: '', resource: 'pods', subresource: 'exec' }),
    )

  test.each([
    ['v1.34.2', false],
    ['', false],
    ['v1.35.0', true],
    ['v1.37.2', true],
  ])('on %j get on pods/exec stays: %s, and nothing is left that the control would flag', (kubernetes, stays) => {
    expect(maySee(mended(kubernetes))).toBe(stays)
    expect(findingsOf(mended(kubernetes))).toEqual([])
  })
})

describe('a built-in role that people hold in a namespace', () => {
  const snapshot = worldOf(`
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: edit}
rules: [{apiGroups: [""], resources: [pods/exec], verbs: [create]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: team, namespace: shop}
roleRef: {kind: ClusterRole, name: edit}
subjects: [{kind: Group, name: shop-team}]
`).snapshot
  const propose = (options: Readonly<Record<string, Json>>): Proposal => {
    const [finding] = judge(registered[0]!, snapshot).findings
    return (registered[0]!.remedy as { propose: (finding: Finding, context: object) => Proposal }).propose(finding!, {
      view: snapshot,
      options,
      alongside: [],
    })
  }

  test('is taken from nobody unasked', () => {
    expect(propose({ role: '', namespaces: [] })).toEqual({
      byHand: expect.stringMatching(/^ask Group shop-team .*--set rbac-pod-exec\.role=view.*kubectl -n shop delete rolebinding team/),
    })
  })
  test('is not taken from them together with the service account beside them either, unless both are meant', () => {
    const { snapshot: mixed } = worldOf(
      readFileSync(join(import.meta.dirname, '../controls/rbac/rbac-pod-exec/fail.people-apart.yaml'), 'utf8'),
    )
    const subjectsAfter = (values: RemedyValues) =>
      applyPlan(
        mixed,
        compile(judge(registered[0]!, mixed).findings, new Map([['rbac-pod-exec', registered[0]!]]), mixed, { values }).steps,
      )
        .all('RoleBinding')
        .flatMap(({ roleRef, subjects }) => (subjects ?? []).map(({ name }) => `${roleRef.name} ${name}`))
        .sort()
    expect(subjectsAfter({})).toEqual(['edit shop-team'])
    expect(subjectsAfter({ 'rbac-pod-exec': { role: 'view' } })).toEqual([
      'view deployer',
      'view shop-team',
      'view system:serviceaccounts:shop',
    ])
  })
  test('gives way to less where the operator says so', () => {
    expect(propose({ role: 'view' })).toMatchObject({
      changes: [
        { type: 'create', object: { roleRef: { name: 'view' } } },
        { type: 'delete', target: { name: 'team' } },
      ],
    })
  })
})

describe('a Secret that a workload is told of', () => {
  const told = (args: string, secret = 'db') =>
    proposalFor(
      worldOf(`
apiVersion: v1
kind: Secret
metadata: {name: ${secret}, namespace: shop}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: app, namespace: shop}
rules: [{apiGroups: [""], resources: [secrets], verbs: [get, list, watch]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: app, namespace: shop}
roleRef: {kind: Role, name: app}
subjects: [{kind: ServiceAccount, name: app, namespace: shop}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: app, namespace: shop}
spec:
  selector: {matchLabels: {app: app}}
  template:
    metadata: {labels: {app: app}}
    spec:
      serviceAccountName: app
      containers: [{name: app, image: "shop/app:1", ${args}}]
`).snapshot,
      registered[1]!,
    ) as unknown as { readonly changes: { edits: { to: Json }[] }[]; readonly mayBreak: readonly string[] }

  test.each([
    ['args: ["--secret-name=db"]', '--secret-name=db'],
    ['args: ["--tls-secret", "shop/db"]', '--tls-secret=shop/db'],
    ['env: [{name: DB_SECRET, value: db}]', 'DB_SECRET=db'],
  ])('by %s stays readable by its name, and why is said', (args, words) => {
    const { changes, mayBreak } = told(args)
    expect(changes[0]!.edits[0]!.to).toEqual([{ apiGroups: [''], resources: ['secrets'], resourceNames: ['db'], verbs: ['get'] }])
    expect(mayBreak).toContain(`get on secrets named db stays: Deployment shop/app is told ${words}`)
  })
  test.each([
    ['args: ["--secret-name=db"]', 'other'],
    ['args: ["--secret-name=pay/db"]', 'db'],
    ['env: [{name: DB, value: db}]', 'db'],
    ['env: [{name: DB_SECRET, valueFrom: {secretKeyRef: {name: db, key: password}}}]', 'db'],
  ])('by %s is none where the Secret is %s', (args, secret) => expect(told(args, secret).changes[0]!.edits[0]!.to).toEqual([]))
})
