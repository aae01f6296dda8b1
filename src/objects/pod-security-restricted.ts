/** The restricted level: hardened pods. https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted */

import { inUserNamespace, isConfining, procMount } from './pod-security-baseline.ts'
import type { JudgedPod, PodSecurityCheck } from './pod-security-check.ts'
import { blame, containersText, containersWhere, quoted, settersText } from './pod-security-words.ts'
import { sourcesOf } from './volumes.ts'

type Violation = (pod: JudgedPod) => string | undefined
/** Pods that say they are for Windows need no Linux settings (policy ≥ 1.25); only `spec.os` counts. */
const onLinux =
  (violation: Violation): Violation =>
  (pod) =>
    pod.spec.os?.name === 'windows' ? undefined : violation(pod)
const outsideUserNamespaces =
  (violation: Violation): Violation =>
  (pod) =>
    inUserNamespace(pod.spec) ? undefined : violation(pod)

const privilegeEscalation: Violation = ({ spec }) =>
  blame(
    containersText(containersWhere(spec, (container) => container.securityContext?.allowPrivilegeEscalation !== false)),
    'must set allowPrivilegeEscalation=false',
  )

const capabilities: Violation = ({ spec }) => {
  const keeping = containersText(
    containersWhere(spec, (container) => !(container.securityContext?.capabilities?.drop ?? []).includes('ALL')),
  )
  const adding = containersText(
    containersWhere(spec, (container) => (container.securityContext?.capabilities?.add ?? []).some((name) => name !== 'NET_BIND_SERVICE')),
  )
  const sentences = [
    blame(keeping, 'must drop ALL capabilities'),
    blame(adding, 'must not add capabilities other than NET_BIND_SERVICE'),
  ].filter((one) => one !== undefined)
  return sentences.length === 0 ? undefined : sentences.join('; ')
}

/** An explicit false at pod level is refused even where every container says true. */
const runAsNonRoot: Violation = ({ spec }) => {
  const ofPod = spec.securityContext?.runAsNonRoot
  const refusing = settersText(
    ofPod === false,
    containersWhere(spec, (container) => container.securityContext?.runAsNonRoot === false),
  )
  if (refusing !== undefined) return `${refusing} must not set runAsNonRoot=false`
  if (ofPod === true) return undefined
  return blame(
    containersText(containersWhere(spec, (container) => container.securityContext?.runAsNonRoot == null)),
    '(or the pod) must set runAsNonRoot=true',
  )
}

const runAsUser: Violation = ({ spec }) =>
  blame(
    settersText(
      spec.securityContext?.runAsUser === 0,
      containersWhere(spec, (container) => container.securityContext?.runAsUser === 0),
    ),
    'must not set runAsUser=0',
  )

const seccomp: Violation = ({ spec }) => {
  const ofPod = spec.securityContext?.seccompProfile
  const unconfined = settersText(
    ofPod != null && !isConfining(ofPod),
    containersWhere(spec, ({ securityContext }) => securityContext?.seccompProfile != null && !isConfining(securityContext.seccompProfile)),
  )
  if (unconfined !== undefined) return `${unconfined} must not set the seccomp profile to anything but RuntimeDefault or Localhost`
  if (ofPod != null) return undefined
  return blame(
    containersText(containersWhere(spec, (container) => container.securityContext?.seccompProfile == null)),
    '(or the pod) must set the seccomp profile to RuntimeDefault or Localhost',
  )
}

export const RESTRICTED_VOLUME_TYPES: ReadonlySet<string> = new Set([
  'configMap',
  'csi',
  'downwardAPI',
  'emptyDir',
  'ephemeral',
  'image',
  'persistentVolumeClaim',
  'projected',
  'secret',
])
const volumes: Violation = ({ spec }) => {
  const forbidden = (spec.volumes ?? []).filter((volume) => {
    const types = sourcesOf(volume)
    // A volume without a source becomes an emptyDir when the API server fills in defaults.
    return types.length > 0 && !types.some((type) => RESTRICTED_VOLUME_TYPES.has(type))
  })
  return forbidden.length === 0 ? undefined : `volumes ${quoted(forbidden.map((volume) => volume.name))} are of a restricted type`
}

const restricted = (id: string, ...versions: PodSecurityCheck['versions']): PodSecurityCheck => ({ id, level: 'restricted', versions })

export const restrictedChecks: readonly PodSecurityCheck[] = [
  restricted(
    'allowPrivilegeEscalation',
    { since: 8, violation: privilegeEscalation },
    { since: 25, violation: onLinux(privilegeEscalation) },
  ),
  restricted(
    'capabilities_restricted',
    { since: 22, overrides: ['capabilities_baseline'], violation: capabilities },
    { since: 25, overrides: ['capabilities_baseline'], violation: onLinux(capabilities) },
  ),
  restricted('procMount_restricted', { since: 35, overrides: ['procMount'], violation: procMount }),
  restricted('restrictedVolumes', { since: 0, overrides: ['hostPathVolumes'], violation: volumes }),
  restricted('runAsNonRoot', { since: 0, violation: runAsNonRoot }, { since: 35, violation: outsideUserNamespaces(runAsNonRoot) }),
  restricted('runAsUser', { since: 23, violation: runAsUser }, { since: 35, violation: outsideUserNamespaces(runAsUser) }),
  restricted(
    'seccompProfile_restricted',
    { since: 19, overrides: ['seccompProfile_baseline'], violation: seccomp },
    { since: 25, overrides: ['seccompProfile_baseline'], violation: onLinux(seccomp) },
  ),
]
