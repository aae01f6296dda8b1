import { pinDigest } from '../../../remediations/image-reference.ts'
import { control } from '../../model/define.ts'
import { eachContainer, statusOf } from '../../objects/containers.ts'
import { parseImage, runningImage } from '../../objects/image.ts'
import { perPodSpec } from '../../objects/per-workload.ts'
import { WORKLOAD_KINDS, type Workload } from '../../objects/workloads.ts'

export default control({
  title: 'Images must be named by digest',
  severity: 'low',
  why: 'A tag can be moved to other content at any time: what was tested is then not what runs, replicas differ, and whoever may push to the registry decides what the next restart starts.',
  references: [
    { standard: 'NSA', section: 'P' },
    { standard: 'OWASP', section: '2022/K02' },
    { standard: 'KS', section: 'C-0075' },
    { standard: 'KS', section: 'C-0306' },
  ],
  reads: [],
  consults: WORKLOAD_KINDS,
  evaluate: perPodSpec(function* (spec, workload) {
    for (const { container, type, at } of eachContainer(spec)) {
      if (typeof container.image !== 'string' || container.image === '') continue
      const image = parseImage(container.image)
      if (image?.digest !== undefined) continue
      const running = runningDigests(workload, container.name)
      const latest = image !== undefined && (image.tag === undefined || image.tag === 'latest')
      yield {
        container: container.name,
        at: [...at, 'image'],
        reason:
          image === undefined
            ? 'names an image in a way no runtime understands'
            : latest
              ? 'names an image by the tag latest'
              : 'names an image by a tag that can be moved',
        detail: running.length > 1 ? `${container.image}; its pods run ${running.length} different digests` : container.image,
        ...((latest || running.length > 1) && { severity: 'medium' as const }),
        ...(image === undefined && { verdict: 'review' as const }),
        evidence: { type, image: container.image, running },
      }
    }
  }),
  remedy: pinDigest(),
})

const runningDigests = (workload: Workload, container: string): string[] =>
  [
    ...new Set(
      workload.pods.map((pod) => runningImage(statusOf(pod, container)?.imageID)?.digest).filter((digest) => digest !== undefined),
    ),
  ].sort()
