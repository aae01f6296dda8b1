import { NARROW_READS, narrowPolicy } from '../../../remediations/network-policy/narrow.ts'
import { control } from '../../model/define.ts'
import type { NetworkPolicyObject, Severity } from '../../model/index.ts'
import { podEnds } from '../../objects/network-ends.ts'
import { isEveryPod } from '../../objects/network-isolation.ts'
import { isOfFiles, unreadNeeds } from '../../objects/network-needs.ts'
import { compiledPolicies, POLICY_KINDS } from '../../objects/network-policies.ts'
import { rulesOfNetworkPolicy } from '../../objects/network-policy-rules.ts'
import { policyTypes } from '../../objects/network-policy-types.ts'
import { isPublic, PUBLIC_KINDS } from '../../objects/network-public-pods.ts'
import { TIER } from '../../objects/network-rules.ts'
import { endsByNamespace } from '../../objects/network-service-targets.ts'
import { blocksOf, coversAddresses, type Openness, type OpenRule, openRules } from '../../objects/network-too-open.ts'
import { refOf } from '../../objects/ref.ts'
import { WORKLOAD_KINDS } from '../../objects/workloads.ts'

const REASONS: Readonly<Record<Openness, string>> = {
  everybody: 'lets everybody in',
  'every address': 'lets every address in',
  'every namespace': 'lets pods of every namespace in',
  'any label': 'trusts a label that any namespace may give to its pods',
  'every port': 'opens every port to other namespaces',
}
/** From the widest. */
const ORDER = Object.keys(REASONS) as readonly Openness[]
const LIGHTER: Readonly<Partial<Record<Openness, Severity>>> = { 'any label': 'low', 'every port': 'low' }

export default control({
  title: 'Network policies must not let everybody in',
  severity: 'medium',
  why: 'A policy that allows everybody isolates in name only: the namespace looks closed, and every pod of the cluster that is broken into reaches it.',
  references: [
    { standard: 'NSA', section: 'N' },
    { standard: 'OWASP', section: '2022/K07' },
  ],
  reads: [],
  consults: [...new Set([...POLICY_KINDS, ...PUBLIC_KINDS, ...NARROW_READS])],
  *evaluate(view) {
    for (const kind of [...WORKLOAD_KINDS, ...POLICY_KINDS]) {
      const unread = view.unread(kind)
      if (unread !== undefined) yield { unknown: unread.because, answer: unread.answer }
    }
    if (POLICY_KINDS.every((kind) => view.unread(kind) === undefined && view.all(kind).length === 0))
      yield { notApplicable: 'there are no network policies here' }
    // What such a rule is right for may not have been seen.
    const doubt = unreadNeeds(view).find((one) => !isOfFiles(one))
    const policies = view.all('NetworkPolicy').filter((policy) => policyTypes(policy).includes('Ingress'))
    for (const policy of policies) {
      const rules = openRules(policy)
      const together = rules.some(({ is }) => is === 'everybody' || is === 'every address') ? undefined : unionWith(policies, policy)
      const found: readonly OpenRule[] = [
        ...rules,
        ...(together === undefined ? [] : [{ index: -1, is: 'every address' as const, with: together }]),
      ]
      const worst = ORDER.find((is) => found.some((rule) => rule.is === is))
      if (worst === undefined) continue
      const selected = selectedBy(view, policy)
      if (selected.length > 0 && selected.every((pod) => isPublic(view, pod))) continue
      const at = found.filter(({ is }) => is === worst).map(({ index }) => (index < 0 ? 'its ranges' : `rule ${index + 1}`))
      yield {
        subject: refOf(policy),
        at: ['spec', 'ingress'],
        key: worst,
        reason: REASONS[worst],
        detail: [
          `${at.join(', ')} of ${policy.spec?.ingress?.length ?? 0}`,
          ...(together === undefined || together === '' ? [] : [`together with ${together}`]),
          ...(doubt === undefined ? [] : [doubt.because]),
        ].join('; '),
        ...(LIGHTER[worst] !== undefined && { severity: LIGHTER[worst] }),
        ...(doubt !== undefined && { verdict: 'review' as const }),
        evidence: { rules: found },
      }
    }
    for (const policy of compiledPolicies(view)) {
      // What a baseline allows is what would be allowed without it.
      if (policy.ref.apiVersion.startsWith('networking.k8s.io/') || policy.vague !== undefined || policy.tier === TIER.baseline) continue
      const open = policy.ingress?.rules.find(
        (rule) =>
          rule.action === 'allow' && rule.vague === undefined && rule.peers.some((peer) => peer.is === 'everything' || isEveryPod(peer)),
      )
      const selected = open === undefined ? [] : podEnds(view).filter((pod) => !pod.hostNetwork && policy.selects(pod))
      if (open === undefined || selected.length === 0 || selected.every((pod) => isPublic(view, pod))) continue
      const is = open.peers.some((peer) => peer.is === 'everything') ? 'everybody' : 'every namespace'
      yield { subject: policy.ref, at: open.at, reason: REASONS[is], verdict: 'review', evidence: { rules: [] } }
    }
  },
  remedy: narrowPolicy,
  verify:
    'Connect from a throw-away pod in another namespace, to a port that the policy is about: it must fail, and what the policy is for must still work.',
})

const selectedBy = (view: Parameters<typeof podEnds>[0], policy: NetworkPolicyObject) => {
  const { selects, namespace } = rulesOfNetworkPolicy(policy)
  return (endsByNamespace(view).get(namespace!) ?? []).filter((pod) => !pod.hostNetwork && selects(pod))
}

/** Names of the other policies of the same pods whose ranges make up every address with this one's. */
function unionWith(policies: readonly NetworkPolicyObject[], policy: NetworkPolicyObject): string | undefined {
  const own = blocksOf(policy)
  if (own.length === 0) return undefined
  const same = policies.filter(
    (other) =>
      other !== policy &&
      other.metadata.namespace === policy.metadata.namespace &&
      JSON.stringify(other.spec?.podSelector ?? {}) === JSON.stringify(policy.spec?.podSelector ?? {}) &&
      blocksOf(other).length > 0 &&
      !coversAddresses(blocksOf(other)),
  )
  if (!coversAddresses([...own, ...same.flatMap(blocksOf)])) return undefined
  return same
    .map(({ metadata }) => `NetworkPolicy ${metadata.name}`)
    .sort()
    .join(', ')
}
