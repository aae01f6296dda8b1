import { expect, test } from 'vitest'
import { integerOf } from '../../src/objects/go-integer.ts'

test.each([
  ['30', 30],
  ['0', 0],
  ['030', 24],
  ['0o30', 24],
  ['0_30', 24],
  ['0x1E', 30],
  ['0X_1e', 30],
  ['0b11', 3],
  ['1_000', 1000],
  ['-1', -1],
  ['+5', 5],
  ['-0', 0],
] as const)('%s is %d', (text, value) => expect(integerOf(text)).toBe(value))
test.each(['', ' 30', '30 ', '08', '1__0', '_1', '1_', '1e3', '3.0', '0x', 'thirty', undefined])('%j is no number', (text) =>
  expect(integerOf(text)).toBeUndefined(),
)
