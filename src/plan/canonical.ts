/** JSON whose text is the same whenever the values are: keys sorted, absent left out. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item ?? null)).join(',')}]`
  if (value !== null && typeof value === 'object') {
    const entries = Object.entries(value)
      .filter(([, child]) => child !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    return `{${entries.map(([key, child]) => `${JSON.stringify(key)}:${canonicalJson(child)}`).join(',')}}`
  }
  return JSON.stringify(value) ?? 'null'
}

/** Equal as JSON: the order of keys and keys without a value do not count. */
export function sameJson(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (a === null || b === null || typeof a !== 'object' || typeof b !== 'object') return false
  if (Array.isArray(a) || Array.isArray(b)) {
    return Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((item, index) => sameJson(item, b[index]))
  }
  const [left, right] = [entriesOf(a), entriesOf(b)]
  return (
    left.length === right.length &&
    left.every(([key, value]) => Object.hasOwn(b, key) && sameJson(value, (b as Record<string, unknown>)[key]))
  )
}
const entriesOf = (object: object): [string, unknown][] => Object.entries(object).filter(([, value]) => value !== undefined)

/**
 * Is everything that was `wanted` so in `live`? What others, or the server's defaults, added to mappings does not count; lists count as
 * wholes. The API server leaves false, 0, '' and empty things out of what it sends, or sends null: `hostPID: false` is shown by its
 * absence, and the `rules: []` of a role as null.
 */
export function holds(live: unknown, wanted: unknown): boolean {
  if ((live === undefined || live === null) && isLeftOut(wanted)) return true
  if (wanted === null || typeof wanted !== 'object') return live === wanted
  if (live === null || typeof live !== 'object') return false
  if (Array.isArray(wanted))
    return Array.isArray(live) && live.length === wanted.length && wanted.every((item, index) => holds(live[index], item))
  return Object.entries(wanted).every(([key, value]) => value === undefined || holds((live as Record<string, unknown>)[key], value))
}

export const isLeftOut = (value: unknown): boolean =>
  value === false ||
  value === 0 ||
  value === '' ||
  value === null ||
  (typeof value === 'object' && Object.keys(value as object).length === 0)
