/** Brings the changes of several findings on one object together: a three-way merge, and the edits that lead from one object to another. */

import type { Edit, Json, Path } from '../model/index.ts'
import { sameJson as same } from './canonical.ts'
import { mergeYaml } from './merge-yaml.ts'

export const CONFLICT: unique symbol = Symbol('two findings want different values')
const isMapping = (value: unknown): value is Record<string, unknown> => value !== null && typeof value === 'object' && !Array.isArray(value)

/** What `base` becomes when both changes are made to it; `undefined` stands for absent. */
export function mergeThree(base: unknown, ours: unknown, theirs: unknown): unknown {
  if (same(ours, theirs) || same(base, theirs)) return ours
  if (same(base, ours)) return theirs
  if (isMapping(ours) && isMapping(theirs)) return mergeMappings(isMapping(base) ? base : {}, ours, theirs)
  if (Array.isArray(ours) && Array.isArray(theirs)) return mergeLists(Array.isArray(base) ? base : [], ours, theirs)
  // A list that is taken away has lost all its items; what the other side put in stays.
  if (Array.isArray(base) && (ours === undefined || theirs === undefined)) return mergeIntoNothing(base, ours ?? theirs)
  if (typeof base === 'string' && typeof ours === 'string' && typeof theirs === 'string')
    return mergeYaml(base, ours, theirs, mergeThree, editsBetween) ?? CONFLICT
  return CONFLICT
}

function mergeIntoNothing(base: readonly unknown[], list: unknown): unknown {
  const merged = Array.isArray(list) ? mergeLists(base, list, []) : CONFLICT
  return Array.isArray(merged) && merged.length === 0 ? undefined : merged
}

function mergeMappings(base: Record<string, unknown>, ours: Record<string, unknown>, theirs: Record<string, unknown>): unknown {
  const merged: Record<string, unknown> = {}
  for (const key of new Set([...Object.keys(ours), ...Object.keys(theirs)])) {
    const value = mergeThree(own(base, key), own(ours, key), own(theirs, key))
    if (value === CONFLICT) return CONFLICT
    if (value !== undefined) Object.defineProperty(merged, key, { value, enumerable: true, writable: true, configurable: true })
  }
  return merged
}
const own = (mapping: Record<string, unknown>, key: string): unknown => (Object.hasOwn(mapping, key) ? mapping[key] : undefined)

function mergeLists(base: readonly unknown[], ours: readonly unknown[], theirs: readonly unknown[]): unknown {
  if ([base, ours, theirs].every((list) => namesOf(list) !== undefined)) return mergeByName(base, ours, theirs)
  if (isInPlace(base, ours) && isInPlace(base, theirs)) {
    const merged = base.map((item, index) => mergeThree(item, ours[index], theirs[index]))
    return merged.includes(CONFLICT) ? CONFLICT : merged
  }
  if (isInPlace(base, ours) && isShortened(base, theirs)) return shorten(base, ours, theirs)
  if (isInPlace(base, theirs) && isShortened(base, ours)) return shorten(base, theirs, ours)
  return mergeAsSets(base, ours, theirs)
}

/** Containers, volumes, variables: each item is merged by itself, in the old order, and what was put in stands last. */
function mergeByName(base: readonly unknown[], ours: readonly unknown[], theirs: readonly unknown[]): unknown {
  const [before, mine, other] = [base, ours, theirs].map((list) => new Map(list.map((item) => [nameOf(item), item])))
  const merged: unknown[] = []
  for (const name of new Set([...before!.keys(), ...mine!.keys(), ...other!.keys()])) {
    const item = mergeThree(before!.get(name), mine!.get(name), other!.get(name))
    if (item === CONFLICT) return CONFLICT
    if (item !== undefined) merged.push(item)
  }
  return merged
}

/** Items were changed where they stood: none is a neighbour that moved up, and no item has another name than before. */
function isInPlace(base: readonly unknown[], list: readonly unknown[]): boolean {
  return (
    base.length === list.length &&
    list.every(
      (item, index) => same(item, base[index]) || (nameOf(item) === nameOf(base[index]) && !base.some((other) => same(other, item))),
    )
  )
}
const nameOf = (item: unknown): unknown => (isMapping(item) ? item['name'] : undefined)

const isShortened = (base: readonly unknown[], list: readonly unknown[]): boolean => {
  let next = 0
  for (const item of base) if (next < list.length && same(item, list[next])) next++
  return next === list.length
}

/** One side changed items in place, the other only removed some; an item that both touched is a conflict. */
function shorten(base: readonly unknown[], changed: readonly unknown[], kept: readonly unknown[]): unknown {
  const merged: unknown[] = []
  let next = 0
  for (const [index, item] of base.entries()) {
    if (next < kept.length && same(item, kept[next])) {
      merged.push(changed[index])
      next++
    } else if (!same(item, changed[index])) return CONFLICT
  }
  return merged
}

function mergeAsSets(base: readonly unknown[], ours: readonly unknown[], theirs: readonly unknown[]): unknown {
  const without = (from: readonly unknown[], these: readonly unknown[]) => from.filter((item) => !these.some((other) => same(item, other)))
  const [removed, alsoRemoved] = [without(base, ours), without(base, theirs)]
  const [added, alsoAdded] = [without(ours, base), without(theirs, base)]
  // Both took an item away and somebody put another in: perhaps a changed form of it, which the other wanted gone.
  const both = removed.some((item) => alsoRemoved.some((other) => same(item, other)))
  if (both && !same(added, alsoAdded)) return CONFLICT
  return [...without(without(base, removed), alsoRemoved), ...added, ...without(alsoAdded, added)]
}

/**
 * The fewest edits that make `after` of `base`. Items of lists are addressed by name where all have one and none comes or goes; other lists are
 * set as a whole, since only that can be taken back exactly.
 */
export function editsBetween(base: unknown, after: unknown, at: Path = []): Edit[] {
  if (same(base, after)) return []
  if (isMapping(base) && isMapping(after)) {
    const gone = Object.keys(base)
      .filter((key) => own(after, key) === undefined && base[key] !== undefined)
      .map((key): Edit => ({ unset: [...at, key] }))
    return [
      ...gone,
      ...Object.keys(after).flatMap((key) => (own(after, key) === undefined ? [] : editsBetween(own(base, key), after[key], [...at, key]))),
    ]
  }
  if (Array.isArray(base) && Array.isArray(after)) {
    const names = namesOf(after)
    if (names !== undefined && same(names, namesOf(base)))
      return names.flatMap((name, index) => editsBetween(base[index], after[index], [...at, { name }]))
  }
  return [{ set: at, to: after as Json }]
}

/** The items' names, where every item has one and no two are alike. */
function namesOf(list: readonly unknown[]): string[] | undefined {
  const names = list.map(nameOf)
  return names.every((name) => typeof name === 'string') && new Set(names).size === names.length ? (names as string[]) : undefined
}
