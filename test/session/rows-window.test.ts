import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { choice, type Row, row } from '../../src/session/rows-line.ts'
import { edge, moved, settled, visible } from '../../src/session/rows-window.ts'

const list = (keys: readonly string[]): Row[] =>
  keys.map((key) => (key.startsWith('#') ? row({ text: key }) : choice(key, () => [{ text: key }])))
const letters = (count: number): string[] => Array.from({ length: count }, (_, index) => `k${index}`)

describe('a window on a list', () => {
  test('moves over headings, and shows those above the first choice', () => {
    const rows = list(['#title', 'a', '#more', 'b'])
    expect(visible(rows, 2, undefined)).toEqual({ top: 0, end: 2, selected: 1 })
    const next = moved(rows, 2, undefined, 1)
    expect(next).toMatchObject({ key: 'b' })
    expect(visible(rows, 2, moved(rows, 2, next, -1))).toEqual({ top: 0, end: 2, selected: 1 })
  })
  test('scrolls no more than needed', () => {
    const rows = list(letters(10))
    let position = moved(rows, 3, undefined, 1)
    position = moved(rows, 3, position, 1)
    expect(visible(rows, 3, position)).toEqual({ top: 0, end: 3, selected: 2 })
    position = moved(rows, 3, position, 1)
    expect(visible(rows, 3, position)).toEqual({ top: 1, end: 4, selected: 3 })
  })
  test('what comes and goes around it never moves the selection on the screen', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 60 }),
        fc.array(fc.integer({ min: -20, max: 20 })),
        fc.integer({ min: 0, max: 30 }),
        fc.integer({ min: 3, max: 12 }),
        (count, moves, before, height) => {
          const rows = list(letters(count))
          const position = settled(
            rows,
            height,
            moves.reduce<ReturnType<typeof edge> | undefined>((at, by) => moved(rows, height, at, by), undefined),
          )
          const seen = visible(rows, height, position)
          const grown = [
            ...list(Array.from({ length: before }, (_, index) => `new${index}`)),
            ...rows,
            ...list(Array.from({ length: height }, (_, index) => `end${index}`)),
          ]
          const after = visible(grown, height, position)
          expect(grown[after.selected!]?.key).toBe(rows[seen.selected!]?.key)
          // The one exception: at the very top the selection is the first choice, and headings stay in sight.
          if (before > 0) expect(after.selected! - after.top).toBe(seen.selected! - seen.top)
        },
      ),
    )
  })
  test('when the selected row goes, its neighbour is selected', () => {
    const position = moved(list(letters(5)), 5, undefined, 2)
    const without = letters(5).filter((key) => key !== 'k2')
    expect(without[visible(list(without), 5, position).selected!]).toBe('k3')
    expect(visible(list(['#none']), 5, position).selected).toBeUndefined()
  })
  test('any moves over any list stay inside it', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('#h', 'c')),
        fc.array(fc.integer({ min: -40, max: 40 })),
        fc.integer({ min: 1, max: 12 }),
        (kinds, moves, height) => {
          const rows = list(kinds.map((kind, index) => `${kind === 'c' ? '' : '#'}${index}`))
          const position = moves.reduce<ReturnType<typeof edge> | undefined>((at, by) => moved(rows, height, at, by), undefined)
          const { top, end, selected } = visible(rows, height, position)
          expect(end - top).toBe(Math.min(height, rows.length))
          expect(selected === undefined).toBe(!kinds.includes('c'))
          if (selected !== undefined) expect(selected >= top && selected < end).toBe(true)
        },
      ),
    )
  })
  test('running text scrolls', () => {
    const rows = list(['#a', '#b', '#c', '#d'])
    expect(visible(rows, 2, moved(rows, 2, undefined, 1))).toEqual({ top: 1, end: 3 })
    expect(visible(rows, 2, edge(rows, 2, 'last'))).toEqual({ top: 2, end: 4 })
    expect(visible(rows, 2, moved(rows, 2, edge(rows, 2, 'last'), 5))).toEqual({ top: 2, end: 4 })
  })
})
