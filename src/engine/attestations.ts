import picomatch from 'picomatch'
import type { Attestation, ControlId, Snapshot } from '../model/index.ts'

/** Somebody's answer to what this tool cannot see, for one control, and where it holds. */
export interface AttestationRule extends Attestation {
  readonly control: ControlId
  /** Glob of the context or path that is scanned; absent: any. */
  readonly source?: string
}

/** Whose word stands where nothing was seen. It takes the place of `unknown` alone: what was seen to fail stays a failure. */
export type AttestedBy = (control: ControlId, snapshot: Pick<Snapshot, 'now' | 'source'>) => Attestation | undefined

/** The answers of a file, and which of them did nothing. */
export class Attestations {
  readonly #rules: readonly { readonly rule: AttestationRule; readonly holdsFor: (source: string) => boolean; used: boolean }[]
  readonly expired: readonly AttestationRule[]

  constructor(rules: readonly AttestationRule[], now: number) {
    this.expired = rules.filter((rule) => isOver(rule, now))
    this.#rules = rules
      .filter((rule) => !isOver(rule, now))
      .map((rule) => ({ rule, holdsFor: rule.source === undefined ? () => true : picomatch(rule.source, { dot: true }), used: false }))
  }

  readonly attestedBy: AttestedBy = (control, { now, source }) => {
    // A scan that goes on for days outlives an answer.
    const found = this.#rules.find(({ rule, holdsFor }) => rule.control === control && !isOver(rule, now) && holdsFor(source.name))
    if (found === undefined) return undefined
    found.used = true
    const { answer, by, on, until } = found.rule
    return { answer, by, on, until }
  }

  get unused(): readonly AttestationRule[] {
    return this.#rules.filter(({ used }) => !used).map(({ rule }) => rule)
  }
}
/** ISO date; from that day on the answer no longer holds. */
const isOver = ({ until }: Attestation, now: number): boolean => Date.parse(until) <= now

/** `sre (2026-11-26, until 2027-05-31): KMS key checked`. */
export const attestationText = ({ by, on, until, answer }: Attestation): string => `${by} says (${on}, until ${until}): ${answer}`
