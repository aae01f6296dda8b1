import { lsmRemedy } from '../../../remediations/lsm.ts'
import { control } from '../../model/define.ts'
import type { Path, PodSpec } from '../../model/index.ts'
import { eachContainer } from '../../objects/containers.ts'
import { perPodSpec, type Sighting } from '../../objects/per-workload.ts'
import {
  appArmorAnnotation,
  forbiddenAppArmorAnnotations,
  forbiddenSeLinux,
  isForbiddenAppArmor,
  isSameProfile,
  SELINUX_ENGINE_TYPE,
  SELINUX_TYPES,
} from '../../objects/pod-security-lsm.ts'
import { policyMinorIn } from '../../objects/pod-security-namespace.ts'
import { WORKLOAD_KINDS, type Workload } from '../../objects/workloads.ts'

/** `set`: what must not be, by field. */
export interface LsmSetting {
  readonly of: 'appArmorProfile' | 'annotation' | 'seLinuxOptions'
  readonly set: Readonly<Record<string, string>>
}
/** From here on a container may have the type of container engines. */
const ENGINE_SINCE = 31

export default control({
  title: 'Containers must not weaken AppArmor or SELinux',
  severity: 'low',
  why: 'AppArmor and SELinux hold a process to what containers need even where everything else has failed; a container that turns them off, or picks a type made for the node, loses that last fence.',
  references: [
    { standard: 'PSS', section: 'baseline/appArmorProfile' },
    { standard: 'PSS', section: 'baseline/seLinuxOptions' },
    { standard: 'NSA', section: 'P' },
    { standard: 'OWASP', section: '2025/K01' },
    { standard: 'KS', section: 'C-0055' },
    { standard: 'KS', section: 'C-0211' },
  ],
  reads: [],
  consults: [...WORKLOAD_KINDS, 'ServerVersion', 'Namespace'],
  *evaluate(view) {
    for (const one of evaluateSpecs(view)) {
      const isEngine = 'reason' in one && one.evidence.of === 'seLinuxOptions' && one.evidence.set['type'] === SELINUX_ENGINE_TYPE
      if (!isEngine || policyMinorIn(view, one.subject.namespace) < ENGINE_SINCE) yield one
      else {
        const { type: _, ...set } = one.evidence.set
        if (Object.keys(set).length > 0) yield { ...one, detail: inWords(set), evidence: { ...one.evidence, set } }
      }
    }
  },
  remedy: lsmRemedy(),
  verify:
    'Read /proc/1/attr/current in the new container: on a node with AppArmor it must not be unconfined, with SELinux its type must be container_t.',
})

const evaluateSpecs = perPodSpec<LsmSetting>(function* (spec, workload) {
  yield* appArmor(spec, workload)
  yield* seLinux(spec)
})

function* appArmor(spec: PodSpec, workload: Workload): Iterable<Sighting<LsmSetting>> {
  const ofPod = spec.securityContext?.appArmorProfile
  const found = (type: string | undefined): Omit<Sighting<LsmSetting>, 'at'> => ({
    reason: type === 'Unconfined' ? 'turns AppArmor off' : 'names an AppArmor profile of no known kind',
    detail: `type ${type ?? 'unset'}`,
    severity: type === 'Unconfined' ? 'high' : 'low',
    evidence: { of: 'appArmorProfile', set: { type: type ?? '' } },
  })
  if (isForbiddenAppArmor(ofPod)) yield { at: ['securityContext', 'appArmorProfile'], ...found(ofPod?.type) }
  for (const { container, at } of eachContainer(spec)) {
    const profile = container.securityContext?.appArmorProfile
    if (!isForbiddenAppArmor(profile)) continue
    // The API server writes the field beside an annotation: in a live pod it is no more than what the template says.
    if (spec !== workload.spec && isSameProfile(profile, workload.templateAnnotations[appArmorAnnotation(container.name)])) continue
    yield { container: container.name, at: [...at, 'securityContext', 'appArmorProfile'], ...found(profile?.type) }
  }
  for (const { key, container, value } of forbiddenAppArmorAnnotations(annotationsOf(spec, workload))) {
    const named = [...eachContainer(spec)].find((one) => one.container.name === container)?.container
    // Nor is the annotation that it writes beside a field one more.
    if (named !== undefined && isSameProfile(named.securityContext?.appArmorProfile ?? ofPod, value)) continue
    yield {
      ...(named !== undefined && { container }),
      at: ['metadata', 'annotations', key],
      besideSpec: true,
      reason: value === 'unconfined' ? 'turns AppArmor off by annotation' : 'names an AppArmor profile of no known kind by annotation',
      detail: `${container}: ${value}`,
      severity: value === 'unconfined' ? 'high' : 'low',
      evidence: { of: 'annotation', set: { [key]: value } },
    }
  }
}

const annotationsOf = (spec: PodSpec, { spec: template, templateAnnotations, pods }: Workload): Readonly<Record<string, string>> =>
  spec === template ? templateAnnotations : (pods.find((pod) => pod.spec === spec)?.metadata.annotations ?? {})

/** Types that containers are let out with, or that belong to parts of the node. */
const PRIVILEGED = /^(spc_t|.*unconfined.*|container_runtime_t|kernel_t|init_t|sysadm_t|super_t|control_t)$/

function* seLinux(spec: PodSpec): Iterable<Sighting<LsmSetting>> {
  const holders: { container?: string; at: Path; options: Readonly<Record<string, string>> | undefined }[] = [
    { at: [], options: spec.securityContext?.seLinuxOptions },
    ...[...eachContainer(spec)].map(({ container, at }) => ({
      container: container.name,
      at,
      options: container.securityContext?.seLinuxOptions,
    })),
  ]
  for (const { container, at, options } of holders) {
    const fields = forbiddenSeLinux(options, SELINUX_TYPES)
    if (fields.length === 0) continue
    const set = Object.fromEntries(fields.map((field) => [field, options![field]!]))
    yield {
      ...(container !== undefined && { container }),
      at: [...at, 'securityContext', 'seLinuxOptions'],
      reason: 'chooses its own SELinux label',
      detail: inWords(set),
      ...(PRIVILEGED.test(set['type'] ?? '') && { severity: 'high' as const }),
      evidence: { of: 'seLinuxOptions', set },
    }
  }
}

const inWords = (set: Readonly<Record<string, string>>): string =>
  Object.entries(set)
    .map(([field, value]) => `${field} ${value}`)
    .join(', ')
