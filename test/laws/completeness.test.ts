import { describe, expect, test } from 'vitest'
import { controls } from '../../src/controls/index.gen.ts'
import { fixturesOf, foldersOf } from './fixtures.ts'

describe('every control has its fixtures, and every fixture its control', () => {
  for (const control of controls) {
    test(control.id, () => {
      const kinds = new Set(fixturesOf(control.practice, control.id).map((fixture) => fixture.kind))
      expect
        .soft(kinds.has('pass'), `${control.id} has no pass fixture: add test/controls/${control.practice}/${control.id}/pass.yaml`)
        .toBe(true)
      expect
        .soft(kinds.has('fail'), `${control.id} has no fail fixture: add test/controls/${control.practice}/${control.id}/fail.yaml`)
        .toBe(true)
    })
  }

  test('no folder without a control', () => {
    const known = new Set<string>(controls.map((control) => `${control.practice}/${control.id}`))
    expect(
      foldersOf()
        .map(({ practice, id }) => `${practice}/${id}`)
        .filter((folder) => !known.has(folder)),
    ).toEqual([])
  })
})
