import type { HelmTemplate, KubeObject, ObjectRef } from '../model/index.ts'

export interface FilePosition {
  readonly file: string
  readonly document: number
  readonly item?: number
  readonly line: number
  readonly build?: string
  readonly helm?: HelmTemplate
}
/** Where an object came from, kept beside it so that the object itself stays wire JSON. */
const positions = new WeakMap<KubeObject, FilePosition>()
export const rememberPosition = (object: KubeObject, position: FilePosition): void => void positions.set(object, position)
export const positionOf = (object: KubeObject): FilePosition | undefined => positions.get(object)

/** Identity of an object; with its file where it came from one. */
export function refOf(object: KubeObject): ObjectRef {
  const { name, namespace, uid } = object.metadata
  return {
    apiVersion: object.apiVersion,
    kind: object.kind,
    ...(namespace !== undefined && { namespace }),
    name,
    ...(uid !== undefined && { uid }),
    ...positions.get(object),
  }
}

/** Subject of what is true of no single object; reads "Cluster as a whole has no …". */
export const WHOLE_CLUSTER: ObjectRef = { apiVersion: 'k8s-harden/v1', kind: 'Cluster', name: 'as a whole' }

/** `Deployment shop/cart`, `ClusterRole admin`. */
export const refText = (ref: ObjectRef): string => `${ref.kind} ${ref.namespace === undefined ? '' : `${ref.namespace}/`}${ref.name}`

/** Key of an object within its kind: `namespace/name`, or `name`. */
export const keyOf = (namespace: string | undefined, name: string): string =>
  namespace === undefined || namespace === '' ? name : `${namespace}/${name}`

/** Same object? API versions of one group are the same object; two files are not. */
export const sameObject = (a: ObjectRef, b: ObjectRef): boolean =>
  a.kind === b.kind &&
  a.name === b.name &&
  (a.namespace ?? '') === (b.namespace ?? '') &&
  groupOf(a.apiVersion) === groupOf(b.apiVersion) &&
  a.file === b.file &&
  a.document === b.document &&
  a.item === b.item &&
  a.build === b.build

/** Is this the object that a reference names? Asked of many: by name first, which is nearly free. */
export const isNamedBy = (object: KubeObject, ref: ObjectRef): boolean =>
  object.metadata.name === ref.name && sameObject(refOf(object), ref)

/** '' for core/v1. */
export const groupOf = (apiVersion: string): string => (apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : '')
