import type { Action } from '../src/session/actions.ts'
import { isRunning } from '../src/session/actions-run.ts'
import type { Place } from '../src/session/route.ts'
import type { State } from '../src/session/store-state.ts'

export interface Binding {
  readonly keys: readonly string[]
  readonly at: readonly Place[]
  /** For the help: a clause that begins with a verb. */
  readonly name: string
  /** Word in the hint bar; lower `rank` stays longer when it gets narrow. Absent: only in the help. */
  readonly hint?: { readonly word: string; readonly rank: number }
  readonly does: Does
  /** Why it does nothing now; shown in the help. */
  readonly off?: (state: State) => string | undefined
}
/** `now` is epoch milliseconds. Nothing: the key has no effect at this moment. */
export type Does = (state: State, now: number, key: string) => Action | 'suspend' | undefined

/** One row of the table. `keys` are separated by spaces; `hint` is a word and its rank. */
export function bind(
  keys: string,
  at: readonly Place[],
  name: string,
  does: Does,
  { hint, off }: { readonly hint?: readonly [string, number]; readonly off?: Binding['off'] } = {},
): Binding {
  return { keys: keys.split(' '), at, name, does, ...(hint && { hint: { word: hint[0], rank: hint[1] } }), ...(off && { off }) }
}

const LISTS: readonly Place[] = [
  'connect',
  'overview',
  'practice',
  'gaps',
  'ladder',
  'who-can',
  'escalations',
  'escalation',
  'connectivity',
  'matrix',
  'reach',
  'choose',
  'plan',
  'outcome',
  'history',
  'run',
]
const SCREENS: readonly Place[] = [...LISTS, 'finding', 'control', 'rung', 'holder', 'step']
/** Groups of places that share keys. */
export const PLACES = {
  LISTS,
  SCREENS,
  /** Whatever scrolls or has a selection. */
  MOVING: [...SCREENS, 'apply', 'help'],
  LOOKING: [
    'overview',
    'practice',
    'finding',
    'control',
    'gaps',
    'ladder',
    'rung',
    'who-can',
    'holder',
    'escalations',
    'escalation',
    'connectivity',
    'matrix',
    'reach',
  ],
  FIELDS: ['entry', 'typed'],
  EVERYWHERE: [...SCREENS, 'apply', 'help', 'confirm', 'typed', 'entry', 'too-small'],
} as const satisfies Record<string, readonly Place[]>

export const noSource = (state: State): string | undefined => (state.scan === undefined ? 'nothing is open yet' : undefined)
export const busy = (state: State): string | undefined => (isRunning(state) ? 'a run is going on' : undefined)

export const someOf = <T>(list: readonly T[], then: (list: readonly T[]) => Action): Action | undefined =>
  list.length === 0 ? undefined : then(list)
