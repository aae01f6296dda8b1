/** What a container's settings come to once pod-level defaults are counted in (controls.md 0.4: the container's own value wins). */
import type { ContainerSpec, PodSpec, SeccompProfile } from '../model/index.ts'

export interface EffectiveValue<T> {
  readonly value: T | undefined /** Who says so; `unset`: nobody. */
  readonly from: 'container' | 'pod' | 'unset'
}

function effective<T>(ofContainer: T | null | undefined, ofPod: T | null | undefined): EffectiveValue<T> {
  if (ofContainer != null) return { value: ofContainer, from: 'container' }
  return ofPod != null ? { value: ofPod, from: 'pod' } : { value: undefined, from: 'unset' }
}

export const runAsUser = (spec: PodSpec, container: ContainerSpec): EffectiveValue<number> =>
  effective(container.securityContext?.runAsUser, spec.securityContext?.runAsUser)
export const runAsGroup = (spec: PodSpec, container: ContainerSpec): EffectiveValue<number> =>
  effective(container.securityContext?.runAsGroup, spec.securityContext?.runAsGroup)
export const runAsNonRoot = (spec: PodSpec, container: ContainerSpec): EffectiveValue<boolean> =>
  effective(container.securityContext?.runAsNonRoot, spec.securityContext?.runAsNonRoot)
export const seccompProfile = (spec: PodSpec, container: ContainerSpec): EffectiveValue<SeccompProfile> =>
  effective(container.securityContext?.seccompProfile, spec.securityContext?.seccompProfile)

/** Of a Windows container: the account that runAsNonRoot rules out. */
export const isAdministrator = (userName: string | undefined): boolean => userName?.toLowerCase() === 'containeradministrator'

/** Shares a namespace of its node, or may write to its files: root inside is then close to root outside. */
export function isCloseToNode(spec: PodSpec, container: ContainerSpec): boolean {
  if (spec.hostPID === true || spec.hostIPC === true || spec.hostNetwork === true) return true
  const fromNode = new Set((spec.volumes ?? []).filter((volume) => volume?.hostPath != null).map((volume) => volume.name))
  return (container.volumeMounts ?? []).some((mount) => fromNode.has(mount.name) && mount.readOnly !== true)
}
