/** Takes the subjects out of a binding that grants more than they use, and binds each to what it used itself. */
import { remedy } from '../src/model/define.ts'
import type { ObservedRequests, PolicyRule, Remedy, RemedyContext } from '../src/model/index.ts'
import { readAuditPolicy } from '../src/objects/audit-policy-read.ts'
import { fewOf } from '../src/objects/few-of.ts'
import { isDelicate } from '../src/objects/rbac-escalations.ts'
import type { SubjectEvidence } from '../src/objects/rbac-exposure.ts'
import { type Grant, grantsThrough } from '../src/objects/rbac-grants.ts'
import { observedAs } from '../src/objects/rbac-observed.ts'
import { hasWildcard, ruleText } from '../src/objects/rbac-rules.ts'
import { universeOf } from '../src/objects/rbac-served.ts'
import { usageOf } from '../src/objects/rbac-usage.ts'
import { recordedBy, usedOnlyByControllers } from '../src/objects/rbac-usage-words.ts'
import { KEPT_READS } from './kept-rights.ts'
import { isChosen, OPTIONS, withoutSubjects } from './role-binding.ts'

export const unusedRights: Remedy<SubjectEvidence> = remedy<SubjectEvidence>({
  family: 'unused-rights',
  reads: [...KEPT_READS, 'ServedResources', 'CustomResourceDefinition', 'AuditPolicy'],
  options: OPTIONS,
  propose(finding, context) {
    const { view, options } = context
    if (isChosen(options)) return withoutSubjects(finding, context, 'may-break')
    const observed = view.fact('ObservedRequests')
    if (observed === undefined) return { byHand: 'scan again with --audit-log FILE: what the role has to grant is learned from it' }
    if (finding.verdict === 'review')
      return {
        byHand: `ask the holders whether they need ${finding.evidence.role}; if not, bind them to less (--set ${finding.control}.role=view) or take them out`,
      }
    const unseen = (grant: Grant): readonly PolicyRule[] => unseenOf(grant, context, observed)
    const proposal = withoutSubjects(finding, context, 'may-break', (grant) => unseen(grant).filter((rule) => !isDelicate(rule)))
    if (!('changes' in proposal)) return proposal
    const held = grantsThrough(view, finding.subject)
    return { ...proposal, mayBreak: [...(proposal.mayBreak ?? []), ...doubts(held, context, observed, held.flatMap(unseen))] }
  },
})

/** What no log can show the use of, such as rights that kubelets and plugins ask about themselves. */
function unseenOf(grant: Grant, { view }: RemedyContext, observed: ObservedRequests): readonly PolicyRule[] {
  const policies = view.all('AuditPolicy').map((file) => readAuditPolicy(file).policy)
  const isRecorded = recordedBy(policies, observedAs(observed, grant.subject, grant.namespace), grant.namespace)
  return usageOf([grant], observed, { universe: universeOf(view), isRecorded }).unseen
}

function doubts(
  held: readonly Grant[],
  { view }: RemedyContext,
  observed: ObservedRequests,
  unseen: readonly PolicyRule[],
): readonly string[] {
  const groups = held.filter(({ subject }) => subject.kind === 'Group')
  const theirs = usedOnlyByControllers(groups, observed)
  const lost = [...new Set(unseen.filter(isDelicate).map(ruleText))]
  return [
    ...(lost.length > 0 ? [`${fewOf(lost)} goes though no audit log shows whether it is used: it is a step to more rights`] : []),
    ...(view.all('AuditPolicy').length === 0 ? ['the audit policy is not known here: what it leaves out looks unused'] : []),
    ...(theirs.length > 0
      ? [
          `only service accounts in ${groups.map(({ subject }) => subject.name).join(', ')} use ${fewOf(theirs.map(ruleText))}: better bind those by name`,
        ]
      : []),
    ...(held[0]?.rules.some(hasWildcard)
      ? ['kubelets, plugins and other servers ask about rights that no audit log shows; those that only a wildcard granted go']
      : []),
  ]
}
