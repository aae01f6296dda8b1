import type { View } from '../model/index.ts'

const cache = new WeakMap<object, Map<unknown, unknown>>()

/** Computes something from a view once per snapshot, however many controls ask. `compute` is the key: pass a named function. */
export function derived<V extends View<any>, T>(view: V, compute: (view: V) => T): T {
  let forView = cache.get(view)
  if (forView === undefined) cache.set(view, (forView = new Map()))
  if (!forView.has(compute)) forView.set(compute, compute(view))
  return forView.get(compute) as T
}

/** Computes something from an object once for as long as that very object lives: unchanged objects keep their identity across snapshots. */
export function remembered<O extends object, T>(compute: (object: O) => T): (object: O) => T {
  const known = new WeakMap<O, { readonly value: T }>()
  return (object) => {
    let entry = known.get(object)
    if (entry === undefined) known.set(object, (entry = { value: compute(object) }))
    return entry.value
  }
}
