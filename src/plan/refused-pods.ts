/** Whether a namespace's Pod Security label refuses the pods that a changed template would make: what is running then stays as it is, and what dies is not replaced. */
import type { Snapshot } from '../model/index.ts'
import { violations } from '../objects/pod-security.ts'
import { heldTo } from '../objects/pod-security-labels.ts'
import { policyMinorIn } from '../objects/pod-security-namespace.ts'
import { templateOf } from '../objects/workloads.ts'
import type { Target } from './draft.ts'

/** For a sentence; undefined where they are admitted, nothing is made anew, or the label is not known from here. */
export function whyRefused(target: Target, view: Snapshot): string | undefined {
  if (view.source.kind !== 'live' || target.is !== 'object' || target.before === undefined || target.after === undefined) return undefined
  const namespace = target.ref.namespace === undefined ? undefined : view.find('Namespace', undefined, target.ref.namespace)
  const held = namespace === undefined ? undefined : heldTo(namespace)
  const template = templateOf(target.after)
  if (held === undefined || template === undefined) return undefined
  const [first, ...more] = violations(template, held.level, policyMinorIn(view, target.ref.namespace))
  return first === undefined
    ? undefined
    : `namespace ${target.ref.namespace} enforces ${held.level} and would refuse its new pods all the same (${first.detail}${more.length > 0 ? ` and ${more.length} more` : ''}): mend the rest in the same plan`
}
