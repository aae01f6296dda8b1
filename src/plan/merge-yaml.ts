/** Two findings that change one text of YAML, such as kubeadm's in a ConfigMap: both changes, comments and order of the first kept. */
import type { Edit } from '../model/index.ts'
import { editYaml, YamlEditRefused } from '../objects/yaml-edit.ts'
import { fieldsIn } from '../objects/yaml-file.ts'

/** Undefined where that cannot be done: it is no YAML mapping, or both touch the same place. `between`: the edits from one value to another. */
export function mergeYaml(
  base: string,
  ours: string,
  theirs: string,
  merge: (base: unknown, ours: unknown, theirs: unknown) => unknown,
  between: (base: unknown, after: unknown) => readonly Edit[],
): string | undefined {
  if (![base, ours, theirs].every((text) => text.includes('\n'))) return undefined
  const [before, own, other] = [base, ours, theirs].map(fieldsIn)
  if (before === undefined || own === undefined || other === undefined) return undefined
  const merged = merge(before, own, other)
  if (typeof merged !== 'object') return undefined
  const edits = between(own, merged)
  // Items of lists are addressed by name, which another text may not have.
  if (edits.some((edit) => ('set' in edit ? edit.set : edit.unset).some((key) => typeof key !== 'string'))) return undefined
  try {
    return editYaml(ours, 0, undefined, edits)
  } catch (error) {
    if (error instanceof YamlEditRefused) return undefined
    throw error
  }
}
