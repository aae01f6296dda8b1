/** New files among kustomizations: what no kustomization names is not built, and so never gets to the cluster. */
import { posix } from 'node:path'
import type { Json, KubeObject, ObjectRef } from '../model/index.ts'
import { refOf, refText } from '../objects/ref.ts'
import { YamlProblem, yamlValue } from '../objects/yaml-dialect.ts'
import { documentsIn } from '../objects/yaml-documents.ts'
import { editYaml } from '../objects/yaml-edit.ts'
import type { Kustomization } from '../sources/kustomization.ts'
import type { Kustomize } from '../sources/kustomize.ts'

/** The kustomization whose `resources` are to name it, or the words for the operator who must see to that; neither where there are none. */
export type Listing = { readonly kustomization: Kustomization } | { readonly words: string } | undefined

/** kustomize takes files only from its own directory and below, so only the one at the top can name what lies in `k8s-harden/`. */
export function listingOf(kustomize: Kustomize, file: string, object: KubeObject): Listing {
  if (kustomize.tops.length === 0) return undefined
  const top = kustomize.tops.find(({ directory }) => directory === '')
  const kept = object.metadata.namespace
  const isMoved = top?.namespace !== undefined && kept !== undefined && top.namespace !== kept
  if (top !== undefined && !isMoved && !top.renames) return { kustomization: top }
  const why =
    top === undefined
      ? `no kustomization here can name it (${kustomize.tops
          .map((one) => one.file)
          .slice(0, 3)
          .join(', ')}${kustomize.tops.length > 3 ? ', …' : ''})`
      : `${top.file} would ${isMoved ? `put it into namespace ${top.namespace}` : 'give it another name'}`
  return {
    words: `${refText(refOf(object))} is in ${file}, and ${why}: apply it as well (kubectl apply -f ${file}), or move it below the kustomization that is to build it`,
  }
}

/** A kustomization need not say what it is, and has no name. */
export const refOfKustomization = ({ file }: Kustomization): ObjectRef => ({
  apiVersion: 'kustomize.config.k8s.io/v1beta1',
  kind: 'Kustomization',
  name: posix.basename(file),
  file,
  document: 0,
})

/** The text of a kustomization that names one more file. Throws YamlEditRefused where the way it is written does not allow it. */
export function withResource(text: string, file: string): string {
  const listed = resourcesIn(text)
  return listed.includes(file) ? text : editYaml(text, documentOf(text), undefined, [{ set: ['resources'], to: [...listed, file] }])
}
export function withoutResource(text: string, file: string): string {
  const listed = resourcesIn(text)
  return listed.includes(file)
    ? editYaml(text, documentOf(text), undefined, [{ set: ['resources'], to: listed.filter((one) => one !== file) }])
    : text
}
export const isListed = (text: string, file: string): boolean => resourcesIn(text).includes(file)

const documentOf = (text: string): number => [...documentsIn(text)].find(({ blank }) => !blank)?.index ?? 0
function resourcesIn(text: string): Json[] {
  try {
    const value = yamlValue(text)
    const { resources } = (value !== null && typeof value === 'object' ? value : {}) as { readonly resources?: unknown }
    return Array.isArray(resources) ? (resources as Json[]) : []
  } catch (error) {
    if (error instanceof YamlProblem) return []
    throw error
  }
}
