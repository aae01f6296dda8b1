import { runAsNonRootRemedy } from '../../../remediations/non-root.ts'
import { control } from '../../model/define.ts'
import type { Observation } from '../../model/index.ts'
import { eachContainer, statusOf } from '../../objects/containers.ts'
import { remembered } from '../../objects/derived.ts'
import { unreadWorkloads } from '../../objects/per-workload.ts'
import { isPlatformAgent } from '../../objects/platform-agents.ts'
import { runAsNonRoot, runAsUser } from '../../objects/security-context.ts'
import { isWindows, WORKLOAD_KINDS, type Workload, workloads } from '../../objects/workloads.ts'

export default control({
  title: 'Images must not run as root by default',
  severity: 'low',
  why: 'What an image runs as is what every forgotten security context gives it. An image that is made to run as an ordinary user is safe wherever it is started.',
  references: [
    { standard: 'NSA', section: 'P' },
    { standard: 'OWASP', section: '2022/K01' },
    { standard: 'OWASP', section: '2025/K01' },
    { standard: 'KS', section: 'C-0013' },
  ],
  reads: [],
  consults: WORKLOAD_KINDS,
  *evaluate(view) {
    yield* unreadWorkloads(view)
    const untold = new Set<string>()
    for (const workload of workloads(view)) {
      const seen = judgeOnce(workload)
      yield* seen.roots
      for (const image of seen.untold) untold.add(image)
    }
    if (untold.size > 0)
      yield {
        unknown: `the default user of ${untold.size} images is not known, since no kubelet reports what they run as (${[...untold].sort().slice(0, 3).join(', ')})`,
        answer: 'read the image configuration, for example: skopeo inspect --config docker://IMAGE',
      }
  },
  remedy: runAsNonRootRemedy(),
  verify: 'Build the image with a numeric USER, and read status.containerStatuses[].user of its pods.',
})

const judgeOnce = remembered((workload: Workload) => {
  const roots: Observation<{ readonly type: string; readonly image: string | null; readonly uid: number }>[] = []
  const untold: string[] = []
  for (const { container, type, at } of isWindows(workload) ? [] : eachContainer(workload.spec)) {
    // A user in the pod's own settings hides the image's; runAsNonRoot makes the kubelet refuse an image that runs as root.
    if (runAsUser(workload.spec, container).value !== undefined || runAsNonRoot(workload.spec, container).value === true) continue
    const users = reportedUsers(workload, container.name)
    if (users.includes(0)) {
      roots.push({
        subject: workload.ref,
        container: container.name,
        ...(workload.at ? { at: [...workload.at, ...at, 'securityContext', 'runAsUser'] } : {}),
        ...(isPlatformAgent(workload) && { origin: 'system' as const }),
        reason: 'runs an image whose default user is root',
        detail: container.image ?? '',
        evidence: { type, image: container.image ?? null, uid: 0 },
      })
    } else if (users.length === 0 || users.includes(undefined)) untold.push(container.image ?? container.name)
  }
  return { roots, untold }
})

const reportedUsers = (workload: Workload, container: string): readonly (number | undefined)[] =>
  workload.pods.map((pod) => statusOf(pod, container)?.user?.linux?.uid)
