import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { BindingObject, ObservedRequest, ObservedRequests, PolicyRule } from '../../src/model/index.ts'
import { compacted, type Right } from '../../src/objects/rbac-compact.ts'
import type { Grant } from '../../src/objects/rbac-grants.ts'
import { type AccessRequest, ruleAllows, type Universe } from '../../src/objects/rbac-rules.ts'
import { unusedRules, usageOf } from '../../src/objects/rbac-usage.ts'

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
