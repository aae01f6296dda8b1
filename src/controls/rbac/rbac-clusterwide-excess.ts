import { bindByNamespace, type ExcessEvidence, UNPROVEN } from '../../../remediations/namespaced-binding.ts'
import { control } from '../../model/define.ts'
import { fewOf } from '../../objects/few-of.ts'
import { isAsShipped } from '../../objects/rbac-accounts.ts'
import { subjectText } from '../../objects/rbac-bootstrap.ts'
import { shortList, subjectsIn, unseenRoles } from '../../objects/rbac-exposure.ts'
import { footprintOf } from '../../objects/rbac-footprint.ts'
import { grants, RBAC_KINDS, serviceAccountOf } from '../../objects/rbac-grants.ts'
import { rulesInBrief, ruleText } from '../../objects/rbac-rules.ts'
import { scopeOfRules } from '../../objects/rbac-scopes.ts'
import { workloadsOf, workloadText } from '../../objects/rbac-users.ts'
import { refOf, refText } from '../../objects/ref.ts'
import { WORKLOAD_KINDS } from '../../objects/workloads.ts'

export default control({
  title: 'Rights that are needed in some namespaces must not hold in all of them',
  severity: 'medium',
  why: 'A ClusterRoleBinding opens every namespace, also those made tomorrow. A controller that works in one namespace needs a RoleBinding there.',
  references: [
    { standard: 'CIS', section: '5.1.1' },
    { standard: 'NSA', section: 'A' },
    { standard: 'OWASP', section: '2022/K03' },
    { standard: 'OWASP', section: '2025/K02' },
  ],
  reads: RBAC_KINDS,
  consults: [...WORKLOAD_KINDS, 'ObservedRequests', 'ServedResources', 'CustomResourceDefinition'],
  *evaluate(view) {
    for (const [binding, held] of Map.groupBy(grants(view).all, (grant) => grant.binding)) {
      const { namespace, rules } = held[0]!
      const accounts = held.filter(
        (grant) => serviceAccountOf(grant.subject, grant.namespace) !== undefined && !grant.isDefault && !isAsShipped(grant),
      )
      if (namespace !== undefined || accounts.length === 0 || rules.length === 0) continue
      const scope = scopeOfRules(view, rules)
      if (scope === 'cluster') continue
      const prints = accounts.map((grant) => ({ grant, print: footprintOf(view, grant) }))
      const wide = prints.filter(({ print }) => print.isWide)
      if (wide.length > 0)
        yield {
          note: `${refText(refOf(binding))}: the audit log shows ${fewOf(wide.map(({ grant }) => subjectText(grant.subject)))} at work in the whole cluster`,
        }
      const narrow = prints.filter(({ print }) => !print.isWide)
      // Who is left when the others have moved is a finding of its own.
      for (const [isProven, told] of Map.groupBy(narrow, ({ print }) => print.proven)) {
        const namespaces = [...new Set(told.flatMap(({ print }) => print.namespaces))].sort()
        const list = told.map(({ grant }) => grant)
        const isCertain = isProven && scope === 'namespaced'
        yield {
          subject: refOf(binding),
          at: ['roleRef'],
          ...(!isProven && { key: UNPROVEN }),
          reason: isCertain
            ? 'grants in the whole cluster what is needed in some namespaces'
            : 'grants in the whole cluster what may be needed in some namespaces only',
          detail: `${rulesInBrief(rules)}: ${fewOf(list.map(({ subject }) => subjectText(subject)))}${namespaces.length > 0 ? `; needed in ${fewOf(namespaces)}` : ''}`,
          evidence: {
            role: `${binding.roleRef.kind} ${binding.roleRef.name}`,
            rules: shortList(rules.map(ruleText)),
            remove: subjectsIn(list),
            usedBy: shortList([...new Set(list.flatMap((grant) => workloadsOf(view, [grant.subject], undefined)))].map(workloadText)),
            namespaces,
            because: told.flatMap(({ print }) => print.because),
          } satisfies ExcessEvidence,
          ...(!isCertain && { verdict: 'review' as const, severity: 'low' as const }),
        }
      }
    }
    yield* unseenRoles(view)
  },
  remedy: bindByNamespace,
  verify: 'The log of the workload shows no new "forbidden" for ten minutes, and kubectl auth can-i in its namespaces answers as before.',
})
