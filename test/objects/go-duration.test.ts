import { expect, test } from 'vitest'
import { secondsOf } from '../../src/objects/go-duration.ts'

test.each([
  ['1h30m', 5400],
  ['87600h', 315_360_000],
  ['+87600h', 315_360_000],
  ['-1m', -60],
  ['.5h', 1800],
  ['1.h', 3600],
  ['250ms', 0.25],
  ['2μs', 2e-6],
  ['0', 0],
  ['+0', 0],
])('%s is so many seconds to time.ParseDuration', (text, seconds) => expect(secondsOf(text)).toBeCloseTo(seconds, 9))

test.each(['', '1', '1d', 'h', '.h', '1_0h', '1h ', '--1h', '1h-1m', undefined])('%s is no duration', (text) =>
  expect(secondsOf(text)).toBeUndefined(),
)
