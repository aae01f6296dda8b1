/** What an API server counts of its own audit log (k8s.io/apiserver pkg/audit/metrics.go). */
import type { MetricSample } from '../model/index.ts'

export interface AuditCounts {
  /** Events handed to a backend; undefined where the counter is not there. */
  readonly events: number | undefined
  /** Requests that the policy was asked about. The filter that counts them is only there with a policy and a backend. */
  readonly judged: number
  /** Of these, at a level other than None. */
  readonly logged: number
  /** Events that a backend failed to write. */
  readonly lost: number
  /** The backends that failed: `log`, `webhook`, `buffered`. */
  readonly losing: readonly string[]
  /** Requests refused because they could not be logged. */
  readonly refused: number
}

export function auditCounts(samples: readonly MetricSample[]): AuditCounts {
  const total = (name: string, counts: (labels: MetricSample['labels']) => boolean = () => true): number | undefined => {
    const series = samples.filter((sample) => sample.name === name && counts(sample.labels))
    return series.length === 0 ? undefined : series.reduce((sum, { value }) => sum + value, 0)
  }
  return {
    events: total('apiserver_audit_event_total'),
    judged: total('apiserver_audit_level_total') ?? 0,
    logged: total('apiserver_audit_level_total', ({ level }) => level !== 'None') ?? 0,
    lost: total('apiserver_audit_error_total') ?? 0,
    losing: samples.flatMap(({ name, labels: { plugin }, value }) =>
      name === 'apiserver_audit_error_total' && plugin !== undefined && value > 0 ? [plugin] : [],
    ),
    refused: total('apiserver_audit_requests_rejected_total') ?? 0,
  }
}
