import { narrowRights } from '../../../remediations/role-rules.ts'
import { control } from '../../model/define.ts'
import type { PolicyRule, Severity } from '../../model/index.ts'
import { describeExposure, evidenceOf, exposures, unseenRoles } from '../../objects/rbac-exposure.ts'
import { RBAC_KINDS } from '../../objects/rbac-grants.ts'
import { hasWildcard, isNamed } from '../../objects/rbac-rules.ts'

export default control({
  title: 'Roles must not use * for verbs, resources or API groups',
  severity: 'medium',
  why: 'A wildcard grants what exists today and everything that is installed later. Reading everything includes every Secret.',
  references: [
    { standard: 'CIS', section: '5.1.3' },
    { standard: 'OWASP', section: '2022/K03' },
    { standard: 'KS', section: 'C-0187' },
  ],
  reads: RBAC_KINDS,
  *evaluate(view) {
    for (const exposure of exposures(view, hasWildcard)) {
      const { grants, clusterWide, standing } = exposure
      if (grants.length === 0 && view.source.kind === 'live') continue
      yield {
        subject: exposure.ref,
        at: exposure.at,
        reason: exposure.rules.some(readsEverything)
          ? 'reads all Secrets through a wildcard'
          : exposure.on === 'binding'
            ? 'gives a built-in role that uses wildcards'
            : 'uses a wildcard',
        detail: describeExposure(exposure),
        evidence: evidenceOf(exposure, { expand: true }),
        severity: exposure.rules.map((rule) => severityOf(rule, clusterWide)).sort(graver)[0]!,
        ...(standing === 'default' && { origin: 'system' as const }),
        ...((grants.length === 0 || standing === 'labelled') && { verdict: 'review' as const }),
      }
    }
    yield* unseenRoles(view)
  },
  remedy: narrowRights,
  verify: 'kubectl auth can-i --list --as=SUBJECT shows no * and the log of the subject shows no new "forbidden".',
})

const readsEverything = ({ verbs, apiGroups = [], resources = [] }: PolicyRule): boolean =>
  apiGroups.includes('*') && resources.includes('*') && verbs.every((verb) => ['get', 'list', 'watch'].includes(verb))

/** Groups in which a wildcard reaches other workloads or the rules themselves. */
const CORE = new Set(['', '*', 'apps', 'batch', 'rbac.authorization.k8s.io'])
function severityOf(rule: PolicyRule, clusterWide: boolean): Severity {
  const groups = rule.apiGroups ?? []
  if (isNamed(rule) || groups.every((group) => group.includes('.') && !group.endsWith('.k8s.io'))) return 'low'
  return clusterWide && groups.some((group) => CORE.has(group)) ? 'high' : 'medium'
}
const ORDER: readonly Severity[] = ['critical', 'high', 'medium', 'low', 'info']
const graver = (a: Severity, b: Severity): number => ORDER.indexOf(a) - ORDER.indexOf(b)
