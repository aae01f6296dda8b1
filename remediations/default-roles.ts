/** Brings the default roles and bindings of the API server back to what it ships, and takes what widens them out of their reach. */
import { remedy } from '../src/model/define.ts'
import type { Finding, Json, Proposal, Remedy, RemedyContext, RoleObject } from '../src/model/index.ts'
import { defaultAggregation } from '../src/objects/rbac-bootstrap.ts'
import type { DriftEvidence, GatheredEvidence, StateEvidence } from '../src/objects/rbac-drift-evidence.ts'
import type { RbacEvidence } from '../src/objects/rbac-exposure.ts'
import { refText } from '../src/objects/ref.ts'
import { objectOf } from './role-binding.ts'
import { narrowRights } from './role-rules.ts'

export const shippedAgain: Remedy<DriftEvidence> = remedy<DriftEvidence>({
  family: 'default-roles',
  reads: narrowRights.reads,
  propose(finding, context) {
    const { evidence } = finding
    if ('state' in evidence) return ofState(finding as Finding<StateEvidence>, context)
    if ('labels' in evidence) return withoutLabels(finding as Finding<GatheredEvidence>, context)
    return narrowRights.propose(finding as Finding<RbacEvidence>, context)
  },
})

function ofState({ subject, evidence }: Finding<StateEvidence>, { view }: RemedyContext): Proposal {
  const name = `${subject.kind.toLowerCase()} ${subject.namespace === undefined ? '' : `-n ${subject.namespace} `}${subject.name}`
  switch (evidence.state) {
    case 'missing':
      return {
        byHand: `if nobody meant to narrow it: the API server adds what is missing at its next start; if somebody did, kubectl annotate ${name} rbac.authorization.kubernetes.io/autoupdate=false, or that start undoes it`,
      }
    case 'frozen':
      return {
        byHand: `kubectl annotate ${name} rbac.authorization.kubernetes.io/autoupdate- (the next start of the API server then adds what its version ships)`,
      }
    case 'no-default':
      return {
        byHand: `see who uses ${name}: if it is left from an old version and nobody does, kubectl delete ${name}; if it is your own, kubectl label ${name} kubernetes.io/bootstrapping-`,
      }
    case 'elsewhere':
      return {
        byHand: `nothing of this version needs ${evidence.what.join(', ')}: if no older component is left that does, and no feature gate asks for it, take it out: kubectl edit ${name}`,
      }
    case 'foreign':
      return {
        byHand: `ask the provider, or whoever upgraded the cluster, whether ${evidence.what.join(', ')} comes from there; if not, take it out: kubectl edit ${name}`,
      }
    case 'selectors': {
      const role = objectOf(view, subject) as RoleObject | undefined
      if (role === undefined) return { byHand: `${refText(subject)} is not there any more: scan again` }
      const selectors = defaultAggregation(role.metadata.name).from.map((label) => ({ matchLabels: { [label]: 'true' } }))
      return {
        changes: [
          {
            type: 'edit',
            target: subject,
            edits: [{ set: ['aggregationRule', 'clusterRoleSelectors'], to: selectors as unknown as Json }],
          },
        ],
        risk: 'may-break',
        summary: `let ${refText(subject)} gather by its own label only`,
        mayBreak: [`whoever is bound to ${subject.name} loses what the other selectors bring in`],
      }
    }
  }
}

function withoutLabels({ subject, evidence }: Finding<GatheredEvidence>, { view }: RemedyContext): Proposal {
  if (objectOf(view, subject) === undefined) return { byHand: `${refText(subject)} is not there any more: scan again` }
  return {
    changes: [{ type: 'edit', target: subject, edits: evidence.labels.map((label) => ({ unset: ['metadata', 'labels', label] })) }],
    risk: 'may-break',
    summary: `keep ${refText(subject)} out of ${evidence.into.join(', ')}`,
    mayBreak: [`whoever is bound to ${evidence.into.join(' or ')} loses what ${subject.name} grants: bind it to those who need it`],
  }
}
