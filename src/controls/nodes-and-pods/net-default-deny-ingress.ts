import { defaultDenyIngress } from '../../../remediations/network-policy/default-deny.ts'
import { control } from '../../model/define.ts'
import { COVERAGE_KINDS, isolatesAlways, uncovered } from '../../objects/network-coverage.ts'
import { isPublic, PUBLIC_KINDS } from '../../objects/network-public-pods.ts'
import { unreadWorkloads } from '../../objects/per-workload.ts'

export default control({
  title: 'Every pod must be isolated for ingress by default',
  severity: 'high',
  why: 'A pod that no policy selects takes connections from every pod of the cluster, and often from outside. One pod that is broken into can then try all others.',
  references: [
    { standard: 'CIS', section: '5.3.2' },
    { standard: 'NSA', section: 'N' },
    { standard: 'OWASP', section: '2022/K07' },
    { standard: 'OWASP', section: '2025/K05' },
    { standard: 'KS', section: 'C-0030' },
    { standard: 'KS', section: 'C-0054' },
    { standard: 'KS', section: 'C-0206' },
    { standard: 'KS', section: 'C-0260' },
  ],
  reads: [],
  consults: [...new Set([...COVERAGE_KINDS, ...PUBLIC_KINDS])],
  *evaluate(view) {
    yield* unreadWorkloads(view)
    const unread = view.unread('NetworkPolicy')
    if (unread !== undefined) yield { unknown: unread.because, answer: unread.answer }
    if (isolatesAlways(view)) yield { note: 'Cilium isolates every pod: enable-policy is "always"' }
    yield* uncovered(view, 'ingress', {
      insideOnly: 'keeps other pods out but not what comes from outside the cluster',
      opened: 'has pods that are isolated in name only: a policy lets everybody in',
      isMeant: (pod) => isPublic(view, pod),
    })
  },
  remedy: defaultDenyIngress(),
  verify:
    'Compare k8s-harden reach -n NAMESPACE before and after, connect from a throw-away pod in another namespace, and watch readiness for some minutes.',
})
