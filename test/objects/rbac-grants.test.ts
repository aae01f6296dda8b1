import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { BindingObject, Kind, KubeObject, PolicyRule, RbacSubject, RoleObject } from '../../src/model/index.ts'
import {
  asSeen,
  grants,
  grantsOf,
  holdersOf,
  mayI,
  rulesOf,
  serviceAccountGrants,
  serviceAccountUser,
} from '../../src/objects/rbac-grants.ts'
import type { ResourceRequest } from '../../src/objects/rbac-rules.ts'
import { keyOf } from '../../src/objects/ref.ts'
import { snapshotFrom, type World } from '../helpers/world.ts'

const API = 'rbac.authorization.k8s.io/v1'
const role = (name: string, rules: readonly PolicyRule[], namespace?: string, more: object = {}): RoleObject => ({
  apiVersion: API,
  kind: namespace ? 'Role' : 'ClusterRole',
  metadata: { name, ...(namespace && { namespace }), ...more },
  rules,
})
const binding = (name: string, ref: string, subjects: readonly RbacSubject[], namespace?: string): BindingObject => {
  const [kind, target] = ref.split('/') as [string, string]
  return {
    apiVersion: API,
    kind: namespace ? 'RoleBinding' : 'ClusterRoleBinding',
    metadata: { name, ...(namespace && { namespace }) },
    roleRef: { kind, name: target },
    subjects,
  }
}
function viewOf(objects: readonly KubeObject[], world: World = {}) {
  const byKind = new Map<Kind, Map<string, KubeObject>>()
  for (const object of objects) {
    const kind = object.kind as Kind
    byKind.set(kind, (byKind.get(kind) ?? new Map()).set(keyOf(object.metadata.namespace, object.metadata.name), object))
  }
  return snapshotFrom(world, byKind)
}
const READ_PODS: PolicyRule = { verbs: ['get'], apiGroups: [''], resources: ['pods'] }
const get = (resource: string, namespace?: string, name?: string): ResourceRequest => ({
  verb: 'get',
  group: '',
  resource,
  ...(namespace && { namespace }),
  ...(name && { name }),
})

describe('scope', () => {
  const view = viewOf([
    role('reader', [
      { ...READ_PODS, resources: ['pods', 'nodes', 'namespaces'] },
      { verbs: ['get'], nonResourceURLs: ['/metrics'] },
    ]),
    binding('jane', 'ClusterRole/reader', [{ kind: 'User', name: 'jane' }], 'shop'),
    binding('joe', 'ClusterRole/reader', [{ kind: 'User', name: 'joe' }]),
  ])
  const may = (user: string, request: ResourceRequest | { verb: string; path: string }) => mayI(grants(view), user, [], request)
  test('a RoleBinding grants a ClusterRole in its own namespace only', () => {
    expect(may('jane', get('pods', 'shop'))).toBe(true)
    expect(may('jane', get('pods', 'pay'))).toBe(false)
    expect(may('jane', get('pods'))).toBe(false)
  })
  test('it grants nothing cluster-scoped and no paths, except the namespace itself', () => {
    expect(may('jane', get('nodes'))).toBe(false)
    expect(may('jane', { verb: 'get', path: '/metrics' })).toBe(false)
    expect(may('jane', get('namespaces', 'shop', 'shop'))).toBe(true)
    expect(may('jane', get('namespaces', 'pay', 'pay'))).toBe(false)
  })
  test('a ClusterRoleBinding grants all of it', () => {
    for (const request of [get('nodes'), get('pods', 'pay'), get('namespaces', 'pay', 'pay'), { verb: 'get', path: '/metrics' }])
      expect(may('joe', request)).toBe(true)
  })
  test('system:masters are asked nothing', () => expect(mayI(grants(view), 'root', ['system:masters'], get('secrets'))).toBe(true))
})

describe('service accounts', () => {
  const view = viewOf([
    role('reader', [READ_PODS]),
    role('local', [READ_PODS], 'shop'),
    binding('own', 'Role/local', [{ kind: 'ServiceAccount', name: 'app' }], 'shop'), // without a namespace: the binding's own
    binding('as-user', 'ClusterRole/reader', [{ kind: 'User', name: 'system:serviceaccount:pay:app' }]),
    binding('by-group', 'ClusterRole/reader', [{ kind: 'Group', name: 'system:serviceaccounts:ops' }], 'shop'),
    binding('nowhere', 'ClusterRole/reader', [{ kind: 'ServiceAccount', name: 'lost' }]),
  ])
  const bindingsOf = (namespace: string, name: string) =>
    serviceAccountGrants(grants(view), namespace, name).map((grant) => grant.binding.metadata.name)
  test('are found by name, by user name and by their groups', () => {
    expect(bindingsOf('shop', 'app')).toEqual(['own'])
    expect(bindingsOf('pay', 'app')).toEqual(['as-user'])
    expect(bindingsOf('ops', 'any')).toEqual(['by-group'])
  })
  test('are nobody when a ClusterRoleBinding leaves their namespace out', () =>
    expect(grants(view).byUser.has(serviceAccountUser('', 'lost'))).toBe(false))
})

describe('aggregation', () => {
  const part = role('part', [READ_PODS], undefined, { labels: { to: 'whole' } })
  const whole: RoleObject = { ...role('whole', []), aggregationRule: { clusterRoleSelectors: [{ matchLabels: { to: 'whole' } }] } }
  const bound = binding('jane', 'ClusterRole/whole', [{ kind: 'User', name: 'jane' }])
  test('is computed in files, where no controller fills the role in', () => {
    expect(mayI(grants(viewOf([part, whole, bound], { source: 'manifests' })), 'jane', [], get('pods'))).toBe(true)
  })
  test('in files also adds to what is stored, and to the defaults of Kubernetes that are not among them', () => {
    const stored = viewOf([part, { ...whole, rules: [{ ...READ_PODS, resources: ['nodes'] }] }, bound], { source: 'manifests' })
    expect(['pods', 'nodes'].map((one) => mayI(grants(stored), 'jane', [], get(one)))).toEqual([true, true])
    const toEdit = { labels: { 'rbac.authorization.k8s.io/aggregate-to-edit': 'true' } }
    const widgets = role('widgets', [{ ...READ_PODS, resources: ['widgets'] }], undefined, toEdit)
    const editor = binding('joe', 'ClusterRole/edit', [{ kind: 'User', name: 'joe' }], 'shop')
    const view = viewOf([widgets, editor], { source: 'manifests' })
    expect(['pods', 'widgets', 'gadgets'].map((one) => mayI(grants(view), 'joe', [], get(one, 'shop')))).toEqual([true, true, false])
    expect(
      holdersOf(view)
        .get(widgets)
        ?.map((grant) => grant.binding),
    ).toEqual([editor])
  })
  test('is as stored on a live cluster', () => {
    const stored = viewOf([part, { ...whole, rules: [{ ...READ_PODS, resources: ['nodes'] }] }, bound])
    expect(mayI(grants(stored), 'jane', [], get('pods'))).toBe(false)
    expect(rulesOf(stored, stored.find('ClusterRole', undefined, 'whole')!)).toEqual([{ ...READ_PODS, resources: ['nodes'] }])
  })
  test('makes holders of the whole holders of its parts', () => {
    const view = viewOf([part, whole, bound])
    expect(
      holdersOf(view)
        .get(part)
        ?.map((grant) => grant.binding),
    ).toEqual([bound])
  })
})

test('files need not hold the defaults of Kubernetes; a cluster without them has none', () => {
  const jane = binding('jane', 'ClusterRole/view', [{ kind: 'User', name: 'jane' }], 'shop')
  expect(mayI(grants(viewOf([jane], { source: 'manifests' })), 'jane', [], get('pods', 'shop'))).toBe(true)
  expect(mayI(grants(viewOf([jane], { source: 'manifests' })), 'jane', [], get('secrets', 'shop'))).toBe(false)
  expect(mayI(grants(viewOf([jane])), 'jane', [], get('pods', 'shop'))).toBe(false)
})

// ── against the naive way ──────────────────────────────────────────────────────────────────────
const pick = <T>(items: readonly T[]) => fc.constantFrom(...items)
const some = (items: readonly string[]) => fc.subarray([...items], { minLength: 1, maxLength: 2 })
const anyRule = fc.record({
  verbs: some(['get', 'create', 'list', '*']),
  apiGroups: some(['', 'apps', '*']),
  resources: some(['pods', 'pods/exec', 'namespaces', '*', '*/exec', 'pods/*']),
  resourceNames: fc.oneof(fc.constant([] as string[]), some(['a', 'shop'])),
})
const anyNamespace = pick(['shop', 'pay'])
const anyRole = fc
  .record({
    name: pick(['r1', 'r2', 'r3']),
    namespace: fc.option(anyNamespace, { nil: undefined }),
    rules: fc.array(anyRule, { maxLength: 3 }),
  })
  .map(({ name, namespace, rules }) => role(name, rules, namespace))
const anySubject: fc.Arbitrary<RbacSubject> = fc.oneof(
  fc.record({ kind: fc.constant('User'), name: pick(['jane', 'system:serviceaccount:shop:app']) }),
  fc.record({ kind: fc.constant('Group'), name: pick(['team', 'system:serviceaccounts', 'system:serviceaccounts:pay']) }),
  fc.record({ kind: fc.constant('ServiceAccount'), name: fc.constant('app'), namespace: fc.option(anyNamespace, { nil: undefined }) }),
)
const anyBinding = fc
  .record({
    name: pick(['b1', 'b2', 'b3', 'b4']),
    namespace: fc.option(anyNamespace, { nil: undefined }),
    ref: pick(['Role/r1', 'Role/r2', 'ClusterRole/r1', 'ClusterRole/r3', 'ClusterRole/gone']),
    subjects: fc.array(anySubject, { maxLength: 3 }),
  })
  .map(({ name, namespace, ref, subjects }) => binding(name, ref, subjects, namespace))
const anyRequest = fc.oneof(
  fc.record({
    verb: pick(['get', 'create', 'list', 'bind']),
    group: pick(['', 'apps']),
    resource: pick(['pods', 'namespaces', 'nodes']),
    subresource: pick(['', 'exec']),
    namespace: pick(['', 'shop', 'pay']),
    name: pick(['', 'a', 'shop']),
  }),
)
const anyone = pick<readonly [string, readonly string[]]>([
  ['jane', []],
  ['jane', ['team']],
  ['system:serviceaccount:shop:app', ['system:serviceaccounts', 'system:serviceaccounts:shop']],
  ['system:serviceaccount:pay:app', ['system:serviceaccounts', 'system:serviceaccounts:pay']],
])

/** Every binding, every subject, every rule, by the letter of the documentation. */
function naive(objects: readonly KubeObject[], user: string, groups: readonly string[], request: ResourceRequest): boolean {
  const last = new Map(objects.map((object) => [`${object.kind} ${object.metadata.namespace} ${object.metadata.name}`, object]))
  for (const object of last.values()) {
    if (!object.kind.endsWith('Binding')) continue
    const {
      metadata: { namespace },
      roleRef,
      subjects,
    } = object as BindingObject
    if (namespace !== undefined && namespace !== request.namespace) continue
    if (namespace === undefined && roleRef.kind === 'Role') continue
    const rules =
      (last.get(`${roleRef.kind} ${roleRef.kind === 'Role' ? namespace : undefined} ${roleRef.name}`) as RoleObject | undefined)?.rules ??
      []
    const means = (subjects ?? []).some((subject) =>
      subject.kind === 'Group'
        ? groups.includes(subject.name)
        : subject.kind === 'User'
          ? subject.name === user
          : `system:serviceaccount:${subject.namespace ?? namespace}:${subject.name}` === user,
    )
    if (!means) continue
    const full = request.subresource ? `${request.resource}/${request.subresource}` : request.resource
    for (const { verbs, apiGroups = [], resources = [], resourceNames = [] } of rules) {
      const byVerb = verbs.includes('*') || verbs.includes(request.verb)
      const byGroup = apiGroups.includes('*') || apiGroups.includes(request.group)
      const byResource =
        resources.includes('*') ||
        resources.includes(full) ||
        (request.subresource !== '' && resources.includes(`*/${request.subresource}`))
      if (byVerb && byGroup && byResource && (resourceNames.length === 0 || resourceNames.includes(request.name ?? ''))) return true
    }
  }
  return false
}

test('mayI answers as going through everything does', () =>
  fc.assert(
    fc.property(
      fc.array(anyRole, { maxLength: 6 }),
      fc.array(anyBinding, { maxLength: 6 }),
      fc.array(fc.tuple(anyone, anyRequest), { minLength: 1, maxLength: 20 }),
      (roles, bindings, questions) => {
        const objects: KubeObject[] = [...roles, ...bindings]
        const known = grants(viewOf(objects))
        for (const [[user, groups], request] of questions)
          expect(mayI(known, user, groups, request), JSON.stringify(request)).toBe(naive(objects, user, groups, request))
      },
    ),
    { numRuns: 1000 },
  ))

test('asSeen hides the name of what is created', () =>
  expect(asSeen({ verb: 'create', name: 'a', group: '', resource: 'pods' }).name).toBe(''))

test('2,000 roles and 5,000 subjects make 5,000 grants, each reached by its own name', () => {
  const roles = Array.from({ length: 2000 }, (_, n) => role(`r${n}`, [READ_PODS]))
  const bindings = Array.from({ length: 500 }, (_, n) =>
    binding(
      `b${n}`,
      `ClusterRole/r${n * 4}`,
      Array.from({ length: 10 }, (_unused, m) => ({ kind: 'ServiceAccount', name: `app${n * 10 + m}`, namespace: 'shop' })),
      'shop',
    ),
  )
  const known = grants(viewOf([...roles, ...bindings]))
  expect(known.all).toHaveLength(5000)
  expect(grantsOf(known, serviceAccountUser('shop', 'app4321'), []).map((grant) => grant.role?.metadata.name)).toEqual(['r1728'])
  expect(mayI(known, serviceAccountUser('shop', 'app17'), [], get('pods', 'shop'))).toBe(true)
})
