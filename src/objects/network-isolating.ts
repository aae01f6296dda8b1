/** What isolates pods in one direction, in whatever dialect it is written. */
import type { PodEnd } from './network-ends.ts'

export interface IsolationPolicy {
  readonly name: string
  /** Absent: cluster-wide. */
  readonly namespace?: string | undefined
  selects(pod: PodEnd): boolean
  /** Keeps pods of the cluster away, but says nothing of what is outside. */
  readonly insideOnly?: boolean
  /** Why it may not select what it seems to. */
  readonly vague?: string
}
