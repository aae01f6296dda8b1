/** The wizard's state, outside React: subscribe, get, dispatch. What an action sets going happens in store-effects.ts. */
import type { Practice } from '../model/index.ts'
import type { Action } from './actions.ts'
import type { Size } from './layout.ts'
import type { Clock, Desk, SourceChoice } from './ports.ts'
import { type Effects, effectsOf } from './store-effects.ts'
import { reduce } from './store-reduce.ts'
import { initialState, type State } from './store-state.ts'
import type { Grant } from './store-tasks.ts'

export interface Store {
  get(): State
  subscribe(listener: () => void): () => void
  dispatch(action: Action): void
  readonly clock: Clock
  /** Reads contexts and history, and opens `choice`, at `practice`, where the command line named one. */
  start(choice?: SourceChoice, practice?: Practice): void
  /** Resolves when nothing is in flight; runs do not count, since they wait for answers. */
  settled(): Promise<void>
  /** Stops watching and lets go of the source. */
  close(): void
}
export interface StoreOptions {
  readonly desk: Desk
  readonly clock: Clock
  readonly grant: Grant
  readonly size: Size
}

export function createStore({ desk, clock, grant, size }: StoreOptions): Store {
  let state = initialState(size)
  const listeners = new Set<() => void>()
  const dispatch = (action: Action): void => {
    const before = state
    state = reduce(state, action)
    if (state !== before) for (const listener of listeners) listener()
    effects.after(action, before)
  }
  const get = () => state
  const effects: Effects = effectsOf({ desk, clock, grant, get, dispatch })
  return {
    get,
    dispatch,
    clock,
    subscribe(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    start: effects.start,
    settled: effects.settled,
    close: effects.close,
  }
}

/** The machine's clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  after(ms, then) {
    const timer = setTimeout(then, ms)
    return () => clearTimeout(timer)
  },
}
