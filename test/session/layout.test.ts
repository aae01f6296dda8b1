import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { layout } from '../../src/session/layout.ts'
import type { Route } from '../../src/session/route.ts'

const ROUTES: readonly Route[] = [
  { at: 'connect' },
  { at: 'overview' },
  { at: 'practice', practice: 'rbac' },
  { at: 'control', id: 'x' },
  { at: 'plan' },
  { at: 'apply' },
  { at: 'outcome' },
]
const size = fc.record({ columns: fc.integer({ min: 60, max: 300 }), rows: fc.integer({ min: 16, max: 120 }) })

describe('layout', () => {
  test('below 60x16 nothing fits, from there everything does', () => {
    expect(layout({ columns: 59, rows: 40 }, { at: 'overview' }).fits).toBe(false)
    expect(layout({ columns: 200, rows: 15 }, { at: 'overview' }).fits).toBe(false)
    expect(layout({ columns: 60, rows: 16 }, { at: 'overview' }).fits).toBe(true)
  })
  test('panes and what lies between them fill the body exactly, at any size', () => {
    fc.assert(
      fc.property(size, fc.constantFrom(...ROUTES), fc.nat(3), fc.nat(20), (one, route, question, steps) => {
        const { body, list, side, detail, top, bottom } = layout(one, route, { question, steps })
        expect(list.rows).toBeGreaterThan(2)
        expect(list.columns).toBeGreaterThanOrEqual(50)
        expect(body).toEqual({ columns: one.columns, rows: one.rows - 4 })
        const right = detail?.where === 'right' ? detail.columns + 2 : 0
        expect(list.columns + right + (side > 0 ? side + 2 : 0)).toBe(body.columns)
        const around = route.at === 'apply' ? top + 1 + bottom : detail?.where === 'below' ? detail.rows + 1 : 0
        expect(list.rows + around).toBe(body.rows)
      }),
    )
  })
  test('one pane up to 109 columns, practices beside it from 110, detail where there is room', () => {
    const practice: Route = { at: 'practice', practice: 'rbac' }
    expect(layout({ columns: 109, rows: 40 }, practice).side).toBe(0)
    expect(layout({ columns: 109, rows: 40 }, practice).detail).toBeUndefined()
    expect(layout({ columns: 110, rows: 24 }, practice).side).toBe(30)
    expect(layout({ columns: 110, rows: 29 }, practice).detail).toBeUndefined()
    expect(layout({ columns: 110, rows: 30 }, practice).detail?.where).toBe('below')
    expect(layout({ columns: 150, rows: 30 }, practice).detail?.where).toBe('right')
  })
})
