/** Namespaces with pods that nothing isolates in a direction. */
import type { ObjectRef, Observation, View } from '../model/index.ts'
import { derived } from './derived.ts'
import { fewOf } from './few-of.ts'
import { END_KINDS, type EndView, type PodEnd, podEnds } from './network-ends.ts'
import { type Direction, ISOLATION_KINDS, isolation } from './network-isolation.ts'
import { openedBy } from './network-opened.ts'
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
  /** Isolated in name only, with the names of the policies that let everybody through. */
  readonly opened: ReadonlyMap<Workload, readonly string[]>
  readonly inside: boolean
  readonly perhaps?: string
  /** Names of the policies that isolate something here. */
  readonly policies: readonly string[]
}

/** `isMeant`: everybody may reach that pod, as long as a policy isolates it besides. */
export const coverage = (view: CoverageView, direction: Direction, isMeant: (pod: PodEnd) => boolean): readonly Coverage[] => {
  const policies = isolation(view, direction)
  return [...derived(view, podsByNamespace)].map(([namespace, pods]) => {
    const here = policies.filter((policy) => policy.namespace === undefined || policy.namespace === namespace)
    const [sure, inside, vague] = [
      here.filter((policy) => policy.vague === undefined && policy.insideOnly !== true),
      here.filter((policy) => policy.vague === undefined),
      here.filter((policy) => policy.vague !== undefined && policy.insideOnly !== true),
    ]
    const notBy = (list: typeof here, among: readonly PodEnd[]) => among.filter((pod) => !list.some((policy) => policy.selects(pod)))
    const opened = new Map(
      pods.flatMap((pod) => {
        const by = openedBy(view, pod, direction)
        return by.length === 0 ? [] : [[pod, by] as const]
      }),
    )
    const open = notBy(
      sure,
      pods.filter((pod) => !opened.has(pod)),
    )
    const doubt = notBy([...sure, ...vague], open).length === 0 ? vague[0]?.vague : undefined
    return {
      namespace,
      members: [...new Set(pods.map(({ workload }) => workload))],
      open: [...new Set(open.map(({ workload }) => workload))],
      opened: new Map([...opened].filter(([pod]) => !isMeant(pod) || notBy(sure, [pod]).length > 0).map(([pod, by]) => [pod.workload, by])),
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

/** What the two directions are told by. */
export interface CoverageWords {
  readonly insideOnly: string
  readonly opened: string
  /** Everybody may reach that pod, as long as a policy isolates it besides. */
  isMeant(pod: PodEnd): boolean
}

/** A finding for each of them, as 4.42 and 4.43 tell it. */
export function* uncovered(view: CoverageView, direction: Direction, words: CoverageWords): Iterable<Observation<CoverageEvidence>> {
  // Where policies of one of these kinds may not be read, a pod may be isolated by what is not seen.
  const doubts = ISOLATION_KINDS.map((kind) => view.unread(kind))
    .filter((one) => one !== undefined)
    .map((one) => one.because)
  const always = isolatesAlways(view)
  for (const { namespace, members, open, opened, inside, perhaps, policies } of coverage(view, direction, words.isMeant)) {
    const share = (some: readonly Workload[]) =>
      `${some.length} of ${members.length} ${members.length === 1 ? 'workload' : 'workloads'} (${fewOf(some.map(nameOf))})`
    const evidence = (some: readonly Workload[]) => ({ uncovered: some.map(nameOf).sort(), workloads: members.length, policies })
    if (opened.size > 0) {
      const by = [...new Set([...opened.values()].flat())].sort()
      yield {
        subject: namespaceRef(view, namespace),
        key: 'opened',
        reason: words.opened,
        detail: [share([...opened.keys()]), `by ${fewOf(by)}`, ...doubts].join('; '),
        ...(doubts.length > 0 && { verdict: 'review' as const }),
        evidence: { ...evidence([...opened.keys()]), openedBy: by },
      }
    }
    if (open.length === 0 || always) continue
    const reason =
      perhaps !== undefined
        ? `is isolated for ${direction} by policies that are not all understood`
        : inside
          ? words.insideOnly
          : open.length < members.length
            ? `has pods that no policy isolates for ${direction}`
            : `isolates no pod for ${direction}`
    yield {
      subject: namespaceRef(view, namespace),
      reason,
      detail: [share(open), ...(perhaps === undefined ? [] : [perhaps]), ...doubts].join('; '),
      ...((inside || perhaps !== undefined || doubts.length > 0) && { verdict: 'review' as const }),
      evidence: evidence(open),
    }
  }
}
const nameOf = ({ ref }: Workload): string => `${ref.kind} ${ref.name}`
export interface CoverageEvidence {
  readonly uncovered: readonly string[]
  readonly workloads: number
  readonly policies: readonly string[]
  /** Those that let everybody through, past the others. */
  readonly openedBy?: readonly string[]
}

export function namespaceRef(view: View<'Namespace'>, name: string): ObjectRef {
  const namespace = view.find('Namespace', undefined, name)
  return namespace === undefined ? { apiVersion: 'v1', kind: 'Namespace', name } : refOf(namespace)
}
