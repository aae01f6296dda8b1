import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { BindingObject, ObservedRequest, ObservedRequests, PolicyRule } from '../../src/model/index.ts'
import { compacted, type Right } from '../../src/objects/rbac-compact.ts'
import type { Grant } from '../../src/objects/rbac-grants.ts'
import { questionOf } from '../../src/objects/rbac-observed.ts'
import { type AccessRequest, ruleAllows, STANDARD_VERBS, type Universe } from '../../src/objects/rbac-rules.ts'
import { leastRules, leastRulesOf, unusedRules, usageOf } from '../../src/objects/rbac-usage.ts'

const CART = { kind: 'ServiceAccount', name: 'cart', namespace: 'shop' }
const USER = 'system:serviceaccount:shop:cart'
const universe: Universe = {
  groups: ['', 'apps', 'rbac.authorization.k8s.io'],
  resourcesOf: (group) =>
    ({
      '': ['configmaps', 'pods', 'pods/exec', 'secrets', 'namespaces', 'nodes/metrics'],
      apps: ['deployments', 'deployments/scale'],
      'rbac.authorization.k8s.io': ['roles', 'rolebindings'],
    })[group] ?? [],
  specialVerbsOf: (_group, resource) => (resource === 'roles' ? ['bind', 'escalate'] : []),
}

const request = (words: string, more: Partial<Extract<ObservedRequest, { resource: string }>> = {}): ObservedRequest => {
  const [verb, full, namespace, name] = words.split(' ') as [string, string, string?, string?]
  const [resource, subresource] = full.split('/') as [string, string?]
  return {
    ...{ verb, group: '', resource, count: 1, last: '2026-11-20T00:00:00Z', was: 'allowed' as const },
    ...(subresource && { subresource }),
    ...(namespace && namespace !== '-' && { namespace }),
    ...(name && { name }),
    ...more,
  }
}
const log = (requests: readonly ObservedRequest[], more: Partial<ObservedRequests> = {}): ObservedRequests => ({
  ...{ from: ['audit.log'], events: 9, since: '2026-11-01T00:00:00Z', until: '2026-11-20T00:00:00Z', blind: [], doubts: [] },
  subjects: [{ user: USER, groups: [], requests }],
  ...more,
})
const grant = (rules: readonly PolicyRule[], namespace?: string): Grant => {
  const binding = { kind: 'RoleBinding', metadata: { name: 'cart' } } as BindingObject
  return { binding, index: 0, subject: CART, role: undefined, namespace, rules, isDefault: false }
}
const least = (...requests: ObservedRequest[]) => leastRules(log(requests), CART, undefined)

test('names are kept where they are few, fixed and not found by a list', () => {
  expect(least(request('get secrets shop db'), request('update secrets shop db')).namespaced.get('shop')).toEqual([
    { apiGroups: [''], resources: ['secrets'], resourceNames: ['db'], verbs: ['get', 'update'] },
  ])
  const six = ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => request(`get secrets shop ${name}`))
  expect(least(...six).namespaced.get('shop')).toEqual([{ apiGroups: [''], resources: ['secrets'], verbs: ['get'] }])
  expect(least(request('get pods shop cart-7d4f9c6b5-x2x4z')).namespaced.get('shop')).toEqual([
    { apiGroups: [''], resources: ['pods'], verbs: ['get'] },
  ])
  expect(least(request('get secrets shop db'), request('list secrets shop')).namespaced.get('shop')).toEqual([
    { apiGroups: [''], resources: ['secrets'], verbs: ['get', 'list'] },
  ])
})

test('what is created has no name, what it is created below has', () => {
  expect(least(request('create configmaps shop'), request('create serviceaccounts/token shop builder')).namespaced.get('shop')).toEqual([
    { apiGroups: [''], resources: ['configmaps'], verbs: ['create'] },
    { apiGroups: [''], resources: ['serviceaccounts/token'], resourceNames: ['builder'], verbs: ['create'] },
  ])
})

test('each namespace has its own rules, and what is asked for in all of them is not asked for again in one', () => {
  const { cluster, namespaced } = least(
    request('list pods'),
    request('list pods shop'),
    request('get configmaps pay settings'),
    request('get namespaces shop shop'),
  )
  expect(cluster).toEqual([
    { apiGroups: [''], resources: ['namespaces'], resourceNames: ['shop'], verbs: ['get'] },
    { apiGroups: [''], resources: ['pods'], verbs: ['list'] },
  ])
  expect([...namespaced]).toEqual([['pay', [{ apiGroups: [''], resources: ['configmaps'], resourceNames: ['settings'], verbs: ['get'] }]]])
})

test('what was refused is not learned, and what follows from the log only where it is held', () => {
  const bind = request('bind roles shop', { derived: true, anyName: true })
  expect(least(request('get secrets shop db', { was: 'denied' }), bind)).toEqual({ cluster: [], namespaced: new Map() })
  expect(leastRules(log([bind]), CART, undefined, undefined, () => true).namespaced.get('shop')).toEqual([
    { apiGroups: [''], resources: ['roles'], verbs: ['bind'] },
  ])
})

test('a right that the log cannot show is not called unused', () => {
  const rules: PolicyRule[] = [
    { apiGroups: [''], resources: ['secrets', 'configmaps'], verbs: ['get', 'list', 'update'] },
    { apiGroups: [''], resources: ['nodes/metrics'], verbs: ['get'] },
    { apiGroups: ['apps'], resources: ['deployments/finalizers'], verbs: ['update'] },
    { nonResourceURLs: ['/metrics'], verbs: ['get'] },
  ]
  const observed = log([request('get configmaps shop settings')], { blind: ['update'] })
  expect(unusedRules(grant(rules), observed, { universe })).toEqual([
    { apiGroups: [''], resources: ['configmaps'], verbs: ['list'] },
    { apiGroups: [''], resources: ['secrets'], verbs: ['get', 'list'] },
  ])
  const usage = usageOf([grant(rules)], observed, { universe, isRecorded: ({ resource }) => resource !== 'secrets' })
  expect(usage.unused).toEqual([{ apiGroups: [''], resources: ['configmaps'], verbs: ['list'] }])
  expect(usage.used).toEqual([{ apiGroups: [''], resources: ['configmaps'], verbs: ['get'] }])
  expect(usage.unseen).toContainEqual({ nonResourceURLs: ['/metrics'], verbs: ['get'] })
})

test('of a wildcard that which was used is used, and the rest is not', () => {
  const everything: PolicyRule[] = [
    { apiGroups: ['*'], resources: ['*'], verbs: ['*'] },
    { nonResourceURLs: ['*'], verbs: ['*'] },
  ]
  const widget = request('list widgets shop', { group: 'example.com' })
  const usage = usageOf([grant(everything)], log([widget]), { universe })
  expect(usage.used).toEqual([{ apiGroups: ['example.com'], resources: ['widgets'], verbs: ['list'] }])
  const unused = (one: AccessRequest) => usage.unused.some((rule) => ruleAllows(rule, one))
  expect(unused({ verb: 'escalate', group: 'rbac.authorization.k8s.io', resource: 'roles' })).toBe(true)
  expect(unused({ verb: 'get', group: '', resource: 'secrets' })).toBe(true)
  expect(unused({ verb: 'list', group: 'example.com', resource: 'widgets' })).toBe(false)
  expect(usage.unseen).toEqual([])
})

test('only what was asked for where the binding is good counts', () => {
  const rules = [{ apiGroups: [''], resources: ['secrets'], verbs: ['get'] }]
  expect(unusedRules(grant(rules, 'pay'), log([request('get secrets shop db')]), { universe })).toEqual(rules)
  expect(unusedRules(grant(rules, 'shop'), log([request('get secrets shop db')]), { universe })).toEqual([])
})

// ── properties ─────────────────────────────────────────────────────────────────────────────────
const pick = <T>(...items: readonly T[]) => fc.constantFrom(...items)
const anyRequest: fc.Arbitrary<ObservedRequest> = fc
  .record({
    verb: pick(...STANDARD_VERBS),
    group: pick('', 'apps'),
    full: pick('pods', 'pods/exec', 'secrets', 'configmaps', 'namespaces', 'deployments'),
    namespace: pick('-', 'shop', 'pay'),
    name: pick('a', 'b', 'c', 'd', 'e', 'f', 'g'),
    was: fc.constantFrom<'allowed' | 'denied'>('allowed', 'allowed', 'denied'),
    anyName: fc.boolean(),
  })
  .map(({ verb, group, full, namespace, name, was, anyName }) => {
    const named = ['get', 'update', 'patch', 'delete'].includes(verb) || (verb === 'create' && full.includes('/'))
    return request(`${verb} ${full} ${namespace}${named && !anyName ? ` ${name}` : ''}`, {
      ...{ group, was },
      ...(named && anyName && { anyName: true as const }),
    })
  })
const allows = ({ cluster, namespaced }: ReturnType<typeof leastRulesOf>, asked: AccessRequest): boolean =>
  [...cluster, ...('path' in asked ? [] : (namespaced.get(asked.namespace ?? '') ?? []))].some((rule) => ruleAllows(rule, asked))

test('the least role allows all that was allowed, and no verb on no resource in no namespace beyond', () => {
  fc.assert(
    fc.property(fc.array(anyRequest, { maxLength: 25 }), (requests) => {
      const learned = leastRulesOf(requests)
      const allowed = requests.filter(({ was }) => was === 'allowed').filter((one) => 'resource' in one)
      for (const one of allowed) expect(allows(learned, questionOf(one))).toBe(true)
      for (const verb of STANDARD_VERBS) {
        for (const full of ['pods', 'pods/exec', 'secrets', 'configmaps', 'deployments', 'deployments/scale']) {
          const [resource, subresource] = full.split('/') as [string, string?]
          for (const group of ['', 'apps', 'batch']) {
            for (const namespace of [undefined, 'shop', 'pay', 'dev']) {
              const seen = allowed.filter(
                (one) =>
                  one.verb === verb &&
                  one.group === group &&
                  one.resource === resource &&
                  one.subresource === subresource &&
                  (one.namespace === undefined || one.namespace === namespace),
              )
              const asked = { verb, group, resource, ...(subresource && { subresource }), ...(namespace && { namespace }) }
              for (const name of ['', 'a', 'zz']) {
                const isAllowed = allows(learned, { ...asked, name })
                if (seen.length === 0) expect(isAllowed, JSON.stringify({ ...asked, name })).toBe(false)
              }
            }
          }
        }
      }
    }),
    { numRuns: 200 },
  )
})

test('compacted rules grant exactly the rights they were made of', () => {
  const right: fc.Arbitrary<Right> = fc
    .record({
      verb: pick('get', 'list', 'bind'),
      group: pick('', 'apps'),
      resource: pick('pods', 'secrets', 'pods/exec'),
      names: fc.option(fc.subarray(['a', 'b'], { minLength: 1 })),
    })
    .map(({ names, ...rest }) => ({ ...rest, ...(names !== null && { names }) }))
  fc.assert(
    fc.property(fc.array(right, { maxLength: 12 }), (rights) => {
      const rules = compacted(rights)
      for (const verb of ['get', 'list', 'bind'])
        for (const group of ['', 'apps'])
          for (const full of ['pods', 'secrets', 'pods/exec'])
            for (const name of ['', 'a', 'b', 'c']) {
              const [resource, subresource] = full.split('/') as [string, string?]
              const asked = { verb, group, resource, ...(subresource && { subresource }), name }
              const wanted = rights.some(
                (one) =>
                  one.verb === verb &&
                  one.group === group &&
                  one.resource === full &&
                  (one.names === undefined || one.names.includes(name)),
              )
              expect(rules.some((rule) => ruleAllows(rule, asked))).toBe(wanted)
            }
    }),
  )
})
