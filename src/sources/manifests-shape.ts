/**
 * The shape an object must have before it is judged. The API server refuses a Deployment whose containers are no list; a file may
 * say it all the same, and no control should have to expect it. What the server would forgive (`null` for nothing) is put right.
 */
import type { Kind } from '../model/index.ts'
import { formatPath } from '../objects/path.ts'
import { type Fields, METADATA, type Shape } from './manifests-shape-pods.ts'
import { NEEDED, SHAPES } from './manifests-shape-table.ts'

/** What is wrong with an object's shape, and where. */
export class ShapeProblem extends Error {
  override readonly name = 'ShapeProblem'
  readonly path: readonly (string | number)[]
  constructor(message: string, trail: Trail) {
    const path = pathOf(trail)
    super(`${formatPath(path) || 'the object'} ${message}`)
    this.path = path
  }
}

/** Puts an object into shape, in place. Throws ShapeProblem where the API server would refuse it too. */
export function fitToShape(kind: Kind, object: object): void {
  fitMap(object, { apiVersion: 'text', kind: 'text', metadata: { map: METADATA }, ...SHAPES[kind] }, NEEDED[kind] ?? NOTHING, undefined)
}

const NOTHING: readonly never[] = []
/** The way to a value, from its end; written out only when there is something to say of it. */
type Trail = { readonly up: Trail; readonly element: string | number } | undefined
const pathOf = (trail: Trail): (string | number)[] => (trail === undefined ? [] : [...pathOf(trail.up), trail.element])

function fitted(value: unknown, shape: Shape, path: Trail): unknown {
  if (shape === 'any') return withoutNulls(value)
  if (shape === 'flag') {
    // "true" in quotes is refused by the API server; here it would be taken for false.
    if (typeof value !== 'boolean') throw new ShapeProblem('must be true or false', path)
    return value
  }
  if (shape === 'text') {
    if (typeof value === 'object') throw new ShapeProblem('must be text', path)
    return typeof value === 'string' ? value : String(value)
  }
  if (shape === 'texts' || (shape !== 'labels' && 'list' in shape)) {
    if (!Array.isArray(value)) throw new ShapeProblem('must be a list', path)
    const item = shape === 'texts' ? 'text' : shape.list
    for (const [index, one] of value.entries()) {
      if (one === null && typeof item === 'object' && 'map' in item && item.neverNull)
        throw new ShapeProblem('is empty', { up: path, element: index })
      value[index] = one === null ? nothing(item) : fitted(one, item, { up: path, element: index })
    }
    return value
  }
  if (typeof value !== 'object' || Array.isArray(value)) throw new ShapeProblem('must be a mapping', path)
  return shape === 'labels'
    ? fitLabels(value as Record<string, unknown>, path)
    : fitMap(value as object, shape.map, shape.needs ?? NOTHING, path)
}

/** What the API server decodes a null list item to: text and mappings become their zero value. */
const nothing = (shape: Shape): unknown =>
  shape === 'text' ? '' : typeof shape === 'object' && 'map' in shape ? fitted({}, shape, undefined) : null

function fitMap(object: object, fields: Fields, needs: readonly string[], path: Trail): object {
  const entries = object as Record<string, unknown>
  for (const key of Object.keys(entries)) {
    const value = entries[key]
    if (value === null) delete entries[key]
    else {
      const shape = Object.hasOwn(fields, key) ? fields[key]! : 'any'
      if (shape !== 'any' || typeof value === 'object') assign(entries, key, fitted(value, shape, { up: path, element: key }))
    }
  }
  for (const key of needs) if (!Object.hasOwn(entries, key)) entries[key] = empty(fields[key]!, { up: path, element: key })
  return object
}

const empty = (shape: Shape, path: Trail): unknown =>
  shape === 'text' ? '' : shape === 'texts' || (typeof shape === 'object' && 'list' in shape) ? [] : fitted({}, shape, path)

function fitLabels(entries: Record<string, unknown>, path: Trail): object {
  for (const [key, value] of Object.entries(entries)) {
    if (value !== null && typeof value === 'object') throw new ShapeProblem('must be text', { up: path, element: key })
    if (typeof value !== 'string') assign(entries, key, value === null ? '' : String(value))
  }
  return entries
}

/** `__proto__` is a key like any other. */
function assign(entries: Record<string, unknown>, key: string, value: unknown): void {
  if (entries[key] === value) return
  Object.defineProperty(entries, key, { value, enumerable: true, configurable: true, writable: true })
}

function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) for (const item of value) withoutNulls(item)
  else if (value !== null && typeof value === 'object') {
    const entries = value as Record<string, unknown>
    for (const key of Object.keys(entries)) {
      if (entries[key] === null) delete entries[key]
      else if (typeof entries[key] === 'object') withoutNulls(entries[key])
    }
  }
  return value
}
