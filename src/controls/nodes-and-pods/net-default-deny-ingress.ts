import { defaultDenyIngress } from '../../../remediations/network-policy/default-deny.ts'
import { control } from '../../model/define.ts'
import type { ObjectRef, View } from '../../model/index.ts'
import { fewOf } from '../../objects/few-of.ts'
import { ISOLATION_KINDS, ingressIsolation, namespaceFacts } from '../../objects/network-isolation.ts'
import type { IsolationPolicy, NamespaceFacts } from '../../objects/network-isolation-policy.ts'
import { unreadWorkloads } from '../../objects/per-workload.ts'
import { refOf } from '../../objects/ref.ts'
import { WORKLOAD_KINDS, type Workload, workloads } from '../../objects/workloads.ts'

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
  consults: [...WORKLOAD_KINDS, ...ISOLATION_KINDS, 'Namespace', 'ConfigMap'],
  *evaluate(view) {
    yield* unreadWorkloads(view)
    const unread = view.unread('NetworkPolicy')
    if (unread !== undefined) yield { unknown: unread.because, answer: unread.answer }
    // Cilium in this mode isolates every pod, whether a policy selects it or not.
    if (view.find('ConfigMap', 'kube-system', 'cilium-config')?.data?.['enable-policy'] === 'always') {
      yield { note: 'Cilium isolates every pod: enable-policy is "always"' }
      return
    }
    // Where policies of one of these kinds may not be read, a pod may be isolated by what we do not see.
    const doubts = ISOLATION_KINDS.map((kind) => view.unread(kind))
      .filter((one) => one !== undefined)
      .map((one) => one.because)
    const policies = ingressIsolation(view)
    for (const [namespace, members] of Map.groupBy(
      workloads(view).filter((workload) => workload.spec.hostNetwork !== true),
      (workload) => workload.namespace,
    )) {
      const here = policies.filter((policy) => policy.namespace === undefined || policy.namespace === namespace)
      const facts = namespaceFacts(view, namespace)
      const open = uncovered(
        members,
        facts,
        here.filter((policy) => policy.insideOnly !== true),
      )
      if (open.length === 0) continue
      const onlyInside = uncovered(open, facts, here).length === 0
      const names = open.map((workload) => `${workload.ref.kind} ${workload.ref.name}`)
      yield {
        subject: namespaceRef(view, namespace),
        reason: onlyInside ? 'keeps other pods out but not what comes from outside the cluster' : reasonFor(open, members),
        detail: [
          `${open.length} of ${members.length} ${members.length === 1 ? 'workload' : 'workloads'} (${fewOf(names)})`,
          ...doubts,
        ].join('; '),
        ...((onlyInside || doubts.length > 0) && { verdict: 'review' as const }),
        evidence: { uncovered: names.sort(), workloads: members.length, policies: here.map((policy) => policy.name) },
      }
    }
  },
  remedy: defaultDenyIngress(),
  verify: 'Compare who reaches whom before and after from a throw-away pod in another namespace, and watch readiness for some minutes.',
})

/** Workloads with pods that no policy selects: by the labels of their live pods, or of the template where none runs. */
function uncovered(members: readonly Workload[], namespace: NamespaceFacts, policies: readonly IsolationPolicy[]): readonly Workload[] {
  if (policies.some((policy) => policy.selectsAll)) return []
  const isCovered = (labels: Readonly<Record<string, string>>): boolean => policies.some((policy) => policy.selects(labels, namespace))
  return members.filter((workload) =>
    workload.pods.length === 0 ? !isCovered(workload.templateLabels) : workload.pods.some((pod) => !isCovered(pod.metadata.labels ?? {})),
  )
}

const reasonFor = (open: readonly Workload[], members: readonly Workload[]): string =>
  open.length < members.length ? 'has pods that no policy isolates for ingress' : 'isolates no pod for ingress'

function namespaceRef(view: View<'Namespace'>, name: string): ObjectRef {
  const namespace = view.find('Namespace', undefined, name)
  return namespace === undefined ? { apiVersion: 'v1', kind: 'Namespace', name } : refOf(namespace)
}
