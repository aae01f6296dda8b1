import { expect, test } from 'vitest'
import { quantityOf } from '../../src/objects/quantity.ts'

test.each([
  ['100m', 0.1],
  ['1', 1],
  [2, 2],
  ['.5', 0.5],
  ['64Mi', 64 * 1024 * 1024],
  ['1k', 1000],
  ['1e3', 1000],
  ['2E', 2e18],
  ['1Ki', 1024],
  ['0', 0],
])('%s', (text, value) => expect(quantityOf(text)).toBe(value))

test.each(['', 'Mi', '1 Gi', '1gi', '1Mi5', 'ten', undefined, null])('%s is none', (text) => expect(quantityOf(text)).toBeUndefined())
