import { expect, test } from 'vitest'
import { mergeRunbooks } from '../../src/plan/merge-runbooks.ts'

const runbook = (what: string) => [
  `place ${what}`,
  'keep a copy',
  `set --${what}`,
  'wait until it is back',
  `see that ${what} works`,
  'scan',
]

test('one copy before all changes, one wait after them, and what proves them before the last scan', () => {
  const merged = [runbook('audit'), runbook('authn'), runbook('encryption')].reduce((all, one) => mergeRunbooks(all, one))
  expect(merged).toEqual([
    'place audit',
    'place authn',
    'place encryption',
    'keep a copy',
    'set --audit',
    'set --authn',
    'set --encryption',
    'wait until it is back',
    'see that audit works',
    'see that authn works',
    'see that encryption works',
    'scan',
  ])
})

test('each line once, also where both have it in another order, or nothing in common', () => {
  expect(mergeRunbooks(['a', 'b', 'c'], ['b', 'a', 'd'])).toEqual(['b', 'a', 'c', 'd'])
  expect(mergeRunbooks(['a'], ['b'])).toEqual(['a', 'b'])
  expect([mergeRunbooks([], ['b']), mergeRunbooks(['a', 'b'], ['a', 'b'])]).toEqual([['b'], ['a', 'b']])
})
