/** What isolates pods, in whatever dialect it is written. */
type Labels = Readonly<Record<string, string>>
export interface NamespaceFacts {
  readonly name: string
  readonly labels: Labels
  /** The object was not read: it may have any label besides that of its name. */
  readonly unread?: true
}

export interface IsolationPolicy {
  readonly name: string
  /** Absent: cluster-wide. */
  readonly namespace?: string | undefined
  /** Every pod of every namespace it is for. */
  readonly selectsAll: boolean
  selects(labels: Labels, namespace: NamespaceFacts): boolean
  /** Keeps other pods out, but not what comes from outside the cluster. */
  readonly insideOnly?: boolean
}
