import { defaultDenyEgress } from '../../../remediations/network-policy/default-deny-egress.ts'
import { control } from '../../model/define.ts'
import type { Observation, View } from '../../model/index.ts'
import { fewOf } from '../../objects/few-of.ts'
import {
  COVERAGE_KINDS,
  type CoverageEvidence,
  type CoverageView,
  isolatesAlways,
  namespaceRef,
  uncovered,
} from '../../objects/network-coverage.ts'
import { DNS_PATH_KINDS, dnsPath } from '../../objects/network-dns-path.ts'
import { endsByNamespace } from '../../objects/network-service-targets.ts'
import { unreadWorkloads } from '../../objects/per-workload.ts'

export default control({
  title: 'Every pod must be isolated for egress by default, with DNS allowed',
  severity: 'medium',
  why: 'A pod that no policy keeps in can fetch tools, send out what it finds, and ask the metadata service of the cloud for credentials of its node.',
  references: [
    { standard: 'CIS', section: '5.3.2' },
    { standard: 'NSA', section: 'N' },
    { standard: 'KS', section: 'C-0030' },
  ],
  reads: [],
  consults: [...new Set([...COVERAGE_KINDS, ...DNS_PATH_KINDS])],
  *evaluate(view) {
    yield* unreadWorkloads(view)
    const unread = view.unread('NetworkPolicy')
    if (unread !== undefined) yield { unknown: unread.because, answer: unread.answer }
    if (isolatesAlways(view)) yield { note: 'Cilium isolates every pod: enable-policy is "always"' }
    yield* uncovered(view, 'egress', {
      insideOnly: 'keeps pods from each other but not from what is outside the cluster',
      opened: 'has pods that are isolated in name only: a policy lets them call everything',
      isMeant: () => false,
    })
    yield* withoutDns(view)
  },
  remedy: defaultDenyEgress<CoverageEvidence>(),
  verify:
    'Resolve a name and open the connections that a pod needs, from a throw-away pod with its labels, and watch readiness for some minutes.',
})

/** Names that cannot be asked for look like a broken network. Pods that reach nothing at all may be meant to. */
function* withoutDns(view: View<(typeof DNS_PATH_KINDS)[number]>): Iterable<Observation<CoverageEvidence>> {
  for (const [namespace, pods] of endsByNamespace(view)) {
    const paths = pods.map((pod) => ({ pod, path: dnsPath(view, pod) }))
    for (const path of ['silent', 'shut'] as const) {
      const silent = [...new Set(paths.filter((one) => one.path === path).map(({ pod }) => pod.workload))]
      if (silent.length === 0) continue
      const names = silent.map((workload) => `${workload.ref.kind} ${workload.ref.name}`)
      yield {
        subject: namespaceRef(view as CoverageView, namespace),
        reason: path === 'silent' ? 'denies egress and lets no DNS through' : 'denies all egress, DNS as well',
        key: path,
        detail: fewOf(names),
        ...(path === 'shut' && { verdict: 'review' as const }),
        evidence: { uncovered: names.sort(), workloads: new Set(pods.map(({ workload }) => workload)).size, policies: [] },
      }
    }
  }
}
