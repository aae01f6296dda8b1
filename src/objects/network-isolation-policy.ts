/** What isolates pods, in whatever dialect it is written. */
import type { PodEnd } from './network-ends.ts'

type Labels = Readonly<Record<string, string>>
export interface NamespaceFacts {
  readonly name: string
  readonly labels: Labels
}

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
