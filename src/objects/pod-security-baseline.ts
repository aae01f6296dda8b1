/** The baseline level: no known way out of a container. https://kubernetes.io/docs/concepts/security/pod-security-standards/#baseline */
import type { ContainerSpec, PodSpec, SeccompProfile } from '../model/index.ts'
import { eachContainer } from './containers.ts'
import type { JudgedPod, PodSecurityCheck } from './pod-security-check.ts'
import { handlerHosts } from './pod-security-hosts.ts'
import { appArmor, SELINUX_ENGINE_TYPE, SELINUX_TYPES, seLinux } from './pod-security-lsm.ts'
import { SAFE_SYSCTLS, sysctlSafeSince } from './pod-security-sysctls.ts'
import { blame, containersText, containersWhere, quoted, settersText } from './pod-security-words.ts'

/** What a container may add at the baseline level; the comparison is literal, so `CAP_CHOWN` is not in it. */
export const BASELINE_CAPABILITIES: ReadonlySet<string> = new Set([
  'AUDIT_WRITE',
  'CHOWN',
  'DAC_OVERRIDE',
  'FOWNER',
  'FSETID',
  'KILL',
  'MKNOD',
  'NET_BIND_SERVICE',
  'SETFCAP',
  'SETGID',
  'SETPCAP',
  'SETUID',
  'SYS_CHROOT',
])

/** The pod runs in a user namespace: root inside is nobody outside. */
export const inUserNamespace = (spec: PodSpec): boolean => spec.hostUsers === false

function capabilities({ spec }: JudgedPod): string | undefined {
  const forbidden = (container: ContainerSpec) =>
    (container.securityContext?.capabilities?.add ?? []).filter((name) => !BASELINE_CAPABILITIES.has(name))
  const names = containersWhere(spec, (container) => forbidden(container).length > 0)
  const added = [...eachContainer(spec)].flatMap(({ container }) => forbidden(container))
  return blame(containersText(names), `must not add the capabilities ${quoted(added)}`)
}

function hostNamespaces({ spec }: JudgedPod): string | undefined {
  const shared = (['hostNetwork', 'hostPID', 'hostIPC'] as const).filter((field) => spec[field] === true)
  return shared.length === 0 ? undefined : shared.map((field) => `${field}=true`).join(', ')
}

function hostPathVolumes({ spec }: JudgedPod): string | undefined {
  const names = (spec.volumes ?? []).filter((volume) => volume.hostPath != null).map((volume) => volume.name)
  return names.length === 0 ? undefined : `hostPath ${names.length === 1 ? 'volume' : 'volumes'} ${quoted(names)}`
}

/** In the host network every container port becomes a host port, by the server's defaulting of pods (not of templates). */
const hostPorts = ({ spec }: JudgedPod): string | undefined =>
  blame(
    containersText(
      containersWhere(spec, (container) =>
        (container.ports ?? []).some((port) => (port.hostPort || (spec.hostNetwork === true ? port.containerPort : 0) || 0) !== 0),
      ),
    ),
    'must not use host ports',
  )

const hostProbes = ({ spec }: JudgedPod): string | undefined =>
  blame(
    containersText(containersWhere(spec, (container) => handlerHosts(container).length > 0)),
    'must not name a host in probes or lifecycle hooks',
  )

const privileged = ({ spec }: JudgedPod): string | undefined =>
  blame(
    containersText(containersWhere(spec, (container) => container.securityContext?.privileged === true)),
    'must not set privileged=true',
  )

export const procMount = ({ spec }: JudgedPod): string | undefined =>
  blame(
    containersText(
      containersWhere(spec, ({ securityContext }) => securityContext?.procMount != null && securityContext.procMount !== 'Default'),
    ),
    'must not set procMount to anything but Default',
  )

export const isConfining = (profile: SeccompProfile): boolean => profile.type === 'RuntimeDefault' || profile.type === 'Localhost'
const isUnconfining = (profile: SeccompProfile | undefined): boolean => profile != null && !isConfining(profile)
const seccomp = ({ spec }: JudgedPod): string | undefined =>
  blame(
    settersText(
      isUnconfining(spec.securityContext?.seccompProfile),
      containersWhere(spec, (container) => isUnconfining(container.securityContext?.seccompProfile)),
    ),
    'must not set the seccomp profile to anything but RuntimeDefault or Localhost',
  )

const isAllowedSeccompAnnotation = (value: string | undefined): boolean =>
  value === undefined || value === 'runtime/default' || value === 'docker/default' || value.startsWith('localhost/')
/** Until 1.18 the profile stood in annotations. */
function seccompAnnotations({ spec, annotations }: JudgedPod): string | undefined {
  const keys = [
    'seccomp.security.alpha.kubernetes.io/pod',
    ...[...eachContainer(spec)].map(({ container }) => `container.seccomp.security.alpha.kubernetes.io/${container.name}`),
  ]
  const forbidden = keys.filter((key) => !isAllowedSeccompAnnotation(annotations[key]))
  return forbidden.length === 0 ? undefined : `forbidden seccomp annotations ${quoted(forbidden)}`
}

function sysctls(minor: number): (pod: JudgedPod) => string | undefined {
  return ({ spec }) => {
    const forbidden = (spec.securityContext?.sysctls ?? [])
      .map((sysctl) => sysctl.name)
      .filter((name) => (sysctlSafeSince(name) ?? Number.POSITIVE_INFINITY) > minor)
    return forbidden.length === 0 ? undefined : `sysctls ${quoted(forbidden)}`
  }
}

const hostProcess = ({ spec }: JudgedPod): string | undefined =>
  blame(
    settersText(
      spec.securityContext?.windowsOptions?.hostProcess === true,
      containersWhere(spec, (container) => container.securityContext?.windowsOptions?.hostProcess === true),
    ),
    'must not set windowsOptions.hostProcess=true',
  )

const always = (id: string, violation: (pod: JudgedPod) => string | undefined): PodSecurityCheck => ({
  id,
  level: 'baseline',
  versions: [{ since: 0, violation }],
})

export const baselineChecks: readonly PodSecurityCheck[] = [
  always('appArmorProfile', appArmor),
  always('capabilities_baseline', capabilities),
  always('hostNamespaces', hostNamespaces),
  always('hostPathVolumes', hostPathVolumes),
  always('hostPorts', hostPorts),
  { id: 'hostProbesAndHostLifecycle', level: 'baseline', versions: [{ since: 34, violation: hostProbes }] },
  always('privileged', privileged),
  {
    id: 'procMount',
    level: 'baseline',
    versions: [
      { since: 0, violation: procMount },
      { since: 35, violation: (pod) => (inUserNamespace(pod.spec) ? undefined : procMount(pod)) },
    ],
  },
  {
    id: 'seLinuxOptions',
    level: 'baseline',
    versions: [
      { since: 0, violation: seLinux(SELINUX_TYPES) },
      { since: 31, violation: seLinux([...SELINUX_TYPES, SELINUX_ENGINE_TYPE]) },
    ],
  },
  {
    id: 'seccompProfile_baseline',
    level: 'baseline',
    versions: [
      { since: 0, violation: seccompAnnotations },
      { since: 19, violation: seccomp },
    ],
  },
  {
    id: 'sysctls',
    level: 'baseline',
    versions: SAFE_SYSCTLS.map(({ since }) => ({ since, violation: sysctls(since) })),
  },
  always('windowsHostProcess', hostProcess),
]
