/** Edits as a patch that kustomize and kubectl understand. */
import type { Change, Edit, Json, ObjectRef, Path } from '../model/index.ts'
import { formatPath, toPointer } from '../objects/path.ts'
import { groupOf } from '../objects/ref.ts'

export type Patch =
  /** By names and keys; what it does not mention stays. */
  | { readonly is: 'strategic'; readonly value: Json }
  /** RFC 6902, where list items have no names. */
  | { readonly is: 'json'; readonly value: Json }
  /** No patch can say it: in words, for a human. */
  | { readonly is: 'words'; readonly lines: readonly string[] }

/** Groups whose schema kubectl and kustomize know, so that lists merge by name. */
const BUILT_IN = new Set([
  '',
  'apps',
  'batch',
  'policy',
  'autoscaling',
  'networking.k8s.io',
  'rbac.authorization.k8s.io',
  'admissionregistration.k8s.io',
  'storage.k8s.io',
])
/** Read from files and never sent to an API server. */
const FILES_ONLY = /^(?:kubeadm|kubelet\.config|apiserver\.config|audit|kubeproxy\.config)\.k8s\.io$/
const BY_NAME = new Set(['containers', 'initContainers', 'ephemeralContainers', 'env', 'volumes', 'imagePullSecrets', 'webhooks'])
/** Lists that a strategic merge would add to instead of exchanging. */
const MERGED = new Set([...BY_NAME, 'volumeMounts', 'volumeDevices', 'ports', 'hostAliases', 'topologySpreadConstraints', 'secrets'])

export const isBuiltIn = (target: ObjectRef): boolean => BUILT_IN.has(groupOf(target.apiVersion))
export const isFileOnly = (target: ObjectRef): boolean => FILES_ONLY.test(groupOf(target.apiVersion))

/** `inverse` tells what was there before: a JSON patch then tests it, and knows which parents it has to make. */
export function patchOf({ target, edits }: Extract<Change, { type: 'edit' }>, inverse: readonly Edit[]): Patch {
  if (isFileOnly(target)) return inWords(edits)
  const paths = edits.map(pathOf)
  if (paths.every((path) => saysItStrategically(target, path))) return { is: 'strategic', value: strategic(target, edits) }
  if (paths.every((path) => path.every((element) => typeof element !== 'object'))) return { is: 'json', value: jsonPatch(edits, inverse) }
  return inWords(edits)
}

const pathOf = (edit: Edit): Path => ('set' in edit ? edit.set : edit.unset)

const saysItStrategically = (target: ObjectRef, path: Path): boolean =>
  path.every(
    (element, index) =>
      typeof element === 'string' || (typeof element === 'object' && isBuiltIn(target) && BY_NAME.has(String(path[index - 1]))),
  )

type Tree = Map<string, Tree | Leaf>
interface Leaf {
  readonly value: Json
}
const ITEM = '\0name:'

function strategic(target: ObjectRef, edits: readonly Edit[]): Json {
  const tree: Tree = new Map()
  for (const edit of edits) {
    const path = pathOf(edit).map((element) => (typeof element === 'object' ? `${ITEM}${element.name}` : String(element)))
    let here = tree
    for (const step of path.slice(0, -1)) {
      const next = here.get(step)
      const inner: Tree = next instanceof Map ? next : new Map()
      here.set(step, inner)
      here = inner
    }
    const last = path.at(-1)!
    if ('set' in edit) here.set(last, { value: exchanged(target, last, edit.to) })
    else here.set(last, { value: last.startsWith(ITEM) ? { $patch: 'delete', name: last.slice(ITEM.length) } : null })
  }
  const { apiVersion, kind, namespace, name } = target
  const { metadata, ...rest } = plain(tree) as { readonly [key: string]: Json }
  return {
    apiVersion,
    kind,
    metadata: { name, ...(namespace !== undefined && { namespace }), ...(metadata as object | undefined) },
    ...rest,
  }
}

function exchanged(target: ObjectRef, key: string, value: Json): Json {
  if (!Array.isArray(value) || !isBuiltIn(target) || !MERGED.has(key)) return value
  const items = value as readonly Json[]
  return items.every((item) => item !== null && typeof item === 'object') ? [...items, { $patch: 'replace' }] : items
}

function plain(tree: Tree): Json {
  const entries = [...tree]
  if (entries.length > 0 && entries.every(([key]) => key.startsWith(ITEM))) {
    return entries.map(([key, child]) =>
      child instanceof Map ? { name: key.slice(ITEM.length), ...(plain(child) as object) } : child.value,
    )
  }
  return Object.fromEntries(entries.map(([key, child]) => [key, child instanceof Map ? plain(child) : child.value]))
}

function jsonPatch(edits: readonly Edit[], inverse: readonly Edit[]): Json {
  const ops: { op: string; path: string; value?: Json }[] = []
  for (const edit of edits) {
    const path = pathOf(edit) as readonly (string | number)[]
    const before = inverse.find((back) => 'set' in back && formatPath(back.set) === formatPath(path))
    const missing = inverse.find((back) => 'unset' in back && formatPath(back.unset) === formatPath(path.slice(0, back.unset.length)))
    if (before !== undefined && 'set' in before) ops.push({ op: 'test', path: toPointer(path), value: before.to })
    if ('unset' in edit) ops.push({ op: 'remove', path: toPointer(path) })
    else if (missing === undefined || !('unset' in missing)) ops.push({ op: 'replace', path: toPointer(path), value: edit.to })
    else
      ops.push({
        op: 'add',
        path: toPointer(missing.unset as readonly (string | number)[]),
        value: nested(path.slice(missing.unset.length), edit.to),
      })
  }
  return ops
}

const nested = (path: readonly (string | number)[], value: Json): Json => path.reduceRight<Json>((inner, key) => ({ [key]: inner }), value)

const inWords = (edits: readonly Edit[]): Patch => ({ is: 'words', lines: editsInWords(edits) })
export const editsInWords = (edits: readonly Edit[]): readonly string[] =>
  edits.map((edit) => ('set' in edit ? `set ${formatPath(edit.set)} to ${JSON.stringify(edit.to)}` : `remove ${formatPath(edit.unset)}`))
