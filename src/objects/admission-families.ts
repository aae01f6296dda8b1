/**
 * What an admission policy can refuse, family by family: the words, the CEL that finds offenders, and who else covers it. The CEL says of
 * `variables.spec`, a pod spec, what src/objects/pod-security.ts says of it for the checks named here.
 */
import type { PodSpec } from '../model/index.ts'
import * as cel from './admission-cel.ts'
import { eachContainer } from './containers.ts'
import { isSocket, normalise } from './host-paths.ts'
import { parseImage } from './image.ts'
import { type JudgedPod, violations } from './pod-security.ts'

export interface AdmissionFamily {
  /** Flat and unique: the policy is named `k8s-harden-<id>`. */
  readonly id: string
  /** Completes "pods that …". */
  readonly refuses: string
  /** Completes "container app …", in the refusal itself. */
  readonly demand: string
  /** The Pod Security level that holds it, and which of its checks it is; absent where no level does. */
  readonly pss?: { readonly level: 'baseline' | 'restricted'; readonly checks: readonly string[] }
  /** CEL of type list(string): what in the pod offends. `minor` of the server. */
  readonly offenders: (minor: number) => string
  /** Is the pod refused? As the CEL, for what is seen already. */
  readonly offends: (pod: JudgedPod, minor: number) => boolean
  /** What admission fills in on pods only, so templates of controllers are not judged. */
  readonly podsOnly?: true
  /** Names under which the usual libraries of Kyverno and Gatekeeper ship it. */
  readonly knownAs: RegExp
}

type Naming = Pick<AdmissionFamily, 'id' | 'refuses' | 'demand' | 'knownAs'>
const standard = (level: 'baseline' | 'restricted', checks: readonly string[], offenders: (minor: number) => string, naming: Naming) => ({
  ...naming,
  pss: { level, checks },
  offenders,
  offends: (pod: JudgedPod, minor: number) => violations(pod, level, minor).some((one) => checks.includes(one.check)),
})
const baseline = (check: string, offenders: string | ((minor: number) => string), naming: Naming): AdmissionFamily =>
  standard('baseline', [check], typeof offenders === 'string' ? () => offenders : offenders, naming)
const restricted = (checks: readonly string[], offenders: string | ((minor: number) => string), naming: Naming): AdmissionFamily =>
  standard('restricted', checks, typeof offenders === 'string' ? () => offenders : offenders, naming)

const named = (...parts: string[]): RegExp => new RegExp(`^(${parts.join('|')})$`)
const onLinux = (spec: PodSpec): boolean => spec.os?.name !== 'windows'

export const ADMISSION_FAMILIES: readonly AdmissionFamily[] = [
  baseline('privileged', cel.PRIVILEGED, {
    id: 'privileged',
    refuses: 'run privileged containers',
    demand: 'must not be privileged',
    knownAs: named('disallow-privileged-containers', 'k8spspprivilegedcontainer'),
  }),
  baseline('hostNamespaces', cel.HOST_NAMESPACES, {
    id: 'host-namespaces',
    refuses: 'share a namespace of their node',
    demand: 'must not be set',
    knownAs: named('disallow-host-namespaces', 'k8spsphostnamespace', 'k8spsphostnetworkingports'),
  }),
  baseline('hostPathVolumes', cel.HOST_PATHS, {
    id: 'host-path',
    refuses: 'mount paths of their node',
    demand: 'must not be a hostPath',
    knownAs: named('disallow-host-path', 'k8spsphostfilesystem'),
  }),
  restricted(['restrictedVolumes'], cel.VOLUME_TYPES, {
    id: 'volume-types',
    refuses: 'use volumes outside the restricted types',
    demand: 'must be of a type that the restricted level allows',
    knownAs: named('restrict-volume-types', 'k8spspvolumetypes'),
  }),
  baseline('hostPorts', cel.HOST_PORTS, {
    id: 'host-ports',
    refuses: 'take ports of their node',
    demand: 'must not use host ports',
    knownAs: named('disallow-host-ports(-range)?', 'k8spsphostnetworkingports'),
  }),
  baseline('capabilities_baseline', cel.CAPABILITIES_ADDED, {
    id: 'capabilities-added',
    refuses: 'add capabilities beyond the baseline set',
    demand: 'must not add capabilities beyond the baseline set',
    knownAs: named('disallow-capabilities', 'k8spspcapabilities'),
  }),
  restricted(['capabilities_restricted'], cel.CAPABILITIES_KEPT, {
    id: 'capabilities-kept',
    refuses: 'do not drop all capabilities',
    demand: 'must drop ALL capabilities and add none but NET_BIND_SERVICE',
    knownAs: named('disallow-capabilities-strict', 'require-drop-all', 'k8spspcapabilities'),
  }),
  restricted(['allowPrivilegeEscalation'], cel.PRIVILEGE_ESCALATION, {
    id: 'privilege-escalation',
    refuses: 'may gain privileges',
    demand: 'must set allowPrivilegeEscalation=false',
    knownAs: named('disallow-privilege-escalation', 'k8spspallowprivilegeescalationcontainer'),
  }),
  restricted(['runAsNonRoot', 'runAsUser'], cel.runAsRoot, {
    id: 'run-as-root',
    refuses: 'may run as root',
    demand: 'must set runAsNonRoot=true and no runAsUser=0',
    knownAs: named('require-run-as-nonroot', 'require-run-as-non-root(-user)?', 'k8spspallowedusers'),
  }),
  restricted(['seccompProfile_restricted'], cel.SECCOMP, {
    id: 'seccomp',
    refuses: 'run without a seccomp profile',
    demand: 'must have the seccomp profile RuntimeDefault or Localhost',
    knownAs: named('restrict-seccomp(-strict)?', 'k8spspseccomp(v2)?'),
  }),
  baseline('appArmorProfile', cel.APPARMOR, {
    id: 'apparmor',
    refuses: 'switch AppArmor off',
    demand: 'must not weaken AppArmor',
    knownAs: named('restrict-apparmor-profiles', 'k8spspapparmor'),
  }),
  baseline('seLinuxOptions', cel.seLinux, {
    id: 'selinux',
    refuses: 'choose SELinux options of their own',
    demand: 'must not set an SELinux user or role, nor a type outside the container types',
    knownAs: named('disallow-selinux', 'k8spspselinux(v2)?'),
  }),
  baseline('procMount', cel.procMount, {
    id: 'proc-mount',
    refuses: 'see an unmasked /proc',
    demand: 'must not set procMount to anything but Default',
    knownAs: named('disallow-proc-mount', 'k8spspprocmount'),
  }),
  baseline('sysctls', cel.sysctls, {
    id: 'sysctls',
    refuses: 'set unsafe sysctls',
    demand: 'must not be set',
    knownAs: named('restrict-sysctls', 'k8spspforbiddensysctls'),
  }),
  {
    ...baseline('hostProbesAndHostLifecycle', cel.HOST_PROBES, {
      id: 'host-probes',
      refuses: 'send the kubelet to other hosts by a probe or hook',
      demand: 'must not name a host in probes or lifecycle hooks',
      knownAs: named('disallow-host-probes'),
    }),
    // The standards have it since 1.34; a policy of one's own need not wait.
    offends: (pod) => violations(pod, 'baseline').some((one) => one.check === 'hostProbesAndHostLifecycle'),
  },
  baseline('windowsHostProcess', cel.HOST_PROCESS, {
    id: 'host-process',
    refuses: 'run as a process of a Windows node',
    demand: 'must not set windowsOptions.hostProcess=true',
    knownAs: named('disallow-host-process', 'k8spsphostprocess'),
  }),
  {
    id: 'runtime-sockets',
    refuses: 'mount a socket of their node',
    demand: 'must not be a socket of the node',
    // Where no hostPath is admitted there is no socket either.
    pss: { level: 'baseline', checks: ['hostPathVolumes'] },
    offenders: () => cel.SOCKETS,
    offends: ({ spec }) =>
      (spec.volumes ?? []).some((volume) => volume.hostPath != null && isSocket(normalise(volume.hostPath.path), volume.hostPath.type)),
    knownAs: named('disallow-container-sock-mounts', 'disallow-cri-sock-mount'),
  },
  {
    id: 'read-only-root',
    refuses: 'may write to their root file system',
    demand: 'must set readOnlyRootFilesystem=true',
    offenders: () => cel.WRITABLE_ROOT,
    offends: ({ spec }) =>
      onLinux(spec) && eachContainer(spec).some(({ container }) => container.securityContext?.readOnlyRootFilesystem !== true),
    knownAs: named('require-ro-rootfs', 'k8spspreadonlyrootfilesystem'),
  },
  {
    id: 'memory-limits',
    refuses: 'have no memory limit',
    demand: 'must have a memory limit',
    offenders: () => cel.MEMORY_LIMITS,
    offends: ({ spec }) =>
      eachContainer(spec).some(
        ({ container, type }) =>
          type !== 'ephemeral' && (container.resources as { limits?: { memory?: unknown } } | undefined)?.limits?.memory === undefined,
      ),
    // A LimitRange fills limits in on pods; a template without them may be fine.
    podsOnly: true,
    knownAs: named('require-(pod-)?requests-limits', 'k8scontainerlimits', 'k8srequiredresources'),
  },
  {
    id: 'image-latest',
    refuses: 'name images by the tag latest',
    demand: 'must name its image by a digest, or by a tag other than latest',
    offenders: () => cel.LATEST,
    offends: ({ spec }) => eachContainer(spec).some(({ container }) => isLatest(container.image ?? '')),
    knownAs: named('disallow-latest-tag', 'require-image-digest', 'k8simagedigests', 'k8sdisallowedtags'),
  },
]

function isLatest(text: string): boolean {
  const image = parseImage(text)
  if (image === undefined) return !/:[A-Za-z0-9_][\w.-]*$/.test(text) && !text.includes('@')
  return image.digest === undefined && (image.tag === undefined || image.tag === 'latest')
}
