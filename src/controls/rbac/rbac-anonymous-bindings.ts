import { removeSubjects } from '../../../remediations/role-binding.ts'
import { control } from '../../model/define.ts'
import type { RbacSubject } from '../../model/index.ts'
import { fewOf } from '../../objects/few-of.ts'
import { isAsShipped } from '../../objects/rbac-accounts.ts'
import { subjectText } from '../../objects/rbac-bootstrap.ts'
import { escalationsOf } from '../../objects/rbac-escalations.ts'
import { type SubjectEvidence, shortList, subjectsIn } from '../../objects/rbac-exposure.ts'
import { grants, RBAC_KINDS } from '../../objects/rbac-grants.ts'
import { ruleText } from '../../objects/rbac-rules.ts'
import { refOf, refText } from '../../objects/ref.ts'

export default control({
  title: 'No role must be bound to anonymous users',
  severity: 'critical',
  why: 'What system:anonymous or system:unauthenticated may do, everybody may do who reaches the API server, without any credential. Even the role view shows how to attack the rest.',
  references: [
    { standard: 'CIS-GKE', section: '4.1.8' },
    { standard: 'CIS-GKE', section: '4.1.9' },
    { standard: 'OWASP', section: '2022/K03' },
    { standard: 'OWASP', section: '2025/K02' },
    { standard: 'OWASP', section: '2025/K09' },
    { standard: 'KS', section: 'C-0262' },
  ],
  reads: RBAC_KINDS,
  *evaluate(view) {
    for (const [binding, held] of Map.groupBy(
      grants(view).all.filter(({ subject }) => isAnonymous(subject)),
      (grant) => grant.binding,
    )) {
      const wrong = held.filter((grant) => !isAsShipped(grant))
      if (wrong.length === 0) {
        if (binding.metadata.namespace === 'kube-public')
          yield { note: `${refText(refOf(binding))} lets joining nodes read cluster-info; it can go once no node joins by token` }
        continue
      }
      const rules = wrong[0]!.rules
      const gains = escalationsOf(rules, wrong[0]!.namespace === undefined).map((one) => one.gains)
      yield {
        subject: refOf(binding),
        at: ['subjects'],
        reason: 'grants rights to requests without credentials',
        detail: `${wrong.map(({ subject }) => subjectText(subject)).join(', ')} by ${binding.roleRef.kind} ${binding.roleRef.name}${gains.length > 0 ? `, enough to ${fewOf(gains)}` : ''}`,
        evidence: {
          role: `${binding.roleRef.kind} ${binding.roleRef.name}`,
          rules: shortList(rules.map(ruleText)),
          remove: subjectsIn(wrong),
          usedBy: [],
        } satisfies SubjectEvidence,
        // A role that is not there grants nothing yet.
        ...(rules.length === 0 && { severity: 'low' as const }),
      }
    }
  },
  remedy: removeSubjects('may-break'),
  verify: 'curl -k https://SERVER/api/v1/namespaces without credentials answers 401 or 403.',
})

const isAnonymous = ({ kind, name }: RbacSubject): boolean =>
  (kind === 'User' && name === 'system:anonymous') || (kind === 'Group' && name === 'system:unauthenticated')
