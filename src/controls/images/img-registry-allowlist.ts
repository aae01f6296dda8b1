import { approveRegistries, type RegistryEvidence } from '../../../remediations/admission-policy.ts'
import { control } from '../../model/define.ts'
import type { Observation } from '../../model/index.ts'
import { eachContainer } from '../../objects/containers.ts'
import { remembered } from '../../objects/derived.ts'
import { parseImage } from '../../objects/image.ts'
import { type Approval, approvedRegistries, POLICY_KINDS, seenRegistries } from '../../objects/image-registries.ts'
import { unreadWorkloads } from '../../objects/per-workload.ts'
import { isPlatformAgent } from '../../objects/platform-agents.ts'
import { WHOLE_CLUSTER } from '../../objects/ref.ts'
import { WORKLOAD_KINDS, type Workload, workloads } from '../../objects/workloads.ts'

export default control({
  title: 'Images must come from approved registries only',
  severity: 'medium',
  why: 'Whoever controls a registry controls what starts from it. An admission policy with a short list of registries keeps out images that nobody vetted, and names that only look like the right ones.',
  references: [
    { standard: 'NSA', section: 'P' },
    { standard: 'CIS-EKS', section: '5.1.4' },
    { standard: 'CIS-GKE', section: '5.1.4' },
    { standard: 'KS', section: 'C-0001' },
    { standard: 'KS', section: 'C-0078' },
    { standard: 'KS', section: 'C-0253' },
    { standard: 'KS', section: 'C-0221' },
  ],
  reads: [],
  consults: [...WORKLOAD_KINDS, ...POLICY_KINDS],
  *evaluate(view) {
    yield* unreadWorkloads(view)
    const approval = approvedRegistries(view)
    const unread = POLICY_KINDS.map((kind) => view.unread(kind)).find((one) => one !== undefined)
    if (unread !== undefined)
      yield { unknown: `whether an admission policy names approved registries: ${unread.because}`, answer: unread.answer }
    if (approval !== undefined && !approval.denies) yield { note: 'the list of approved registries only warns: it does not refuse yet' }
    if (approval === undefined && unread === undefined && workloads(view).length > 0) {
      yield {
        subject: WHOLE_CLUSTER,
        verdict: 'review',
        reason: 'has no admission policy of this tool that names the approved registries',
        detail: `seen: ${seenRegistries(view).join(', ')}`,
        evidence: { is: 'no-list' as const, image: null, registry: null },
      }
    }
    for (const workload of workloads(view)) yield* judge(workload, approval)
  },
  remedy: approveRegistries(),
  verify: 'Ask the API server for a pod with a foreign image by a dry run: it must warn, or refuse where the policy denies.',
})

/** Parsed once for as long as the workload does not change. */
const imagesOf = remembered((workload: Workload) =>
  [...eachContainer(workload.spec)].flatMap(({ container, at }) => {
    const text = container.image
    if (typeof text !== 'string' || text === '') return []
    return [
      {
        text,
        image: parseImage(text),
        where: {
          subject: workload.ref,
          container: container.name,
          ...(workload.at && { at: [...workload.at, ...at, 'image'] }),
          detail: text,
          ...(isPlatformAgent(workload) && { origin: 'system' as const }),
        },
      },
    ]
  }),
)

function* judge(workload: Workload, approval: Approval | undefined): Iterable<Observation<RegistryEvidence>> {
  for (const { text, image, where } of imagesOf(workload)) {
    const evidence = (is: RegistryEvidence['is']): RegistryEvidence => ({ is, image: text, registry: image?.registry ?? null })
    if (image === undefined)
      yield { ...where, verdict: 'review', reason: 'names an image whose registry cannot be told', evidence: evidence('unreadable') }
    else if (image.registry === 'k8s.gcr.io')
      yield { ...where, reason: 'pulls from k8s.gcr.io, which was frozen in 2023', severity: 'low', evidence: evidence('frozen') }
    else if (approval !== undefined && !approval.registries.includes(image.registry))
      yield { ...where, reason: 'pulls from a registry that is not approved', evidence: evidence('not-approved') }
    else if (approval === undefined && !image.hasRegistry)
      yield {
        ...where,
        verdict: 'review',
        reason: 'names no registry, so that docker.io is taken',
        severity: 'low',
        evidence: evidence('implicit'),
      }
  }
}
