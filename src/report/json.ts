import type { RegisteredControl } from '../model/index.ts'
import { asciiControls } from '../objects/display.ts'
import type { ReportedFinding, ScanReport } from './scan-report.ts'

export const SCAN_SCHEMA = 'k8s-harden/scan/v1'

/** Characters of findings that are put together before they are handed on. */
const CHUNK = 64 * 1024

/**
 * The contract of product.md section 4, as the text of one JSON object, piece by piece: a large cluster has tens of megabytes of
 * it. A finding is one line. docs/scan.schema.json describes it.
 */
export function* toJson(report: ScanReport, version: string): Iterable<string> {
  yield `${opened(headJson(report, version))},\n  "results": [`
  let separator = ''
  for (const result of report.results) {
    yield `${separator}\n    ${opened(resultJson(result)).replaceAll('\n', '\n    ')},\n      "findings": [`
    yield* findingsJson(result.findings)
    yield `${result.findings.length > 0 ? '\n      ' : ''}]\n    }`
    separator = ','
  }
  yield `${report.results.length > 0 ? '\n  ' : ''}]\n}\n`
}

/** An object's text without its last bracket, to be gone on with. */
const opened = (object: object): string => asciiControls(JSON.stringify(object, null, 2)).slice(0, -'\n}'.length)

const headJson = (report: ScanReport, version: string): object => ({
  schema: SCAN_SCHEMA,
  tool: { name: 'k8s-harden', version },
  source: report.source,
  startedAt: report.startedAt,
  durationMs: report.durationMs,
  objects: report.objects,
  summary: report.summary,
  ...(report.problems.length > 0 && { problems: report.problems.map(({ file, line, message }) => ({ file, line, message })) }),
  ...(report.flows !== undefined && { flows: report.flows }),
})

const resultJson = ({ control, outcome }: ScanReport['results'][number]): object => ({
  control: control.id,
  practice: control.practice,
  title: control.title,
  severity: control.severity,
  status: outcome.status,
  ...((outcome.because ?? outcome.error) !== undefined && { because: outcome.because ?? outcome.error }),
  ...(outcome.answers !== undefined && { answers: outcome.answers }),
  ...(outcome.attestation !== undefined && { attestation: outcome.attestation }),
  references: control.references,
})

function* findingsJson(findings: readonly ReportedFinding[]): Iterable<string> {
  let text = ''
  for (const [index, finding] of findings.entries()) {
    text += `${index === 0 ? '' : ','}\n        ${asciiControls(JSON.stringify(findingJson(finding)))}`
    if (text.length < CHUNK) continue
    yield text
    text = ''
  }
  yield text
}

/** `-o jsonl` without --watch: every finding as added, then that all is known. Piece by piece too. */
export function* toJsonLines(report: ScanReport): Iterable<string> {
  let text = ''
  for (const { control, findings } of report.results) {
    for (const finding of findings) {
      text += `${findingLine('added', control, finding)}\n`
      if (text.length < CHUNK) continue
      yield text
      text = ''
    }
  }
  yield `${text}{"event":"synced"}\n`
}

export function findingJson({ finding, path, place, remedy }: ReportedFinding): object {
  const { apiVersion, kind, namespace, name } = finding.subject
  // What is undefined is not written.
  return {
    id: finding.id,
    subject: { apiVersion, kind, namespace, name, file: place?.file, line: place?.line },
    container: finding.container,
    path: path === '' ? undefined : path,
    severity: finding.severity,
    verdict: finding.verdict,
    pss: finding.pss,
    reason: finding.reason,
    detail: finding.detail,
    evidence: finding.evidence ?? {},
    origin: finding.origin,
    managedBy: finding.managedBy,
    excepted: finding.excepted,
    remedy,
  }
}

/** One line of `-o jsonl`: the finding with what its control says of it, so that a line stands on its own. */
export function findingLine(event: 'added' | 'resolved' | 'changed', control: RegisteredControl, finding: ReportedFinding): string {
  const { id: controlId, practice, title } = control
  return asciiControls(JSON.stringify({ event, finding: { control: controlId, practice, title, ...findingJson(finding) } }))
}
