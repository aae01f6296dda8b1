/** A broken workload is the second worst bug: whatever the plan takes away, what the audit log shows in use works on. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { controls } from '../../src/controls/index.gen.ts'
import { judge } from '../../src/engine/judge.ts'
import type {
  BindingObject,
  Kind,
  KubeObject,
  ObservedRequest,
  PolicyRule,
  RbacSubject,
  RoleObject,
  Snapshot,
} from '../../src/model/index.ts'
import { grants, mayI, serviceAccountGroups, serviceAccountUser } from '../../src/objects/rbac-grants.ts'
import { questionOf } from '../../src/objects/rbac-observed.ts'
import { keyOf } from '../../src/objects/ref.ts'
import { compile, type RemedyValues } from '../../src/plan/compile.ts'
import { applyPlan, undoPlan } from '../../src/plan/in-memory.ts'
import { snapshotFrom } from '../helpers/world.ts'

const GROUP = 'rbac.authorization.k8s.io'
const NAMESPACES = ['alpha', 'beta', 'gamma', 'n1', 'n2', 'n3', 'n4']
const PEOPLE = {
  jane: ['team', 'system:authenticated'],
  joe: ['team', 'ops', 'system:authenticated'],
  [serviceAccountUser('alpha', 'app')]: serviceAccountGroups('alpha'),
  [serviceAccountUser('beta', 'app')]: serviceAccountGroups('beta'),
  [serviceAccountUser('alpha', 'default')]: serviceAccountGroups('alpha'),
} as Readonly<Record<string, readonly string[]>>

const pick = <T>(...items: readonly T[]) => fc.constantFrom(...items)
const some = (...items: readonly string[]) => fc.subarray([...items], { minLength: 1, maxLength: Math.min(3, items.length) })
const RESOURCES = ['pods', 'pods/exec', 'secrets', 'configmaps', 'nodes', 'serviceaccounts/token', 'clusterroles']
const VERBS = ['get', 'list', 'watch', 'create', 'update', 'delete']
const rule = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      verbs: some(...VERBS, 'bind', '*', '*'),
      apiGroups: some('', '', 'apps', GROUP, '*'),
      resources: some(...RESOURCES, 'deployments', '*', '*'),
      resourceNames: fc.oneof({ weight: 5, arbitrary: fc.constant<string[]>([]) }, { weight: 1, arbitrary: some('one', 'two', 'x-bcdfg') }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ verbs: some('get', '*'), nonResourceURLs: some('/metrics', '/logs/*', '*') }) },
) as fc.Arbitrary<PolicyRule>
const subject: fc.Arbitrary<RbacSubject> = fc.oneof(
  fc.record({ apiGroup: fc.constant(GROUP), kind: fc.constant('User'), name: pick('jane', 'joe', serviceAccountUser('alpha', 'app')) }),
  fc.record({
    apiGroup: fc.constant(GROUP),
    kind: fc.constant('Group'),
    name: pick('team', 'ops', 'system:serviceaccounts:alpha', 'system:serviceaccounts', 'system:authenticated'),
  }),
  fc.record({ kind: fc.constant('ServiceAccount'), name: pick('app', 'default'), namespace: pick('alpha', 'beta') }),
)
const request = fc.oneof(
  {
    weight: 9,
    arbitrary: fc.record(
      {
        verb: pick(...VERBS),
        group: pick('', '', 'apps', GROUP),
        resource: pick('pods', 'secrets', 'configmaps', 'nodes', 'serviceaccounts', 'deployments', 'clusterroles'),
        subresource: pick('exec', 'token'),
        namespace: pick(...NAMESPACES, 'gone'),
        name: pick('one', 'two', 'three', 'four', 'five', 'six', 'x-bcdfg'),
        anyName: fc.constant(true as const),
      },
      { requiredKeys: ['verb', 'group', 'resource'] },
    ),
  },
  { weight: 1, arbitrary: fc.record({ verb: pick('get', 'post'), path: pick('/metrics', '/logs/a') }) },
)

interface Sketch {
  readonly roles: readonly { readonly namespace: string | undefined; readonly rules: readonly PolicyRule[] }[]
  readonly bindings: readonly {
    readonly role: number
    readonly namespace: string
    readonly wide: boolean
    readonly subjects: RbacSubject[]
  }[]
  readonly asked: readonly { readonly user: string; readonly request: object }[]
  readonly blind: readonly string[]
}
const sketch: fc.Arbitrary<Sketch> = fc.record({
  roles: fc.array(
    fc.record({ namespace: pick(undefined, undefined, 'alpha', 'beta'), rules: fc.array(rule, { minLength: 1, maxLength: 3 }) }),
    { minLength: 1, maxLength: 4 },
  ),
  bindings: fc.array(
    fc.record({
      role: fc.integer({ min: -3, max: 3 }),
      namespace: pick('alpha', 'beta', 'n1'),
      wide: fc.boolean(),
      subjects: fc.uniqueArray(subject, { minLength: 1, maxLength: 3, selector: (one) => JSON.stringify(one) }),
    }),
    { minLength: 1, maxLength: 5 },
  ),
  asked: fc.array(fc.record({ user: pick(...Object.keys(PEOPLE)), request }), { minLength: 10, maxLength: 60 }),
  blind: fc.oneof(fc.constant([]), fc.constant(['watch'])),
})

const BUILT_IN = ['cluster-admin', 'admin', 'edit']
function worldFrom({ roles, bindings, asked, blind }: Sketch): Snapshot {
  const object = (kind: string, namespace: string | undefined, name: string, more: object): KubeObject => ({
    apiVersion: `${GROUP}/v1`,
    kind,
    metadata: { name, ...(namespace !== undefined && { namespace }) },
    ...more,
  })
  const objects = [
    object('ClusterRole', undefined, 'cluster-admin', {
      rules: [
        { apiGroups: ['*'], resources: ['*'], verbs: ['*'] },
        { nonResourceURLs: ['*'], verbs: ['*'] },
      ],
    }),
    ...['admin', 'edit'].map((name) =>
      object('ClusterRole', undefined, name, {
        rules: [{ apiGroups: [''], resources: ['secrets', 'pods/exec'], verbs: ['get', 'list', 'watch'] }],
      }),
    ),
    ...roles.map(({ namespace, rules }, at) =>
      object(namespace === undefined ? 'ClusterRole' : 'Role', namespace, `role-${at}`, { rules }),
    ),
    ...bindings.map(({ role, namespace, wide, subjects }, at) => {
      const mine = role < 0 ? undefined : roles[role % roles.length]!
      const where = mine?.namespace ?? (wide ? undefined : namespace)
      const name = mine === undefined ? BUILT_IN[-role - 1]! : `role-${roles.indexOf(mine)}`
      return object(where === undefined ? 'ClusterRoleBinding' : 'RoleBinding', where, `binding-${at}`, {
        roleRef: { apiGroup: GROUP, kind: mine?.namespace === undefined ? 'ClusterRole' : 'Role', name },
        subjects,
      })
    }),
    ...NAMESPACES.map((name): KubeObject => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } })),
    ...['alpha', 'beta'].flatMap((namespace) =>
      ['app', 'default'].map((name): KubeObject => ({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace } })),
    ),
  ]
  const byKind = Map.groupBy(objects, ({ kind }) => kind as Kind)
  const kinds = new Map(
    [...byKind].map(([kind, list]) => [kind, new Map(list.map((one) => [keyOf(one.metadata.namespace, one.metadata.name), one]))]),
  )
  const world = (subjects: readonly { user: string; groups: readonly string[]; requests: readonly ObservedRequest[] }[]) =>
    snapshotFrom(
      {
        facts: {
          ServedResources: {
            groups: [
              { group: '', resources: [...RESOURCES.filter((one) => one !== 'clusterroles'), 'serviceaccounts'] },
              { group: 'apps', resources: ['deployments'] },
              { group: GROUP, resources: ['clusterroles'] },
            ],
          },
          ObservedRequests: {
            from: ['audit.log'],
            events: asked.length,
            since: '2026-11-01T00:00:00Z',
            until: '2026-11-21T00:00:00Z',
            blind,
            doubts: [],
            subjects,
          },
        },
      },
      kinds,
    )
  const known = grants(world([]))
  return world(
    Object.entries(PEOPLE).map(([user, groups]) => ({
      user,
      groups,
      requests: asked
        .filter((one) => one.user === user)
        .map(({ request }) => ({ ...request, count: 3, last: '2026-11-20T00:00:00Z', was: 'allowed' }) as ObservedRequest)
        .filter((one) => mayI(known, user, groups, questionOf(one))),
    })),
  )
}

const rbac = controls.filter(({ practice, id }) => practice === 'rbac' && id.startsWith('rbac-'))
const byId = new Map(rbac.map((control) => [control.id, control]))
/** What an operator may choose for the remedies that take options. */
const chosen: fc.Arbitrary<RemedyValues> = fc
  .record({ role: pick('', '', 'edit', 'not-there'), namespaces: pick<string[]>([], [], ['alpha'], ['beta', 'n1']) })
  .chain((both) =>
    fc.subarray(rbac.map(({ id }) => id)).map((ids) => Object.fromEntries(ids.map((id) => [id, { ...both, account: 'own' }]))),
  )
const counts = { worlds: 0, asked: 0, steps: 0, mended: 0 }

test('after all proposals, every observed request is still allowed, and each finding is gone or told why not', () => {
  fc.assert(
    fc.property(sketch, fc.boolean(), chosen, (drawn, unattended, values) => {
      const before = worldFrom(drawn)
      const findings = rbac.flatMap((control) => judge(control, before).findings)
      const plan = compile(findings, byId, before, { unattended, values })
      const after = applyPlan(before, plan.steps)
      const requests = before
        .fact('ObservedRequests')!
        .subjects.flatMap(({ user, groups, requests: own }) => own.map((one) => ({ user, groups, question: questionOf(one) })))
      for (let done = 1; done <= plan.steps.length; done++) {
        const known = grants(applyPlan(before, plan.steps.slice(0, done)))
        expect(
          requests.filter(({ user, groups, question }) => !mayI(known, user, groups, question)),
          `after ${done} of ${plan.steps.length} steps`,
        ).toEqual([])
      }
      const left = new Set(rbac.flatMap((control) => judge(control, after).findings.map(({ id }) => id)))
      expect(plan.ledger.fixable.filter((id) => left.has(id))).toEqual([])
      // No more than before, but for what the operator chose: a right that nobody had is no right that is kept.
      if (Object.keys(values).length === 0) expect(widened(before, after)).toEqual([])
      const back = undoPlan(after, plan.steps)
      for (const kind of ['Role', 'ClusterRole', 'RoleBinding', 'ClusterRoleBinding'] as const)
        expect(sorted(back.all(kind)), kind).toEqual(sorted(before.all(kind)))
      counts.worlds++
      counts.asked += requests.length
      counts.steps += plan.steps.length
      counts.mended += plan.ledger.fixable.length
    }),
    { numRuns: Number(process.env['KEPT_RUNS'] ?? 60), seed: Number(process.env['KEPT_SEED'] ?? Date.now() % 1_000_000) },
  )
  // A property over worlds in which nothing is asked or changed proves nothing.
  expect(counts.asked / counts.worlds).toBeGreaterThan(2)
  expect(counts.steps / counts.worlds).toBeGreaterThan(2)
  expect(counts.mended).toBeGreaterThan(counts.worlds)
}, 120_000)

const sorted = (objects: readonly (RoleObject | BindingObject)[]) => objects.map((one) => JSON.stringify(one)).sort()
function widened(before: Snapshot, after: Snapshot) {
  const [had, has] = [grants(before), grants(after)]
  const questions = VERBS.flatMap((verb) =>
    RESOURCES.flatMap((full) =>
      ['', 'alpha', 'n1'].flatMap((namespace) =>
        ['', 'one', 'other'].map((name) => {
          const [resource, subresource = ''] = full.split('/') as [string, string?]
          return { verb, group: resource === 'clusterroles' ? GROUP : '', resource, subresource, namespace, name }
        }),
      ),
    ),
  )
  return Object.entries(PEOPLE).flatMap(([user, groups]) =>
    questions
      .filter((question) => mayI(has, user, groups, question) && !mayI(had, user, groups, question))
      .map((question) => ({ user, question })),
  )
}
