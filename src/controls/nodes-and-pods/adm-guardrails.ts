import { type GuardEvidence, guardPods } from '../../../remediations/admission-guardrail.ts'
import { control } from '../../model/define.ts'
import type { Observation, Remark } from '../../model/index.ts'
import { COVERAGE_KINDS, type Coverage, coverage, guardedNamespaces } from '../../objects/admission-coverage.ts'
import { ADMISSION_FAMILIES, type AdmissionFamily } from '../../objects/admission-families.ts'
import { policyName } from '../../objects/admission-policies.ts'
import { distribution } from '../../objects/distribution.ts'
import { unreadEngines } from '../../objects/pod-security-engines.ts'
import { WHOLE_CLUSTER } from '../../objects/ref.ts'

/**
 * Beyond the catalogue: every other control of pods says what is wrong today. This one asks whether it could come back tomorrow, with
 * the next deployment, since a template that was mended once is written anew by whoever ships the application.
 */
export default control({
  title: 'Admission policies must keep mended pods from being weakened again',
  severity: 'low',
  why: 'Settings that were mended come back with the next deployment, unless the API server itself refuses them. A ValidatingAdmissionPolicy does, without any program to install or keep alive.',
  references: [
    { standard: 'CIS', section: '5.2.1' },
    { standard: 'NSA', section: 'P' },
    { standard: 'OWASP', section: '2022/K04' },
    { standard: 'OWASP', section: '2025/K04' },
  ],
  reads: ['Namespace'],
  consults: COVERAGE_KINDS,
  *evaluate(view): Iterable<Observation<GuardEvidence> | Remark> {
    if (distribution(view).name === 'openshift') {
      yield { attested: 'OpenShift admits pods by security context constraints' }
      return
    }
    // What a policy would refuse is predicted from all workloads that it judges.
    if (view.source.namespaces !== undefined) {
      yield { notApplicable: 'policies are of the whole cluster, and this scan is of some namespaces' }
      return
    }
    if (guardedNamespaces(view).length === 0) {
      yield { notApplicable: 'there are no namespaces but those of the platform' }
      return
    }
    const unread = unreadEngines(view)
    for (const { because, answer } of unread) yield { unknown: `whether a policy engine refuses such pods: ${because}`, answer }
    for (const family of ADMISSION_FAMILIES) {
      const seen = coverage(view, family)
      if (seen.exempt.length > 0) yield { note: `left out of ${policyName(family)}: ${seen.exempt.join(', ')}` }
      if (seen.open.length > 0) yield observe(family, seen, unread.length > 0)
    }
  },
  remedy: guardPods(),
  deliberate: true,
  verify: 'Ask the API server for a pod against the policy by a dry run: it must warn, or refuse where the policy denies.',
})

function observe(family: AdmissionFamily, { open, warned, altered, doubts }: Coverage, partly: boolean): Observation<GuardEvidence> {
  const is = altered ? 'altered' : warned.length === open.length ? 'warned' : 'open'
  const where = open.length > 5 ? `${open.slice(0, 5).join(', ')} and ${open.length - 5} more` : open.join(', ')
  const reason = {
    open: 'lets pods be weakened again',
    warned: 'only warns when pods are weakened again',
    altered: 'has a policy of this tool that somebody has changed',
  }[is]
  return {
    subject: WHOLE_CLUSTER,
    key: is === 'open' ? family.id : `${family.id} ${is}`,
    reason,
    detail: [
      `pods that ${family.refuses}; in ${where}`,
      ...(doubts.length > 0 ? [`judge whether this refuses them: ${doubts.slice(0, 5).join(', ')}`] : []),
    ].join('; '),
    ...((doubts.length > 0 || partly) && { verdict: 'review' as const }),
    ...(is === 'warned' && { severity: 'info' as const }),
    evidence: { family: family.id, is, open: open.length },
  }
}
