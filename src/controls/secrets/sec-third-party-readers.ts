import { narrowRights } from '../../../remediations/role-rules.ts'
import { control } from '../../model/define.ts'
import type { Finding, Observation, PolicyRule, Remark, Remedy, WebhookConfigurationObject } from '../../model/index.ts'
import { remembered } from '../../objects/derived.ts'
import { fewOf } from '../../objects/few-of.ts'
import { evidenceOf, exposures, type RbacEvidence, scopeText, unseenRoles } from '../../objects/rbac-exposure.ts'
import { type Grant, RBAC_KINDS } from '../../objects/rbac-grants.ts'
import { isNamed, matchingText, overlap, type Rights } from '../../objects/rbac-rules.ts'
import { workloadsReached, workloadText } from '../../objects/rbac-users.ts'
import { refOf } from '../../objects/ref.ts'
import { thirdPartyOf } from '../../objects/third-party.ts'
import { WORKLOAD_KINDS } from '../../objects/workloads.ts'

const READ_SECRETS: Rights = { verbs: ['get', 'list', 'watch'], groups: [''], resources: ['secrets'] }
interface WebhookEvidence {
  readonly webhook: string
  readonly sentTo: string
}
type Evidence = RbacEvidence | WebhookEvidence

const readsSecrets = remembered((rule: PolicyRule): boolean => !isNamed(rule) && overlap(rule, READ_SECRETS) !== undefined)

export default control({
  title: 'Third-party integrations must not read the Secrets of the whole cluster',
  severity: 'high',
  why: 'A monitoring agent, a backup tool or a webhook that sees every Secret is as powerful as all identities in them together, and its supplier, its image and its updates are outside your control.',
  references: [
    { standard: 'NSA', section: 'N' },
    { standard: 'OWASP', section: '2025/K03' },
  ],
  reads: [...RBAC_KINDS, ...WORKLOAD_KINDS, 'MutatingWebhookConfiguration', 'ValidatingWebhookConfiguration'],
  *evaluate(view): Iterable<Observation<Evidence> | Remark> {
    for (const exposure of exposures(view, readsSecrets)) {
      const known = (grant: Grant) =>
        workloadsReached(view, grant.subject, grant.namespace)
          .map((workload) => ({ workload, party: thirdPartyOf(workload) }))
          .filter((one) => one.party !== undefined)
      const theirs = exposure.grants.filter((grant) => known(grant).length > 0)
      if (theirs.length === 0) continue
      const parties = theirs.flatMap(known)
      const clusterWide = theirs.some((grant) => grant.namespace === undefined)
      const readsForALiving = parties.every(({ party }) => party!.needsSecrets)
      const seen = { ...exposure, grants: theirs, clusterWide }
      yield {
        subject: exposure.ref,
        at: exposure.at,
        key: 'reader',
        reason: clusterWide
          ? 'lets a third-party integration read every Secret of the cluster'
          : 'lets a third-party integration read the Secrets of a namespace',
        detail: `${fewOf([...new Set(parties.map(({ workload, party }) => `${workloadText(workload)} (${party!.purpose}, told by ${party!.mark})`))])}: ${matchingText(exposure.rules, [READ_SECRETS])}, ${scopeText(seen)}`,
        evidence: evidenceOf(seen, { cut: [READ_SECRETS] }, [...new Set(parties.map(({ workload }) => workloadText(workload)))]),
        severity: clusterWide ? 'high' : 'medium',
        ...((!clusterWide || readsForALiving) && { verdict: 'review' as const }),
      }
    }
    for (const kind of ['MutatingWebhookConfiguration', 'ValidatingWebhookConfiguration'] as const)
      for (const configuration of view.all(kind)) yield* judgeWebhooks(configuration)
    yield* unseenRoles(view)
  },
  remedy: narrowReaders(),
  verify: 'kubectl auth can-i list secrets --all-namespaces --as=SUBJECT says no, and the integration logs no new "forbidden".',
})

/** A webhook on Secrets is sent their content. */
function* judgeWebhooks(configuration: WebhookConfigurationObject): Iterable<Observation<WebhookEvidence>> {
  for (const [index, { name, clientConfig, rules = [] }] of (configuration.webhooks ?? []).entries()) {
    const literal = rules.some(
      (rule) =>
        rule.apiGroups?.some((group) => group === '' || group === '*') &&
        rule.resources?.some((one) => one === 'secrets' || one === '*' || one === '*/*'),
    )
    if (!literal || !rules.some((rule) => rule.operations?.some((operation) => ['*', 'CREATE', 'UPDATE', 'DELETE'].includes(operation))))
      continue
    const at = ['webhooks', index, 'rules']
    const { url, service } = clientConfig ?? {}
    // An address by URL may still be that of a Service.
    if (url !== undefined && !/\.svc(\.|$|:)/.test(hostOf(url))) {
      yield {
        subject: refOf(configuration),
        at,
        reason: 'sends the content of Secrets to an address outside the cluster',
        severity: 'critical',
        detail: `${name} to ${hostOf(url)}`,
        evidence: { webhook: name, sentTo: hostOf(url) },
      }
    } else {
      const sentTo = url !== undefined ? hostOf(url) : `${service?.namespace ?? '?'}/${service?.name ?? '?'}`
      yield {
        subject: refOf(configuration),
        at,
        reason: 'sends the content of Secrets to a webhook',
        severity: 'medium',
        verdict: 'review',
        detail: `${name} to Service ${sentTo}`,
        evidence: { webhook: name, sentTo },
      }
    }
  }
}
const hostOf = (url: string): string => (URL.canParse(url) ? new URL(url).host : 'an address that cannot be parsed')

function narrowReaders(): Remedy<Evidence> {
  return {
    ...narrowRights,
    propose: (finding, context) =>
      'webhook' in finding.evidence
        ? {
            byHand: `take secrets out of the rules of webhook ${finding.evidence.webhook}, or let its objectSelector and matchConditions leave Secrets out; what it is sent, ${finding.evidence.sentTo} can keep`,
          }
        : narrowRights.propose(finding as Finding<RbacEvidence>, context),
  }
}
