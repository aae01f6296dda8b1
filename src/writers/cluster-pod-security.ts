/** What the API server itself says when a namespace's Pod Security labels are tried: it looks at the pods that are there. */
import type { Change, KubeObject, Step } from '../model/index.ts'
import { applyEdits } from '../objects/path.ts'
import { ENFORCE, isAtLeastBaseline, levelLabel, versionLabel } from '../objects/pod-security-labels.ts'

type EditChange = Extract<Change, { type: 'edit' }>
const LABELS = ['metadata', 'labels'] as const

/** What a change writes into a label of its namespace; undefined where it does not. */
function labelSet(change: EditChange, label: string): string | undefined {
  const edit = change.edits.find((one) => 'set' in one && one.set[2] === label && LABELS.every((part, index) => one.set[index] === part))
  return change.target.kind === 'Namespace' && edit !== undefined && 'set' in edit ? String(edit.to) : undefined
}

/** The namespace that the step holds to a level that refuses something; undefined where it does no such thing. */
export function enforcedBy(step: Step): string | undefined {
  const change = step.changes.find((one): one is EditChange => one.type === 'edit' && isAtLeastBaseline(labelSet(one, ENFORCE)))
  return change?.target.name
}

/**
 * A change of only the warn and audit labels is answered without a word, also in a namespace that is exempt. So the same change is
 * tried together with a level to enforce: the object to ask about, or undefined where the change asks by itself.
 */
export function askingForExemption(live: KubeObject, change: EditChange): EditChange | undefined {
  const tells = (['warn', 'audit'] as const).some((mode) => labelSet(change, levelLabel(mode)) !== undefined)
  if (!tells || labelSet(change, ENFORCE) !== undefined) return undefined
  const after = applyEdits(live, change.edits)
  const version = after.metadata.labels?.[versionLabel('enforce')] === 'v1.0' ? 'v1.1' : 'v1.0'
  return {
    ...change,
    edits: [...change.edits, { set: [...LABELS, ENFORCE], to: 'restricted' }, { set: [...LABELS, versionLabel('enforce')], to: version }],
  }
}

export const exemption = (warnings: readonly string[]): string | undefined =>
  warnings.find((warning) => /is exempt from Pod Security/.test(warning))

/** Why a step that was thought safe is not: the server names pods that the level would refuse. */
export function contradiction(step: Step, warnings: readonly string[]): string | undefined {
  // Who only pins the version of what is enforced already refuses nothing that was not refused before.
  if (step.risk === 'may-break' || enforcedBy(step) === undefined) return undefined
  const at = warnings.findIndex((warning) => /^existing pods in namespace .* violate the new PodSecurity enforce level/.test(warning))
  if (at < 0) return undefined
  const shown = warnings.slice(at, at + 4)
  const more = warnings.length - at - shown.length
  return `${shown.join('; ')}${more > 0 ? `; and ${more} more` : ''}. This tool had found nothing in the way: scan again, or choose the level yourself`
}
