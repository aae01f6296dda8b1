import { describe, expect, it } from 'vitest'
import { isEmptySelector, matchesPairs, matchesSelector } from '../../src/objects/selectors.ts'

const web = { app: 'web', tier: 'front' }

describe('label selectors', () => {
  it('match everything when empty and nothing when absent', () => {
    expect([matchesSelector({}, web), matchesSelector({}, {}), matchesSelector(undefined, web), matchesSelector(null, web)]).toEqual([
      true,
      true,
      false,
      false,
    ])
    expect([
      isEmptySelector({}),
      isEmptySelector({ matchLabels: {} }),
      isEmptySelector({ matchExpressions: [] }),
      isEmptySelector(undefined),
    ]).toEqual([true, true, true, false])
  })

  it('need all labels and all expressions', () => {
    expect(
      matchesSelector({ matchLabels: { app: 'web' }, matchExpressions: [{ key: 'tier', operator: 'In', values: ['front', 'back'] }] }, web),
    ).toBe(true)
    expect(
      matchesSelector({ matchLabels: { app: 'web' }, matchExpressions: [{ key: 'tier', operator: 'In', values: ['back'] }] }, web),
    ).toBe(false)
    expect(matchesSelector({ matchLabels: { app: 'web', more: 'x' } }, web)).toBe(false)
  })

  it('take NotIn and DoesNotExist to hold for a label that is not there', () => {
    const one = (operator: 'NotIn' | 'DoesNotExist' | 'Exists' | 'In', key: string) =>
      matchesSelector({ matchExpressions: [{ key, operator, values: ['web'] }] }, web)
    expect([one('NotIn', 'none'), one('DoesNotExist', 'none'), one('Exists', 'none'), one('In', 'none')]).toEqual([
      true,
      true,
      false,
      false,
    ])
    expect([one('NotIn', 'app'), one('DoesNotExist', 'app'), one('Exists', 'app'), one('In', 'app')]).toEqual([false, false, true, true])
  })

  it('do not find what every object inherits', () => {
    expect(matchesSelector({ matchExpressions: [{ key: 'constructor', operator: 'Exists' }] }, web)).toBe(false)
    expect(matchesSelector({ matchExpressions: [{ key: 'toString', operator: 'NotIn', values: ['x'] }] }, web)).toBe(true)
  })

  it('refuse an operator that does not exist', () => {
    expect(matchesSelector({ matchExpressions: [{ key: 'app', operator: 'Gt' as 'In', values: ['1'] }] }, web)).toBe(false)
  })
})

describe("a Service's selector", () => {
  it('selects nothing when it is empty', () => {
    expect([
      matchesPairs({}, web),
      matchesPairs(undefined, web),
      matchesPairs({ app: 'web' }, web),
      matchesPairs({ app: 'db' }, web),
    ]).toEqual([false, false, true, false])
  })
})
