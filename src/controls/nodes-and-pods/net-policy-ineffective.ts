import { type IneffectiveEvidence, mendPolicy } from '../../../remediations/network-policy/effective.ts'
import { control } from '../../model/define.ts'
import type { NetworkPolicyObject, Observation } from '../../model/index.ts'
import { narrowed } from '../../objects/narrowed.ts'
import { policyFaults } from '../../objects/network-policy-faults.ts'
import { FAULT_KINDS } from '../../objects/network-policy-faults-view.ts'
import { formatPath } from '../../objects/path.ts'
import { refOf } from '../../objects/ref.ts'
import { WORKLOAD_KINDS } from '../../objects/workloads.ts'

export default control({
  title: 'Network policies must be able to do what they say',
  severity: 'medium',
  why: 'The API server accepts a policy whose selector, port or range can match nothing. It protects nobody, or cuts what it was written to let through, and it looks as if the work were done.',
  references: [{ standard: 'KS', section: 'C-0299' }],
  reads: ['NetworkPolicy'],
  consults: FAULT_KINDS.filter((kind) => kind !== 'NetworkPolicy'),
  *evaluate(view) {
    // Without all pods and their Services no policy can be said to match nothing.
    const unread = [...WORKLOAD_KINDS, 'Service' as const].map((kind) => view.unread(kind)).find((one) => one !== undefined)
    if (unread !== undefined) {
      yield { unknown: unread.because, answer: unread.answer }
      return
    }
    const [partly] = view.all('NetworkPolicy').some(looksElsewhere) ? narrowed(view, ['Namespace', ...WORKLOAD_KINDS, 'Service']) : []
    if (partly !== undefined) {
      yield { unknown: `policies name what lies in other namespaces, and ${partly.because}`, answer: partly.answer }
      return
    }
    for (const policy of view.all('NetworkPolicy')) {
      for (const fault of policyFaults(view, policy)) {
        yield {
          subject: refOf(policy),
          at: fault.at,
          key: `${fault.is} ${formatPath(fault.at)}`,
          reason: fault.reason,
          ...(fault.detail !== undefined && { detail: fault.detail }),
          ...(fault.review === true && { verdict: 'review' as const }),
          evidence: { is: fault.is, edits: fault.edits ?? [], words: fault.words, widens: fault.widens === true },
        } satisfies Observation<IneffectiveEvidence>
      }
    }
  },
  remedy: mendPolicy,
  verify: 'From a pod that the policy is for, open a connection that it allows and one that it does not.',
})

const looksElsewhere = ({ spec }: NetworkPolicyObject): boolean =>
  [...(spec?.ingress ?? []).flatMap((rule) => rule?.from ?? []), ...(spec?.egress ?? []).flatMap((rule) => rule?.to ?? [])].some(
    (peer) => peer?.namespaceSelector !== undefined || peer?.ipBlock !== undefined,
  )
