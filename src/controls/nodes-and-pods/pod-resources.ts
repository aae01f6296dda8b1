import { podResources, type ResourceEvidence } from '../../../remediations/pod-resources.ts'
import { control } from '../../model/define.ts'
import type { Observation, Remark, View } from '../../model/index.ts'
import { countsPodLevel, lacks, namespaceBounds, type Resource } from '../../objects/container-resources.ts'
import { eachContainer } from '../../objects/containers.ts'
import { isSystemNamespace } from '../../objects/ownership.ts'
import { perPodSpec } from '../../objects/per-workload.ts'
import { isPlatformAgent } from '../../objects/platform-agents.ts'
import { refOf } from '../../objects/ref.ts'
import { WORKLOAD_KINDS, type Workload, workloads } from '../../objects/workloads.ts'

export default control({
  title: 'Containers must have a memory limit and request what they need',
  severity: 'medium',
  why: 'One container that takes all the memory of its node brings down everything beside it, by mistake or on purpose. The scheduler keeps room only for what is requested, and a namespace without a quota or defaults can take the whole cluster.',
  references: [
    { standard: 'NSA', section: 'N' },
    { standard: 'OWASP', section: '2022/K01' },
    { standard: 'OWASP', section: '2025/K01' },
    { standard: 'KS', section: 'C-0004' },
    { standard: 'KS', section: 'C-0009' },
    { standard: 'KS', section: 'C-0050' },
    { standard: 'KS', section: 'C-0268' },
    { standard: 'KS', section: 'C-0269' },
    { standard: 'KS', section: 'C-0270' },
    { standard: 'KS', section: 'C-0271' },
  ],
  reads: [],
  consults: [...WORKLOAD_KINDS, 'LimitRange', 'ResourceQuota', 'Namespace', 'ServerVersion'],
  *evaluate(view) {
    const judge = countsPodLevel(view) ? withPodLevel : withoutPodLevel
    for (const one of judge(view)) {
      const seen = 'reason' in one && 'subject' in one ? inNamespace(one, view) : one
      if (seen !== undefined) yield seen
    }
    yield* unboundNamespaces(view)
  },
  remedy: podResources(),
  verify: 'No container of the new pods ends with reason OOMKilled, and no pod stays Pending.',
})

const FIELDS: Readonly<Record<Resource, { readonly at: readonly string[]; readonly reason: string; readonly severity: 'medium' | 'low' }>> =
  {
    memory: { at: ['resources', 'limits', 'memory'], reason: 'has no memory limit', severity: 'medium' },
    cpu: { at: ['resources', 'requests', 'cpu'], reason: 'requests no CPU', severity: 'low' },
  }

const judgeSpecs = (podLevel: boolean) =>
  perPodSpec<ResourceEvidence>(function* (whole, workload) {
    const spec = podLevel ? whole : { ...whole, resources: null }
    for (const { container, type, at } of eachContainer(spec)) {
      // The API server takes no resources for one.
      if (type === 'ephemeral') continue
      for (const resource of ['memory', 'cpu'] as const) {
        if (!lacks(spec, container, resource)) continue
        const running = workload.ref.kind === 'Pod' ? 1 : workload.pods.length
        if (whole === workload.spec && running > 0 && !podsLack(workload, container.name, resource)) continue
        const { at: field, ...words } = FIELDS[resource]
        yield { ...words, container: container.name, at: [...at, ...field], evidence: { resource, running } }
      }
    }
  })
const withPodLevel = judgeSpecs(true)
const withoutPodLevel = judgeSpecs(false)

/** A LimitRange or a webhook may have given the live pods what the template does not say. */
const podsLack = ({ pods }: Workload, name: string, resource: Resource): boolean =>
  pods.some((pod) => {
    const container = eachContainer(pod.spec).find((visited) => visited.container.name === name)?.container
    return container === undefined || lacks(pod.spec, container, resource)
  })

type Seen = Observation<ResourceEvidence>
/** What the namespace makes of it: nothing where pods made from now on are given a default, a doubt where that cannot be seen. */
function inNamespace(one: Seen, view: View<'LimitRange' | 'ResourceQuota' | 'Namespace'>): Seen | undefined {
  const { resource, running = 0 } = one.evidence
  const namespace = one.subject.namespace ?? 'default'
  const preset = resource === 'namespace' ? undefined : namespaceBounds(view).get(namespace)?.defaults[resource]
  if (preset !== undefined && running === 0) return undefined
  if (preset !== undefined)
    return { ...one, detail: [one.detail, `its pods are older than the default ${preset} of a LimitRange`].filter(Boolean).join('; ') }
  const doubt = running > 0 ? undefined : unseenDefaults(view, namespace)
  return doubt === undefined ? one : { ...one, verdict: 'review', detail: [one.detail, doubt].filter(Boolean).join('; ') }
}

function unseenDefaults(view: View<'LimitRange' | 'Namespace'>, namespace: string): string | undefined {
  if (view.source.kind !== 'live')
    return view.find('Namespace', undefined, namespace) === undefined
      ? `a LimitRange of namespace ${namespace}, which is not among these files, may set a default`
      : undefined
  const unread = view.unread('LimitRange')
  return unread === undefined ? undefined : `a LimitRange may set a default: ${unread.because}`
}

function* unboundNamespaces(
  view: View<'LimitRange' | 'ResourceQuota' | 'Namespace' | (typeof WORKLOAD_KINDS)[number]>,
): Iterable<Seen | Remark> {
  const unread = (['Namespace', 'LimitRange', 'ResourceQuota'] as const)
    .map((kind) => view.unread(kind))
    .filter((one) => one !== undefined && one.why !== 'not-in-manifests')
  for (const { because, answer } of unread as { because: string; answer: string }[]) yield { unknown: because, answer }
  if (unread.length > 0) return
  const running = Map.groupBy(
    workloads(view).filter((workload) => !workload.mirror && !isPlatformAgent(workload)),
    (workload) => workload.namespace,
  )
  for (const namespace of view.all('Namespace')) {
    const { name } = namespace.metadata
    const members = running.get(name)?.length ?? 0
    if (members === 0 || isSystemNamespace(name) || namespace.status?.phase === 'Terminating' || namespaceBounds(view).has(name)) continue
    yield {
      subject: refOf(namespace),
      reason: 'has neither a ResourceQuota nor a LimitRange',
      detail: `${members} ${members === 1 ? 'workload' : 'workloads'}`,
      severity: 'low',
      evidence: { resource: 'namespace' },
    }
  }
}
