import { unusedRights } from '../../../remediations/unused-rights.ts'
import { control } from '../../model/define.ts'
import type { BindingObject, ObservedRequests, PolicyRule } from '../../model/index.ts'
import { readAuditPolicy } from '../../objects/audit-policy-read.ts'
import { fewOf } from '../../objects/few-of.ts'
import { isSystemNamespace } from '../../objects/ownership.ts'
import { defaultRole, subjectText } from '../../objects/rbac-bootstrap.ts'
import { type SubjectEvidence, shortList, subjectsIn } from '../../objects/rbac-exposure.ts'
import { type Grant, grants, RBAC_KINDS, serviceAccountOf } from '../../objects/rbac-grants.ts'
import { observedAs } from '../../objects/rbac-observed.ts'
import { rulesInBrief, ruleText } from '../../objects/rbac-rules.ts'
import { universeOf } from '../../objects/rbac-served.ts'
import { usageOf } from '../../objects/rbac-usage.ts'
import { recordedBy, windowText } from '../../objects/rbac-usage-words.ts'
import { workloadsOf, workloadText } from '../../objects/rbac-users.ts'
import { refOf } from '../../objects/ref.ts'
import { WORKLOAD_KINDS } from '../../objects/workloads.ts'

export default control({
  title: 'Rights that nobody uses must not be granted',
  severity: 'medium',
  why: 'A right that its holder never needed serves whoever takes the holder over. What was used while the audit log was written is what the role has to grant.',
  references: [
    { standard: 'CIS', section: '5.1.1' },
    { standard: 'NSA', section: 'A' },
    { standard: 'OWASP', section: '2022/K03' },
    { standard: 'OWASP', section: '2025/K02' },
  ],
  reads: RBAC_KINDS,
  consults: ['ObservedRequests', 'ServedResources', 'CustomResourceDefinition', 'AuditPolicy', ...WORKLOAD_KINDS],
  *evaluate(view) {
    const observed = view.fact('ObservedRequests')
    if (observed === undefined) {
      const unread = view.unread('ObservedRequests')
      return yield unread === undefined || unread.why === 'not-asked'
        ? { notApplicable: 'no audit log was given (--audit-log FILE), so which rights are used is not known' }
        : { unknown: unread.because, answer: unread.answer }
    }
    const policies = view.all('AuditPolicy').map((file) => readAuditPolicy(file).policy)
    yield {
      note: `${observed.events} requests of ${windowText(observed)}${policies.length === 0 ? '; what the audit policy leaves out is not known here and looks unused' : ''}`,
    }
    for (const [binding, all] of Map.groupBy(grants(view).all, (grant) => grant.binding)) {
      const held = all.filter((grant) => grant.rules.length > 0 && !grant.isDefault && !isOfTheSystem(grant))
      if (held.length === 0) continue
      const about = aboutBinding(binding, held, workloadsOf(view, subjectsIn(held), held[0]!.namespace).map(workloadText))
      const who = held.flatMap(({ subject, namespace }) => observedAs(observed, subject, namespace))
      if (who.length === 0 || isOfAGroupInPart(held, observed)) {
        yield { ...about([]), reason: 'grants rights to subjects that the audit log does not show', verdict: 'review' }
        continue
      }
      const isRecorded = recordedBy(policies, who, held[0]!.namespace)
      const { unused } = usageOf(held, observed, { universe: universeOf(view), isRecorded })
      if (unused.length === 0) continue
      yield {
        ...about(unused),
        reason: 'grants rights that were not used while the audit log was written',
        ...(held.every(isPerson) && isBuiltIn(held[0]!) && { verdict: 'review' as const }),
      }
    }
  },
  remedy: unusedRights,
  verify: 'Scan again with an audit log of the days after: it shows no request of these subjects that was refused.',
})

/** What Kubernetes and the platform run on is tightened by whoever ships it. */
function isOfTheSystem({ subject, namespace }: Grant): boolean {
  const account = serviceAccountOf(subject, namespace)
  return account === undefined ? subject.name.startsWith('system:') : isSystemNamespace(account.namespace)
}
const isPerson = ({ subject, namespace }: Grant): boolean => serviceAccountOf(subject, namespace) === undefined
/** `view`, `edit`, `admin`: made to be given to people, who need little of it on most days. */
const isBuiltIn = ({ role }: Grant): boolean => role?.kind === 'ClusterRole' && defaultRole(undefined, role.metadata.name) !== undefined

/** Members of a group may be among those subjects that were too many to keep. */
const isOfAGroupInPart = (held: readonly Grant[], { partial }: ObservedRequests): boolean =>
  partial === true && held.some(({ subject }) => subject.kind === 'Group')

const aboutBinding = (binding: BindingObject, held: readonly Grant[], usedBy: readonly string[]) => (unused: readonly PolicyRule[]) => ({
  subject: refOf(binding),
  at: ['roleRef'],
  detail: `${fewOf(held.map(({ subject, namespace }) => subjectText(subject, namespace)))}${unused.length > 0 ? `: ${rulesInBrief(unused)}` : ''}`,
  evidence: {
    role: `${binding.roleRef.kind} ${binding.roleRef.name}`,
    rules: shortList(unused.map(ruleText)),
    remove: subjectsIn(held),
    usedBy: shortList(usedBy),
  } satisfies SubjectEvidence,
})
