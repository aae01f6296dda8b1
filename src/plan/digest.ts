import { createHash } from 'node:crypto'
import type { Change, KubeObject, Step, StepId } from '../model/index.ts'
import { canonicalJson } from './canonical.ts'

/**
 * What an approval approves: sha256 over the steps and, through their inverses, over the values they start from. Status and
 * versions of objects do not count: they change while an operator reads.
 */
export const planDigest = (steps: readonly Step[]): string =>
  createHash('sha256')
    .update(canonicalJson(steps.map((step) => ({ ...step, changes: step.changes.map(lasting), inverse: step.inverse.map(lasting) }))))
    .digest('hex')

const lasting = (change: Change): unknown => (change.type === 'create' ? { ...change, object: lastingPart(change.object) } : change)

/** The object without what the API server writes into it: what a re-creation can send. */
export function lastingPart(object: KubeObject): KubeObject {
  const { metadata, status: _status, ...rest } = object as KubeObject & { status?: unknown }
  const { uid, resourceVersion, generation, creationTimestamp, deletionTimestamp, managers, ...kept } = metadata
  const { managedFields, selfLink, deletionGracePeriodSeconds, ...lasting } = kept as typeof kept & {
    managedFields?: unknown
    selfLink?: unknown
    deletionGracePeriodSeconds?: unknown
  }
  return { ...rest, metadata: lasting }
}

/** The same object changed in the same way has the same step in every plan. */
export const stepId = (key: string): StepId => createHash('sha256').update(key).digest('hex').slice(0, 12) as StepId
