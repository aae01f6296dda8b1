/** Every key, once: what it is called, where it works, what it does. The router, the hints and the help read this table. */

import type { Place } from '../src/session/route.ts'
import { GUTTER, layoutOf, placeOf } from '../src/session/rows.ts'
import { type HelpEntry, helpRows } from '../src/session/rows-help.ts'
import type { Row } from '../src/session/rows-line.ts'
import type { State } from '../src/session/store-state.ts'
import { type Binding, bind, PLACES } from './key-binding.ts'
import { ANSWERING_KEYS, PAST_KEYS } from './keys-answering.ts'
import { CHOOSING_KEYS } from './keys-choosing.ts'
import { LEAVING_KEYS, MOVING_KEYS } from './keys-moving.ts'

export const BINDINGS: readonly Binding[] = [
  ...MOVING_KEYS,
  ...CHOOSING_KEYS,
  ...ANSWERING_KEYS,
  ...PAST_KEYS,
  bind(
    '?',
    [...PLACES.SCREENS, 'apply'],
    'show this help',
    (state) => ({ type: 'overlay', overlay: { is: 'help', length: helpRowsOf(state).length, top: 0 } }),
    {
      hint: ['help', 0],
    },
  ),
  ...LEAVING_KEYS,
]

const byKey = new Map(
  BINDINGS.flatMap((binding) => binding.at.flatMap((place) => binding.keys.map((key) => [`${place} ${key}`, binding] as const))),
)
/** The binding of a key at a place; one at most. */
export const bindingFor = (place: Place, key: string): Binding | undefined => byKey.get(`${place} ${key}`)

/** All keys of the screen (not of the overlay above it), with the reason where one does nothing now. */
export function helpEntries(state: State): HelpEntry[] {
  const { overlay: _, ...below } = state
  const place = placeOf(below)
  return BINDINGS.filter((binding) => binding.at.includes(place)).map((binding) => {
    const off = binding.off?.(below)
    return { keys: binding.keys.join(' '), name: binding.name, ...(off !== undefined && { off }) }
  })
}

/** The page of help, as wide as the screen. */
export const helpRowsOf = (state: State): Row[] => helpRows(helpEntries(state), layoutOf(state).body.columns - GUTTER)

/** `space mark  enter open  ? help  q quit`, as much of it as fits; help and quit always do. */
export function hintsFor(state: State, width: number): readonly { readonly key: string; readonly word: string }[] {
  const place = placeOf(state)
  let shown = BINDINGS.filter((binding) => binding.hint !== undefined && binding.at.includes(place) && binding.off?.(state) === undefined)
  const fits = (): boolean => shown.reduce((sum, binding) => sum + binding.keys[0]!.length + binding.hint!.word.length + 3, 1) <= width
  while (!fits() && shown.some((binding) => binding.hint!.rank > 0)) {
    const weakest = Math.max(...shown.map((binding) => binding.hint!.rank))
    shown = shown.toSpliced(
      shown.findLastIndex((binding) => binding.hint!.rank === weakest),
      1,
    )
  }
  const last = (binding: Binding): number => Number(binding.hint!.rank === 0)
  return shown.toSorted((a, b) => last(a) - last(b)).map((binding) => ({ key: binding.keys[0]!, word: binding.hint!.word }))
}
