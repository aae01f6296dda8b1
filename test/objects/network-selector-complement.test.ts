import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { LabelSelector } from '../../src/model/index.ts'
import { both, complementOf } from '../../src/objects/network-selector-complement.ts'
import { matchesSelector } from '../../src/objects/selectors.ts'

describe('what some selectors do not select', () => {
  it('is one list of values for each label that they go by', () =>
    expect(complementOf([{ matchLabels: { app: 'web' } }, { matchLabels: { app: 'db' } }])).toEqual([
      { matchExpressions: [{ key: 'app', operator: 'NotIn', values: ['db', 'web'] }] },
    ]))

  it('is either label where one goes by two', () =>
    expect(complementOf([{ matchLabels: { app: 'web', tier: 'front' } }])).toEqual([
      { matchExpressions: [{ key: 'app', operator: 'NotIn', values: ['web'] }] },
      { matchExpressions: [{ key: 'tier', operator: 'NotIn', values: ['front'] }] },
    ]))

  it('is nothing beside a selector of all, everything beside none, and not told where nobody would read it', () => {
    expect(complementOf([{}])).toEqual([])
    expect(complementOf([])).toEqual([{}])
    expect(complementOf(['a', 'b', 'c'].map((key) => ({ matchLabels: { [key]: '1', [`${key}2`]: '1' } })))).toBeUndefined()
  })
})

const value = fc.constantFrom('1', '2', '3')
const key = fc.constantFrom('a', 'b')
const requirement = fc.oneof(
  fc.record({ key, operator: fc.constantFrom('In' as const, 'NotIn' as const), values: fc.uniqueArray(value, { minLength: 1 }) }),
  fc.record({ key, operator: fc.constantFrom('Exists' as const, 'DoesNotExist' as const) }),
)
const selector: fc.Arbitrary<LabelSelector> = fc.record(
  { matchLabels: fc.dictionary(key, value), matchExpressions: fc.array(requirement, { maxLength: 2 }) },
  { requiredKeys: [] },
)
const labels = fc.dictionary(key, value)

it('selects whatever they do not, and nothing that they do', () => {
  let told = 0
  fc.assert(
    fc.property(fc.array(selector, { maxLength: 3 }), labels, (selectors, pod) => {
      const complement = complementOf(selectors)
      if (complement === undefined) return
      told++
      expect(complement.some((one) => matchesSelector(one, pod))).toBe(!selectors.some((one) => matchesSelector(one, pod)))
    }),
    { numRuns: 2000 },
  )
  expect(told).toBeGreaterThan(1200)
})

it('joins two selectors into one that selects what both do', () =>
  fc.assert(
    fc.property(selector, fc.array(requirement, { maxLength: 2 }), labels, (one, matchExpressions, pod) => {
      const other = { matchExpressions }
      expect(matchesSelector(both(one, other), pod)).toBe(matchesSelector(one, pod) && matchesSelector(other, pod))
    }),
    { numRuns: 2000 },
  ))
