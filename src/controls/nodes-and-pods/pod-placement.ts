import { type Placed, placeApart } from '../../../remediations/placement.ts'
import { control } from '../../model/define.ts'
import type { NodeObject, Observation, Remark, View } from '../../model/index.ts'
import { distribution } from '../../objects/distribution.ts'
import { fewOf } from '../../objects/few-of.ts'
import { unreadWorkloads } from '../../objects/per-workload.ts'
import { belongsEverywhere, isCatchAll, isControlPlane, keepsPodsOff, toleratesControlPlane } from '../../objects/placement.ts'
import { refOf } from '../../objects/ref.ts'
import { taggedPlacement } from '../../objects/tagged-placement.ts'
import { WORKLOAD_KINDS, type Workload, workloads } from '../../objects/workloads.ts'

type Seen = Observation<Placed>

export default control({
  title: 'Pods must stay off control-plane nodes, and sensitive and untrusted ones must be kept apart',
  severity: 'medium',
  why: 'Pods share the kernel of their node: one that breaks out on a control-plane node has the cluster, and beside a sensitive workload its secrets. Which namespaces are sensitive or untrusted is for you to say, with the labels k8s-harden.io/sensitive: "true" and k8s-harden.io/untrusted: "true" on the namespace; the others are judged by the control plane alone.',
  references: [
    { standard: 'CIS-GKE', section: '5.10.3' },
    { standard: 'KS', section: 'C-0242' },
    { standard: 'KS', section: 'C-0249' },
  ],
  reads: [],
  consults: [...WORKLOAD_KINDS, 'Node', 'Namespace', 'RuntimeClass', 'ConfigMap', 'ServerVersion'],
  *evaluate(view) {
    yield* unreadWorkloads(view)
    const { managed, name } = distribution(view)
    const unread = view.unread('Node')
    if (managed) yield { note: `the control plane runs on nodes of the provider (${name}), where no pod of yours is scheduled` }
    else if (unread !== undefined)
      yield { unknown: `whether control-plane nodes keep other pods off: ${unread.because}`, answer: unread.answer }
    else yield* untainted(view)
    const guests = managed ? NOBODY : controlPlaneNodes(view)
    for (const workload of workloads(view)) if (!belongsEverywhere(workload)) yield* onControlPlane(workload, guests)
    yield* taggedPlacement(view)
  },
  remedy: placeApart,
  verify: 'kubectl get pods -A --field-selector spec.nodeName=NODE shows only what belongs on that node, and no pod stays Pending.',
})

const NOBODY: ReadonlySet<string> = new Set()
/** Names of the nodes that run the control plane, where there are others that pods could run on. */
function controlPlaneNodes(view: View<'Node'>): ReadonlySet<string> {
  const [own, others] = split(view.all('Node'))
  return others.length === 0 ? NOBODY : new Set(own.map((node) => node.metadata.name))
}
const split = (nodes: readonly NodeObject[]): readonly [own: readonly NodeObject[], others: readonly NodeObject[]] => [
  nodes.filter(isControlPlane),
  nodes.filter((node) => !isControlPlane(node)),
]

function* untainted(view: View<'Node'>): Iterable<Seen | Remark> {
  const [own, others] = split(view.all('Node'))
  if (own.length + others.length === 1) yield { note: 'there is one node: it runs the control plane and everything else' }
  if (own.length + others.length < 2) return
  for (const node of own) {
    if (keepsPodsOff(node)) continue
    yield {
      subject: refOf(node),
      at: ['spec', 'taints'],
      reason: 'runs the control plane and has no taint that keeps other pods off',
      // Without workers the pods have nowhere else to go: small clusters are built so on purpose.
      ...(others.length === 0 && { verdict: 'review', detail: 'every node of the cluster runs the control plane' }),
      evidence: { is: 'untainted' },
    }
  }
}

function* onControlPlane(workload: Workload, controlPlane: ReadonlySet<string>): Iterable<Seen> {
  const { spec, ref, at, pods } = workload
  const isDaemon = ref.kind === 'DaemonSet'
  const there = isDaemon ? [] : [...new Set(pods.map((pod) => pod.spec.nodeName ?? '').filter((node) => controlPlane.has(node)))].sort()
  const tolerations = spec.tolerations ?? []
  const everything = tolerations.findIndex(isCatchAll)
  const index = everything >= 0 ? everything : there.length > 0 ? tolerations.findIndex(toleratesControlPlane) : -1
  const where = there.length > 0 ? { detail: `on ${fewOf(there)}` } : {}
  if (index >= 0) {
    yield {
      subject: ref,
      ...(at !== undefined && { at: [...at, 'tolerations', index] }),
      reason:
        everything >= 0 ? 'tolerates every taint, so it may run on any node' : 'tolerates the taint of control-plane nodes and runs there',
      ...where,
      ...(isDaemon && { verdict: 'review', severity: 'low', detail: 'unless it must run on every node' }),
      evidence: { is: 'tolerant', everything: everything >= 0 },
    }
  } else if (there.length > 0)
    yield { subject: ref, key: 'there', reason: 'runs on a control-plane node', ...where, evidence: { is: 'guest', nodes: there } }
}
