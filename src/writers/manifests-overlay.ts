/** Where the edits of an object go that a kustomization builds: into the patch that sets the value, else into the object's own file. */
import type { Edit, Json, ObjectRef, Path } from '../model/index.ts'
import { valueAt } from '../objects/path.ts'
import { refText } from '../objects/ref.ts'
import { editsBetween } from '../plan/merge.ts'
import { WriteRefused } from '../plan/writer.ts'
import type { Kustomize } from '../sources/kustomize.ts'

type Fields = Readonly<Record<string, unknown>>

export interface Share {
  /** Absent: the object's own file. */
  readonly patch?: ObjectRef
  readonly edits: readonly Edit[]
}

const refused = (target: ObjectRef, because: string): WriteRefused => new WriteRefused('the manifests', `${refText(target)} ${because}`)
const pathOf = (edit: Edit): Path => ('set' in edit ? edit.set : edit.unset)

/** `value`: what the object's own file says now. Throws WriteRefused where only a person can tell. */
export function sharesOf(kustomize: Kustomize, target: ObjectRef, value: Fields, edits: readonly Edit[]): readonly Share[] {
  const { file = '', build = '' } = target
  const built = kustomize.built(file, build, value)
  if (built === undefined) throw refused(target, `is not built by ${build} any more`)
  const own: Edit[] = []
  const shares = new Map<string, { readonly patch: ObjectRef; readonly edits: Edit[] }>()
  for (const edit of edits) {
    const path = pathOf(edit)
    const patch = kustomize.patchWith(target, path)
    if (patch === undefined) {
      if ('set' in edit && Array.isArray(edit.to) && !same(valueAt(built, path), valueAt(value, path)))
        throw refused(target, `has a list that ${build} puts together from several files: change it by hand`)
      own.push(edit)
      continue
    }
    if (patch.inline !== undefined) throw refused(target, `has this set by a patch in ${patch.file}: change it there`)
    // Both may say it: what goes must go from both.
    if ('unset' in edit) own.push(edit)
    const key = `${patch.file}#${patch.document}`
    const share = shares.get(key) ?? { patch: refOfPatch(patch.value as Fields, patch.file, patch.document), edits: [] }
    share.edits.push(edit)
    shares.set(key, share)
  }
  return [...(own.length > 0 ? [{ edits: own }] : []), ...shares.values()]
}

/** Throws WriteRefused where the build would not have what was wanted. */
export function checkBuild(kustomize: Kustomize, target: ObjectRef, value: Fields, edits: readonly Edit[]): void {
  const { file = '', build = '' } = target
  const built = kustomize.built(file, build, value)
  const wrong = edits.find((edit) => !same(valueAt(built, pathOf(edit)), 'set' in edit ? edit.to : undefined))
  if (wrong === undefined) return
  const patch = kustomize.patchWith(target, pathOf(wrong).slice(0, -1))
  throw refused(target, `is changed by ${patch?.file ?? `the patches of ${build}`}: change it there`)
}

function refOfPatch(patch: Fields, file: string, document: number): ObjectRef {
  const { name } = (patch.metadata ?? {}) as { readonly name?: unknown }
  return { apiVersion: String(patch.apiVersion), kind: String(patch.kind), name: String(name), file, document }
}

const same = (a: unknown, b: unknown): boolean => editsBetween({ v: a as Json | undefined }, { v: b as Json | undefined }).length === 0
