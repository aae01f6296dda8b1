/** Which steps may alter who reaches whom: those that change policies, and those that change what policies look at. */
import type { Change, Edit, KubeObject, Snapshot, Step } from '../model/index.ts'
import { derived, remembered } from '../objects/derived.ts'
import { END_KINDS } from '../objects/network-ends.ts'
import { REACH_KINDS } from '../objects/network-reach.ts'
import { kindOf } from './objects-by-ref.ts'

const ENDS: ReadonlySet<string> = new Set(END_KINDS)
const POLICY_KINDS = REACH_KINDS.filter((kind) => !ENDS.has(kind))
const POLICIES: ReadonlySet<string> = new Set(POLICY_KINDS)

export const changesPolicies = ({ changes }: Step): boolean => changes.some((change) => POLICIES.has(kindChanged(change) ?? ''))
const kindChanged = (change: Change): string | undefined =>
  change.type === 'create' ? kindOf(change.object) : 'target' in change ? kindOf(change.target) : undefined

/** May this step alter who reaches whom: policies, and whatever they look at of pods and namespaces (labels, the host network, ports with names)? */
export const changesReach = (step: Step): boolean => changesPolicies(step) || step.changes.some((change) => changesEnds(change, () => true))

/** As `changesReach`, of all steps on this very cluster: a label that no policy names is nothing to any of them. */
export function mayChangeReach(now: Snapshot, steps: readonly Step[]): boolean {
  if (steps.some(changesPolicies)) return true
  const text = policyText(now)
  return (
    text !== '' &&
    steps.some(({ changes }) => changes.some((change) => changesEnds(change, (label) => text.includes(JSON.stringify(label).slice(1, -1)))))
  )
}

/** All that policies say, to look for the name of a label in. */
const policyText = (view: Snapshot): string => derived(view, textOfPolicies)
const textOfPolicies = (view: Snapshot): string =>
  POLICY_KINDS.flatMap((kind) => (view.all(kind) as readonly KubeObject[]).map(textOf)).join('\n')
const textOf = remembered((object: KubeObject) => JSON.stringify((object as { spec?: unknown }).spec ?? object))

const changesEnds = (change: Change, isNamed: (label: string) => boolean): boolean =>
  change.type === 'edit' &&
  ENDS.has(kindOf(change.target) ?? '') &&
  change.edits.some((edit) => isLookedAt(edit, change.target.kind, isNamed))

/** Also where a whole branch is written that holds it. */
function isLookedAt(edit: Edit, kind: string, isNamed: (label: string) => boolean): boolean {
  const path = 'set' in edit ? edit.set : edit.unset
  const labels = path.indexOf('labels')
  if (labels >= 0 && path[labels - 1] === 'metadata') {
    const isOfPods = kind === 'Pod' || kind === 'Namespace' || labels > 1
    const label = path[labels + 1]
    return isOfPods && (label === undefined || isNamed(String(label)))
  }
  if (path[0] === 'metadata') return (kind === 'Pod' || kind === 'Namespace') && path.length === 1
  if (path.includes('hostNetwork') || path.includes('ports')) return true
  const last = path.findLast((part) => typeof part === 'string')
  const isContainer = typeof path.at(-1) === 'number' && ['containers', 'initContainers'].includes(String(last))
  return isContainer || ['metadata', 'spec', 'template', 'jobTemplate', 'containers', 'initContainers'].includes(String(path.at(-1)))
}
