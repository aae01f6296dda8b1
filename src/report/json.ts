import type { RegisteredControl } from '../model/index.ts'
import type { ReportedFinding, ScanReport } from './scan-report.ts'

export const SCAN_SCHEMA = 'k8s-harden/scan/v1'

/** The contract of product.md section 4, as one object. docs/scan.schema.json describes it. */
export function toJson(report: ScanReport, version: string): object {
  return {
    schema: SCAN_SCHEMA,
    tool: { name: 'k8s-harden', version },
    source: report.source,
    startedAt: report.startedAt,
    durationMs: report.durationMs,
    objects: report.objects,
    summary: report.summary,
    ...(report.problems.length > 0 && { problems: report.problems }),
    results: report.results.map(({ control, outcome, findings }) => ({
      control: control.id,
      practice: control.practice,
      title: control.title,
      severity: control.severity,
      status: outcome.status,
      ...((outcome.because ?? outcome.error) !== undefined && { because: outcome.because ?? outcome.error }),
      ...(outcome.answers !== undefined && { answers: outcome.answers }),
      references: control.references,
      findings: findings.map((one) => findingJson(one)),
    })),
  }
}

export function findingJson({ finding, path, file, line, remedy }: ReportedFinding): object {
  const { subject } = finding
  return {
    id: finding.id,
    subject: {
      apiVersion: subject.apiVersion, kind: subject.kind,
      ...(subject.namespace !== undefined && { namespace: subject.namespace }),
      name: subject.name,
      ...(file !== undefined && { file, line }),
    },
    ...(finding.container !== undefined && { container: finding.container }),
    ...(path !== '' && { path }),
    severity: finding.severity,
    verdict: finding.verdict,
    ...(finding.pss !== undefined && { pss: finding.pss }),
    reason: finding.reason,
    ...(finding.detail !== undefined && { detail: finding.detail }),
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
  return JSON.stringify({ event, finding: { control: controlId, practice, title, ...findingJson(finding) } })
}
