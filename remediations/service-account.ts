/** Stops handing API tokens to pods: on the service account, or on one workload's template. */

import { remedy } from '../src/model/define.ts'
import type { Finding, Proposal, Remedy, RemedyContext } from '../src/model/index.ts'
import { observedAs } from '../src/objects/rbac-observed.ts'
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
  reads: ['ServiceAccount', 'ObservedRequests', ...TEMPLATE_READS],
  propose: (finding, context) =>
    inUse(finding, context) ?? (finding.subject.kind === 'ServiceAccount' ? onAccount(finding, context) : onWorkload(finding, context)),
})

/** A token that an audit log shows at work stays, whatever came of its requests: its client may not start without one. */
function inUse({ evidence }: Finding<AutomountEvidence>, { view }: RemedyContext): Proposal | undefined {
  const requests = requestsAs(view, evidence.serviceAccount)
  if (requests.length === 0 || evidence.usedBy.length === 0) return undefined
  const times = requests.reduce((sum, { count }) => sum + count, 0)
  const last = requests
    .map((one) => one.last)
    .sort()
    .at(-1)!
  return {
    byHand: `the audit log shows its token at work, ${times} ${times === 1 ? 'time' : 'times'}, last ${last.slice(0, 10)}: give the workload that needs it a service account of its own, then turn it off here`,
  }
}
function requestsAs(view: RemedyContext['view'], account: string) {
  const observed = view.fact('ObservedRequests')
  const [namespace, name] = account.split('/') as [string, string]
  return observed === undefined
    ? []
    : observedAs(observed, { kind: 'ServiceAccount', name, namespace }, undefined).flatMap(({ requests }) => requests)
}

/** What an audit log adds where it shows nothing of the account. */
function unseen({ view }: RemedyContext): readonly string[] {
  const observed = view.fact('ObservedRequests')
  if (observed === undefined) return []
  const days = Math.round((Date.parse(observed.until) - Date.parse(observed.since)) / 86_400_000)
  return [
    `the token was not used in ${days} days of audit log${days < 14 ? ', which is too short to show what happens weekly or monthly' : ''}`,
  ]
}

function onAccount(finding: Finding<AutomountEvidence>, context: RemedyContext): Proposal {
  const { view } = context
  if (objectOf(view, finding.subject) === undefined) return { byHand: `${refText(finding.subject)} is not there any more: scan again` }
  const { usedBy, rights } = finding.evidence
  return {
    changes: [{ type: 'edit', target: finding.subject, edits: [{ set: ['automountServiceAccountToken'], to: false }] }],
    // Pods that run keep their token; those started from now on have none.
    risk: usedBy.length === 0 ? 'safe' : rights.length === 0 ? 'restarts-pods' : 'may-break',
    summary: `hand out no token by default for ${refText(finding.subject)}`,
    ...(usedBy.length > 0 && { mayBreak: [`pods started from now on have no token: ${usedBy.join(', ')}`, ...unseen(context)] }),
  }
}

function onWorkload(finding: Finding<AutomountEvidence>, context: RemedyContext): Proposal {
  const place = templatePlace(finding, context.view, 'set automountServiceAccountToken to false')
  if (!isPlace(place)) return place
  return templateChange(
    place,
    [{ set: [...place.at, 'automountServiceAccountToken'], to: false }],
    `leave the API token out of ${refText(finding.subject)}`,
    finding.evidence.rights.length === 0
      ? { ...ELSEWHERE, mayBreak: [...ELSEWHERE.mayBreak, ...unseen(context)] }
      : mayBreak(`what it does with its rights: ${finding.evidence.rights.join('; ')}`, ...unseen(context)),
  )
}

/** The API server has nothing to give for it; another server may. */
const ELSEWHERE: Prediction = {
  risk: 'restarts-pods',
  mayBreak: ['it would lose a login elsewhere that it does with this token (Vault, a registry, another cluster)'],
}
