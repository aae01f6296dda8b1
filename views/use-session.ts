import { createContext, useContext, useSyncExternalStore } from 'react'
import type { Store } from '../src/session/store.ts'
import type { State } from '../src/session/store-state.ts'

export const SessionContext = createContext<Store | undefined>(undefined)

export function useStore(): Store {
  const store = useContext(SessionContext)
  if (store === undefined) throw new Error('a view was rendered outside of its session')
  return store
}

/** The state now; the component is drawn again when it changes. */
export function useSession(): State {
  const store = useStore()
  return useSyncExternalStore(store.subscribe, store.get)
}
