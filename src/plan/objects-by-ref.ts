import type { Kind, KubeObject, ObjectRef, Readable, View } from '../model/index.ts'
import { derived } from '../objects/derived.ts'
import { groupOf, keyOf, refOf } from '../objects/ref.ts'
import { kindFor, kinds } from '../objects/served.ts'

/** Identity of an object across API versions and rescans; two documents that declare the same object are two. */
export const objectKey = (ref: ObjectRef): string =>
  [
    groupOf(ref.apiVersion),
    ref.kind,
    keyOf(ref.namespace, ref.name),
    ...(ref.file === undefined ? [] : [ref.file, ref.document ?? 0, ref.item ?? '', ref.build ?? '']),
  ].join('|')

const index = (_view: View<Readable>): Map<Kind, Map<string, KubeObject>> => new Map()

/** The object that a reference names; undefined where the snapshot has none. */
export function objectAt(view: View<Readable>, ref: ObjectRef): KubeObject | undefined {
  const kind = kindOf(ref)
  if (kind === undefined) return undefined
  const perKind = derived(view, index)
  let objects = perKind.get(kind)
  if (objects === undefined)
    perKind.set(kind, (objects = new Map((view.all(kind) as readonly KubeObject[]).map((object) => [objectKey(refOf(object)), object]))))
  // A remedy may name an object without its file.
  return objects.get(objectKey(ref)) ?? (ref.file === undefined ? view.find(kind, ref.namespace, ref.name) : undefined)
}

/** Our name of the kind; files of the control plane may lack an apiVersion that tells. */
export const kindOf = (ref: { readonly apiVersion: string; readonly kind: string }): Kind | undefined =>
  kindFor(ref.apiVersion, ref.kind) ?? kinds.find((kind) => kind === ref.kind)
