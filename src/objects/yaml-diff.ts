/** What must be done to one value, a small thing at a time, to make it another. */

/** Where in a document: keys and indexes, no names. */
export type Way = readonly (string | number)[]
export type Op =
  | { readonly do: 'replace'; readonly at: Way; readonly value: unknown }
  | { readonly do: 'insert-key' | 'remove-key'; readonly at: Way; readonly key: string; readonly value: unknown }
  | { readonly do: 'insert-item' | 'remove-item'; readonly at: Way; readonly index: number; readonly value: unknown }

type Fields = Readonly<Record<string, unknown>>
export const isFields = (value: unknown): value is Fields => value !== null && typeof value === 'object' && !Array.isArray(value)

/** Deep equality of JSON; the order of keys does not count. */
export function sameValue(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (Array.isArray(a)) return Array.isArray(b) && a.length === b.length && a.every((item, index) => sameValue(item, b[index]))
  if (!isFields(a) || !isFields(b)) return false
  const keys = Object.keys(a)
  return keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && sameValue(a[key], b[key]))
}

/** The first thing to do, undefined where nothing is left to do. */
export function firstDifference(now: unknown, wanted: unknown, at: Way = []): Op | undefined {
  if (isFields(now) && isFields(wanted)) return inMap(now, wanted, at)
  if (Array.isArray(now) && Array.isArray(wanted)) return inList(now, wanted, at)
  return sameValue(now, wanted) ? undefined : { do: 'replace', at, value: wanted }
}

function inMap(now: Fields, wanted: Fields, at: Way): Op | undefined {
  // What comes before what goes, so that a mapping does not become empty on the way.
  for (const [key, value] of Object.entries(wanted)) {
    const op: Op | undefined = Object.hasOwn(now, key)
      ? firstDifference(now[key], value, [...at, key])
      : { do: 'insert-key', at, key, value }
    if (op !== undefined) return op
  }
  const surplus = Object.keys(now).find((key) => !Object.hasOwn(wanted, key))
  return surplus === undefined ? undefined : { do: 'remove-key', at, key: surplus, value: undefined }
}

function inList(now: readonly unknown[], wanted: readonly unknown[], at: Way): Op | undefined {
  let i = 0
  let j = 0
  for (const [keptNow, keptWanted] of [...kept(now, wanted), [now.length, wanted.length] as const]) {
    const gone = keptNow - i
    const come = keptWanted - j
    // As many collections as before in the same place: changed, not exchanged.
    const changed = gone === come && now.slice(i, keptNow).every((item, index) => isAlike(item, wanted[j + index]))
    if (changed && gone > 0) return firstDifference(now[i], wanted[j], [...at, i])
    if (come > 0) return { do: 'insert-item', at, index: i, value: wanted[j] }
    if (gone > 0) return { do: 'remove-item', at, index: i, value: undefined }
    if (keptNow < now.length) {
      const op = firstDifference(now[keptNow], wanted[keptWanted], [...at, keptNow])
      if (op !== undefined) return op
    }
    i = keptNow + 1
    j = keptWanted + 1
  }
  return undefined
}

const isAlike = (a: unknown, b: unknown): boolean => (isFields(a) ? isFields(b) : Array.isArray(a) && Array.isArray(b))

const isSameFlag = (a: unknown, b: unknown): boolean =>
  typeof a === 'string' && typeof b === 'string' && FLAG.test(a) && FLAG.exec(a)?.[0] === FLAG.exec(b)?.[0]
const FLAG = /^--?[A-Za-z][\w.-]*=/

/** The longest run of items that stay: equal ones, mappings of the same name, and flags with another value. */
function kept(now: readonly unknown[], wanted: readonly unknown[]): (readonly [number, number])[] {
  const stays = (a: unknown, b: unknown): boolean =>
    isFields(a) && isFields(b) && typeof a.name === 'string' ? a.name === b.name : sameValue(a, b) || isSameFlag(a, b)
  const pairs: (readonly [number, number])[] = []
  let start = 0
  while (start < now.length && start < wanted.length && stays(now[start], wanted[start])) pairs.push([start, start++])
  let end = 0
  while (end < now.length - start && end < wanted.length - start && stays(now[now.length - 1 - end], wanted[wanted.length - 1 - end])) end++
  pairs.push(...longest(now, wanted, start, end, stays))
  for (let back = end; back > 0; back--) pairs.push([now.length - back, wanted.length - back])
  return pairs
}

function longest(
  now: readonly unknown[],
  wanted: readonly unknown[],
  start: number,
  end: number,
  stays: (a: unknown, b: unknown) => boolean,
): (readonly [number, number])[] {
  const rows = now.length - start - end
  const columns = wanted.length - start - end
  if (rows === 0 || columns === 0) return []
  const length = Array.from({ length: rows + 1 }, () => new Uint32Array(columns + 1))
  for (let i = rows - 1; i >= 0; i--) {
    for (let j = columns - 1; j >= 0; j--) {
      length[i]![j] = stays(now[start + i], wanted[start + j])
        ? length[i + 1]![j + 1]! + 1
        : Math.max(length[i + 1]![j]!, length[i]![j + 1]!)
    }
  }
  const pairs: (readonly [number, number])[] = []
  for (let i = 0, j = 0; i < rows && j < columns; ) {
    if (stays(now[start + i], wanted[start + j])) pairs.push([start + i++, start + j++])
    else if (length[i + 1]![j]! >= length[i]![j + 1]!) i++
    else j++
  }
  return pairs
}
