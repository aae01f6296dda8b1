import { type PracticeSummary, summarise } from '../engine/score.ts'
import type { Finding, FindingRemedy, Outcome, Practice, RegisteredControl, Snapshot, SourceInfo } from '../model/index.ts'
import { observedConnections } from '../objects/network-flows.ts'
import { formatPath } from '../objects/path.ts'

/** What every report format is made from. */
export interface ScanReport {
  readonly source: SourceInfo
  readonly startedAt: string
  readonly durationMs: number
  readonly objects: number
  readonly summary: Readonly<Record<Practice, PracticeSummary>>
  readonly results: readonly {
    readonly control: RegisteredControl
    readonly outcome: Outcome
    readonly findings: readonly ReportedFinding[]
  }[]
  readonly problems: readonly { readonly file: string; readonly line: number; readonly message: string }[]
  /** What the operator's record of flows gave; absent: none was given. */
  readonly flows?: FlowsReport
}
export interface FlowsReport {
  readonly from: readonly string[]
  /** Records that counted, the distinct flows among them, and those of which nobody can say any more between whom they were. */
  readonly records: number
  readonly flows: number
  readonly unresolved: number
  /** RFC 3339; absent where the record does not say when. */
  readonly since?: string
  readonly until?: string
  readonly doubts: readonly string[]
}
export interface ReportedFinding {
  readonly finding: Finding
  /** '' where it is about the object as a whole. */
  readonly path: string
  readonly place: { readonly file: string; readonly line?: number } | undefined
  readonly remedy: FindingRemedy
}

export interface ReportInput {
  readonly snapshot: Snapshot
  readonly controls: readonly RegisteredControl[]
  readonly outcomes: ReadonlyMap<string, Outcome>
  readonly problems: ScanReport['problems']
  readonly startedAt: number
  readonly finishedAt: number
  readonly remedyOf: (finding: Finding) => FindingRemedy
}

export function scanReport(input: ReportInput): ScanReport {
  const { snapshot, controls, outcomes } = input
  const { whole: _how, ...told } = snapshot.source
  return {
    source: told,
    startedAt: new Date(input.startedAt).toISOString(),
    durationMs: Math.round(input.finishedAt - input.startedAt),
    objects: snapshot.objects,
    summary: summarise(controls, outcomes),
    problems: input.problems,
    ...flowsOf(snapshot),
    results: controls.flatMap((control) => {
      const outcome = outcomes.get(control.id)
      if (outcome === undefined) return []
      return [{ control, outcome, findings: outcome.findings.map((finding) => new LazyFinding(finding, snapshot, input.remedyOf)) }]
    }),
  }
}

function flowsOf(snapshot: Snapshot): Pick<ScanReport, 'flows'> {
  const [observed, resolved] = [snapshot.fact('ObservedFlows'), observedConnections(snapshot)]
  if (observed === undefined || resolved === undefined) return {}
  const { from, records, since, until } = observed
  const window = { ...(since !== undefined && { since }), ...(until !== undefined && { until }) }
  const { unresolved } = resolved
  return { flows: { from, records, flows: observed.flows.length, unresolved, ...window, doubts: [...observed.doubts, ...resolved.doubts] } }
}

/** A finding with its place and its way out, as all formats show it. */
export const reported = (finding: Finding, snapshot: Snapshot, remedyOf: (finding: Finding) => FindingRemedy): ReportedFinding => ({
  finding,
  path: pathOf(finding),
  place: placeOf(finding, snapshot),
  remedy: remedyOf(finding),
})

/** The same, each part found out when it is asked for: no format shows all of all findings at once, and there may be very many. */
class LazyFinding implements ReportedFinding {
  readonly finding: Finding
  readonly #snapshot: Snapshot
  readonly #remedyOf: (finding: Finding) => FindingRemedy

  constructor(finding: Finding, snapshot: Snapshot, remedyOf: (finding: Finding) => FindingRemedy) {
    this.finding = finding
    this.#snapshot = snapshot
    this.#remedyOf = remedyOf
  }
  get path(): string {
    return pathOf(this.finding)
  }
  get place(): ReportedFinding['place'] {
    return placeOf(this.finding, this.#snapshot)
  }
  get remedy(): FindingRemedy {
    return this.#remedyOf(this.finding)
  }
}

const pathOf = ({ at = [] }: Finding): string => formatPath(at)

function placeOf({ subject, at }: Finding, snapshot: Snapshot): ReportedFinding['place'] {
  const { file, line } = subject
  if (file === undefined) return undefined
  const found = snapshot.locate(subject, at)
  if (found !== undefined) return { file: found.file, line: found.line }
  return { file, ...(line !== undefined && { line }) }
}
