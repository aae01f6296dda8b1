import { removeSubjects } from '../../../remediations/role-binding.ts'
import { control } from '../../model/define.ts'
import type { RbacSubject, Severity } from '../../model/index.ts'
import { fewOf } from '../../objects/few-of.ts'
import { isAsShipped } from '../../objects/rbac-accounts.ts'
import { subjectText } from '../../objects/rbac-bootstrap.ts'
import { escalationsOf } from '../../objects/rbac-escalations.ts'
import { type SubjectEvidence, shortList, subjectsIn } from '../../objects/rbac-exposure.ts'
import { grants, RBAC_KINDS } from '../../objects/rbac-grants.ts'
import { ruleText } from '../../objects/rbac-rules.ts'
import { refOf } from '../../objects/ref.ts'

export default control({
  title: 'Groups that everybody is in must hold no more than the defaults',
  severity: 'high',
  why: 'Every user is in system:authenticated and every pod in system:serviceaccounts. A role bound to them is bound to the next pod somebody takes over.',
  references: [
    { standard: 'CIS-GKE', section: '4.1.10' },
    { standard: 'OWASP', section: '2022/K03' },
    { standard: 'OWASP', section: '2025/K02' },
    { standard: 'KS', section: 'C-0265' },
  ],
  reads: RBAC_KINDS,
  consults: ['ServerVersion'],
  *evaluate(view) {
    // On GKE any Google account has been in system:authenticated.
    const isGke = /-gke\./.test(view.fact('ServerVersion')?.gitVersion ?? view.source.kubernetes ?? '')
    for (const [binding, held] of Map.groupBy(
      grants(view).all.filter(({ subject }) => isBroad(subject)),
      (grant) => grant.binding,
    )) {
      const wrong = held.filter((grant) => !isAsShipped(grant))
      if (wrong.length === 0) continue
      const { rules, namespace } = wrong[0]!
      const gains = escalationsOf(rules, namespace === undefined).map((one) => one.gains)
      const everybody = isGke && wrong.some(({ subject }) => subject.name === 'system:authenticated')
      yield {
        subject: refOf(binding),
        at: ['subjects'],
        reason: `grants rights to a group that ${membersOf(wrong[0]!.subject)} in`,
        detail: `${wrong.map(({ subject }) => subjectText(subject)).join(', ')} by ${binding.roleRef.kind} ${binding.roleRef.name}${gains.length > 0 ? `, enough to ${fewOf(gains)}` : ''}`,
        evidence: {
          role: `${binding.roleRef.kind} ${binding.roleRef.name}`,
          rules: shortList(rules.map(ruleText)),
          remove: subjectsIn(wrong),
          usedBy: [],
        } satisfies SubjectEvidence,
        severity: (gains.length > 0 || everybody ? 'critical' : 'high') satisfies Severity,
      }
    }
  },
  remedy: removeSubjects('may-break'),
  verify: 'kubectl auth can-i --list --as=nobody --as-group=system:authenticated shows the defaults only.',
})

const namespaceOf = ({ name }: RbacSubject): string | undefined => name.split(':')[2]

/** Completes "a group that …". */
function membersOf(subject: RbacSubject): string {
  if (subject.name === 'system:authenticated') return 'everybody is'
  return namespaceOf(subject) === undefined ? 'every service account is' : 'every service account of a namespace is'
}
const isBroad = ({ kind, name }: RbacSubject): boolean => kind === 'Group' && /^system:(authenticated$|serviceaccounts(:|$))/.test(name)
