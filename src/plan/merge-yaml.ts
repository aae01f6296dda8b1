/** Two findings that change one text of YAML, such as kubeadm's in a ConfigMap: both changes, comments and order of the first kept. */
import { isMap, parseDocument } from 'yaml'
import type { Edit } from '../model/index.ts'

/** Undefined where that cannot be done: it is no YAML mapping, or both touch the same place. `between`: the edits from one value to another. */
export function mergeYaml(
  base: string,
  ours: string,
  theirs: string,
  merge: (base: unknown, ours: unknown, theirs: unknown) => unknown,
  between: (base: unknown, after: unknown) => readonly Edit[],
): string | undefined {
  if (![base, ours, theirs].every((text) => text.includes('\n'))) return undefined
  const [before, own, other] = [base, ours, theirs].map((text) => parseDocument(text, { logLevel: 'silent' }))
  if ([before, own, other].some((document) => document!.errors.length > 0 || !isMap(document!.contents))) return undefined
  const value = (document: typeof own) => document!.toJS({ maxAliasCount: 50 }) as unknown
  const merged = merge(value(before), value(own), value(other))
  if (typeof merged !== 'object') return undefined
  for (const edit of between(value(own), merged)) {
    // Items of lists are addressed by name, which a document does not know.
    if (('set' in edit ? edit.set : edit.unset).some((key) => typeof key !== 'string')) return undefined
    if ('set' in edit) own!.setIn(edit.set as string[], own!.createNode(edit.to))
    else own!.deleteIn(edit.unset as string[])
  }
  return own!.toString({ lineWidth: 0 })
}
