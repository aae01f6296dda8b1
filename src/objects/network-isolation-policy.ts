/** A namespace, as policies see it. */
type Labels = Readonly<Record<string, string>>
export interface NamespaceFacts {
  readonly name: string
  readonly labels: Labels
}
