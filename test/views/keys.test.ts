import type { Key } from 'ink'
import { describe, expect, test } from 'vitest'
import type { Place, Route } from '../../src/session/route.ts'
import { initialState, type State } from '../../src/session/store-state.ts'
import { keyPresses } from '../../views/key-names.ts'
import { BINDINGS, hintsFor } from '../../views/keys.ts'

const PLACES = [...new Set(BINDINGS.flatMap((binding) => binding.at))]
const WRITES = /apply|write|undo|take back/i

describe('the table of keys', () => {
  test.each(PLACES)('on %s no key means two things', (place: Place) => {
    const keys = BINDINGS.filter((binding) => binding.at.includes(place)).flatMap((binding) => binding.keys)
    expect(keys.filter((key, index) => keys.indexOf(key) !== index)).toEqual([])
  })
  test('every key has words for the help', () => {
    for (const binding of BINDINGS) expect(binding.name).toMatch(/^[a-z].{3,}[^.]$/)
  })
  test('ctrl-c works everywhere, and every screen has help and a way out', () => {
    for (const place of PLACES)
      expect(
        BINDINGS.some((binding) => binding.keys.includes('ctrl-c') && binding.at.includes(place)),
        place,
      ).toBe(true)
    for (const place of PLACES.filter((one) => !['entry', 'typed', 'confirm', 'too-small'].includes(one))) {
      for (const key of ['?', 'q'])
        expect(
          BINDINGS.some((binding) => binding.keys.includes(key) && binding.at.includes(place)),
          `${key} on ${place}`,
        ).toBe(true)
    }
  })
  test('no key but a pressed button may lead to a write, and no plain letter presses one', () => {
    const pressing = BINDINGS.filter(
      (binding) => binding.at.some((place) => ['apply', 'confirm', 'typed'].includes(place)) && binding.keys.some((key) => key === 'enter'),
    )
    expect(pressing.map((binding) => binding.keys)).toEqual([['enter']])
    for (const binding of BINDINGS.filter(
      ({ name }) => WRITES.test(name) && !/never writes|writes nothing|asks first|ask before|undo them|undo it/.test(name),
    ))
      expect(binding.keys).toEqual(['enter'])
  })
  test('fields take every printable key as text', () => {
    for (const binding of BINDINGS.filter((one) => one.at.includes('typed') || one.at.includes('entry')))
      for (const key of binding.keys) expect(key.length, key).toBeGreaterThan(1)
  })
})

describe('hints', () => {
  const routes: readonly Route[] = [
    { at: 'connect' },
    { at: 'overview' },
    { at: 'practice', practice: 'rbac' },
    { at: 'plan' },
    { at: 'outcome' },
    { at: 'history' },
  ]
  test.each(routes)('on $at fit 60 columns and keep help and quit', (route) => {
    const state: State = { ...initialState({ columns: 60, rows: 16 }), route }
    const hints = hintsFor(state, 60)
    expect(hints.reduce((sum, { key, word }) => sum + key.length + word.length + 3, 1)).toBeLessThanOrEqual(60)
    expect(hints.slice(-2)).toEqual([
      { key: '?', word: 'help' },
      { key: 'q', word: 'quit' },
    ])
  })
})

describe('key presses', () => {
  const none = {} as Key
  const names = (input: string, key: Partial<Key> = {}) => keyPresses(input, { ...none, ...key } as Key).map((press) => press.name)
  test('letters that arrive in one read are single presses', () => {
    expect(names('jjj')).toEqual(['j', 'j', 'j'])
    expect(names('y\r')).toEqual(['y', 'enter'])
    expect(names('a b\x7f\x03')).toEqual(['a', 'space', 'b', 'backspace', 'ctrl-c'])
  })
  test('one grapheme is one press', () => expect(names('e\u0301👨‍👩‍👧')).toEqual(['e\u0301', '👨‍👩‍👧']))
  test('named keys', () => {
    expect(names('', { upArrow: true })).toEqual(['up'])
    expect(names('', { tab: true, shift: true })).toEqual(['shift-tab'])
    expect(names('d', { ctrl: true })).toEqual(['ctrl-d'])
  })
  test('escape glued to a letter is not the letter', () => expect(names('a', { meta: true })).toEqual([]))
})
