/** Our reading of RBAC against the API server's own: not one answer may differ. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { narrowRights } from '../../remediations/role-rules.ts'
import { controls } from '../../src/controls/index.gen.ts'
import { judge } from '../../src/engine/judge.ts'
import type { BindingObject, Facts, KubeObject, PolicyRule, RbacSubject, RoleObject } from '../../src/model/index.ts'
import { isDefaultRule, isDefaultSubject, isLabelledDefault } from '../../src/objects/rbac-bootstrap.ts'
import { grants, mayI, serviceAccountGroups, serviceAccountUser, subjectsOf } from '../../src/objects/rbac-grants.ts'
import { type ResourceRequest, type Rights, STANDARD_VERBS } from '../../src/objects/rbac-rules.ts'
import { refOf } from '../../src/objects/ref.ts'
import type { ApiClient } from '../cluster/api-client.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { describeCluster } from '../cluster/with-cluster.ts'
import { ask, GROUP, inParallel, pathOf, type Question, ROOT, settled, snapshot } from '../helpers/access-reviews.ts'

const NAMESPACES = ['alpha', 'beta', 'gamma']

// ── a random world ─────────────────────────────────────────────────────────────────────────────
const pick = <T>(...items: readonly T[]) => fc.constantFrom(...items)
const some = (...items: readonly string[]) => fc.subarray([...items], { minLength: 1, maxLength: Math.min(3, items.length) })
const resourceRule = fc.record({
  verbs: some('get', 'list', 'create', 'delete', 'escalate', '*'),
  apiGroups: some('', 'apps', GROUP, '*'),
  resources: some(
    'pods',
    'pods/exec',
    'pods/*',
    '*/exec',
    '*/scale',
    'secrets',
    'namespaces',
    'nodes',
    'deployments',
    'deployments/scale',
    'clusterroles',
    '*',
  ),
  resourceNames: fc.oneof({ weight: 3, arbitrary: fc.constant<string[]>([]) }, { weight: 1, arbitrary: some('one', 'two', 'alpha') }),
})
const pathRule = fc.record({
  verbs: some('get', 'post', '*'),
  nonResourceURLs: some('/metrics', '/logs/*', '/debug/pprof/*', '/met*', '*'),
})
const rules = (clusterScoped: boolean): fc.Arbitrary<PolicyRule[]> =>
  fc.array(clusterScoped ? fc.oneof({ weight: 4, arbitrary: resourceRule }, { weight: 1, arbitrary: pathRule }) : resourceRule, {
    minLength: 1,
    maxLength: 3,
  })
const USERS = ['jane', 'joe', 'eve', serviceAccountUser('alpha', 'app'), serviceAccountUser('beta', 'app')]
const subject: fc.Arbitrary<RbacSubject> = fc.oneof(
  fc.record({ apiGroup: fc.constant(GROUP), kind: fc.constant('User'), name: pick(...USERS) }),
  fc.record({
    apiGroup: fc.constant(GROUP),
    kind: fc.constant('Group'),
    name: pick('team', 'system:serviceaccounts:alpha', 'system:serviceaccounts', 'nobody-is-in-it'),
  }),
  fc.record({ kind: fc.constant('ServiceAccount'), name: pick('app', 'other'), namespace: pick('alpha', 'beta') }),
)
const NAMES = ['', 'one', 'two', 'three', 'alpha']
const question: fc.Arbitrary<Question> = fc
  .record({
    who: pick<readonly [string, readonly string[]]>(
      ['jane', []],
      ['joe', ['team']],
      ['eve', []],
      ...['alpha', 'beta'].map((ns) => [serviceAccountUser(ns, 'app'), serviceAccountGroups(ns)] as const),
    ),
    request: fc.oneof(
      {
        weight: 6,
        arbitrary: fc.record({
          verb: pick('get', 'list', 'watch', 'create', 'delete', 'deletecollection', 'escalate'),
          group: pick('', '', 'apps', GROUP),
          resource: pick('pods', 'secrets', 'namespaces', 'nodes', 'deployments', 'clusterroles'),
          subresource: pick('', '', 'exec', 'scale', 'log'),
          namespace: pick('', ...NAMESPACES),
          name: pick(...NAMES),
        }),
      },
      {
        weight: 1,
        arbitrary: fc.record({
          verb: pick('get', 'post'),
          path: pick('/metrics', '/logs/kube.log', '/logs', '/debug/pprof/heap', '/version', '/nowhere'),
        }),
      },
    ),
  })
  .map(({ who: [user, groups], request }) => ({ user, groups, request }))

/** 60 roles and 30 bindings: enough that a third of the questions are answered with yes. */
function randomWorld(seed: number): readonly KubeObject[] {
  const one = <T>(arbitrary: fc.Arbitrary<T>, salt: number): T => fc.sample(arbitrary, { seed: seed * 1000 + salt, numRuns: 1 })[0]!
  const roles = Array.from({ length: 60 }, (_, n): RoleObject => {
    const namespace = n % 2 === 0 ? undefined : NAMESPACES[n % 3]
    return {
      apiVersion: `${GROUP}/v1`,
      kind: namespace === undefined ? 'ClusterRole' : 'Role',
      metadata: { name: `random-${n}`, ...(namespace && { namespace }) },
      rules: one(rules(namespace === undefined), n),
    }
  })
  const bindings = Array.from({ length: 30 }, (_, n): BindingObject => {
    const role =
      n % 10 === 9
        ? { kind: 'ClusterRole', metadata: { name: one(pick('view', 'edit', 'admin', 'not-there'), n) } as KubeObject['metadata'] }
        : one(pick(...roles), 100 + n)
    const namespace = role.metadata.namespace ?? (n % 4 === 0 ? undefined : NAMESPACES[n % 3])
    return {
      apiVersion: `${GROUP}/v1`,
      kind: namespace === undefined ? 'ClusterRoleBinding' : 'RoleBinding',
      metadata: { name: `random-${n}`, ...(namespace && { namespace }) },
      roleRef: { apiGroup: GROUP, kind: role.kind, name: role.metadata.name },
      subjects: one(fc.array(subject, { minLength: 1, maxLength: 2 }), 200 + n),
    }
  })
  return [...roles, ...bindings]
}

describeCluster('RBAC as the API server sees it', { controllerManager: true, audit: false }, (cluster: () => Cluster) => {
  test('everything a fresh API server creates is known as its own, rule by rule and subject by subject', async () => {
    const { api } = cluster()
    // The controller manager fills the aggregated roles.
    await expect
      .poll(async () => (await api.get<RoleObject>(`${ROOT}/clusterroles/admin`)).rules?.length ?? 0, { timeout: 60_000 })
      .toBeGreaterThan(5)
    await expect
      .poll(async () => (await api.get<RoleObject>(`${ROOT}/clusterroles/view`)).rules?.length ?? 0, { timeout: 60_000 })
      .toBeGreaterThan(1)
    const seen = await snapshot(api)
    const roles = [...seen.all('ClusterRole'), ...seen.all('Role')].filter(isLabelledDefault)
    const bindings = [...seen.all('ClusterRoleBinding'), ...seen.all('RoleBinding')].filter(isLabelledDefault)
    expect(roles.length).toBeGreaterThan(60)
    expect(bindings.length).toBeGreaterThan(40)
    expect(
      roles.flatMap((role) =>
        (role.rules ?? []).filter((rule) => !isDefaultRule(role, rule)).map((rule) => `${role.metadata.name}: ${JSON.stringify(rule)}`),
      ),
    ).toEqual([])
    expect(
      bindings.flatMap((binding) =>
        subjectsOf(binding)
          .filter((one) => !isDefaultSubject(binding, one))
          .map((one) => `${binding.metadata.name}: ${one.name}`),
      ),
    ).toEqual([])
    for (const control of controls.filter(({ practice, reads }) => practice === 'rbac' && reads.includes('ClusterRole'))) {
      expect(
        judge(control, seen).findings.filter(({ origin }) => origin === 'workload'),
        control.id,
      ).toEqual([])
    }
  })

  test('mayI gives the answers of SubjectAccessReview', async () => {
    const { api } = cluster()
    const seed = Number(process.env['RBAC_SEED'] ?? Date.now() % 1_000_000)
    console.info(`RBAC_SEED=${seed}`)
    for (const name of NAMESPACES) await api.create('/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name } })
    await inParallel(randomWorld(seed), (object) => api.create(pathOf(object), object))
    await settled(api, 'settled', NAMESPACES[0]!)
    const known = grants(await snapshot(api))
    const questions = fc.sample(question, { seed, numRuns: 600 })
    const answers = await inParallel(questions, (one) => ask(api, one))
    const wrong = questions.filter(({ user, groups, request }, at) => mayI(known, user, groups, request) !== answers[at])
    expect(wrong, `seed ${seed}`).toEqual([])
    // A test that asks only what is refused proves little.
    expect(answers.filter(Boolean).length, `seed ${seed}`).toBeGreaterThan(30)
    expect(answers.filter((allowed) => !allowed).length, `seed ${seed}`).toBeGreaterThan(30)
  })

  test('a narrowed role grants exactly what it did, less what was taken', async () => {
    const { api } = cluster()
    const facts = { ServedResources: await discovered(api) }
    const cut: Rights = { verbs: ['get', 'list', 'watch'], groups: [''], resources: ['secrets'] }
    const role: RoleObject = {
      apiVersion: `${GROUP}/v1`,
      kind: 'ClusterRole',
      metadata: { name: 'too-much' },
      rules: [
        { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
        { verbs: ['get'], nonResourceURLs: ['/metrics'] },
      ],
    }
    await api.create(pathOf(role), role)
    await api.create(`${ROOT}/clusterrolebindings`, {
      apiVersion: `${GROUP}/v1`,
      kind: 'ClusterRoleBinding',
      metadata: { name: 'too-much' },
      roleRef: { apiGroup: GROUP, kind: 'ClusterRole', name: 'too-much' },
      subjects: [{ apiGroup: GROUP, kind: 'User', name: 'mallory' }],
    })
    await settled(api, 'bound', NAMESPACES[0]!)
    const seen = await snapshot(api, facts)
    const everything = facts.ServedResources.groups.flatMap(({ group, resources }) =>
      resources.flatMap((full) =>
        STANDARD_VERBS.map((verb): ResourceRequest => {
          const [resource, subresource = ''] = full.split('/') as [string, string?]
          return { verb, group, resource, subresource, namespace: 'alpha' }
        }),
      ),
    )
    expect((await inParallel(everything, (request) => ask(api, { user: 'mallory', groups: [], request }))).every(Boolean)).toBe(true)

    const finding = {
      subject: refOf(seen.find('ClusterRole', undefined, 'too-much')!),
      at: ['rules', 0],
      evidence: { role: 'ClusterRole too-much', rule: role.rules![0]!, heldBy: [], mend: { cut: [cut] } },
    }
    const proposal = narrowRights.propose(finding as never, { view: seen, options: {}, alongside: [] })
    if (!('changes' in proposal) || proposal.changes[0]?.type !== 'edit' || !('set' in proposal.changes[0].edits[0]!))
      throw new Error(JSON.stringify(proposal))
    const { status, text } = await api.request('PATCH', `${ROOT}/clusterroles/too-much`, {
      contentType: 'application/merge-patch+json',
      body: { rules: proposal.changes[0].edits[0].to },
    })
    expect(status, text).toBe(200)
    await settled(api, 'narrowed', NAMESPACES[0]!)

    const after = await inParallel(everything, (request) => ask(api, { user: 'mallory', groups: [], request }))
    const isCut = ({ verb, group, resource, subresource }: ResourceRequest) =>
      group === '' && resource === 'secrets' && subresource === '' && cut.verbs.includes(verb)
    expect(everything.filter((request, at) => after[at] === isCut(request))).toEqual([])
    expect(await ask(api, { user: 'mallory', groups: [], request: { verb: 'get', path: '/metrics' } })).toBe(true)
    expect(await ask(api, { user: 'mallory', groups: [], request: { verb: 'escalate', group: GROUP, resource: 'clusterroles' } })).toBe(
      true,
    )
  })
})

interface GroupDiscovery {
  readonly items: readonly {
    readonly metadata: { readonly name?: string }
    readonly versions: readonly {
      readonly resources: readonly { readonly resource: string; readonly subresources?: readonly { readonly subresource: string }[] }[]
    }[]
  }[]
}
async function discovered(api: ApiClient): Promise<Facts['ServedResources']> {
  const accept = 'application/json;v=v2;g=apidiscovery.k8s.io;as=APIGroupDiscoveryList'
  const roots = await Promise.all(
    ['/api', '/apis'].map(async (path) => JSON.parse((await api.request('GET', path, { accept })).text) as GroupDiscovery),
  )
  return {
    groups: roots
      .flatMap(({ items }) => items)
      .map(({ metadata, versions }) => ({
        group: metadata.name ?? '',
        resources: [
          ...new Set(
            versions.flatMap(({ resources }) =>
              resources.flatMap(({ resource, subresources = [] }) => [
                resource,
                ...subresources.map(({ subresource }) => `${resource}/${subresource}`),
              ]),
            ),
          ),
        ],
      })),
  }
}
