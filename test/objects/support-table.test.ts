import { describe, expect, test } from 'vitest'
import { isTableStale, SUPPORT_TABLE_DATE, supportOf } from '../../src/objects/support-table.ts'

const on = (date: string): number => Date.parse(date)

describe('support of a version', () => {
  test.each([
    ['v1.37.2', '2026-11-23', { state: 'supported', ends: '2027-10-28', monthsPast: 0 }],
    ['v1.37.1', '2026-11-23', { state: 'supported', ends: '2027-10-28', monthsPast: 0, behind: 'v1.37.2' }],
    ['v1.37.9', '2026-11-23', { state: 'supported', ends: '2027-10-28', monthsPast: 0 }],
    ['v1.35.9-eks-1a2b3c4', '2026-11-23', { state: 'supported', ends: '2027-02-28', monthsPast: 0 }],
    ['v1.38.0', '2026-11-23', { state: 'newer', monthsPast: 0 }],
  ])('%s on %s', (version, date, expected) => expect(supportOf(version, on(date))).toEqual(expected))

  test('ends with the day after the last', () => {
    expect(supportOf('v1.34.9', on('2026-10-27T23:59:59Z'))?.state).toBe('supported')
    expect(supportOf('v1.34.9', on('2026-10-28T00:00:00Z'))?.state).toBe('ended')
  })
  test('ended long ago, and before the table begins', () => {
    expect(supportOf('v1.30.1', on('2026-11-23'))).toMatchObject({ state: 'ended', monthsPast: 16 })
    expect(supportOf('v1.19.0', on('2026-11-23'))).toMatchObject({ state: 'ended' })
  })
  test.each(['', 'latest', 'v2.0.0'])('%j is no Kubernetes version', (text) => expect(supportOf(text, on('2026-11-23'))).toBeUndefined())
})

test('the table is good for 120 days', () => {
  const date = Date.parse(SUPPORT_TABLE_DATE)
  expect(isTableStale(date + 120 * 86_400_000)).toBe(false)
  expect(isTableStale(date + 121 * 86_400_000)).toBe(true)
})
