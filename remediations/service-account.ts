/** Stops handing API tokens to pods: on the service account, or on one workload's template. */

import { remedy } from '../src/model/define.ts'
import type { Finding, Proposal, Remedy, RemedyContext } from '../src/model/index.ts'
import { refText } from '../src/objects/ref.ts'
import { isPlace, mayBreak, type Prediction, TEMPLATE_READS, templateChange, templatePlace } from './pod-template.ts'
import { objectOf } from './role-binding.ts'

export interface AutomountEvidence {
  readonly serviceAccount: string
  /** Workloads that are handed a token because of this very setting. */
  readonly usedBy: readonly string[]
  /** What the token is good for, beyond what everybody may do. */
  readonly rights: readonly string[]
}

/** `automountServiceAccountToken: false`, where the finding's subject is. */
export const automountOff: Remedy<AutomountEvidence> = remedy<AutomountEvidence>({
  family: 'service-account',
  reads: ['ServiceAccount', ...TEMPLATE_READS],
  propose: (finding, context) => (finding.subject.kind === 'ServiceAccount' ? onAccount(finding, context) : onWorkload(finding, context)),
})

function onAccount(finding: Finding<AutomountEvidence>, { view }: RemedyContext): Proposal {
  if (objectOf(view, finding.subject) === undefined) return { byHand: `${refText(finding.subject)} is not there any more: scan again` }
  const { usedBy, rights } = finding.evidence
  return {
    changes: [{ type: 'edit', target: finding.subject, edits: [{ set: ['automountServiceAccountToken'], to: false }] }],
    // Pods that run keep their token; those started from now on have none.
    risk: usedBy.length === 0 ? 'safe' : rights.length === 0 ? 'restarts-pods' : 'may-break',
    summary: `hand out no token by default for ${refText(finding.subject)}`,
    ...(usedBy.length > 0 && { mayBreak: [`pods started from now on have no token: ${usedBy.join(', ')}`] }),
  }
}

function onWorkload(finding: Finding<AutomountEvidence>, { view }: RemedyContext): Proposal {
  const place = templatePlace(finding, view, 'set automountServiceAccountToken to false')
  if (!isPlace(place)) return place
  return templateChange(
    place,
    [{ set: [...place.at, 'automountServiceAccountToken'], to: false }],
    `leave the API token out of ${refText(finding.subject)}`,
    finding.evidence.rights.length === 0 ? ELSEWHERE : mayBreak(`what it does with its rights: ${finding.evidence.rights.join('; ')}`),
  )
}

/** The API server has nothing to give for it; another server may. */
const ELSEWHERE: Prediction = {
  risk: 'restarts-pods',
  mayBreak: ['it would lose a login elsewhere that it does with this token (Vault, a registry, another cluster)'],
}
