import { useInput, usePaste } from 'ink'
import type { Action } from '../src/session/actions.ts'
import { isQuiet } from '../src/session/actions-enter.ts'
import { placeOf } from '../src/session/rows.ts'
import type { Store } from '../src/session/store.ts'
import { toast } from '../src/session/toasts.ts'
import { type KeyPress, keyPresses } from './key-names.ts'
import { bindingFor } from './keys.ts'

interface KeyRouterProps {
  readonly store: Store
  readonly onSuspend: () => void
}

/** The only reader of keys: chunk by chunk, key by key, through the table. */
export function KeyRouter({ store, onSuspend }: KeyRouterProps) {
  useInput((input, key) => {
    for (const press of keyPresses(input, key)) {
      const action = actionFor(store, press)
      if (action === 'suspend') onSuspend()
      else if (action !== undefined) store.dispatch(action)
    }
  })
  usePaste((text) => {
    const action = pasted(store, text)
    if (action !== undefined) store.dispatch(action)
  })
  return null
}

function actionFor(store: Store, press: KeyPress): Action | 'suspend' | undefined {
  const state = store.get()
  const now = store.clock.now()
  // Typed before the question was on the screen: no answer to it.
  if (press.name !== 'ctrl-c' && isQuiet(state, now)) return undefined
  const place = placeOf(state)
  const binding = bindingFor(place, press.name)
  if (binding === undefined)
    return press.text !== undefined && (place === 'entry' || place === 'typed') ? { type: 'typed', text: press.text } : undefined
  const reason = binding.off?.(state)
  if (reason !== undefined) return { type: 'toast', toast: toast(`${press.name}: ${reason}`, now) }
  return binding.does(state, now, press.name)
}

/** A paste is text for a field that takes text. It never answers a question. */
function pasted(store: Store, text: string): Action | undefined {
  const state = store.get()
  if (placeOf(state) === 'entry') return { type: 'typed', text: text.replace(/\s+/g, ' ').trim() }
  return { type: 'toast', toast: toast('Pasted text is ignored here: what is confirmed has to be typed.', store.clock.now()) }
}
