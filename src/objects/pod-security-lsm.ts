/** AppArmor and SELinux, as the baseline level looks at them. */
import type { SeccompProfile } from '../model/index.ts'
import type { JudgedPod } from './pod-security-check.ts'
import { blame, containersWhere, settersText } from './pod-security-words.ts'

const ANNOTATION = 'container.apparmor.security.beta.kubernetes.io/'
/** Where the AppArmor profile of a container stood before 1.30; still counted, and copied into the field of new pods. */
export const appArmorAnnotation = (container: string): string => `${ANNOTATION}${container}`

export const isForbiddenAppArmor = (profile: SeccompProfile | null | undefined): boolean =>
  profile != null && profile.type !== 'RuntimeDefault' && profile.type !== 'Localhost'

/** Annotations that weaken AppArmor, each with the container it names. */
export const forbiddenAppArmorAnnotations = (
  annotations: Readonly<Record<string, string>>,
): readonly { readonly key: string; readonly container: string; readonly value: string }[] =>
  Object.entries(annotations)
    .filter(([key, value]) => key.startsWith(ANNOTATION) && value !== '' && value !== 'runtime/default' && !value.startsWith('localhost/'))
    .map(([key, value]) => ({ key, container: key.slice(ANNOTATION.length), value }))

/** Do field and annotation of a container say the same? */
export function isSameProfile(profile: SeccompProfile | null | undefined, annotation: string | undefined): boolean {
  if (profile == null || annotation === undefined) return false
  if (profile.type === 'Localhost') return annotation === `localhost/${profile.localhostProfile}`
  return annotation === (profile.type === 'RuntimeDefault' ? 'runtime/default' : profile.type === 'Unconfined' ? 'unconfined' : undefined)
}

export function appArmor({ spec, annotations }: JudgedPod): string | undefined {
  const annotated = forbiddenAppArmorAnnotations(annotations).map(({ key, value }) => `annotation ${key}=${JSON.stringify(value)}`)
  const setters = settersText(
    isForbiddenAppArmor(spec.securityContext?.appArmorProfile),
    containersWhere(spec, (container) => isForbiddenAppArmor(container.securityContext?.appArmorProfile)),
  )
  const blamed = [setters, ...annotated].filter((one) => one !== undefined)
  return blamed.length === 0 ? undefined : `${blamed.join(' and ')} must not weaken AppArmor`
}

export type SeLinuxOptions = Readonly<Record<string, string>>
export const SELINUX_TYPES: readonly string[] = ['', 'container_t', 'container_init_t', 'container_kvm_t']
/** Allowed from policy version 1.31 on. */
export const SELINUX_ENGINE_TYPE = 'container_engine_t'
/** What the policy version v1.minor lets a container choose. */
export const seLinuxTypes = (minor: number): readonly string[] => (minor < 31 ? SELINUX_TYPES : [...SELINUX_TYPES, SELINUX_ENGINE_TYPE])

/** Which of the options no container may set. `types`: those it may. */
export const forbiddenSeLinux = (
  options: SeLinuxOptions | null | undefined,
  types: readonly string[],
): readonly ('type' | 'user' | 'role')[] =>
  options == null
    ? []
    : [
        ...(types.includes(options['type'] ?? '') ? [] : (['type'] as const)),
        ...(['user', 'role'] as const).filter((field) => (options[field] ?? '') !== ''),
      ]

export function seLinux(types: readonly string[]): (pod: JudgedPod) => string | undefined {
  const forbidden = (options: SeLinuxOptions | undefined): boolean => forbiddenSeLinux(options, types).length > 0
  return ({ spec }) =>
    blame(
      settersText(
        forbidden(spec.securityContext?.seLinuxOptions),
        containersWhere(spec, (container) => forbidden(container.securityContext?.seLinuxOptions)),
      ),
      'must not set an SELinux user or role, nor a type outside the container types',
    )
}
