/** Odd worlds and odd questions: what the evaluator and who-can say, against SubjectAccessReview. Not one answer may differ. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { BindingObject, KubeObject, PolicyRule, RbacSubject, RoleObject } from '../../src/model/index.ts'
import { grants, mayI, partsOf, serviceAccountGroups, serviceAccountUser } from '../../src/objects/rbac-grants.ts'
import type { AccessRequest } from '../../src/objects/rbac-rules.ts'
import { answerFor, askerOf, groupsOf, type Holder, type Identity, whoCan } from '../../src/objects/rbac-who-can.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { describeCluster } from '../cluster/with-cluster.ts'
import { ask, GROUP, inParallel, pathOf, type Question, ROOT, settled, snapshot } from '../helpers/access-reviews.ts'
import { cli } from '../helpers/cli.ts'

const NAMESPACES = ['red', 'green', 'blue']
const pick = <T>(...items: readonly T[]) => fc.constantFrom(...items)
const some = (most: number, ...items: readonly string[]) => fc.subarray([...items], { minLength: 1, maxLength: most })

// ── rules ──────────────────────────────────────────────────────────────────────────────────────
const VERBS = ['get', 'list', 'watch', 'create', 'delete', 'deletecollection', 'bind', 'use', 'impersonate', 'GET', '*']
const RESOURCES = ['pods', 'pods/exec', 'secrets', 'namespaces', 'nodes', 'deployments', 'scale', 'widgets']
const PATTERNS = [...RESOURCES, 'pods/*', '*/exec', '*/scale', '*/*', 'deployments/scale', '*/', 'pods/', '*']
const NAMES = ['', 'one', 'two', 'red', '*']
const resourceRule: fc.Arbitrary<PolicyRule> = fc.record({
  verbs: some(3, ...VERBS),
  apiGroups: some(2, '', 'apps', 'example.com', '*'),
  resources: some(3, ...PATTERNS),
  resourceNames: fc.oneof({ weight: 3, arbitrary: fc.constant<string[]>([]) }, { weight: 2, arbitrary: some(2, ...NAMES) }),
})
const URLS = ['/metrics', '/metrics/*', '/met*', '/met**', '/logs/', '/logs/*', '/a/*/b', '/*', '*', '**', 'metrics']
const pathRule: fc.Arbitrary<PolicyRule> = fc.record({ verbs: some(2, 'get', 'post', 'GET', '*'), nonResourceURLs: some(2, ...URLS) })
const rules = (isCluster: boolean) =>
  fc.array(isCluster ? fc.oneof({ weight: 3, arbitrary: resourceRule }, { weight: 1, arbitrary: pathRule }) : resourceRule, {
    minLength: 1,
    maxLength: 3,
  })

// ── roles and bindings ─────────────────────────────────────────────────────────────────────────
const LABELS = ['a', 'b', 'c']
const selector = fc.oneof(
  pick(...LABELS).map((label) => ({ matchLabels: { [label]: 'yes' } })),
  fc
    .record({ key: pick(...LABELS), operator: pick('In', 'NotIn'), values: some(2, 'yes', 'no') })
    .map((one) => ({ matchLabels: { random: 'yes' }, matchExpressions: [one] })),
  fc
    .record({ key: pick(...LABELS), operator: pick('Exists', 'DoesNotExist') })
    .map((one) => ({ matchLabels: { random: 'yes' }, matchExpressions: [one] })),
)
const USERS = ['jane', 'joe', 'Jane', serviceAccountUser('red', 'app'), 'system:serviceaccount:red', 'system:anonymous', '*']
const GROUPS = ['team', 'system:serviceaccounts', 'system:serviceaccounts:red', 'system:authenticated', 'jane', '*']
const subjectIn = (namespace: string | undefined): fc.Arbitrary<RbacSubject> =>
  fc.oneof(
    pick(...USERS).map((name) => ({ apiGroup: GROUP, kind: 'User', name })),
    pick(...GROUPS).map((name) => ({ apiGroup: GROUP, kind: 'Group', name })),
    fc
      .record({ name: pick('app', 'other'), namespace: namespace === undefined ? pick('red', 'green') : pick('', 'red', 'green') })
      .map(({ name, namespace: own }) => ({ kind: 'ServiceAccount', name, ...(own !== '' && { namespace: own }) })),
  )

/** In every world, so that none refuses nearly everything. */
const PLAIN: RoleObject = {
  apiVersion: `${GROUP}/v1`,
  kind: 'ClusterRole',
  metadata: { name: 'plain' },
  rules: [{ verbs: ['get', 'list', 'use'], apiGroups: ['', 'apps'], resources: ['pods', 'secrets', 'deployments', '*/exec', '*/scale'] }],
}
const plainBindings: readonly BindingObject[] = [undefined, 'green'].map((namespace) => ({
  apiVersion: `${GROUP}/v1`,
  kind: namespace === undefined ? 'ClusterRoleBinding' : 'RoleBinding',
  metadata: { name: 'plain', ...(namespace && { namespace }) },
  roleRef: { apiGroup: GROUP, kind: 'ClusterRole', name: 'plain' },
  subjects: [
    { apiGroup: GROUP, kind: 'Group', name: namespace === undefined ? 'team' : 'system:authenticated' },
    { apiGroup: GROUP, kind: 'User', name: namespace === undefined ? serviceAccountUser('red', 'app') : 'jane' },
  ],
}))

function randomWorld(seed: number): { readonly roles: readonly RoleObject[]; readonly bindings: readonly BindingObject[] } {
  const one = <T>(arbitrary: fc.Arbitrary<T>, salt: number): T => fc.sample(arbitrary, { seed: seed * 10_000 + salt, numRuns: 1 })[0]!
  const roles = Array.from({ length: 120 }, (_, n): RoleObject => {
    const namespace = n % 3 === 0 ? NAMESPACES[(n / 3) % 3] : undefined
    const aggregated = n % 8 === 1 && namespace === undefined
    const labels = Object.fromEntries(one(fc.array(fc.tuple(pick(...LABELS), pick('yes', 'no')), { maxLength: 2 }), 1000 + n))
    return {
      apiVersion: `${GROUP}/v1`,
      kind: namespace === undefined ? 'ClusterRole' : 'Role',
      metadata: { name: `odd-${n}`, ...(namespace && { namespace }), labels: { random: 'yes', ...labels } },
      ...(aggregated
        ? { aggregationRule: { clusterRoleSelectors: one(fc.array(selector, { minLength: 1, maxLength: 2 }), 2000 + n) }, rules: [] }
        : { rules: one(rules(namespace === undefined), n) }),
    } as RoleObject
  })
  const bindings = Array.from({ length: 60 }, (_, n): BindingObject => {
    const namespace = n % 3 === 0 ? undefined : NAMESPACES[n % NAMESPACES.length]
    const [kind, name] =
      n % 12 === 11
        ? (['ClusterRole', one(pick('view', 'edit', 'not-there'), 3000 + n)] as const)
        : one(
            pick(
              ...roles
                .filter((role) => role.kind === 'ClusterRole' || role.metadata.namespace === namespace)
                .map((role) => [role.kind, role.metadata.name] as const),
            ),
            3000 + n,
          )
    return {
      apiVersion: `${GROUP}/v1`,
      kind: namespace === undefined ? 'ClusterRoleBinding' : 'RoleBinding',
      metadata: { name: `odd-${n}`, ...(namespace && { namespace }) },
      roleRef: { apiGroup: GROUP, kind, name },
      subjects: one(fc.array(subjectIn(namespace), { maxLength: 3 }), 4000 + n),
    }
  })
  return { roles: [...roles, PLAIN], bindings: [...bindings, ...plainBindings] }
}

// ── questions ──────────────────────────────────────────────────────────────────────────────────
const resourceRequest = fc
  .record({
    verb: pick(...VERBS, 'patch', ''),
    group: pick('', '', 'apps', 'example.com', '*', 'other'),
    resource: pick(...RESOURCES, 'pods/exec', '*', ''),
    subresource: pick('', '', '', 'exec', 'scale', '*', 'log'),
    namespace: pick(undefined, '', ...NAMESPACES, 'nowhere'),
    name: pick(undefined, ...NAMES, 'three'),
  })
  .map(({ namespace, name, subresource, ...rest }) => ({
    ...rest,
    ...(subresource !== '' && { subresource }),
    ...(namespace !== undefined && { namespace }),
    ...(name !== undefined && { name }),
  }))
const request: fc.Arbitrary<AccessRequest> = fc.oneof(
  { weight: 5, arbitrary: resourceRequest },
  {
    weight: 1,
    arbitrary: fc.record({
      verb: pick('get', 'post', 'GET', '*'),
      path: pick(
        '/metrics',
        '/metrics/',
        '/metrics/x',
        '/met',
        '/logs',
        '/logs/',
        '/logs/a',
        '/a/x/b',
        '/a/*/b',
        '/',
        '',
        '*',
        '/met*',
        'metrics',
      ),
    }),
  },
)
const who = fc.oneof(
  fc.record({ user: pick(...USERS, 'nobody'), groups: fc.subarray([...GROUPS], { maxLength: 3 }) }),
  pick('red', 'green').map((ns) => ({ user: serviceAccountUser(ns, 'app'), groups: serviceAccountGroups(ns) })),
)
const question: fc.Arbitrary<Question> = fc.record({ who, request }).map((one) => ({ ...one.who, request: one.request }))

/** Whom a binding of this world can name, and how the API server would be asked about that name alone. */
const EVERYBODY: readonly (readonly [Identity, { readonly user: string; readonly groups: readonly string[] }])[] = [
  ...USERS.filter((name) => !name.includes(':red:')).map(
    (name) =>
      [
        { kind: 'User', name, namespace: '' },
        { user: name, groups: [] },
      ] as const,
  ),
  ...GROUPS.map(
    (name) =>
      [
        { kind: 'Group', name, namespace: '' },
        { user: 'in-no-binding', groups: [name] },
      ] as const,
  ),
  ...['red', 'green', 'blue'].flatMap((namespace) =>
    ['app', 'other'].map(
      (name) =>
        [
          { kind: 'ServiceAccount', name, namespace },
          { user: serviceAccountUser(namespace, name), groups: [] },
        ] as const,
    ),
  ),
]
const text = ({ kind, namespace, name }: Identity): string => `${kind} ${namespace}/${name}`

/** Thousands of reviews, on a machine that may be busy. */
const LONG = { timeout: 400_000 }

describeCluster('RBAC in odd worlds', { controllerManager: true, audit: false }, (cluster: () => Cluster) => {
  const seed = Number(process.env['RBAC_SEED'] ?? Date.now() % 1_000_000)

  test('the controller fills aggregated roles with the rules of the parts that we see', async () => {
    const { api } = cluster()
    console.info(`RBAC_SEED=${seed}`)
    for (const name of NAMESPACES) await api.create('/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name } })
    const { roles, bindings } = randomWorld(seed)
    // Aggregated ones last, so that the controller meets their parts.
    const isAggregated = (role: RoleObject) => role.aggregationRule !== undefined
    for (const objects of [roles.filter((role) => !isAggregated(role)), roles.filter(isAggregated), bindings])
      await inParallel<KubeObject, unknown>(objects, (object) => api.create(pathOf(object), object))
    const sorted = (list: readonly PolicyRule[]) => [...new Set(list.map((rule) => JSON.stringify(rule)))].sort()
    await expect
      .poll(
        async () => {
          const seen = await snapshot(api)
          return seen
            .all('ClusterRole')
            .filter((role) => role.metadata.name.startsWith('odd-') && isAggregated(role))
            .filter(
              (role) =>
                JSON.stringify(sorted(role.rules ?? [])) !==
                JSON.stringify(sorted([...partsOf(seen, role)].flatMap((part) => part.rules ?? []))),
            )
            .map((role) => role.metadata.name)
        },
        { timeout: 60_000, interval: 500 },
      )
      .toEqual([])
    await settled(api, 'settled', NAMESPACES[0]!)
  })

  test('mayI and --as give the answers of SubjectAccessReview', LONG, async () => {
    const { api } = cluster()
    const known = grants(await snapshot(api))
    const questions = fc.sample(question, { seed, numRuns: 3000 })
    const answers = await inParallel(questions, (one) => ask(api, one))
    expect(
      questions.filter(({ user, groups, request: asked }, at) => mayI(known, user, groups, asked) !== answers[at]),
      `seed ${seed}`,
    ).toEqual([])
    const asIdentity = questions.filter(({ user }) => user === serviceAccountUser('red', 'app') || user === 'jane')
    const wrong = await inParallel(asIdentity, async ({ user, groups, request: asked }) => {
      const as: Identity =
        user === 'jane' ? { kind: 'User', name: 'jane', namespace: '' } : { kind: 'ServiceAccount', name: 'app', namespace: 'red' }
      const own = user === 'jane' ? ['system:authenticated'] : serviceAccountGroups('red')
      const { allowed, via } = answerFor(askerOf(known, as, groups), asked)
      const same = allowed === (await ask(api, { user, groups: [...own, ...groups], request: asked })) && allowed === via.length > 0
      return same ? [] : [{ user, groups, asked }]
    })
    expect(wrong.flat(), `seed ${seed}`).toEqual([])
    // A test that asks only what is refused proves little.
    expect(answers.filter(Boolean).length, `seed ${seed}`).toBeGreaterThan(100)
    expect(answers.filter((allowed) => !allowed).length, `seed ${seed}`).toBeGreaterThan(200)
  })

  test('who-can lists exactly those whom SubjectAccessReview allows', LONG, async () => {
    const { api } = cluster()
    const known = grants(await snapshot(api))
    const requests = fc.sample(request, { seed: seed + 1, numRuns: 120 })
    let listed = 0
    for (const asked of requests) {
      const holders: readonly Holder[] = whoCan(known, asked)
      const allowed = await inParallel(EVERYBODY, async ([identity, as]) =>
        (await ask(api, { ...as, request: asked })) ? [text(identity)] : [],
      )
      const ours = new Set(holders.map(text))
      expect(
        EVERYBODY.map(([identity]) => text(identity)).filter((one) => ours.has(one)),
        `seed ${seed}: ${JSON.stringify(asked)}`,
      ).toEqual(allowed.flat())
      listed += allowed.flat().length
    }
    expect(listed, `seed ${seed}`).toBeGreaterThan(25)
  })

  test('the command line: a thousand questions at once, and what a reader without all rights is told', LONG, async () => {
    const { api, kubeconfig, kubeconfigFor } = cluster()
    const asked = fc.sample(question, { seed: seed + 2, numRuns: 1000 }).filter(({ user }) => user !== '*')
    const lines = asked.map(({ user, groups, request: { verb, ...rest } }) =>
      JSON.stringify({ as: `User:${user}`, groups: groups.filter((group) => !group.startsWith('system:')), verb, ...rest }),
    )
    const { stdout } = await cli(['who-can', '--kubeconfig', kubeconfig, '--questions', '-'], { input: lines.join('\n') })
    const answers = stdout.split('\n').map((line) => JSON.parse(line) as { allowed?: boolean; complete?: boolean; error?: string })
    const theirs = await inParallel(asked, async ({ user, groups, request: one }) => {
      const more = groups.filter((group) => !group.startsWith('system:'))
      const resource = 'path' in one ? undefined : `${one.resource}${one.subresource ? `/${one.subresource}` : ''}`
      // As a client would ask: what stands after the slash is the subresource.
      const [name = '', ...sub] = (resource ?? '').split('/')
      const request = 'path' in one ? one : { ...one, resource: name, subresource: sub.join('/') }
      return ask(api, { user, groups: [...groupsOf({ kind: 'User', name: user, namespace: '' }), ...more], request })
    })
    const differing = asked.filter((one, at) => one.request.verb !== '' && answers[at]!.allowed !== theirs[at])
    expect(differing, `seed ${seed}`).toEqual([])
    expect(answers.filter(({ allowed }) => allowed).length, `seed ${seed}`).toBeGreaterThan(15)
    expect(answers.every(({ complete, error }, at) => complete === true || (error !== undefined && asked[at]!.request.verb === ''))).toBe(
      true,
    )

    // Chance may have let everybody list all bindings: the reader is everybody too.
    const everybody = ({ subjects }: BindingObject) => subjects?.some(({ name }) => name === 'system:authenticated')
    const wide = (await snapshot(api)).all('ClusterRoleBinding').filter((one) => one.metadata.name.startsWith('odd-') && everybody(one))
    for (const binding of wide) await api.request('DELETE', `${pathOf(binding)}/${binding.metadata.name}`)
    const reader = await kubeconfigFor({ user: 'half-blind' })
    const objects = [
      {
        apiVersion: `${GROUP}/v1`,
        kind: 'ClusterRole',
        metadata: { name: 'half-blind' },
        rules: [{ verbs: ['list', 'watch'], apiGroups: [GROUP], resources: ['clusterroles', 'clusterrolebindings'] }],
      },
      {
        apiVersion: `${GROUP}/v1`,
        kind: 'ClusterRoleBinding',
        metadata: { name: 'half-blind' },
        roleRef: { apiGroup: GROUP, kind: 'ClusterRole', name: 'half-blind' },
        subjects: [{ apiGroup: GROUP, kind: 'User', name: 'half-blind' }],
      },
    ]
    for (const object of objects) await api.create(pathOf(object), object)
    await settled(api, 'reader', 'red')
    const partly = await cli(['who-can', 'get', 'gadgets', '-o', 'json', '--kubeconfig', reader])
    expect(JSON.parse(partly.stdout)).toMatchObject({ complete: false })
    expect(partly.stderr).toContain('refused to list rolebindings (403)')
    const unsure = await cli(['who-can', '--as', 'User:nobody', 'get', 'gadgets', '-n', 'red', '--kubeconfig', reader])
    expect([unsure.exitCode, unsure.stdout]).toEqual([5, expect.stringContaining('no, as far as can be seen')])
  })

  test('a field selector gives RBAC no name by itself; a name counts for every verb', async () => {
    const { api } = cluster()
    const role = {
      apiVersion: `${GROUP}/v1`,
      kind: 'Role',
      metadata: { name: 'named', namespace: 'red' },
      rules: [{ verbs: ['*'], apiGroups: [''], resources: ['pods'], resourceNames: ['one'] }],
    }
    await api.create(pathOf(role), role)
    const binding = {
      apiVersion: `${GROUP}/v1`,
      kind: 'RoleBinding',
      metadata: role.metadata,
      roleRef: { apiGroup: GROUP, kind: 'Role', name: 'named' },
      subjects: [{ apiGroup: GROUP, kind: 'User', name: 'nina' }],
    }
    await api.create(pathOf(binding), binding)
    await settled(api, 'again', 'red')
    const known = grants(await snapshot(api))
    for (const verb of ['list', 'watch', 'deletecollection', 'create', 'get']) {
      const plain = { verb, group: '', resource: 'pods', namespace: 'red' }
      const selected = { ...plain, fieldSelector: { requirements: [{ key: 'metadata.name', operator: 'In', values: ['one'] }] } }
      expect(await ask(api, { user: 'nina', groups: [], request: selected }), verb).toBe(mayI(known, 'nina', [], plain))
      expect(await ask(api, { user: 'nina', groups: [], request: { ...plain, name: 'one' } }), verb).toBe(
        mayI(known, 'nina', [], { ...plain, name: 'one' }),
      )
    }
  })

  test('a ClusterRoleBinding to a Role is refused, so nothing has to be said of it', async () => {
    const { api } = cluster()
    const refused = await api.request('POST', `${ROOT}/clusterrolebindings`, {
      body: {
        apiVersion: `${GROUP}/v1`,
        kind: 'ClusterRoleBinding',
        metadata: { name: 'to-a-role' },
        roleRef: { apiGroup: GROUP, kind: 'Role', name: 'odd-0' },
        subjects: [],
      },
    })
    expect(refused.status).toBe(422)
  })
})
