/**
 * One copy of what is equal. Pods of one ReplicaSet differ in a handful of fields: their containers, labels and owners are kept
 * once, which is what lets memory grow more slowly than the number of pods.
 */

/** What stands for a family of like objects (an owner): the latest value of each slot. */
export type Family = Map<string, unknown>

const DEEPEST = 100
const MOST = 20_000

export class Sharing {
  readonly #families = new Map<string, Family>()
  readonly #texts = new Map<string, string>()

  family(of: string): Family {
    let family = this.#families.get(of)
    if (family === undefined) {
      // Owners come and go while we watch; forgetting them costs only some sharing.
      if (this.#families.size >= MOST) this.#families.clear()
      this.#families.set(of, (family = new Map()))
    }
    return family
  }

  /** The same text, once. For texts that many objects repeat. */
  text<T extends string | undefined>(text: T): T {
    if (text === undefined) return text
    const known = this.#texts.get(text)
    if (known !== undefined) return known as T
    if (this.#texts.size >= MOST) this.#texts.clear()
    this.#texts.set(text, text)
    return text
  }
}

/** The family's latest value of this slot where it equals `value`, else `value`, remembered. */
export function alike<T>(family: Family, slot: string, value: T): T {
  if (value === undefined || value === null) return value
  const latest = family.get(slot)
  if (latest !== undefined && deepEqual(latest, value)) return latest as T
  family.set(slot, value)
  return value
}

/**
 * As `alike`, field by field, so that one differing field does not cost the others; the whole object where all are equal. `value` is
 * the caller's to give away: its fields are replaced by those of the latest.
 */
export function alikeByField<T extends object>(family: Family, slot: string, value: T): T {
  const latest = family.get(slot) as Record<string, unknown> | undefined
  const own = value as Record<string, unknown>
  let differing = latest === undefined ? 1 : Object.keys(latest).length
  for (const key in latest) {
    if (!Object.hasOwn(own, key) || !deepEqual(latest[key], own[key])) continue
    own[key] = latest[key]
    differing--
  }
  if (differing === 0 && Object.keys(own).length === Object.keys(latest!).length) return latest as T
  family.set(slot, value)
  return value
}

/** Equality of JSON values. Deeper than 100 levels nothing counts as equal: hostile nesting must not overflow the stack. */
export function deepEqual(a: unknown, b: unknown, depth = 0): boolean {
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null || depth > DEEPEST) return false
  if (Array.isArray(a)) {
    if (!Array.isArray(b) || a.length !== b.length) return false
    for (let index = 0; index < a.length; index++) if (!deepEqual(a[index], b[index], depth + 1)) return false
    return true
  }
  if (Array.isArray(b)) return false
  let count = 0
  for (const key in a) {
    if (!Object.hasOwn(b, key) || !deepEqual((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key], depth + 1))
      return false
    count++
  }
  for (const _ in b) count--
  return count === 0
}
