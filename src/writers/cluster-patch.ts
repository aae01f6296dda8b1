/** Edits → a JSON Patch that does nothing unless every value it replaces is still what it was. */

import type { JsonPatch } from '../apiserver/client.ts'
import type { Edit, Json, KubeObject, Path } from '../model/index.ts'
import { applyEdits, firstMissing, formatPath, resolveNames, toPointer, valueAt } from '../objects/path.ts'
import { sameJson } from '../plan/canonical.ts'
import { editsBetween } from '../plan/merge.ts'
import { WriteConflict } from '../plan/writer.ts'
import { LAST_APPLIED } from './cluster-object.ts'

type Op =
  | { readonly op: 'test' | 'add' | 'replace'; readonly path: string; readonly value: Json }
  | { readonly op: 'remove'; readonly path: string }

/**
 * The patch for `edits` on `live`. A member that must be absent is tested for null, which passes only where there is no value
 * (checked on v1.37.2). List items are addressed by index, so their names are tested first.
 */
export function guardedPatch(live: KubeObject, edits: readonly Edit[], uid: string | undefined): JsonPatch {
  const tests: Op[] = uid === undefined ? [] : [{ op: 'test', path: '/metadata/uid', value: uid }]
  const writes: Op[] = []
  let here: unknown = live
  for (const edit of edits) {
    const path = 'set' in edit ? edit.set : edit.unset
    for (const name of nameTests(here, path)) if (!tests.some((test) => test.path === name.path)) tests.push(name)
    const ops = opsFor(here, edit)
    if (!isSecretCopy(live.kind, path)) tests.push(...ops.filter((op) => op.op === 'test' && untouched(op.path, writes)))
    writes.push(...ops.filter((op) => op.op !== 'test'))
    here = applyEdits(here, [edit])
  }
  return [...tests, ...writes]
}

/** A value that this patch itself wrote needs no test. */
const untouched = (path: string, writes: readonly Op[]): boolean => !writes.some((op) => path === op.path || path.startsWith(`${op.path}/`))

function opsFor(here: unknown, edit: Edit): Op[] {
  const path = 'set' in edit ? edit.set : edit.unset
  const missing = firstMissing(here, path)
  if ('unset' in edit) {
    if (missing !== undefined) return []
    const pointer = pointerTo(here, path)
    return [
      { op: 'test', path: pointer, value: valueAt(here, path) as Json },
      { op: 'remove', path: pointer },
    ]
  }
  if (missing === undefined) {
    const pointer = pointerTo(here, path)
    return [
      { op: 'test', path: pointer, value: valueAt(here, path) as Json },
      { op: 'replace', path: pointer, value: edit.to },
    ]
  }
  const created = valueAt(applyEdits(here, [edit]), missing) as Json
  const pointer = pointerTo(here, missing)
  return [
    { op: 'test', path: pointer, value: null },
    { op: 'add', path: pointer, value: created },
  ]
}

function* nameTests(here: unknown, path: Path): Iterable<Op> {
  for (const [index, element] of path.entries()) {
    if (typeof element !== 'object') continue
    yield { op: 'test', path: pointerTo(here, [...path.slice(0, index + 1), 'name']), value: element.name }
  }
}

function pointerTo(here: unknown, path: Path): string {
  const resolved = resolveNames(here, path)
  if (resolved === undefined) throw new WriteConflict(`${formatPath(path)} is not there any more`)
  return toPointer(resolved)
}

/**
 * One value that a step changes. `before`/`after` absent: there is none. `created`: the first part of the path that the step had to make.
 * `dropped`: the old value was a secret and was not kept, so it does not come back.
 */
export interface Entry {
  readonly path: Path
  readonly before?: Json
  readonly after?: Json
  readonly created?: Path
  readonly dropped?: true
}

/** kubectl's copy of a Secret, values and all, in its annotations. */
const COPY: Path = ['metadata', 'annotations', LAST_APPLIED]
export const isSecretCopy = (kind: string, path: Path): boolean => kind === 'Secret' && sameJson(path, COPY)

/** What the edits change, from the object before and the object the server makes of it (defaults and webhooks included). */
export function entriesOf(before: KubeObject, after: unknown, edits: readonly Edit[]): Entry[] {
  const paths: Path[] = []
  for (const edit of edits) {
    // Taking an item out of a list moves the others: the whole list is what changed.
    const changed =
      'set' in edit ? leavesOf(before, edit.set, edit.to) : [typeof edit.unset.at(-1) === 'string' ? edit.unset : edit.unset.slice(0, -1)]
    for (const path of changed) if (!paths.some((other) => isPrefix(other, path))) paths.push(path)
  }
  const outer = paths.filter((path) => !paths.some((other) => other !== path && isPrefix(other, path)))
  return outer.map((path) => {
    if (isSecretCopy(before.kind, path)) return { path, dropped: true }
    const [old, made, created] = [
      valueAt(before, path) as Json | undefined,
      valueAt(after, path) as Json | undefined,
      firstMissing(before, path),
    ]
    return {
      path,
      ...(old !== undefined && { before: old }),
      ...(made !== undefined && { after: made }),
      ...(created !== undefined && { created }),
    }
  })
}
/** A mapping that is not there yet is made of its parts: what others put beside them later is not ours. */
const leavesOf = (before: unknown, path: Path, to: Json): Path[] =>
  valueAt(before, path) === undefined && to !== null && typeof to === 'object' && !Array.isArray(to) && Object.keys(to).length > 0
    ? Object.entries(to).flatMap(([key, value]) => leavesOf(before, [...path, key], value))
    : [path]

const isPrefix = (outer: Path, path: Path): boolean =>
  outer.length <= path.length && outer.every((element, index) => sameJson(element, path[index]))

/** Where each entry stands in the object as it is now; an atomic patch leaves all before or all after. */
export function standing(live: unknown, entries: readonly Entry[]): 'before' | 'after' | 'other' {
  if (entries.every((entry) => sameJson(valueAt(live, entry.path), entry.after))) return 'after'
  return entries.every((entry) =>
    entry.dropped ? valueAt(live, entry.path) !== undefined : sameJson(valueAt(live, entry.path), entry.before),
  )
    ? 'before'
    : 'other'
}

/** The values that somebody changed after us. */
export const changedSince = (live: unknown, entries: readonly Entry[]): readonly Path[] =>
  entries.filter((entry) => !sameJson(valueAt(live, entry.path), entry.after)).map((entry) => entry.path)

/** The edits that give the old values back; parents that the step made go too, unless somebody put something else into them. */
export function editsBack(live: unknown, entries: readonly Entry[]): Edit[] {
  const leaves = entries
    .filter((entry) => !entry.dropped)
    .toReversed()
    .map((entry): Edit => (entry.before === undefined ? { unset: entry.path } : { set: entry.path, to: entry.before }))
  let back = applyEdits(live, leaves)
  for (const { created, path, before } of entries.toReversed()) {
    if (before !== undefined || created === undefined) continue
    for (let length = path.length - 1; length >= created.length; length--) {
      const parent = path.slice(0, length)
      if (isHollow(valueAt(back, parent))) back = applyEdits(back, [{ unset: parent }])
    }
  }
  return editsBetween(live, back)
}
const isHollow = (value: unknown): boolean =>
  value !== null && typeof value === 'object' && !Array.isArray(value) && Object.values(value).every(isHollow)

/** For people: which values there were, or will be. */
export const valuesOf = (entries: readonly Entry[], side: 'before' | 'after'): Json =>
  Object.fromEntries(entries.map((entry) => [formatPath(entry.path), entry[side] ?? null]))
