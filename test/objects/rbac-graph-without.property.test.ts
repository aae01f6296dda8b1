/** A removal that is tried out on the graph against the graph of a world in which it was made. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { KubeObject } from '../../src/model/index.ts'
import { goalOf, graphWithout, rbacGraph } from '../../src/objects/rbac-graph.ts'
import { account, binding, namespace, node, pod, role, tokenSecret, viewOf } from './rbac-graph-worlds.ts'

const SUBJECTS = ['User:u', 'Group:g', 'ServiceAccount:a/x', 'ServiceAccount:a/y', 'ServiceAccount:b/x', 'ServiceAccount:b/z']
const RULES = [
  '* */*',
  'create pods',
  'create serviceaccounts/token',
  'get,list secrets',
  'create pods/exec',
  'impersonate users',
  'get pods',
]
const MORE = ['bind rbac/clusterroles', 'create,update rbac/clusterrolebindings', 'create,update,escalate rbac/clusterroles']
const world = fc
  .array(
    fc.record({
      rules: fc.subarray([...RULES, ...MORE], { minLength: 1, maxLength: 3 }),
      subject: fc.constantFrom(...SUBJECTS),
      in: fc.constantFrom(undefined, 'a', 'b'),
    }),
    { minLength: 2, maxLength: 7 },
  )
  .map((held): readonly KubeObject[] => [
    namespace('a', 'restricted'),
    namespace('b'),
    node('n'),
    ...['x', 'y'].map((name) => account('a', name)),
    ...['x', 'z'].map((name) => account('b', name)),
    tokenSecret('a', 'old', 'y'),
    pod('b', 'p', 'z', { nodeName: 'n' }, true),
    ...held.flatMap(({ rules, subject, in: ns }, at) => [
      role(`role-${at}`, rules),
      binding(`binding-${at}`, 'ClusterRole', `role-${at}`, [subject], ns),
      // So that everybody stands in a binding still when one is gone.
      ...SUBJECTS.map((one, index) => binding(`none-${at}-${index}`, 'ClusterRole', 'none', [one])),
    ]),
    role('none', ['get events']),
  ])

test('reaches what the world without that binding reaches', { timeout: 120_000 }, () => {
  let stopped = 0
  fc.assert(
    fc.property(world, (objects) => {
      const view = viewOf(objects)
      const graph = rbacGraph(view)
      for (const { metadata } of objects.filter(({ kind }) => kind.endsWith('Binding'))) {
        if (!metadata.name.startsWith('binding-')) continue
        const tried = graphWithout(view, graph, { grants: (grant) => grant.binding.metadata.name === metadata.name })
        const made = rbacGraph(viewOf(objects.filter((one) => one.metadata.name !== metadata.name)))
        for (const key of made.holders.byKey.keys()) {
          expect([metadata.name, key, goalOf(tried, key)]).toEqual([metadata.name, key, goalOf(made, key)])
          if (goalOf(made, key) !== goalOf(graph, key)) stopped++
        }
      }
    }),
    { numRuns: 60 },
  )
  expect(stopped).toBeGreaterThan(20)
})
