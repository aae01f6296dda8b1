import { mendAuditPolicy } from '../../../remediations/audit-policy.ts'
import { control } from '../../model/define.ts'
import type { ConfigFile, Observation, Remark, Severity } from '../../model/index.ts'
import { type AuditFault, auditFaults, type FaultName } from '../../objects/audit-policy-probes.ts'
import { readAuditPolicy } from '../../objects/audit-policy-read.ts'
import { silencedIn } from '../../objects/audit-policy-silenced.ts'
import { remembered } from '../../objects/derived.ts'
import { distribution } from '../../objects/distribution.ts'
import { fewOf } from '../../objects/few-of.ts'
import { filesNotSeen } from '../../objects/flag-files.ts'
import { componentFlags, effectiveFlag, FLAG_LADDER } from '../../objects/flags.ts'
import { providerAnswer } from '../../objects/provider-names.ts'
import { refOf } from '../../objects/ref.ts'

const REASONS: Readonly<Record<FaultName, readonly [reason: string, Severity]>> = {
  leaks: ['logs the bodies of requests that carry credentials', 'high'],
  blind: ['does not log requests for secrets, ConfigMaps or tokens', 'high'],
  dropped: ['does not log changes or ways into containers', 'medium'],
  anonymous: ['does not log requests of anonymous clients', 'medium'],
  refused: ['does not log who fails to log in', 'low'],
  unmatched: ['has no rule that catches everything else', 'medium'],
}

/** CIS 3.2.2 in full would also have Request for pods and RBAC: a policy that logs their metadata is said to pass, with that note. */
export default control({
  title: 'The audit policy must log what matters and must not log credentials',
  severity: 'medium',
  why: 'The first audit rule that matches decides, and what no rule matches is not logged at all. One broad rule in the wrong place hides an intruder, or copies every Secret into a log file.',
  references: [
    { standard: 'CIS', section: '3.2.2' },
    { standard: 'NSA', section: 'L' },
    { standard: 'OWASP', section: '2022/K05' },
    { standard: 'OWASP', section: '2025/K10' },
    { standard: 'KS', section: 'C-0161' },
  ],
  reads: [],
  consults: ['AuditPolicy', ...FLAG_LADDER],
  *evaluate(view) {
    const files = view.all('AuditPolicy')
    for (const file of files) yield* judged(file)
    const { instances } = componentFlags(view, 'kube-apiserver')
    if (files.length > 0) return yield* filesNotSeen(view.unread('AuditPolicy'), files, instances, 'audit-policy-file')
    const { name, managed } = distribution(view)
    if (managed) {
      yield {
        unknown: 'the provider wrote the audit policy and does not show it',
        answer: `look at a sample of the audit log; ${providerAnswer(view)}`,
      }
      return
    }
    const paths = new Set(
      instances.map((instance) => effectiveFlag(instance, 'audit-policy-file', undefined).value).filter((path) => path !== undefined),
    )
    if (instances.length > 0 && paths.size === 0) yield { notApplicable: 'the API server has no audit policy (see audit-enabled)' }
    else
      yield {
        unknown: 'the API does not show the audit policy',
        answer:
          name === 'talos'
            ? 'put what talosctl -n NODE get mc v1alpha1 -o jsonpath={.spec} shows below cluster.apiServer.auditPolicy into a file, and scan that with --manifests'
            : `scan the file itself with --manifests: ${[...paths].join(', ') || 'the one that --audit-policy-file names'}`,
      }
  },
  remedy: mendAuditPolicy,
  verify: 'Create and delete a ConfigMap with a marker in it: two events at level Metadata must appear, without the marker.',
})

interface Evidence {
  readonly fault: FaultName | 'refused' | 'ignored' | 'silenced'
  readonly requests: readonly string[]
}

/** A policy is asked about hundreds of requests, and says the same as long as it is the same. */
const judged = remembered((file: ConfigFile): readonly (Observation<Evidence> | Remark)[] => [...judgeFile(file)])

function* judgeFile(file: ConfigFile): Iterable<Observation<Evidence> | Remark> {
  const { policy, problems } = readAuditPolicy(file)
  const subject = refOf(file)
  for (const { rule, problem, fatal } of problems) {
    const at = rule === undefined ? [] : ['rules', rule]
    if (fatal)
      yield {
        subject,
        at,
        reason: 'is refused by the API server, which then does not start',
        detail: problem,
        severity: 'high',
        evidence: { fault: 'refused', requests: [] },
        key: problem,
      }
    else
      yield {
        subject,
        at,
        reason: 'has a field that the API server ignores',
        detail: problem,
        verdict: 'review',
        evidence: { fault: 'ignored', requests: [] },
        key: problem,
      }
  }
  if (problems.some((one) => one.fatal)) return
  for (const fault of auditFaults(policy)) yield { subject, ...words(fault) }
  for (const { rule, whom, requests } of silencedIn(policy))
    yield {
      subject,
      at: ['rules', rule],
      reason: 'does not log changes or use of credentials for some that it names',
      detail: `rule ${rule + 1} of ${policy.rules.length} silences ${fewOf(whom)}: ${fewOf(requests)}`,
      verdict: 'review',
      evidence: { fault: 'silenced', requests: requests.slice(0, 20) },
      key: 'silenced',
    }
  yield { note: 'CIS 3.2.2 would have pods and RBAC at level Request; Metadata is enough to pass here' }
}

function words({ fault, rule, mild, requests }: AuditFault): Omit<Observation<Evidence>, 'subject'> {
  const [reason, severity] = REASONS[fault]
  return {
    at: rule === undefined ? ['rules'] : ['rules', rule],
    reason: mild ? 'logs the contents of ConfigMaps' : reason,
    severity: mild ? 'medium' : severity,
    detail: fewOf(requests),
    evidence: { fault, requests: requests.slice(0, 20) },
    key: mild ? 'leaks ConfigMaps' : fault,
  }
}
