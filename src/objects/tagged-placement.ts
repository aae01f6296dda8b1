/** Whether workloads of namespaces that the operator tagged stand where the tag asks them to. */
import type { NodeObject, Observation, Remark, View } from '../model/index.ts'
import { fewOf } from './few-of.ts'
import { isOutOfKubeletsReach, isolationOf, isTagged, keepsPodsOff, nodeLabelsOf, SENSITIVE, UNTRUSTED } from './placement.ts'
import { refText } from './ref.ts'
import { whyNotScheduled } from './scheduling.ts'
import { type Workload, type WorkloadKind, workloads } from './workloads.ts'

type TagView = View<WorkloadKind | 'Namespace' | 'Node' | 'RuntimeClass'>
export type Tagged = { readonly is: 'spread' | 'self-labelled' | 'shared' | 'unsandboxed' }
type Seen = Observation<Tagged>

export function* taggedPlacement(view: TagView): Iterable<Seen | Remark> {
  const unread = view.unread('Namespace')
  if (unread !== undefined && unread.why !== 'not-in-manifests')
    yield { unknown: `which namespaces are tagged: ${unread.because}`, answer: unread.answer }
  const tagged = (tag: string) =>
    new Set(
      view
        .all('Namespace')
        .filter((one) => isTagged(one, tag))
        .map(({ metadata }) => metadata.name),
    )
  const [sensitive, untrusted] = [tagged(SENSITIVE), tagged(UNTRUSTED)]
  if (sensitive.size + untrusted.size === 0) {
    yield { note: `no namespace is labelled ${SENSITIVE} or ${UNTRUSTED}: who must be kept from whom is not known` }
    return
  }
  const company = untrusted.size > 0 ? guestsByNode(view, untrusted) : new Map<string, string>()
  for (const workload of workloads(view)) {
    if (workload.mirror) continue
    if (sensitive.has(workload.namespace)) yield* judgeSensitive(workload, view, company)
    if (untrusted.has(workload.namespace)) yield* judgeUntrusted(workload, view)
  }
}

/** One untrusted workload on each node that has any. */
const guestsByNode = (view: TagView, untrusted: ReadonlySet<string>): ReadonlyMap<string, string> =>
  new Map(
    workloads(view)
      .filter((workload) => untrusted.has(workload.namespace))
      .flatMap(({ pods, ref }) => pods.map((pod) => [pod.spec.nodeName ?? '', refText(ref)] as const)),
  )

function* judgeSensitive(workload: Workload, view: TagView, company: ReadonlyMap<string, string>): Iterable<Seen | Remark> {
  const labels = nodeLabelsOf(workload.spec)
  const node = workload.pods.map((pod) => pod.spec.nodeName ?? '').find((name) => company.has(name))
  const beside = node === undefined ? [] : [`on ${node} beside ${company.get(node)}, which is untrusted`]
  if (labels.length === 0)
    yield seen(workload, 'spread', 'is sensitive and may share its node with any other pod', ['nodeSelector'], beside)
  else if (!labels.some(isOutOfKubeletsReach))
    yield {
      ...seen(
        workload,
        'self-labelled',
        'is sensitive and chooses its nodes by labels that a kubelet may set on itself',
        ['nodeSelector'],
        [fewOf(labels), ...beside],
      ),
      severity: 'low',
    }
  else {
    const unread = view.unread('Node')
    if (unread !== undefined)
      yield { unknown: `whether the nodes of ${refText(workload.ref)} keep other pods off: ${unread.because}`, answer: unread.answer }
    const open = view.all('Node').filter((one) => mayRunOn(one, workload) && !keepsPodsOff(one))
    if (open.length > 0)
      yield seen(
        workload,
        'shared',
        'is sensitive and chooses nodes that any other pod may run on too',
        ['tolerations'],
        [`no taint on ${fewOf(open.map(({ metadata }) => metadata.name))}`, ...beside],
      )
  }
}
const mayRunOn = (node: NodeObject, { spec }: Workload): boolean => whyNotScheduled(node, spec) === undefined

function* judgeUntrusted(workload: Workload, view: TagView): Iterable<Seen | Remark> {
  const { runtimeClassName, hostUsers } = workload.spec
  if (hostUsers === false) return
  const reason = 'is untrusted and shares the kernel of its node'
  const at = ['runtimeClassName']
  if (runtimeClassName === undefined || runtimeClassName === '') {
    yield seen(workload, 'unsandboxed', reason, at, [])
    return
  }
  const runtime = view.find('RuntimeClass', undefined, runtimeClassName)
  const unread = view.unread('RuntimeClass')
  if (runtime === undefined && (unread !== undefined || view.source.kind !== 'live')) {
    const because = unread?.because ?? 'it is not among these files'
    yield {
      unknown: `whether RuntimeClass ${runtimeClassName} of ${refText(workload.ref)} is a sandbox: ${because}`,
      answer: unread?.answer ?? 'add it to the directory',
    }
    return
  }
  const isolation = runtime === undefined ? 'none' : isolationOf(runtime)
  if (isolation === 'sandbox') return
  const detail =
    runtime === undefined
      ? `there is no RuntimeClass ${runtimeClassName}`
      : `RuntimeClass ${runtimeClassName} has the handler ${runtime.handler ?? ''}`
  yield { ...seen(workload, 'unsandboxed', reason, at, [detail]), ...(isolation === 'unknown' && { verdict: 'review' }) }
}

const seen = ({ ref, at }: Workload, is: Tagged['is'], reason: string, field: readonly string[], details: readonly string[]): Seen => ({
  subject: ref,
  ...(at === undefined ? { key: is } : { at: [...at, ...field], key: is }),
  reason,
  ...(details.length > 0 && { detail: details.join('; ') }),
  evidence: { is },
})
