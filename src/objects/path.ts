import type { Edit, Json, Path, PathElement } from '../model/index.ts'

/** `spec.containers[name=app].ports[0]`; keys that hold dots or brackets are quoted: `metadata.labels["app.kubernetes.io/name"]`. */
export function formatPath(path: Path): string {
  let text = ''
  for (const element of path) {
    if (typeof element === 'number') text += `[${element}]`
    else if (typeof element === 'object') text += `[name=${element.name}]`
    else if (/^[\w$-]+$/.test(element)) text += text === '' ? element : `.${element}`
    else text += `[${JSON.stringify(element)}]`
  }
  return text
}

/** The value at a path, undefined where any part of it is missing. */
export function valueAt(root: unknown, path: Path): unknown {
  let here = root
  for (const element of path) {
    if (here === null || typeof here !== 'object') return undefined
    here = childOf(here, element)
  }
  return here
}

function childOf(parent: object, element: PathElement): unknown {
  if (typeof element === 'object') return Array.isArray(parent) ? parent.find((item) => isNamed(item, element.name)) : undefined
  if (typeof element === 'number') return Array.isArray(parent) ? parent[element] : undefined
  return Array.isArray(parent) ? undefined : (parent as Record<string, unknown>)[element]
}

const isNamed = (item: unknown, name: string): boolean =>
  item !== null && typeof item === 'object' && (item as { name?: unknown }).name === name

/** Which index `{name}` stands for in this list; -1 where there is none. */
export const indexOfName = (list: readonly unknown[], name: string): number => list.findIndex((item) => isNamed(item, name))

/** A path with every `{name}` resolved to its index, as JSON Patch needs it; undefined where a named item does not exist. */
export function resolveNames(root: unknown, path: Path): (string | number)[] | undefined {
  const resolved: (string | number)[] = []
  let here = root
  for (const element of path) {
    let step: string | number
    if (typeof element === 'object') {
      if (!Array.isArray(here)) return undefined
      step = indexOfName(here, element.name)
      if (step < 0) return undefined
    } else step = element
    resolved.push(step)
    here = here !== null && typeof here === 'object' ? (here as Record<string | number, unknown>)[step] : undefined
  }
  return resolved
}

/** RFC 6901. */
export const toPointer = (path: readonly (string | number)[]): string =>
  path.map((element) => `/${String(element).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')

/**
 * The object with the edits made. Untouched parts are shared with the original, which is not changed.
 * Throws where a `{name}` or an index names an item that is not there: an edit never invents list items.
 */
export function applyEdits<T>(root: T, edits: readonly Edit[]): T {
  return edits.reduce<unknown>(
    (object, edit) => ('set' in edit ? setAt(object, edit.set, edit.to) : unsetAt(object, edit.unset)),
    root,
  ) as T
}

function setAt(here: unknown, path: Path, to: Json): unknown {
  const [element, ...rest] = path
  if (element === undefined) return to
  if (typeof element === 'string') {
    const object = here === undefined || here === null ? {} : here
    if (typeof object !== 'object' || Array.isArray(object))
      throw new TypeError(`cannot set ${formatPath(path)}: its parent is not an object`)
    return { ...object, [element]: setAt((object as Record<string, unknown>)[element], rest, to) }
  }
  if (!Array.isArray(here)) throw new TypeError(`cannot set ${formatPath(path)}: its parent is not a list`)
  const index = typeof element === 'number' ? element : indexOfName(here, element.name)
  if (index < 0 || index >= here.length) throw new TypeError(`cannot set ${formatPath(path)}: no such item`)
  return here.with(index, setAt(here[index], rest, to))
}

/** Removes the value; parents that become empty stay, since an empty mapping may mean something (`emptyDir: {}`). */
function unsetAt(here: unknown, path: Path): unknown {
  const [element, ...rest] = path
  if (element === undefined || here === null || typeof here !== 'object') return here
  if (Array.isArray(here)) {
    const index = typeof element === 'number' ? element : typeof element === 'object' ? indexOfName(here, element.name) : -1
    if (index < 0 || index >= here.length) return here
    return rest.length === 0 ? here.toSpliced(index, 1) : here.with(index, unsetAt(here[index], rest))
  }
  if (typeof element !== 'string' || !(element in here)) return here
  if (rest.length === 0) return Object.fromEntries(Object.entries(here).filter(([key]) => key !== element))
  return { ...here, [element]: unsetAt((here as Record<string, unknown>)[element], rest) }
}

/**
 * The edits that give `before` back after `edits` were made to it. Parents that an edit had to create are removed again.
 */
export function invertEdits(before: unknown, edits: readonly Edit[]): Edit[] {
  const inverse: Edit[] = []
  let here = before
  for (const edit of edits) {
    const path = 'set' in edit ? edit.set : edit.unset
    const created = firstMissing(here, path)
    if (created === undefined) inverse.unshift({ set: path, to: valueAt(here, path) as Json })
    else if ('set' in edit) inverse.unshift({ unset: created })
    here = applyEdits(here, [edit])
  }
  return inverse
}

/** The shortest part of the path that does not exist yet; undefined where all of it does. */
export function firstMissing(root: unknown, path: Path): Path | undefined {
  for (let length = 1; length <= path.length; length++) {
    if (valueAt(root, path.slice(0, length)) === undefined) return path.slice(0, length)
  }
  return undefined
}
