/** Which changes of one proposal wait for which. */
import type { BindingObject } from '../model/index.ts'
import type { Target } from './draft.ts'

/**
 * What of a proposal has to be there before this change of it: the one before it, and every right that is given. Rights that are given
 * do not wait for each other, since another proposal may give them in another order: only a binding waits for its role.
 */
export function neededBy(targets: readonly (readonly [string, Target])[], index: number): readonly (readonly [string, Target])[] {
  const [, target] = targets[index]!
  const earlier = targets.slice(0, index)
  if (!isGiven(target)) return earlier.filter(([, one], at) => at === index - 1 || isGiven(one))
  return earlier.filter(([, one]) => !isGiven(one) || isRoleOf(one, target))
}
const GIVES = new Set(['Role', 'ClusterRole', 'RoleBinding', 'ClusterRoleBinding'])
type ObjectTarget = Extract<Target, { is: 'object' }>
const isGiven = (target: Target): target is ObjectTarget =>
  target.is === 'object' && target.before === undefined && GIVES.has(target.ref.kind)
const isRoleOf = ({ ref }: ObjectTarget, { after }: ObjectTarget): boolean => {
  const { kind, name } = (after as Partial<BindingObject> | undefined)?.roleRef ?? {}
  return ref.kind === kind && ref.name === name && (kind === 'ClusterRole' || ref.namespace === after?.metadata.namespace)
}
