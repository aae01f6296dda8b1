import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Facts, KubeObject, ObservedRequest, PolicyRule, RbacSubject, Snapshot } from '../../src/model/index.ts'
import { grants, grantsOf, mayI, serviceAccountGroups, serviceAccountUser } from '../../src/objects/rbac-grants.ts'
import { type AccessRequest, ruleAllows } from '../../src/objects/rbac-rules.ts'
import { type AccessImpact, impactBetween, type ScopedRule } from '../../src/plan/access-impact.ts'
import { impactWords } from '../../src/plan/access-words.ts'
import { worldOf } from './plan-fixtures.ts'

const API = 'rbac.authorization.k8s.io/v1'
const role = (name: string, rules: readonly PolicyRule[], namespace?: string, more: object = {}): KubeObject =>
  ({
    apiVersion: API,
    kind: namespace === undefined ? 'ClusterRole' : 'Role',
    metadata: { name, ...(namespace !== undefined && { namespace }) },
    rules,
    ...more,
  }) as KubeObject
const binding = (name: string, to: string, subjects: readonly RbacSubject[], namespace?: string): KubeObject =>
  ({
    apiVersion: API,
    kind: namespace === undefined ? 'ClusterRoleBinding' : 'RoleBinding',
    metadata: { name, ...(namespace !== undefined && { namespace }) },
    roleRef: { kind: to.split('/')[0]!, name: to.split('/')[1]! },
    subjects,
  }) as unknown as KubeObject
const CART: RbacSubject = { kind: 'ServiceAccount', namespace: 'shop', name: 'cart' }
const JANE: RbacSubject = { kind: 'User', name: 'jane' }
const rule = (verbs: string, resources: string, more: object = {}): PolicyRule => ({
  apiGroups: [''],
  verbs: verbs.split(' '),
  resources: resources.split(' '),
  ...more,
})
const words = (before: Snapshot, after: Snapshot) => impactBetween(before, after).map(impactWords)

describe('what a subject loses and gains', () => {
  const wide = role('wide', [rule('*', '*', { apiGroups: ['*'] })])
  const least = role('least', [rule('get list', 'pods')], 'shop')
  test('a role that is narrowed, by what is left of it', () => {
    const before = worldOf([role('a', [rule('get list', 'pods secrets')]), binding('a', 'ClusterRole/a', [CART])])
    const after = worldOf([
      role('a', [rule('get list', 'pods'), rule('get', 'secrets', { resourceNames: ['one'] })]),
      binding('a', 'ClusterRole/a', [CART]),
    ])
    expect(words(before, after)).toEqual([
      {
        subject: 'ServiceAccount shop/cart',
        loses: ['get, list on secrets (whole cluster)'],
        gains: [],
        keeps: ['get, list on pods (whole cluster)', 'get on secrets named one (whole cluster)'],
        recorded: [],
        breaks: false,
      },
    ])
  })
  test('a narrower role beside the old one gives nothing yet; taking the old one takes all but that', () => {
    const old = [wide, binding('wide', 'ClusterRole/wide', [CART, JANE])]
    const both = [...old, least, binding('least', 'Role/least', [{ kind: 'ServiceAccount', name: 'cart' }], 'shop')]
    expect(words(worldOf(old), worldOf(both))).toEqual([])
    const [impact, ...others] = words(
      worldOf(both),
      worldOf([...both.filter(({ metadata }) => metadata.name !== 'wide'), wide, binding('wide', 'ClusterRole/wide', [JANE])]),
    )
    expect(others).toEqual([])
    expect(impact).toMatchObject({ subject: 'ServiceAccount shop/cart', gains: [], keeps: ['get, list on pods (in shop)'] })
    expect(impact!.loses).toEqual(['"*" on "*" in every group, but for what it keeps (whole cluster)'])
  })
  test('what a group gives as well is not lost', () => {
    const reader = role('reader', [rule('get', 'pods')])
    const everybody = binding('all', 'ClusterRole/reader', [{ kind: 'Group', name: 'system:serviceaccounts:shop' }])
    const own = binding('own', 'ClusterRole/reader', [CART])
    expect(words(worldOf([reader, everybody, own]), worldOf([reader, everybody]))).toEqual([])
    expect(words(worldOf([reader, own]), worldOf([reader, everybody])).map(({ subject }) => subject)).toEqual([
      'Group system:serviceaccounts:shop',
    ])
  })
  test('a part of an aggregated role, though the controller has not filled it yet', () => {
    const whole = role('whole', [rule('get', 'pods')], undefined, {
      aggregationRule: { clusterRoleSelectors: [{ matchLabels: { part: 'x' } }] },
    })
    const part = (rules: readonly PolicyRule[]): KubeObject => ({
      ...role('part', rules),
      metadata: { name: 'part', labels: { part: 'x' } },
    })
    const bound = binding('whole', 'ClusterRole/whole', [JANE])
    const [impact] = words(worldOf([whole, part([rule('get', 'pods')]), bound]), worldOf([whole, part([]), bound]))
    expect(impact).toMatchObject({ subject: 'User jane', loses: ['get on pods (whole cluster)'] })
  })
  test('a long role that goes as a whole is told by its name', () => {
    const long = role(
      'long',
      ['a', 'b', 'c', 'd', 'e'].map((name) => rule('get', name)),
    )
    const [impact] = words(worldOf([long, binding('long', 'ClusterRole/long', [JANE], 'shop')]), worldOf([long]))
    expect(impact!.loses).toEqual(['all that ClusterRole long grants (in shop)'])
  })
})

describe('recorded requests', () => {
  const request = (verb: string, resource: string, more: object = {}): ObservedRequest =>
    ({ verb, group: '', resource, namespace: 'shop', count: 3, last: '2026-11-01T00:00:00Z', was: 'allowed', ...more }) as ObservedRequest
  const observed = (...requests: ObservedRequest[]): Facts['ObservedRequests'] => ({
    from: ['audit.log'],
    events: 9,
    since: '2026-10-01T00:00:00Z',
    until: '2026-11-01T00:00:00Z',
    subjects: [{ user: 'system:serviceaccount:shop:cart', groups: serviceAccountGroups('shop'), requests }],
    blind: [],
    doubts: [],
  })
  test('are asked again of the rights as they would be', () => {
    const requests = [
      request('list', 'pods'),
      request('get', 'secrets', { name: 'one' }),
      request('delete', 'pods', { was: 'denied' }),
      request('create', 'pods', { was: 'denied' }),
    ]
    const world = { facts: { ObservedRequests: observed(...requests) } }
    const before = worldOf([role('a', [rule('list', 'pods'), rule('get', 'secrets')]), binding('a', 'ClusterRole/a', [CART])], world)
    const after = worldOf([role('a', [rule('list create', 'pods')]), binding('a', 'ClusterRole/a', [CART])], world)
    const [impact] = impactBetween(before, after)
    expect(impact!.replay).toMatchObject({
      stillAllowed: 1,
      stillRefused: 1,
      refused: [{ request: requests[1] }],
      allowed: [{ request: requests[3] }],
    })
    expect(impactWords(impact!)).toMatchObject({
      breaks: true,
      recorded: [
        '1 of 2 recorded requests stay allowed',
        'would be refused: get secrets one in shop by system:serviceaccount:shop:cart (3 times, last 2026-11-01T00:00:00Z)',
        '1 that was refused when recorded stays so',
        'was refused, and would be allowed: create pods in shop by system:serviceaccount:shop:cart (3 times, last 2026-11-01T00:00:00Z)',
      ],
    })
  })
})

describe('random roles and bindings', () => {
  const some = <T>(...values: T[]) => fc.uniqueArray(fc.constantFrom(...values), { minLength: 1, maxLength: 2 })
  const rules = fc.array(
    fc.record(
      {
        verbs: some('get', 'list', 'create', '*'),
        apiGroups: some('', 'apps', '*'),
        resources: some('pods', 'secrets', 'pods/exec', '*', '*/exec'),
        resourceNames: some('a', 'b'),
      },
      { requiredKeys: ['verbs', 'apiGroups', 'resources'] },
    ),
    { maxLength: 3 },
  )
  const SUBJECTS: readonly RbacSubject[] = [
    CART,
    JANE,
    { kind: 'Group', name: 'system:serviceaccounts' },
    { kind: 'Group', name: 'system:authenticated' },
  ]
  const world = fc.record({
    a: rules,
    b: rules,
    bindings: fc.array(
      fc.record({ to: fc.constantFrom('a', 'b'), subjects: fc.subarray([...SUBJECTS]), namespace: fc.constantFrom(undefined, 'shop') }),
      { maxLength: 4 },
    ),
  })
  const build = (one: {
    a: readonly PolicyRule[]
    b: readonly PolicyRule[]
    bindings: readonly { to: string; subjects: readonly RbacSubject[]; namespace: string | undefined }[]
  }) =>
    worldOf([
      role('a', one.a),
      role('b', one.b),
      ...one.bindings.map(({ to, subjects, namespace }, index) => binding(`b${index}`, `ClusterRole/${to}`, subjects, namespace)),
    ])
  const REQUESTS: readonly AccessRequest[] = ['get', 'list', 'create', 'odd'].flatMap((verb) =>
    ['', 'apps'].flatMap((group) =>
      [['pods'], ['secrets'], ['pods', 'exec'], ['things']].flatMap(([resource = '', subresource]) =>
        ['shop', 'pay', undefined].flatMap((namespace) =>
          ['a', 'c', undefined].map((name) => ({
            verb,
            group,
            resource,
            ...(subresource && { subresource }),
            ...(namespace && { namespace }),
            ...(name && { name }),
          })),
        ),
      ),
    ),
  )
  const allows = (list: readonly ScopedRule[], request: AccessRequest): boolean =>
    list.some(
      ({ namespace, rule: one }) =>
        (namespace === undefined || ('resource' in request && request.namespace === namespace)) && ruleAllows(one, request),
    )

  test('a request that is allowed before and not after is among what is lost, of the subject or a group of it, and the other way round', () => {
    fc.assert(
      fc.property(world, world, (one, other) => {
        const [before, after] = [build(one), build(other)]
        const impacts = new Map(impactBetween(before, after).map((impact) => [impact.text, impact]))
        for (const [user, groups, texts] of [
          [
            serviceAccountUser('shop', 'cart'),
            serviceAccountGroups('shop'),
            ['ServiceAccount shop/cart', 'Group system:serviceaccounts', 'Group system:authenticated'],
          ],
          ['jane', ['system:authenticated'], ['User jane', 'Group system:authenticated']],
        ] as const) {
          const of = (which: 'loses' | 'gains') => texts.flatMap((text) => (impacts.get(text) as AccessImpact | undefined)?.[which] ?? [])
          const [loses, gains] = [of('loses'), of('gains')]
          for (const request of REQUESTS) {
            const [could, can] = [mayI(grants(before), user, groups, request), mayI(grants(after), user, groups, request)]
            if (could && !can) expect(allows(loses, request), JSON.stringify(request)).toBe(true)
            if (can && !could) expect(allows(gains, request), JSON.stringify(request)).toBe(true)
            // Nothing is called lost that the subject never had.
            if (!could) expect(allows(loses, request)).toBe(false)
          }
          expect(grantsOf(grants(before), user, groups).length === 0 && loses.length > 0).toBe(false)
        }
      }),
      { numRuns: 300 },
    )
  })
})
