/** Namespaces with pods that nothing isolates in a direction. */
import type { ObjectRef, Observation, View } from '../model/index.ts'
import { derived } from './derived.ts'
import { fewOf } from './few-of.ts'
import { END_KINDS, type EndView, type PodEnd, podEnds } from './network-ends.ts'
import { type Direction, ISOLATION_KINDS, isolation } from './network-isolation.ts'
import { refOf } from './ref.ts'
import type { Workload } from './workloads.ts'

export const COVERAGE_KINDS = [...END_KINDS, ...ISOLATION_KINDS, 'ConfigMap'] as const
export type CoverageView = View<(typeof COVERAGE_KINDS)[number]>

export interface Coverage {
  readonly namespace: string
  /** Its workloads that are not on the network of the node. */
  readonly members: readonly Workload[]
  /** Of those, with a pod that no policy isolates; `inside`: but against other pods; `perhaps`: but for policies that are not all understood. */
  readonly open: readonly Workload[]
  readonly inside: boolean
  readonly perhaps?: string
  /** Names of the policies that isolate something here. */
  readonly policies: readonly string[]
}

export const coverage = (view: CoverageView, direction: Direction): readonly Coverage[] => {
  const policies = isolation(view, direction)
  return [...derived(view, podsByNamespace)].map(([namespace, pods]) => {
    const here = policies.filter((policy) => policy.namespace === undefined || policy.namespace === namespace)
    const [sure, inside, vague] = [
      here.filter((policy) => policy.vague === undefined && policy.insideOnly !== true),
      here.filter((policy) => policy.vague === undefined),
      here.filter((policy) => policy.vague !== undefined && policy.insideOnly !== true),
    ]
    const notBy = (list: typeof here, among: readonly PodEnd[]) => among.filter((pod) => !list.some((policy) => policy.selects(pod)))
    const open = notBy(sure, pods)
    const doubt = notBy([...sure, ...vague], open).length === 0 ? vague[0]?.vague : undefined
    return {
      namespace,
      members: [...new Set(pods.map(({ workload }) => workload))],
      open: [...new Set(open.map(({ workload }) => workload))],
      inside: open.length > 0 && notBy(inside, open).length === 0,
      ...(open.length > 0 && doubt !== undefined && { perhaps: doubt }),
      policies: here.map((policy) => policy.name),
    }
  })
}

const podsByNamespace = (view: EndView): ReadonlyMap<string, readonly PodEnd[]> =>
  Map.groupBy(
    podEnds(view).filter((pod) => !pod.hostNetwork),
    (pod) => pod.namespace.name,
  )

/** Cilium in this mode isolates every pod, whether a policy selects it or not. */
export const isolatesAlways = (view: View<'ConfigMap'>): boolean =>
  view.find('ConfigMap', 'kube-system', 'cilium-config')?.data?.['enable-policy'] === 'always'

/** A finding for each of them, as 4.42 and 4.43 tell it. */
export function* uncovered(view: CoverageView, direction: Direction, insideOnly: string): Iterable<Observation<CoverageEvidence>> {
  // Where policies of one of these kinds may not be read, a pod may be isolated by what is not seen.
  const doubts = ISOLATION_KINDS.map((kind) => view.unread(kind))
    .filter((one) => one !== undefined)
    .map((one) => one.because)
  for (const { namespace, members, open, inside, perhaps, policies } of coverage(view, direction)) {
    if (open.length === 0) continue
    const names = open.map((workload) => `${workload.ref.kind} ${workload.ref.name}`)
    const reason =
      perhaps !== undefined
        ? `is isolated for ${direction} by policies that are not all understood`
        : inside
          ? insideOnly
          : open.length < members.length
            ? `has pods that no policy isolates for ${direction}`
            : `isolates no pod for ${direction}`
    yield {
      subject: namespaceRef(view, namespace),
      reason,
      detail: [
        `${open.length} of ${members.length} ${members.length === 1 ? 'workload' : 'workloads'} (${fewOf(names)})`,
        ...(perhaps === undefined ? [] : [perhaps]),
        ...doubts,
      ].join('; '),
      ...((inside || perhaps !== undefined || doubts.length > 0) && { verdict: 'review' as const }),
      evidence: { uncovered: names.sort(), workloads: members.length, policies },
    }
  }
}
export interface CoverageEvidence {
  readonly uncovered: readonly string[]
  readonly workloads: number
  readonly policies: readonly string[]
}

export function namespaceRef(view: View<'Namespace'>, name: string): ObjectRef {
  const namespace = view.find('Namespace', undefined, name)
  return namespace === undefined ? { apiVersion: 'v1', kind: 'Namespace', name } : refOf(namespace)
}
