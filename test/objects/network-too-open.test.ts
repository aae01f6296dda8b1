import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { coversAddresses } from '../../src/objects/network-too-open.ts'

describe('ranges that make up every address', () => {
  it.each([
    [['0.0.0.0/0'], true],
    [['::/0'], true],
    [['0.0.0.0/1', '128.0.0.0/1'], true],
    [['::/1', '8000::/1'], true],
    [['0.0.0.0/1', '128.0.0.0/2'], false],
    [['0.0.0.0/1', '::/1'], false],
    [['nonsense', '10.0.0.0/8'], false],
    [[], false],
  ])('%j: %s', (cidrs, expected) => expect(coversAddresses(cidrs)).toBe(expected))

  it('splitting ranges changes nothing, and one that is missing is missed', () => {
    const splits = fc.array(fc.nat({ max: 1000 }), { maxLength: 12 })
    fc.assert(
      fc.property(splits, fc.nat({ max: 1000 }), (picks, gone) => {
        let ranges: (readonly [number, number])[] = [[0, 0]]
        for (const pick of picks) {
          const at = pick % ranges.length
          const [first, length] = ranges[at]!
          if (length < 32)
            ranges = [...ranges.slice(0, at), [first, length + 1], [first + 2 ** (31 - length), length + 1], ...ranges.slice(at + 1)]
        }
        const text = ([first, length]: readonly [number, number]) =>
          `${[24, 16, 8, 0].map((bits) => Math.floor(first / 2 ** bits) % 256).join('.')}/${length}`
        const all = ranges.map(text)
        return coversAddresses(all.toReversed()) && !coversAddresses(all.filter((_, index) => index !== gone % all.length))
      }),
    )
  })
})
