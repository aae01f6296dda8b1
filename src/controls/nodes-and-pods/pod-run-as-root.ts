import { runAsNonRootRemedy } from '../../../remediations/non-root.ts'
import { control } from '../../model/define.ts'
import type { ContainerSpec, Json, PodSpec, Severity } from '../../model/index.ts'
import { eachContainer, statusOf } from '../../objects/containers.ts'
import { configOfRunning, imageConfigIn, numericUser, userWords } from '../../objects/image-config.ts'
import { type Images, perPodSpecAndImages, type Sighting } from '../../objects/per-workload.ts'
import { isAdministrator, isCloseToNode, runAsNonRoot, runAsUser } from '../../objects/security-context.ts'
import { isWindows, WORKLOAD_KINDS, type Workload } from '../../objects/workloads.ts'

export default control({
  title: 'Containers must not run as root',
  severity: 'medium',
  why: 'Root in a container is root on the node as soon as it gets out, and until then may use every capability the runtime leaves it. Only runAsNonRoot makes the kubelet refuse an image that runs as root.',
  references: [
    { standard: 'PSS', section: 'restricted/runAsNonRoot' },
    { standard: 'PSS', section: 'restricted/runAsUser' },
    { standard: 'CIS', section: '5.2.7' },
    { standard: 'NSA', section: 'P' },
    { standard: 'OWASP', section: '2022/K01' },
    { standard: 'OWASP', section: '2025/K01' },
    { standard: 'KS', section: 'C-0013' },
    { standard: 'KS', section: 'C-0198' },
  ],
  reads: [],
  consults: [...WORKLOAD_KINDS, 'ImageConfigs'],
  evaluate: perPodSpecAndImages<Readonly<Record<string, Json>>>(function* (spec, workload, images) {
    const field = ['securityContext', 'runAsNonRoot']
    if (isWindows(workload)) {
      yield* onWindows(spec)
      return
    }
    for (const { container, type, at } of eachContainer(spec)) {
      const seen = judge(spec, container, workload, images)
      if (seen !== undefined)
        yield {
          container: container.name,
          at: [...at, ...field],
          reason: seen.reason,
          detail: seen.detail,
          severity: seen.severity,
          evidence: { type, ...seen.evidence },
        }
    }
    yield* overruled(spec)
  }),
  remedy: runAsNonRootRemedy(),
  verify: 'Read status.containerStatuses[].user of the new pods: no uid is 0.',
})

/** Of Windows the restricted level wants it as well; the kubelet then refuses ContainerAdministrator. */
function* onWindows(spec: PodSpec): Iterable<Sighting<Readonly<Record<string, Json>>>> {
  const ofPod = spec.securityContext
  for (const { container, type, at } of eachContainer(spec)) {
    const asksForRoot = ofPod?.runAsNonRoot === false || ofPod?.runAsUser === 0 || container.securityContext?.runAsUser === 0
    if (runAsNonRoot(spec, container).value === true && !asksForRoot) continue
    const user = container.securityContext?.windowsOptions?.runAsUserName ?? ofPod?.windowsOptions?.runAsUserName
    yield {
      container: container.name,
      at: [...at, 'securityContext', 'runAsNonRoot'],
      reason: 'does not refuse to run as ContainerAdministrator',
      detail: `runAsNonRoot ${ofPod?.runAsNonRoot === false ? 'false for the pod' : (runAsNonRoot(spec, container).value ?? 'unset')}; ${user ?? 'the user is up to the image'}`,
      severity: isAdministrator(user) ? 'medium' : 'low',
      evidence: { type, runAsNonRoot: runAsNonRoot(spec, container).value ?? null, runAsUserName: user ?? null },
    }
  }
}

/** What the pod says and every container overrules is no danger, but the restricted level refuses it all the same. */
function* overruled(spec: PodSpec): Iterable<Sighting<Readonly<Record<string, Json>>>> {
  const { runAsNonRoot: refuses, runAsUser: user } = spec.securityContext ?? {}
  const all = (says: (container: ContainerSpec) => boolean) => [...eachContainer(spec)].every(({ container }) => says(container))
  if (spec.hostUsers === false) return
  if (
    (refuses === false && all(({ securityContext }) => securityContext?.runAsNonRoot === true)) ||
    (user === 0 && all((container) => (container.securityContext?.runAsUser ?? 0) !== 0 && runAsNonRoot(spec, container).value === true))
  ) {
    const detail = refuses === false ? 'runAsNonRoot: false' : 'runAsUser: 0'
    yield {
      at: ['securityContext', refuses === false ? 'runAsNonRoot' : 'runAsUser'],
      reason: 'asks for root at pod level although every container refuses it',
      detail,
      severity: 'low',
      evidence: { runAsNonRoot: refuses ?? null, runAsUser: user ?? null },
    }
  }
}

interface Judgement {
  readonly reason: string
  readonly detail: string
  readonly severity: Severity
  readonly evidence: Readonly<Record<'runAsNonRoot' | 'runAsUser' | 'liveUser' | 'imageUser', Json>>
}

function judge(spec: PodSpec, container: ContainerSpec, workload: Workload, images: Images): Judgement | undefined {
  const user = runAsUser(spec, container).value
  const nonRoot = runAsNonRoot(spec, container)
  const liveUser = liveUserOf(workload, container.name)
  // The kubelet saw what runs; where it does not tell, the image does.
  const config = user === undefined && liveUser === undefined ? configOf(images, container, workload) : undefined
  const ofImage = numericUser(config)
  const evidence = {
    runAsNonRoot: nonRoot.value ?? null,
    runAsUser: user ?? null,
    liveUser: liveUser ?? null,
    imageUser: ofImage === undefined ? null : (config?.user ?? null),
  }
  const graver = (severity: Severity): Severity => (isCloseToNode(spec, container) ? 'high' : severity)
  if (user === 0 || ((liveUser === 0 || ofImage === 'root') && nonRoot.value !== true)) {
    const detail = user === 0 ? 'runAsUser: 0' : config === undefined ? 'the kubelet reports uid 0' : userWords(config)
    // In a user namespace root is nobody outside, and the restricted level allows it from 1.35 on.
    return {
      reason: 'runs a container as root',
      detail: spec.hostUsers === false ? `${detail}, in a user namespace` : detail,
      severity: spec.hostUsers === false ? 'low' : graver('medium'),
      evidence,
    }
  }
  if (nonRoot.value === true || spec.hostUsers === false) return undefined
  const known = user ?? liveUser ?? (typeof ofImage === 'object' ? ofImage.uid : undefined)
  const says = `runAsNonRoot ${nonRoot.value ?? 'unset'}`
  if (known !== undefined)
    return { reason: 'does not refuse root, although it runs as another user', detail: `uid ${known}, ${says}`, severity: 'low', evidence }
  return {
    reason: 'does not refuse to run as root',
    // A name may stand for uid 0 in the image's own /etc/passwd.
    detail: `${says}; ${config !== undefined && ofImage === 'named' ? userWords(config) : 'the user is up to the image'}`,
    severity: graver('medium'),
    evidence,
  }
}

const configOf = (images: Images, { image, name }: ContainerSpec, { pods }: Workload) =>
  images === undefined || image === undefined ? undefined : configOfRunning(imageConfigIn(images, image), pods, name)

/** 0 where any live pod runs it as root; undefined where the kubelet does not tell of every pod. */
function liveUserOf(workload: Workload, container: string): number | undefined {
  const users = workload.pods.map((pod) => statusOf(pod, container)?.user?.linux?.uid)
  return users.includes(0) ? 0 : users.length > 0 && users.every((user) => user !== undefined) ? users[0] : undefined
}
