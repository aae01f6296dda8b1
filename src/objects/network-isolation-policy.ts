/** A namespace, as policies see it. */
type Labels = Readonly<Record<string, string>>
export interface NamespaceFacts {
  readonly name: string
  readonly labels: Labels
  /** The object was not read: it may have any label besides that of its name. */
  readonly unread?: true
}
