/** What is kept allows all that was used, and beyond it no verb on no resource anywhere; and it never grants what was not granted. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { PolicyRule } from '../../src/model/index.ts'
import { united } from '../../src/objects/rbac-compact.ts'
import { allows, isIn, type Kept, keptRules, type Used } from '../../src/objects/rbac-kept.ts'
import type { ResourceRequest } from '../../src/objects/rbac-rules.ts'

const pick = <T>(...items: readonly T[]) => fc.constantFrom(...items)
const VERBS = ['get', 'list', 'watch', 'create', 'update', 'delete']
const FULL = ['pods', 'pods/exec', 'secrets', 'configmaps', 'serviceaccounts/token', 'deployments']
const NAMES = ['a', 'b', 'c', 'd', 'e', 'f', 'g']
const split = (full: string) => {
  const [resource, subresource] = full.split('/') as [string, string?]
  return { resource, ...(subresource !== undefined && { subresource }) }
}
const question = fc
  .record({
    verb: pick(...VERBS),
    group: pick('', 'apps'),
    full: pick(...FULL),
    namespace: pick('', 'shop', 'pay'),
    name: pick('', ...NAMES),
  })
  .map(({ full, namespace, name, ...rest }): ResourceRequest => {
    return { ...rest, ...split(full), ...(namespace !== '' && { namespace }), ...(name !== '' && { name }) }
  })
const used = fc
  .record({ question, findsMore: pick('by listing' as const, 'by making' as const, undefined, undefined) })
  .map((one): Used => ({ ...one, user: 'jane', count: 1, last: '2026-11-20T00:00:00Z' }))
const rule = fc.record({
  verbs: fc.subarray([...VERBS, '*'], { minLength: 1 }),
  apiGroups: fc.subarray(['', 'apps', '*'], { minLength: 1 }),
  resources: fc.subarray([...FULL, '*'], { minLength: 1 }),
  resourceNames: fc.oneof(
    { weight: 3, arbitrary: fc.constant<string[]>([]) },
    { weight: 1, arbitrary: fc.subarray(NAMES, { minLength: 1 }) },
  ),
}) as fc.Arbitrary<PolicyRule>

const grantsIt = ({ cluster, namespaced }: Kept, one: ResourceRequest): boolean =>
  allows([...cluster, ...(namespaced.get(one.namespace ?? '') ?? [])], one)
const everyQuestion = (): ResourceRequest[] =>
  VERBS.flatMap((verb) =>
    FULL.flatMap((full) =>
      ['', 'apps', 'batch'].flatMap((group) =>
        [undefined, 'shop', 'pay', 'dev'].flatMap((namespace) =>
          ['', 'a', 'zz'].map((name) => ({ verb, group, ...split(full), ...(namespace && { namespace }), name })),
        ),
      ),
    ),
  )
const ALL = everyQuestion()
const isAlike = (one: ResourceRequest, other: ResourceRequest): boolean =>
  one.verb === other.verb && one.group === other.group && one.resource === other.resource && one.subresource === other.subresource

test('all that was used is kept, and nothing that was neither used nor granted', () => {
  let asked = 0
  fc.assert(
    fc.property(
      fc.array(rule, { minLength: 1, maxLength: 4 }),
      fc.array(used, { maxLength: 25 }),
      pick(undefined, 'shop'),
      pick([], ['watch']),
      (before, list, scope, blind) => {
        const those = list.filter((one) => isIn(scope, one.question) && allows(before, one.question))
        const kept = keptRules(those, before, scope, { blind })
        for (const one of those) expect(grantsIt(kept, one.question as ResourceRequest), JSON.stringify(one)).toBe(true)
        for (const one of ALL.filter((each) => grantsIt(kept, each))) {
          expect(allows(before, one) && isIn(scope, one), `granted before: ${JSON.stringify(one)}`).toBe(true)
          const seen = those.some(({ question: of }) => {
            const asks = of as ResourceRequest
            return (
              (isAlike(asks, one) || (blind.length > 0 && isAlike({ ...asks, verb: 'watch' }, one))) &&
              (asks.namespace ?? one.namespace) === one.namespace
            )
          })
          expect(seen, `used: ${JSON.stringify(one)}`).toBe(true)
        }
        asked += those.length
      },
    ),
    { numRuns: 300 },
  )
  expect(asked).toBeGreaterThan(300)
}, 60_000)

test('two lists of rules become one that grants both and nothing else', () => {
  fc.assert(
    fc.property(fc.array(rule, { maxLength: 4 }), fc.array(rule, { maxLength: 4 }), (some, more) => {
      const both = united(some, more)
      for (const one of ALL) expect(allows(both, one), JSON.stringify(one)).toBe(allows([...some, ...more], one))
      expect(united(both, more)).toEqual(both)
    }),
    { numRuns: 150 },
  )
}, 60_000)
