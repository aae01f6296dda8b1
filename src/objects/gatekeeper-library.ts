/**
 * The kinds of Gatekeeper's own library (github.com/open-policy-agent/gatekeeper-library) that hold pods to a check of the Pod Security
 * Standards or to a family of this tool, and by which parameters. What is looser than the check, or is not known for certain, holds nothing.
 */
import type { Json } from '../model/index.ts'
import type { AdmissionFamily } from './admission-families.ts'
import { BASELINE_CAPABILITIES } from './pod-security-baseline.ts'
import { forbiddenSeLinux, type SeLinuxOptions, seLinuxTypes } from './pod-security-lsm.ts'
import { safeSysctls } from './pod-security-sysctls.ts'

/** A check of the standards, half of one, or the id of a family that no level holds. */
export type Part = string
type Parameters = { readonly [key: string]: Json }
interface LibraryKind {
  /** What the code of its template must speak of: older versions look at less. */
  readonly speaksOf: readonly string[]
  /** Its parameters; one that is not among them has a meaning that is not known. `exemptImages` must be empty everywhere. */
  readonly parameters?: readonly string[]
  readonly holds: (parameters: Parameters, code: string, minor: number) => readonly Part[]
}

const PID_AND_IPC = 'hostNamespaces: hostPID, hostIPC'
const NETWORK = 'hostNamespaces: hostNetwork'
/** A check in the parts that the library holds it by. */
export const partsOf = (check: string): readonly Part[] => (check === 'hostNamespaces' ? [PID_AND_IPC, NETWORK] : [check])
export const partsOfFamily = ({ id, pss }: AdmissionFamily): readonly Part[] => (pss === undefined ? [id] : pss.checks.flatMap(partsOf))

const always =
  (...parts: Part[]) =>
  (): readonly Part[] =>
    parts
const when = (is: boolean, ...parts: Part[]): readonly Part[] => (is ? parts : [])
const texts = (value: Json | undefined): readonly string[] | undefined =>
  Array.isArray(value) && value.every((one) => typeof one === 'string') ? value : undefined
const isNone = (value: Json | undefined): boolean => value === undefined || (Array.isArray(value) && value.length === 0)
const only = (value: Json | undefined, allowed: (text: string) => boolean): boolean => texts(value)?.every(allowed) === true

const RESTRICTED_VOLUMES = new Set('configMap csi downwardAPI emptyDir ephemeral image persistentVolumeClaim projected secret'.split(' '))

const CAPABILITIES: LibraryKind = {
  speaksOf: ['allowedCapabilities', 'requiredDropCapabilities'],
  parameters: ['allowedCapabilities', 'requiredDropCapabilities'],
  holds: ({ allowedCapabilities = [], requiredDropCapabilities = [] }) => [
    ...when(
      only(allowedCapabilities, (name) => BASELINE_CAPABILITIES.has(name)),
      'capabilities_baseline',
    ),
    ...when(
      only(allowedCapabilities, (name) => name === 'NET_BIND_SERVICE') && texts(requiredDropCapabilities)?.includes('ALL') === true,
      'capabilities_restricted',
    ),
  ],
}

/** Pods may go without a profile and by an annotation that nothing heeds, so the restricted level is more than this. */
const SECCOMP: LibraryKind = {
  speaksOf: ['seccompProfile', 'allowedProfiles'],
  parameters: ['allowedProfiles', 'allowedLocalhostFiles', 'allowAnnotations'],
  holds: ({ allowedProfiles }) =>
    when(
      only(allowedProfiles, (name) =>
        /^(RuntimeDefault|Localhost|runtime\/default|docker\/default|localhost\/.*|not configured)$/.test(name),
      ),
      'seccompProfile_baseline',
    ),
}

const APPARMOR: LibraryKind = {
  speaksOf: ['appArmorProfile', 'allowedProfiles'],
  parameters: ['allowedProfiles'],
  holds: ({ allowedProfiles }) =>
    when(
      only(allowedProfiles, (name) => /^(RuntimeDefault|runtime\/default|localhost\/.*)$/.test(name)),
      'appArmorProfile',
    ),
}

const LIBRARY: Readonly<Record<string, LibraryKind>> = {
  K8sPSPPrivilegedContainer: { speaksOf: ['privileged'], holds: always('privileged') },
  K8sPSPHostNamespace: { speaksOf: ['hostPID', 'hostIPC'], holds: always(PID_AND_IPC) },
  K8sPSPHostNetworkingPorts: {
    speaksOf: ['hostNetwork', 'hostPort', 'max'],
    parameters: ['hostNetwork', 'min', 'max'],
    holds: ({ hostNetwork = false, min, max }, code) => [
      ...when(hostNetwork === false, NETWORK),
      // Without a maximum no port is too high. The CEL of some versions lets a port pass where the container has another that is no host port.
      ...when(min === 0 && max === 0 && !/\.ports\.all\(/.test(code), 'hostPorts'),
    ],
  },
  K8sPSPHostFilesystem: {
    speaksOf: ['hostPath'],
    parameters: ['allowedHostPaths'],
    holds: ({ allowedHostPaths }) => when(isNone(allowedHostPaths), 'hostPathVolumes'),
  },
  K8sPSPVolumeTypes: {
    speaksOf: ['volumes'],
    parameters: ['volumes'],
    holds: ({ volumes }) => [
      ...when(
        only(volumes, (type) => type !== 'hostPath' && type !== '*'),
        'hostPathVolumes',
      ),
      ...when(
        only(volumes, (type) => RESTRICTED_VOLUMES.has(type)),
        'restrictedVolumes',
      ),
    ],
  },
  K8sPSPCapabilities: CAPABILITIES,
  K8sPSPAllowPrivilegeEscalationContainer: { speaksOf: ['allowPrivilegeEscalation'], holds: always('allowPrivilegeEscalation') },
  // MustRunAsNonRoot takes a user id for an answer; the restricted level does not.
  K8sPSPAllowedUsers: { speaksOf: [], holds: always() },
  K8sPSPSeccomp: SECCOMP,
  K8sPSPSeccompV2: SECCOMP,
  K8sPSPAppArmor: APPARMOR,
  K8sPSPAppArmorV2: APPARMOR,
  K8sPSPSELinuxV2: {
    speaksOf: ['seLinuxOptions', 'allowedSELinuxOptions'],
    parameters: ['allowedSELinuxOptions'],
    // Left out, it allows everything or nothing, by the version of the template.
    holds: ({ allowedSELinuxOptions }, _code, minor) =>
      when(
        Array.isArray(allowedSELinuxOptions) &&
          allowedSELinuxOptions.every((one) => forbiddenSeLinux(one as SeLinuxOptions, seLinuxTypes(minor)).length === 0),
        'seLinuxOptions',
      ),
  },
  K8sPSPProcMount: {
    speaksOf: ['procMount'],
    parameters: ['procMount'],
    holds: ({ procMount = 'Default' }) => when(String(procMount).toLowerCase() === 'default', 'procMount'),
  },
  K8sPSPForbiddenSysctls: {
    speaksOf: ['forbiddenSysctls'],
    parameters: ['forbiddenSysctls', 'allowedSysctls'],
    holds: ({ forbiddenSysctls, allowedSysctls }, code, minor) =>
      when(
        texts(forbiddenSysctls)?.includes('*') === true ||
          (code.includes('allowedSysctls') && only(allowedSysctls, (name) => safeSysctls(minor).includes(name))),
        'sysctls',
      ),
  },
  K8sPSPHostProcess: { speaksOf: ['hostProcess'], holds: always('windowsHostProcess') },
  K8sPSPHostProbesLifecycle: {
    speaksOf: ['livenessProbe', 'readinessProbe', 'startupProbe', 'lifecycle', 'host'],
    holds: always('hostProbesAndHostLifecycle'),
  },
  K8sPSPReadOnlyRootFilesystem: { speaksOf: ['readOnlyRootFilesystem'], holds: always('read-only-root') },
  K8sContainerLimits: {
    speaksOf: ['memory', 'limits'],
    parameters: ['cpu', 'memory'],
    holds: ({ memory }) => when(typeof memory === 'string' && memory !== '', 'memory-limits'),
  },
  K8sRequiredResources: {
    speaksOf: ['limits'],
    parameters: ['limits', 'requests'],
    holds: ({ limits }) => when(texts(limits)?.includes('memory') === true, 'memory-limits'),
  },
  K8sImageDigests: { speaksOf: ['@'], holds: always('image-latest') },
  // A registry with a port looks like a tag to it.
  K8sDisallowedTags: { speaksOf: [], holds: always() },
  // About other things than how a pod is run.
  K8sAllowedRepos: { speaksOf: [], holds: always() },
}
const BESIDE_THE_POINT: ReadonlySet<string> = new Set(['K8sAllowedRepos', 'K8sDisallowedTags', 'K8sImageDigests', 'K8sContainerLimits'])

export const isOfLibrary = (kind: string): boolean => Object.hasOwn(LIBRARY, kind)
/** Nothing of it could amount to a Pod Security level. */
export const isBesideThePoint = (kind: string): boolean => BESIDE_THE_POINT.has(kind) || kind === 'K8sRequiredResources'

/** What a constraint of the library holds a pod to that it matches, with the code of its template. `minor` of the policy version. */
export function heldParts(kind: string, parameters: Parameters, code: string, minor: number): readonly Part[] {
  const known = Object.hasOwn(LIBRARY, kind) ? LIBRARY[kind]! : undefined
  if (known === undefined || !known.speaksOf.every((word) => code.includes(word))) return []
  const { exemptImages, ...rest } = parameters
  if (!isNone(exemptImages) || Object.keys(rest).some((key) => known.parameters?.includes(key) !== true)) return []
  return known.holds(rest, code, minor)
}
