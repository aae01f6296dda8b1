import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { PolicyRule } from '../../src/model/index.ts'
import {
  covers,
  expand,
  hasWildcard,
  isNamed,
  nameSeen,
  overlap,
  type ResourceRequest,
  type Rights,
  ruleAllows,
  ruleText,
  STANDARD_VERBS,
  subtract,
  type Universe,
} from '../../src/objects/rbac-rules.ts'

const rule = (verbs: string[], apiGroups: string[], resources: string[], resourceNames?: string[]): PolicyRule => ({
  verbs,
  apiGroups,
  resources,
  ...(resourceNames && { resourceNames }),
})
const ask = (verb: string, resource: string, more: Partial<ResourceRequest> = {}): ResourceRequest => {
  const [plural, subresource] = resource.split('/')
  return { verb, group: '', resource: plural!, ...(subresource && { subresource }), ...more }
}

describe('an empty name is that of every request without one', () => {
  const empty = rule(['list', 'create', 'get'], [''], ['secrets'], ['', 'mine'])
  test('so that everything is listed, and anything created', () => {
    expect(ruleAllows(empty, ask('list', 'secrets'))).toBe(true)
    expect(ruleAllows(empty, ask('create', 'secrets'))).toBe(true)
    expect(ruleAllows(empty, ask('get', 'secrets', { name: 'other' }))).toBe(false)
    expect(isNamed(empty)).toBe(false)
    expect(isNamed(rule(['list'], [''], ['secrets'], ['mine']))).toBe(true)
  })
  test('but no rule without names: none is covered by it, and what is left of it keeps its names', () => {
    expect(covers([empty], rule(['get'], [''], ['secrets']))).toBe(false)
    const universe = { groups: [''], resourcesOf: () => ['secrets'], specialVerbsOf: () => [] }
    expect(subtract(empty, { verbs: ['list', 'create'], groups: [''], resources: ['secrets'] }, universe)).toEqual([
      rule(['get'], [''], ['secrets'], ['', 'mine']),
    ])
    expect(ruleText(empty)).toBe('list, create, get on secrets named "", mine')
  })
})

describe('one rule must match in all four ways', () => {
  test('the group counts', () =>
    expect(ruleAllows(rule(['*'], ['rbac.authorization.k8s.io'], ['*']), ask('create', 'pods/exec'))).toBe(false))
  test('pods does not cover pods/exec', () => expect(ruleAllows(rule(['create'], [''], ['pods']), ask('create', 'pods/exec'))).toBe(false))
  test('pods/exec does not cover pods', () => expect(ruleAllows(rule(['create'], [''], ['pods/exec']), ask('create', 'pods'))).toBe(false))
  test('pods/* covers nothing', () =>
    expect(['pods', 'pods/exec'].some((resource) => ruleAllows(rule(['*'], ['*'], ['pods/*']), ask('create', resource)))).toBe(false))
  test('*/exec covers exec of anything, and no plain resource', () => {
    expect(ruleAllows(rule(['create'], [''], ['*/exec']), ask('create', 'pods/exec'))).toBe(true)
    expect(ruleAllows(rule(['create'], [''], ['*/exec']), ask('create', 'pods/attach'))).toBe(false)
    expect(ruleAllows(rule(['create'], [''], ['*/exec']), ask('create', 'exec'))).toBe(false)
  })
  test('* covers subresources', () => expect(ruleAllows(rule(['get'], [''], ['*']), ask('get', 'pods/log'))).toBe(true))
  test('verbs are literal: get does not bring list', () =>
    expect(ruleAllows(rule(['get'], [''], ['secrets']), ask('list', 'secrets'))).toBe(false))
  test('a rule without groups matches no resource', () =>
    expect(ruleAllows({ verbs: ['*'], resources: ['*'] }, ask('get', 'pods'))).toBe(false))
})

describe('resourceNames', () => {
  const named = rule(['*'], [''], ['*'], ['a'])
  const allowed = (request: ResourceRequest & { selectedName?: string }) => ruleAllows(named, { ...request, name: nameSeen(request) })
  test('hold for get, and for subresources', () => {
    expect(allowed(ask('get', 'secrets', { name: 'a' }))).toBe(true)
    expect(allowed(ask('get', 'secrets', { name: 'b' }))).toBe(false)
    expect(allowed(ask('create', 'pods/exec', { name: 'a' }))).toBe(true)
  })
  test('never authorize create or deletecollection, whose names the authorizer does not see', () => {
    expect(allowed(ask('create', 'pods', { name: 'a' }))).toBe(false)
    expect(allowed(ask('deletecollection', 'pods', { name: 'a' }))).toBe(false)
  })
  test('authorize list and watch only with a field selector on that name', () => {
    expect(allowed(ask('list', 'secrets'))).toBe(false)
    expect(allowed({ ...ask('watch', 'secrets'), selectedName: 'a' })).toBe(true)
    expect(allowed({ ...ask('list', 'secrets'), selectedName: 'b' })).toBe(false)
  })
})

describe('paths', () => {
  const paths = (...nonResourceURLs: string[]): PolicyRule => ({ verbs: ['get'], nonResourceURLs })
  test.each([
    ['/metrics', '/metrics', true],
    ['/metrics', '/metrics/slis', false],
    ['/metrics/*', '/metrics/slis', true],
    ['/metrics/*', '/metrics', false],
    ['/m*', '/metrics', true],
    ['*', '/x', true],
    ['/a/*/b', '/a/x/b', false],
  ])('%s for %s: %s', (pattern, path, allows) => expect(ruleAllows(paths(pattern), { verb: 'get', path })).toBe(allows))
  test('a rule on resources allows no path', () =>
    expect(ruleAllows(rule(['*'], ['*'], ['*']), { verb: 'get', path: '/metrics' })).toBe(false))
})

// A small world in which everything can be asked.
const SERVED: Readonly<Record<string, readonly string[]>> = {
  '': ['pods', 'pods/exec', 'pods/log', 'secrets'],
  apps: ['deployments', 'deployments/scale', 'pods'],
  rbac: ['roles'],
}
const universe: Universe = {
  groups: Object.keys(SERVED),
  resourcesOf: (group) => SERVED[group] ?? [],
  specialVerbsOf: (group) => (group === 'rbac' ? ['bind', 'escalate'] : []),
}
const VERBS = [...STANDARD_VERBS, 'bind', 'escalate']
const requests: readonly ResourceRequest[] = Object.entries(SERVED).flatMap(([group, resources]) =>
  resources.flatMap((resource) => VERBS.flatMap((verb) => ['', 'a', 'b'].map((name) => ({ ...ask(verb, resource), group, name })))),
)
const some = (items: readonly string[]) => fc.subarray([...items], { minLength: 1, maxLength: Math.min(3, items.length) })
const rules = fc.record({
  verbs: some([...VERBS, '*', '*']),
  apiGroups: some(['', 'apps', 'rbac', '*']),
  resources: some(['pods', 'pods/exec', 'secrets', 'deployments', 'deployments/scale', 'roles', '*', '*/exec', '*/scale']),
  resourceNames: fc.oneof(fc.constant([] as string[]), some(['a', 'b'])),
})
const rights: fc.Arbitrary<Rights> = fc.record({
  verbs: some(VERBS),
  groups: some(['', 'apps', 'rbac']),
  resources: some(['pods', 'pods/exec', 'secrets', 'deployments', 'deployments/scale', 'roles']),
})
const isIn = ({ verbs, groups, resources }: Rights, { verb, group, resource, subresource }: ResourceRequest): boolean =>
  verbs.includes(verb) && groups.includes(group) && resources.includes(subresource ? `${resource}/${subresource}` : resource)
/** A verb that nothing asks of a resource is lost when its wildcard is cut; everything else must stay. */
const isAsked = ({ verb, group }: ResourceRequest): boolean =>
  STANDARD_VERBS.includes(verb) || universe.specialVerbsOf(group, '').includes(verb)

describe('arithmetic', () => {
  test('subtract takes away the rights and nothing else', () =>
    fc.assert(
      fc.property(rules, rights, (before, cut) => {
        const after = subtract(before, cut, universe)
        for (const request of requests) {
          const kept = after.some((piece) => ruleAllows(piece, request))
          const due = ruleAllows(before, request) && !isIn(cut, request)
          if (isAsked(request) ? kept !== due : kept && !due)
            throw new Error(`${JSON.stringify(request)}: ${kept ? 'granted' : 'not granted'} by ${JSON.stringify(after)}`)
        }
      }),
      { numRuns: 3000 },
    ))

  test('subtract leaves a rule that has none of it as it is', () =>
    fc.assert(
      fc.property(rules, rights, (before, cut) => {
        if (overlap(before, cut) === undefined) expect(subtract(before, cut, universe)).toEqual([before])
      }),
    ))

  test('subtract twice is subtract once', () =>
    fc.assert(
      fc.property(rules, rights, (before, cut) => {
        const once = subtract(before, cut, universe)
        expect(once.flatMap((piece) => subtract(piece, cut, universe))).toEqual(once)
      }),
    ))

  test('expand grants the same requests, without a wildcard', () =>
    fc.assert(
      fc.property(rules, (before) => {
        const after = expand(before, universe)
        expect(after.some(hasWildcard)).toBe(false)
        for (const request of requests) {
          if (!STANDARD_VERBS.includes(request.verb)) continue
          if (after.some((piece) => ruleAllows(piece, request)) !== ruleAllows(before, request))
            throw new Error(`${JSON.stringify(request)} differs in ${JSON.stringify(after)}`)
        }
      }),
      { numRuns: 2000 },
    ))

  test('what covers allows whatever the covered rule allows', () =>
    fc.assert(
      fc.property(fc.array(rules, { maxLength: 3 }), rules, (owners, owned) => {
        if (!covers(owners, owned)) return
        for (const request of requests)
          if (ruleAllows(owned, request)) expect(owners.some((owner) => ruleAllows(owner, request))).toBe(true)
      }),
      { numRuns: 2000 },
    ))

  test('a rule covers itself, and named rules do not cover the unnamed', () => {
    fc.assert(fc.property(rules, (one) => covers([one], one)))
    expect(covers([rule(['get'], [''], ['secrets'], ['a'])], rule(['get'], [''], ['secrets']))).toBe(false)
    expect(covers([{ verbs: ['get'], nonResourceURLs: ['/api/*'] }], { verbs: ['get'], nonResourceURLs: ['/api/v1', '/metrics'] })).toBe(
      false,
    )
  })

  test('paths survive a cut', () => {
    const mixed: PolicyRule = { verbs: ['get'], apiGroups: [''], resources: ['secrets'], nonResourceURLs: ['/metrics'] }
    expect(subtract(mixed, { verbs: ['get'], groups: [''], resources: ['secrets'] }, universe)).toEqual([
      { verbs: ['get'], nonResourceURLs: ['/metrics'] },
    ])
  })
})
