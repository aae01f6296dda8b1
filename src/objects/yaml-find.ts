/** Finds objects in the text of a file again, by what they are rather than where they were. */
import type { ObjectRef } from '../model/index.ts'
import { groupOf } from './ref.ts'
import { YamlProblem, yamlValue } from './yaml-dialect.ts'
import { isFields } from './yaml-diff.ts'
import { type DocumentSpan, documentsIn } from './yaml-documents.ts'

export interface Spot {
  readonly document: number
  readonly item?: number
  readonly span: DocumentSpan
  readonly value: Readonly<Record<string, unknown>>
}

/** Where the object stands now: at the place its ref names if it is there still, else wherever there is just one like it. */
export function findObject(text: string, ref: ObjectRef): Spot | undefined {
  const spots = objectsIn(text)
    .filter((spot) => isObject(spot.value, ref))
    .toArray()
  return spots.find((spot) => spot.document === ref.document && spot.item === ref.item) ?? (spots.length === 1 ? spots[0] : undefined)
}

/** Every object in a text; documents that cannot be read are passed over. */
export function* objectsIn(text: string): Generator<Spot> {
  for (const span of documentsIn(text)) {
    if (span.blank) continue
    const value = readable(text.slice(span.start, span.end))
    if (!isFields(value) || typeof value.kind !== 'string') continue
    if (!value.kind.endsWith('List') || !Array.isArray(value.items)) yield { document: span.index, span, value }
    else {
      const itemKind = value.kind === 'List' ? {} : { apiVersion: value.apiVersion, kind: value.kind.slice(0, -'List'.length) }
      for (const [item, one] of value.items.entries())
        if (isFields(one)) yield { document: span.index, item, span, value: { ...itemKind, ...one } }
    }
  }
}

function readable(text: string): unknown {
  try {
    return yamlValue(text)
  } catch (error) {
    if (error instanceof YamlProblem) return undefined
    throw error
  }
}

function isObject(value: Readonly<Record<string, unknown>>, ref: ObjectRef): boolean {
  if (typeof value.apiVersion !== 'string' || value.kind !== ref.kind || groupOf(value.apiVersion) !== groupOf(ref.apiVersion)) return false
  const metadata = isFields(value.metadata) ? value.metadata : {}
  // Files of the control plane are named after the file that holds them.
  const name = metadata.name ?? metadata.generateName
  if (name !== undefined && name !== null && String(name) !== ref.name) return false
  // A kustomization puts it into a namespace of its own.
  if (ref.build !== undefined) return true
  return ref.namespace === undefined || String(metadata.namespace ?? 'default') === ref.namespace
}
