import { removeSubjects } from '../../../remediations/role-binding.ts'
import { control } from '../../model/define.ts'
import type { BindingObject, Severity } from '../../model/index.ts'
import { fewOf } from '../../objects/few-of.ts'
import { subjectText } from '../../objects/rbac-bootstrap.ts'
import { type SubjectEvidence, shortList, subjectsIn } from '../../objects/rbac-exposure.ts'
import { type Grant, grants, isClusterBinding, RBAC_KINDS } from '../../objects/rbac-grants.ts'
import { workloadsOf, workloadText } from '../../objects/rbac-users.ts'
import { refOf, refText } from '../../objects/ref.ts'
import { WORKLOAD_KINDS } from '../../objects/workloads.ts'

export default control({
  title: 'cluster-admin must be bound only where nothing less will do',
  severity: 'critical',
  why: 'cluster-admin may do everything to everything, and whoever takes over such a subject has the whole cluster. Controllers need far less.',
  references: [
    { standard: 'CIS', section: '5.1.1' },
    { standard: 'NSA', section: 'A' },
    { standard: 'OWASP', section: '2022/K03' },
    { standard: 'OWASP', section: '2025/K02' },
    { standard: 'KS', section: 'C-0035' },
    { standard: 'KS', section: 'C-0185' },
  ],
  reads: RBAC_KINDS,
  consults: WORKLOAD_KINDS,
  *evaluate(view) {
    const byBinding = Map.groupBy(
      grants(view).all.filter(({ binding }) => binding.roleRef.kind === 'ClusterRole' && binding.roleRef.name === 'cluster-admin'),
      (grant) => grant.binding,
    )
    for (const [binding, held] of byBinding) {
      const wrong = held.filter((grant) => !isBreakGlass(grant))
      if (wrong.length < held.length) yield { note: `break-glass access by ${refText(refOf(binding))}` }
      if (wrong.length === 0) continue
      const usedBy = workloadsOf(view, subjectsIn(wrong), wrong[0]!.namespace).map(workloadText)
      yield {
        subject: refOf(binding),
        at: ['roleRef'],
        reason: isClusterBinding(binding) ? 'binds cluster-admin in the whole cluster' : 'binds cluster-admin in its namespace',
        detail: `${fewOf(wrong.map(({ subject, namespace }) => subjectText(subject, namespace)))}${usedBy.length > 0 ? `; running as it: ${fewOf(usedBy)}` : ''}`,
        evidence: {
          role: 'ClusterRole cluster-admin',
          rules: ['"*" on "*" in every group', '"*" on *'],
          remove: subjectsIn(wrong),
          usedBy: shortList(usedBy),
        } satisfies SubjectEvidence,
        severity: severityOf(binding, wrong),
      }
    }
  },
  remedy: removeSubjects('may-break'),
  verify: 'kubectl auth can-i "*" "*" --as=SUBJECT says no, and what the subject has to do still works.',
})

/** The group that no authorizer is asked about, and kubeadm's own group of administrators. */
const isBreakGlass = ({ subject, isDefault }: Grant): boolean =>
  isDefault || (subject.kind === 'Group' && subject.name === 'system:masters')

function severityOf(binding: BindingObject, wrong: readonly Grant[]): Severity {
  if (!isClusterBinding(binding)) return 'medium'
  return wrong.every(
    ({ subject }) => subject.kind === 'Group' && !/^system:(authenticated|unauthenticated|serviceaccounts)/.test(subject.name),
  )
    ? 'high'
    : 'critical'
}
