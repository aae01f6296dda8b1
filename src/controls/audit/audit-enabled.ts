import { type AuditBackends, enableAudit } from '../../../remediations/audit-policy.ts'
import { control } from '../../model/define.ts'
import type { Observation, Remark } from '../../model/index.ts'
import { shownByOne } from '../../objects/api-servers.ts'
import { type AuditCounts, auditCounts } from '../../objects/audit-metrics.ts'
import { AUDIT_ATTESTED, auditAsk } from '../../objects/audit-provider.ts'
import { isAudited } from '../../objects/audit-retention.ts'
import { distribution } from '../../objects/distribution.ts'
import { CONTROL_PLANE, type ComponentInstance, componentFlags, effectiveFlag, FLAG_LADDER, flagFinding } from '../../objects/flags.ts'

export default control({
  title: 'The API server must record audit events',
  severity: 'high',
  why: 'Without an audit log nobody can say afterwards who read a Secret or changed a role. It takes a policy and a backend: with only one of them the API server records nothing.',
  references: [
    { standard: 'CIS', section: '1.2.16' },
    { standard: 'CIS', section: '3.2.1' },
    { standard: 'NSA', section: 'L' },
    { standard: 'OWASP', section: '2022/K05' },
    { standard: 'OWASP', section: '2025/K10' },
    { standard: 'KS', section: 'C-0067' },
    { standard: 'KS', section: 'C-0130' },
    { standard: 'KS', section: 'C-0160' },
    { standard: 'KS', section: 'C-0254' },
  ],
  reads: [],
  consults: [...FLAG_LADDER, 'ApiServerMetrics'],
  *evaluate(view) {
    const { instances, unknown, remarks } = componentFlags(view, 'kube-apiserver')
    const metrics = view.fact('ApiServerMetrics')
    const counts = metrics && auditCounts(metrics.samples)
    for (const instance of instances) yield* judgeFlags(instance)
    if (counts !== undefined) yield* judgeErrors(counts)
    if (instances.length > 0) {
      yield* remarks
      // Flags say what is wished for; what is counted says whether it works.
      const counted = instances.every(isAudited) ? counts && judgeCounts(counts) : undefined
      if (counted !== undefined) yield 'reason' in counted ? { ...counted, verdict: 'review', evidence: SET } : counted
      return
    }
    const { name, managed, certain } = distribution(view)
    if (managed && certain && (name === 'gke' || name === 'oke')) yield { attested: AUDIT_ATTESTED[name] }
    else if (managed && (name === 'eks' || name === 'aks')) yield auditAsk(name, view)
    else {
      const counted = counts && judgeCounts(counts)
      yield counted !== undefined && 'note' in counted ? shownByOne(view, counted.note) : (counted ?? unknown!)
    }
  },
  remedy: enableAudit,
  verify: 'apiserver_audit_event_total rises with every change, and the log file grows.',
})

function* judgeFlags(instance: ComponentInstance): Iterable<Observation<AuditBackends>> {
  const has = (flag: string): boolean => effectiveFlag(instance, flag, undefined).value !== undefined
  const evidence = { policy: has('audit-policy-file'), log: has('audit-log-path'), webhook: has('audit-webhook-config-file') }
  const backend = evidence.log || evidence.webhook
  if (evidence.policy && backend) return
  const reason =
    !evidence.policy && !backend
      ? 'has neither an audit policy nor an audit backend'
      : backend
        ? 'has an audit backend but no policy, so nothing is recorded'
        : 'has an audit policy but no backend, so nothing is recorded'
  const missing = [
    ...(evidence.policy ? [] : ['--audit-policy-file']),
    ...(backend ? [] : ['--audit-log-path', '--audit-webhook-config-file']),
  ]
  yield {
    ...flagFinding(instance, evidence.policy ? 'audit-log-path' : 'audit-policy-file'),
    reason,
    detail: `${instance.name} sets ${noneOf(missing)}`,
    evidence,
  }
}

/** `no --a`, `neither --a nor --b`, `none of --a, --b and --c`. */
const noneOf = (flags: readonly string[]): string =>
  flags.length === 1
    ? `no ${flags[0]}`
    : flags.length === 2
      ? `neither ${flags[0]} nor ${flags[1]}`
      : `none of ${flags.slice(0, -1).join(', ')} and ${flags.at(-1)}`

const SET: AuditBackends = { policy: true, log: true, webhook: true }

function* judgeErrors({ lost, losing, refused }: AuditCounts): Iterable<Observation<AuditBackends>> {
  if (lost + refused === 0) return
  yield {
    subject: CONTROL_PLANE,
    key: 'audit errors',
    origin: 'workload',
    verdict: 'review',
    severity: 'medium',
    reason: 'has lost audit events to errors of its backend',
    detail: `${lost} events not written${losing.length === 0 ? '' : ` by ${losing.join(', ')}`}, ${refused} requests refused since the API server started`,
    evidence: SET,
  }
}

/** Where the audit filter is missing, the counter of events stays at nought. Undefined: the metrics do not say. */
function judgeCounts({ events, judged, logged }: AuditCounts): Remark | Observation<AuditBackends> | undefined {
  if ((events ?? 0) > 0 || logged > 0) return { note: 'evidence: the API server counts audit events' }
  if (events === undefined) return undefined
  const where = {
    subject: CONTROL_PLANE,
    key: 'audit events',
    origin: 'workload' as const,
    evidence: { policy: judged > 0, log: false, webhook: false },
  }
  if (judged > 0) return { ...where, verdict: 'review', reason: 'has a policy that has logged no request so far' }
  return { ...where, reason: 'records no audit events', detail: 'apiserver_audit_event_total is 0 although requests are answered' }
}
