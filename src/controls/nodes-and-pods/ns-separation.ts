import { guideApart, type Misplaced } from '../../../remediations/separation.ts'
import { control } from '../../model/define.ts'
import type { BindingObject, Observation, PodObject, View } from '../../model/index.ts'
import { addOnStanding } from '../../objects/cluster-add-ons.ts'
import { refOf } from '../../objects/ref.ts'
import { WORKLOAD_KINDS, type Workload, workloads } from '../../objects/workloads.ts'

type Seen = Observation<Misplaced>
const KINDS = [...WORKLOAD_KINDS, 'Service', 'RoleBinding', 'ClusterRoleBinding'] as const

export default control({
  title: 'Workloads must have namespaces of their own and a controller',
  severity: 'low',
  why: 'Rights, quotas, network policies and Pod Security hold for a namespace: what shares one with everything else shares them too, and in kube-system it stands beside what runs the cluster. A pod without a controller is gone with its node, and no rollout ever mends it.',
  references: [
    { standard: 'CIS', section: '5.6.1' },
    { standard: 'CIS', section: '5.6.4' },
    { standard: 'NSA', section: 'N' },
    { standard: 'KS', section: 'C-0061' },
    { standard: 'KS', section: 'C-0073' },
    { standard: 'KS', section: 'C-0209' },
    { standard: 'KS', section: 'C-0212' },
  ],
  reads: [],
  consults: KINDS,
  *evaluate(view) {
    for (const kind of KINDS) {
      const unread = view.unread(kind)
      if (unread !== undefined) yield { unknown: unread.because, answer: unread.answer }
    }
    if (KINDS.every((kind) => view.unread(kind) === undefined && view.all(kind).length === 0))
      yield { notApplicable: 'there are no workloads, Services or bindings here' }
    for (const workload of workloads(view)) {
      if (workload.mirror) continue
      if (workload.namespace === 'default') yield inDefault({ subject: workload.ref, is: 'workload' }, view)
      else if (KUBE_NAMESPACES.has(workload.namespace)) yield* besideThePlatform(workload)
      if (workload.ref.kind === 'Pod' && workload.object !== undefined && !isDebugging(workload.object as PodObject, view.now))
        yield naked(workload)
    }
    for (const service of view.all('Service'))
      if ((service.metadata.namespace ?? 'default') === 'default' && !OF_THE_API_SERVER.has(service.metadata.name))
        yield inDefault({ subject: refOf(service), is: 'Service' }, view)
    for (const kind of ['RoleBinding', 'ClusterRoleBinding'] as const) for (const binding of view.all(kind)) yield* boundAccounts(binding)
  },
  remedy: guideApart,
  verify: 'kubectl -n default get all,rolebindings shows Service kubernetes only, and every pod has a controller.',
})

const KUBE_NAMESPACES = new Set(['kube-system', 'kube-public', 'kube-node-lease'])
/** `openshift`: an alias of the other, which OpenShift adds. */
const OF_THE_API_SERVER = new Set(['kubernetes', 'openshift'])

/** A file that names no namespace goes wherever it is applied to, which is `default` unless somebody says otherwise. */
const inDefault = ({ subject, is }: { readonly subject: Seen['subject']; readonly is: Misplaced['is'] }, view: View<never>): Seen => ({
  subject,
  at: ['metadata', 'namespace'],
  reason: 'is in the default namespace',
  evidence: { is, place: 'default' },
  ...(view.source.kind === 'manifests' && { verdict: 'review', detail: 'unless it is applied with another namespace' }),
})

function* besideThePlatform(workload: Workload): Iterable<Seen> {
  const standing = addOnStanding(workload)
  if (standing === 'shipped') return
  yield {
    subject: workload.ref,
    at: ['metadata', 'namespace'],
    reason: `is no part of the platform and runs in a namespace of the platform's`,
    detail:
      standing === 'perhaps' ? 'unless its vendor asks for it to be there' : 'none of its images comes from where those of the platform do',
    ...(standing === 'perhaps' && { verdict: 'review' }),
    origin: 'workload',
    evidence: { is: 'workload', place: workload.namespace },
  }
}

const naked = ({ ref }: Workload): Seen => ({
  subject: ref,
  at: ['metadata', 'ownerReferences'],
  reason: 'is a pod without a controller',
  origin: 'workload',
  evidence: { is: 'pod', place: ref.namespace ?? 'default' },
})

const DAY = 24 * 60 * 60 * 1000
/** Somebody is looking into something: the marks that kubectl run and kubectl debug leave, for the first day. */
function isDebugging({ metadata }: PodObject, now: number): boolean {
  const { name, labels = {}, managers = [], creationTimestamp } = metadata
  const byHand =
    labels['run'] === name ||
    labels['app.kubernetes.io/managed-by'] === 'kubectl-debug' ||
    name.startsWith('node-debugger-') ||
    managers.some((manager) => manager === 'kubectl-run' || manager === 'kubectl-debug')
  return byHand && creationTimestamp !== undefined && now - Date.parse(creationTimestamp) < DAY
}

function* boundAccounts(binding: BindingObject): Iterable<Seen> {
  const own = binding.metadata.namespace ?? (binding.kind === 'RoleBinding' ? 'default' : undefined)
  const accounts = (binding.subjects ?? []).filter(
    (subject) => subject.kind === 'ServiceAccount' && (subject.namespace || own) === 'default',
  )
  if (accounts.length === 0) return
  yield {
    subject: refOf(binding),
    at: ['subjects'],
    reason: 'grants rights to a service account of the default namespace',
    detail: accounts.map(({ name }) => name).join(', '),
    evidence: { is: 'binding', place: 'default' },
  }
}
