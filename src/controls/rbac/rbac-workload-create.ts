import { narrowRights } from '../../../remediations/role-rules.ts'
import { control } from '../../model/define.ts'
import { fewOf } from '../../objects/few-of.ts'
import { makesPods, podRights } from '../../objects/pod-makers.ts'
import { CLUSTER_DEFAULT_KINDS, clusterDefault } from '../../objects/pod-security-default.ts'
import { ENGINE_READS, engines, unreadEngines } from '../../objects/pod-security-engines.ts'
import { doubtsOf, isHeld } from '../../objects/pod-security-held.ts'
import {
  apartFromPeople,
  describeExposure,
  type Exposure,
  evidenceOf,
  exposures,
  PEOPLE,
  shortList,
  unseenRoles,
} from '../../objects/rbac-exposure.ts'
import { RBAC_KINDS } from '../../objects/rbac-grants.ts'
import { strongerThan } from '../../objects/rbac-powerful.ts'
import { isNamed } from '../../objects/rbac-rules.ts'
import { workloadsOf, workloadText } from '../../objects/rbac-users.ts'
import { WORKLOAD_KINDS } from '../../objects/workloads.ts'

export default control({
  title: 'Few subjects must be able to create pods or what makes pods',
  severity: 'high',
  why: 'Whoever may create pods runs as any service account of the namespace and mounts every Secret in it. Where no Pod Security level is enforced, such a pod owns its node.',
  references: [
    { standard: 'CIS', section: '5.1.4' },
    { standard: 'OWASP', section: '2022/K03' },
    { standard: 'OWASP', section: '2025/K02' },
    { standard: 'KS', section: 'C-0188' },
  ],
  reads: RBAC_KINDS,
  consults: [
    'Namespace',
    'ServiceAccount',
    'CustomResourceDefinition',
    'ServedResources',
    ...WORKLOAD_KINDS,
    ...ENGINE_READS,
    ...CLUSTER_DEFAULT_KINDS,
  ],
  *evaluate(view) {
    const byDefault = clusterDefault(view)
    const [others, unread] = [engines(view), unreadEngines(view)]
    const isOpen = (name: string): boolean => {
      const namespace = view.find('Namespace', undefined, name)
      return namespace !== undefined && !isHeld(namespace, byDefault, others) && doubtsOf(namespace, byDefault, others, unread).length === 0
    }
    for (const exposure of exposures(view, makesPods(view)).flatMap(apartFromPeople)) {
      const { grants, clusterWide, standing, people } = exposure
      if (grants.length === 0 && view.source.kind === 'live') continue
      const asked = exposure.rules.flatMap((rule) => podRights(view, rule))
      const named = exposure.rules.every(isNamed)
      const strong = clusterWide ? [] : strongerThan(view, grants)
      const open = clusterWide ? [] : [...new Set(grants.map(({ namespace }) => namespace!))].sort().filter(isOpen)
      const users = grants.flatMap((grant) => workloadsOf(view, [grant.subject], grant.namespace))
      const grave = clusterWide || strong.length > 0 || open.length > 0
      yield {
        subject: exposure.ref,
        at: exposure.at,
        ...(people && { key: PEOPLE }),
        reason: reasonOf(exposure, named),
        detail: [
          describeExposure(exposure, asked),
          ...(strong.length > 0 ? [`there runs what can do more: ${fewOf(strong, 2)}`] : []),
          ...(open.length > 0 ? [`no Pod Security level holds ${fewOf(open)}`] : []),
        ].join('; '),
        evidence: evidenceOf(
          exposure,
          { cut: asked, ...(named && strong.length === 0 && { from: [] }) },
          shortList([...new Set(users)].map(workloadText)),
        ),
        severity: people ? 'low' : named ? (strong.length > 0 || clusterWide ? 'high' : 'low') : grave ? 'critical' : 'high',
        ...(standing === 'default' && { origin: 'system' as const }),
        // What is good for some objects only is how it should be, unless it leads to an account that can do more.
        ...((people || grants.length === 0 || standing === 'labelled' || (named && strong.length === 0)) && { verdict: 'review' as const }),
      }
    }
    yield* unseenRoles(view)
  },
  remedy: narrowRights,
  verify: 'kubectl auth can-i create pods --as=SUBJECT says no, and so for deployments.apps and jobs.batch.',
})

function reasonOf({ on }: Exposure, named: boolean): string {
  if (named) return 'lets its subjects change what the workloads that it names run'
  return on === 'binding' ? 'gives a built-in role that runs pods' : 'lets its subjects run pods'
}
