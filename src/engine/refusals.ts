/** What was refused alike is said once: a reader who may see no roles may see no bindings either, and would be told so four times. */

/** `before` and `after` are the same for all that is said together. */
const REFUSED = /^(?<before>the API server refused to list )(?<what>[a-z]+)(?<after>(?: in namespace \S+)? \(403\))$/
const TO_ALLOW =
  /^(?<before>allow list and watch on )(?<what>[a-z]+)(?<after>(?: in API group \S+?)?(?: in namespace \S+?)?)(?<narrower>, or narrow the scan to namespaces you may read with -n NAMESPACE)?$/

/** The same sentences, each once, and those that differ in the kind alone as one. */
export function together(sentences: readonly string[]): readonly string[] {
  const said = new Map<string, { readonly before: string; readonly what: Set<string>; readonly after: string; narrower: string }>()
  for (const sentence of sentences) {
    const { before = sentence, what, after = '', narrower = '' } = (REFUSED.exec(sentence) ?? TO_ALLOW.exec(sentence))?.groups ?? {}
    const known = said.get(before + after) ?? { before, what: new Set(), after, narrower }
    if (what !== undefined) known.what.add(what)
    // Said of some of them, it helps with those.
    if (known.narrower === '') known.narrower = narrower
    said.set(before + after, known)
  }
  return [...said.values()].map(({ before, what, after, narrower }) => `${before}${[...what].join(', ')}${after}${narrower}`)
}
