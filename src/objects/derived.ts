import type { Kind, Unread, View } from '../model/index.ts'

const cache = new WeakMap<object, Map<unknown, unknown>>()

/** Computes something from a view once per snapshot, however many controls ask. `compute` is the key: pass a named function. */
export function derived<V extends View<any>, T>(view: V, compute: (view: V) => T): T {
  let forView = cache.get(view)
  if (forView === undefined) cache.set(view, (forView = new Map()))
  if (!forView.has(compute)) forView.set(compute, compute(view))
  return forView.get(compute) as T
}

interface Kept {
  readonly source: string
  readonly lists: readonly (readonly object[])[]
  readonly unreads: readonly (Unread | undefined)[]
  readonly value: unknown
}

/**
 * As `derived`, and kept from one snapshot to the next for as long as these kinds hold the same objects: a change to a pod costs
 * nothing that was made of roles. `compute` may look at nothing but these kinds, whether they are unread, and `source.kind`, and
 * must not keep the view.
 */
export function lasting<K extends Kind, T>(kinds: readonly K[], compute: (view: View<K>) => T): (view: View<K>) => T {
  const kept = new WeakMap<readonly object[], Kept>()
  const ask = (view: View<K>): T => {
    const lists = kinds.map((kind): readonly object[] => view.all(kind))
    const unreads = kinds.map((kind) => view.unread(kind))
    const known = kept.get(lists[0]!)
    const isSame = (one: Kept) =>
      one.source === view.source.kind &&
      one.lists.every((list, index) => list === lists[index]) &&
      one.unreads.every((unread, index) => unread === unreads[index])
    if (known !== undefined && isSame(known)) return known.value as T
    const value = compute(view)
    kept.set(lists[0]!, { source: view.source.kind, lists, unreads, value })
    return value
  }
  return (view) => derived(view, ask)
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

const MOST_TEXTS = 10_000

/** As `remembered`, for texts that come again and again, such as names of variables; of more than 10,000 it begins anew. */
export function rememberedText<T>(compute: (text: string) => T): (text: string) => T {
  const known = new Map<string, T>()
  return (text) => {
    let value = known.get(text)
    if (value === undefined && !known.has(text)) {
      if (known.size >= MOST_TEXTS) known.clear()
      known.set(text, (value = compute(text)))
    }
    return value as T
  }
}

/** As `remembered`, where more goes into it than the object: computed again when any of that is not the very same. */
export function rememberedWith<O extends object, More extends readonly unknown[], T>(
  compute: (object: O, ...more: More) => T,
): (object: O, ...more: More) => T {
  const known = new WeakMap<O, { readonly more: More; readonly value: T }>()
  return (object, ...more) => {
    const before = known.get(object)
    if (before !== undefined && before.more.length === more.length && before.more.every((one, index) => one === more[index]))
      return before.value
    const value = compute(object, ...more)
    known.set(object, { more, value })
    return value
  }
}

/**
 * As `rememberedWith`, for lists that come again nearly the same: what was made of an object is found by its place in the list, which
 * costs a tenth of looking each of them up. Remembers the last list alone.
 */
export function rememberedEach<O extends object, More, T>(
  compute: (object: O, more: More) => T,
): (list: readonly O[], more: More) => readonly T[] {
  let last: { readonly list: readonly O[]; readonly more: More; readonly made: readonly T[] } | undefined
  return (list, more) => {
    const before = last !== undefined && last.more === more ? last : undefined
    if (before?.list === list) return before.made
    const placeOf = placesIn(before?.list ?? [])
    const made = list.map((object) => {
      const place = placeOf(object)
      return place === undefined ? compute(object, more) : before!.made[place]!
    })
    last = { list, more, made }
    return made
  }
}

/** Where objects stand in a list that is asked for them in nearly its own order: most stand where they are expected. */
export function placesIn<O>(list: readonly O[]): (object: O) => number | undefined {
  let expected = 0
  let index: ReadonlyMap<O, number> | undefined
  return (object) => {
    if (expected >= list.length || list[expected] !== object) {
      index ??= new Map(list.map((one, place) => [one, place]))
      const place = index.get(object)
      if (place === undefined) return undefined
      expected = place
    }
    return expected++
  }
}
