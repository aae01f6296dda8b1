import picomatch from 'picomatch'
import type { Finding } from '../model/index.ts'

/** One accepted risk: which findings, who says so, why, until when. Patterns are globs; absent means any. */
export interface Exception {
  readonly control: string
  readonly kind?: string
  readonly namespace?: string
  readonly name?: string
  readonly container?: string
  readonly reason: string
  readonly owner?: string
  /** ISO date; from that day on the exception no longer holds. */
  readonly until?: string
}

/** Which findings are accepted, and which exceptions did nothing. Matched on the finding's own object, never on a namespace of convenience. */
export class Exceptions {
  readonly #rules: readonly { readonly exception: Exception; readonly matches: (finding: Finding) => boolean; used: boolean }[]
  readonly expired: readonly Exception[]

  constructor(exceptions: readonly Exception[], now: number) {
    const isExpired = ({ until }: Exception) => until !== undefined && Date.parse(until) <= now
    this.expired = exceptions.filter(isExpired)
    this.#rules = exceptions
      .filter((exception) => !isExpired(exception))
      .map((exception) => ({ exception, matches: matcher(exception), used: false }))
  }

  readonly isExcepted = (finding: Finding): boolean => {
    let excepted = false
    for (const rule of this.#rules) {
      if (!rule.matches(finding)) continue
      rule.used = true
      excepted = true
    }
    return excepted
  }

  get unused(): readonly Exception[] {
    return this.#rules.filter((rule) => !rule.used).map((rule) => rule.exception)
  }
}

function matcher({ control, kind, namespace, name, container }: Exception): (finding: Finding) => boolean {
  const glob = (pattern: string | undefined) => (pattern === undefined ? () => true : picomatch(pattern, { dot: true }))
  const [isKind, isNamespace, isName, isContainer] = [glob(kind), glob(namespace), glob(name), glob(container)]
  return (finding) =>
    finding.control === control &&
    isKind(finding.subject.kind) &&
    isName(finding.subject.name) &&
    isNamespace(finding.subject.namespace ?? '') &&
    isContainer(finding.container ?? '')
}
