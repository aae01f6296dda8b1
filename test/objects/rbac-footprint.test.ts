import { describe, expect, test } from 'vitest'
import { keptRules, type Used } from '../../src/objects/rbac-kept.ts'
import { scopeOfRules } from '../../src/objects/rbac-scopes.ts'
import { watchedNamespaces } from '../../src/objects/workload-settings.ts'
import { worldOf } from '../helpers/world.ts'

describe('the namespaces that a workload is told to keep to', () => {
  const watched = (container: object) =>
    watchedNamespaces({ namespace: 'shop', spec: { containers: [{ name: 'app', ...container }] } as never })?.map(({ value }) => value)
  test.each([
    [{ args: ['--namespace=pay'] }, ['pay']],
    [{ args: ['--watch-namespace', 'pay'] }, ['pay']],
    [{ env: [{ name: 'WATCH_NAMESPACE', value: 'pay,shop' }] }, ['pay', 'shop']],
    [{ env: [{ name: 'WATCH_NAMESPACE', valueFrom: { fieldRef: { fieldPath: 'metadata.namespace' } } }] }, ['shop']],
    [{ args: ['--namespace=$(NS)'], env: [{ name: 'NS', valueFrom: { fieldRef: { fieldPath: 'metadata.namespace' } } }] }, ['shop']],
    // All of them, none that is known, or nothing about what it watches.
    [{ env: [{ name: 'WATCH_NAMESPACE', value: '' }] }, undefined],
    [{ args: ['--watch-namespace=*'] }, undefined],
    [{ args: ['--namespace=pay'], env: [{ name: 'WATCH_NAMESPACE', value: '' }] }, undefined],
    [{ args: ['--namespace=$(ELSEWHERE)'] }, undefined],
    [{ args: ['--leader-election-namespace=pay'] }, undefined],
    [{ env: [{ name: 'POD_NAMESPACE', value: 'pay' }] }, undefined],
  ])('%j: %j', (container, namespaces) => expect(watched(container)).toEqual(namespaces))
})

describe('whether rules touch only what stands in namespaces', () => {
  const facts = `
apiVersion: k8s-harden.test/v1
kind: World
facts: {ServedResources: {groups: [{group: acme.io, resources: [carts, shops], clusterScoped: [shops]}, {group: old.io, resources: [things]}]}}
`
  test.each([
    [[''], ['pods', 'pods/exec'], 'namespaced'],
    [[''], ['pods', 'nodes'], 'cluster'],
    [[''], ['namespaces'], 'cluster'],
    [['apps'], ['*'], 'cluster'],
    [['*'], ['pods'], 'cluster'],
    [['acme.io'], ['carts', 'carts/status'], 'namespaced'],
    [['acme.io'], ['shops/status'], 'cluster'],
    [['old.io'], ['things'], 'unknown'],
    [['nowhere.io'], ['things'], 'unknown'],
  ])('%j %j: %s', (apiGroups, resources, scope) =>
    expect(scopeOfRules(worldOf(facts).snapshot, [{ apiGroups, resources, verbs: ['get'] }])).toBe(scope),
  )
  test('a path is in no namespace', () =>
    expect(scopeOfRules(worldOf(facts).snapshot, [{ nonResourceURLs: ['/metrics'], verbs: ['get'] }])).toBe('cluster'))
})

describe('what is kept', () => {
  const ALL = [{ apiGroups: ['*'], resources: ['*'], verbs: ['*'] }]
  const used = (places: readonly (readonly [namespace: string, name: string])[], findsMore?: Used['findsMore']): Used[] =>
    places.map(([namespace, name]) => ({
      ...{ user: 'jane', count: 1, last: '2026-11-20T00:00:00Z', findsMore },
      question: { verb: 'get', group: '', resource: 'configmaps', namespace, name },
    }))
  const ofSecrets = (those: Used[]): Used[] => those.map((one) => ({ ...one, question: { ...one.question, resource: 'secrets' } as never }))
  const kept = (those: Used[], before = ALL, exists = (_: string) => true, blind: string[] = []) => {
    const { cluster, namespaced } = keptRules(those, before, undefined, { blind }, exists)
    return { cluster, namespaced: Object.fromEntries(namespaced) }
  }
  const get = (resourceNames?: string[]) => ({
    ...{ apiGroups: [''], resources: ['configmaps'] },
    ...(resourceNames && { resourceNames }),
    verbs: ['get'],
  })
  const six = ['a', 'b', 'c', 'd', 'e', 'f']

  test('is few names in few namespaces', () =>
    expect(
      kept(
        used([
          ['shop', 'a'],
          ['shop', 'b'],
          ['pay', 'a'],
        ]),
      ),
    ).toEqual({
      cluster: [],
      namespaced: { pay: [get(['a'])], shop: [get(['a', 'b'])] },
    }))
  test.each([
    ['too many names', used(six.map((name) => ['shop', name]))],
    ['names that are drawn', used([['shop', 'app-token-x7bcd']])],
    ['objects that the user makes or lists', used([['shop', 'a']], 'by listing')],
  ])('is any name for %s', (_why, those) => expect(kept(those)).toEqual({ cluster: [], namespaced: { shop: [get()] } }))
  test('is the whole cluster for many namespaces, and for one that is gone', () => {
    expect(kept(used(six.map((namespace) => [namespace, 'a'])))).toEqual({ cluster: [get(['a'])], namespaced: {} })
    expect(kept(used([['gone', 'a']]), ALL, () => false)).toEqual({ cluster: [get(['a'])], namespaced: {} })
  })
  test('is not rounded up where that would be a step to more rights, but for what the user makes itself', () => {
    const secrets = (resourceNames?: string[]) => [{ ...get(resourceNames), resources: ['secrets'] }]
    expect(kept(ofSecrets(used(six.map((name) => ['shop', name]))))).toEqual({ cluster: [], namespaced: { shop: secrets(six) } })
    expect(kept(ofSecrets(used([['shop', 'a']], 'by listing')))).toEqual({ cluster: [], namespaced: { shop: secrets(['a']) } })
    expect(kept(ofSecrets(used([['shop', 'a']], 'by making')))).toEqual({ cluster: [], namespaced: { shop: secrets() } })
    expect(Object.keys(kept(ofSecrets(used(six.map((namespace) => [namespace, 'a'])))).namespaced)).toEqual(six)
  })
  test('is not kept in a namespace again where it is kept in the whole cluster', () => {
    const everywhere = { ...used([['shop', 'a']])[0]!, question: { verb: 'get', group: '', resource: 'configmaps' } }
    expect(kept([...used([['shop', 'a']]), everywhere])).toEqual({ cluster: [get()], namespaced: {} })
  })
  test('is never more than there was', () => {
    const named = [{ apiGroups: [''], resources: ['configmaps'], resourceNames: six, verbs: ['get'] }]
    expect(kept(used(six.map((name) => ['shop', name])), named as never)).toEqual({ cluster: [], namespaced: { shop: [get(six)] } })
  })
  test('has the reads that the log shows of nobody', () =>
    expect(kept(used([['shop', 'a']]), ALL, undefined, ['watch']).namespaced['shop']).toEqual([{ ...get(['a']), verbs: ['get', 'watch'] }]))
})
