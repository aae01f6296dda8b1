/** The only mint of consent. Called from a key press, a typed word, or an explicit flag, and from nowhere else (safety law 2). */
import type { Approval, Plan, Step, StepId } from '../model/index.ts'

/** `by` says what the operator did: `key a`, `typed "apply"`, `--yes --accept-risk safe`. Throws for steps that are not in the plan. */
export function grant(plan: Plan, steps: Iterable<StepId>, by: string): Approval {
  const known = new Set(plan.steps.map((step) => step.id))
  const granted = new Set(steps)
  for (const id of granted) if (!known.has(id)) throw new Error(`step ${id} is not in the plan that was shown`)
  return { digest: plan.digest, steps: granted, by } as unknown as Approval
}

/** What has to be typed for a step that may break something: the name of the object or node, so that the fingers cannot learn it. */
export function confirmWord({ changes: [change] }: Step): string {
  const name =
    change?.type === 'create'
      ? change.object.metadata.name
      : change?.type === 'edit' || change?.type === 'delete'
        ? change.target.name
        : change?.type === 'host' && 'node' in change.action
          ? change.action.node
          : 'apply'
  return /^[\w.:-]{1,40}$/.test(name) ? name : 'apply'
}
