import type { Finding, FindingRemedy, Outcome, Practice, RegisteredControl, Snapshot, SourceInfo } from '../model/index.ts'
import { type PracticeSummary, summarise } from '../engine/score.ts'
import { formatPath } from '../objects/path.ts'

/** What every report format is made from. */
export interface ScanReport {
  readonly source: SourceInfo
  readonly startedAt: string
  readonly durationMs: number
  readonly objects: number
  readonly summary: Readonly<Record<Practice, PracticeSummary>>
  readonly results: readonly { readonly control: RegisteredControl; readonly outcome: Outcome; readonly findings: readonly ReportedFinding[] }[]
  readonly problems: readonly { readonly file: string; readonly line: number; readonly message: string }[]
}
export interface ReportedFinding { readonly finding: Finding; readonly path: string; readonly file?: string; readonly line?: number; readonly remedy: FindingRemedy }

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
  return {
    source: snapshot.source,
    startedAt: new Date(input.startedAt).toISOString(),
    durationMs: Math.round(input.finishedAt - input.startedAt),
    objects: snapshot.objects,
    summary: summarise(controls, outcomes),
    problems: input.problems,
    results: controls.flatMap((control) => {
      const outcome = outcomes.get(control.id)
      return outcome === undefined ? [] : [{ control, outcome, findings: outcome.findings.map((finding) => reported(finding, snapshot, input.remedyOf)) }]
    }),
  }
}

/** A finding with its place and its way out, as all formats show it. */
export function reported(finding: Finding, snapshot: Snapshot, remedyOf: (finding: Finding) => FindingRemedy): ReportedFinding {
  const position = finding.subject.file === undefined ? undefined : (snapshot.locate(finding.subject, finding.at) ?? { file: finding.subject.file, line: finding.subject.line })
  return { finding, path: formatPath(finding.at ?? []), ...(position !== undefined && { file: position.file, line: position.line }), remedy: remedyOf(finding) }
}
