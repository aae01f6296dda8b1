/** The Pod Security ladder: on which rung each namespace stands, what the next one is, and what stands between. */
import type { NamespaceObject } from '../model/index.ts'
import type { PodSecurityLevel } from './pod-security.ts'
import { heldTo } from './pod-security-labels.ts'
import { type FitnessView, namespaceFitness, pinOf } from './pod-security-namespace.ts'
import { refText } from './ref.ts'
import { WORKLOAD_KINDS } from './workloads.ts'

/** Workloads named one by one; what is left over is counted. */
const MOST = 50

/** It is held to baseline by its own label, and nothing in it stands in the way of restricted. */
export const couldClimb = (view: FitnessView, namespace: NamespaceObject): boolean =>
  heldTo(namespace)?.level === 'baseline' &&
  namespaceFitness(view).get(namespace.metadata.name)?.level === 'restricted' &&
  unreadWorkloads(view) === undefined

/** Why what runs in a namespace is not all known. */
export const unreadWorkloads = (view: FitnessView): string | undefined =>
  WORKLOAD_KINDS.map((kind) => view.unread(kind)).find((one) => one !== undefined)?.because

/** As evidence of a finding: JSON. */
export type Ladder = {
  /** The strictest level that everything in the namespace passes (privileged is passed by anything); null where not all could be read. */
  readonly passes: PodSecurityLevel | null
  /** Of the policy that it was judged by: `v1.37`. */
  readonly version: string
  /** The level above; null at the top. */
  readonly next: PodSecurityLevel | null
  /** Who keeps the namespace from the next level, and by which checks of the Pod Security Standards. */
  readonly between: readonly { readonly workload: string; readonly checks: readonly string[] }[]
  /** Workloads that `between` leaves out. */
  readonly more?: number
}

/** A namespace without workloads passes everything. */
export function ladderOf(view: FitnessView, namespace: NamespaceObject): Ladder {
  const { level = 'restricted', next = null, blockers = [] } = namespaceFitness(view).get(namespace.metadata.name) ?? {}
  return {
    passes: unreadWorkloads(view) === undefined ? level : null,
    version: pinOf(view, namespace).version,
    next,
    between: blockers
      .slice(0, MOST)
      .map(({ workload, violations }) => ({ workload: refText(workload), checks: violations.map((one) => one.check) })),
    ...(blockers.length > MOST && { more: blockers.length - MOST }),
  }
}
