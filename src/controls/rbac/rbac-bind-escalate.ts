import { narrowRights } from '../../../remediations/role-rules.ts'
import { control } from '../../model/define.ts'
import type { PolicyRule } from '../../model/index.ts'
import { describeExposure, evidenceOf, exposures, unseenRoles } from '../../objects/rbac-exposure.ts'
import { RBAC_KINDS } from '../../objects/rbac-grants.ts'
import { isNamed, overlap, type Rights } from '../../objects/rbac-rules.ts'

/** Both verbs are checked on the role, never on the binding. */
const BIND_ESCALATE: Rights = { verbs: ['bind', 'escalate'], groups: ['rbac.authorization.k8s.io'], resources: ['roles', 'clusterroles'] }
const bindsOrEscalates = (rule: PolicyRule): boolean => overlap(rule, BIND_ESCALATE) !== undefined
const POWERFUL = new Set(['cluster-admin', 'admin'])

export default control({
  title: 'The verbs bind and escalate on roles must not be granted',
  severity: 'critical',
  why: 'The API server lets nobody grant rights that he does not hold, except holders of bind and escalate. Either verb is one step from cluster-admin.',
  references: [
    { standard: 'CIS', section: '5.1.8' },
    { standard: 'OWASP', section: '2022/K03' },
    { standard: 'OWASP', section: '2025/K02' },
    { standard: 'KS', section: 'C-0191' },
  ],
  reads: RBAC_KINDS,
  *evaluate(view) {
    for (const exposure of exposures(view, bindsOrEscalates)) {
      const { grants, clusterWide, rules } = exposure
      if (grants.length === 0 && view.source.kind === 'live') continue
      const limited = rules.every((rule) => isNamed(rule) && !rule.resourceNames!.some((name) => POWERFUL.has(name)))
      yield {
        subject: exposure.ref,
        at: exposure.at,
        reason: limited ? 'lets its subjects bind or rewrite the roles it names' : 'lets its subjects bind or rewrite any role',
        detail: describeExposure(exposure, [BIND_ESCALATE]),
        evidence: evidenceOf(exposure, { cut: [BIND_ESCALATE] }),
        severity: limited ? 'medium' : clusterWide ? 'critical' : 'high',
        ...(exposure.standing === 'default' && { origin: 'system' as const }),
        ...((limited || grants.length === 0 || exposure.standing === 'labelled') && { verdict: 'review' as const }),
      }
    }
    yield* unseenRoles(view)
  },
  remedy: narrowRights,
  verify: 'kubectl auth can-i escalate clusterroles --as=SUBJECT and kubectl auth can-i bind clusterroles --as=SUBJECT both say no.',
})
