import { runAsNonRootRemedy } from '../../../remediations/non-root.ts'
import { control } from '../../model/define.ts'
import type { Json, Observation } from '../../model/index.ts'
import { eachContainer, statusOf } from '../../objects/containers.ts'
import { rememberedWith } from '../../objects/derived.ts'
import { configOfRunning, imageConfigIn, numericUser, userWords } from '../../objects/image-config.ts'
import { type Images, unreadWorkloads } from '../../objects/per-workload.ts'
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
  consults: [...WORKLOAD_KINDS, 'ImageConfigs'],
  *evaluate(view) {
    yield* unreadWorkloads(view)
    const images = view.fact('ImageConfigs')
    const untold = new Set<string>()
    const problems = new Set<string>()
    for (const workload of workloads(view)) {
      const seen = judgeOnce(workload, images)
      yield* seen.observations
      for (const { image, problem } of seen.untold) {
        untold.add(image)
        if (problem !== undefined) problems.add(`${image}: ${problem}`)
      }
    }
    if (untold.size > 0) {
      const asked = images !== undefined
      const why = asked ? 'neither a kubelet nor the image configurations tell' : 'no kubelet reports what they run as'
      const few = [...(problems.size > 0 ? problems : untold)].sort().slice(0, 3).join(', ')
      yield {
        unknown: `the default user of ${untold.size === 1 ? '1 image' : `${untold.size} images`} is not known, since ${why} (${few})`,
        answer: asked
          ? 'give what the registry does not tell in a file: --images FILE, made with skopeo inspect --config docker://IMAGE'
          : 'let the registries be asked with --images registry, or give the image configurations with --images FILE',
      }
    }
  },
  remedy: runAsNonRootRemedy(),
  verify: 'Build the image with a numeric USER, and read status.containerStatuses[].user of its pods.',
})

type Evidence = Readonly<Record<string, Json>>
interface Seen {
  readonly observations: readonly Observation<Evidence>[]
  readonly untold: readonly { readonly image: string; readonly problem?: string }[]
}

const judgeOnce = rememberedWith((workload: Workload, images: Images): Seen => {
  const observations: Observation<Evidence>[] = []
  const untold: { image: string; problem?: string }[] = []
  for (const { container, type, at } of isWindows(workload) ? [] : eachContainer(workload.spec)) {
    // A user in the pod's own settings hides the image's; runAsNonRoot makes the kubelet refuse an image that runs as root.
    if (runAsUser(workload.spec, container).value !== undefined || runAsNonRoot(workload.spec, container).value === true) continue
    const image = container.image ?? ''
    const observation = {
      subject: workload.ref,
      container: container.name,
      ...(workload.at ? { at: [...workload.at, ...at, 'securityContext', 'runAsUser'] } : {}),
      ...(isPlatformAgent(workload) && { origin: 'system' as const }),
    }
    const isRoot = { ...observation, reason: 'runs an image whose default user is root' }
    const users = reportedUsers(workload, container.name)
    if (users.includes(0)) observations.push({ ...isRoot, detail: image, evidence: { type, image, uid: 0 } })
    if (users.includes(0) || (users.length > 0 && !users.includes(undefined))) continue

    const told = images && imageConfigIn(images, image)
    const config = configOfRunning(told, workload.pods, container.name)
    const user = numericUser(config)
    if (config === undefined || user === undefined) {
      const problem = told !== undefined && config === undefined ? 'its pods run another build than that tag is now' : config?.problem
      untold.push({ image: image || container.name, ...(problem !== undefined && { problem }) })
    } else if (typeof user !== 'object') {
      const detail = `${image}: ${userWords(config)}`
      const evidence = { type, image, user: config.user ?? '', from: config.from }
      if (user === 'root') observations.push({ ...isRoot, detail, evidence })
      // Most names are no root. Which number one stands for only the image's /etc/passwd tells, and the kubelet does not look there.
      else observations.push({ ...observation, reason: 'runs an image whose user is a name', detail, evidence, verdict: 'review' })
    }
  }
  return { observations, untold }
})

const reportedUsers = (workload: Workload, container: string): readonly (number | undefined)[] =>
  workload.pods.map((pod) => statusOf(pod, container)?.user?.linux?.uid)
