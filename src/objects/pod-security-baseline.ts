/** The baseline level: no known way out of a container. https://kubernetes.io/docs/concepts/security/pod-security-standards/#baseline */
import type { ContainerSpec, PodSpec, SeccompProfile } from '../model/index.ts'
import { eachContainer } from './containers.ts'
import type { JudgedPod, PodSecurityCheck } from './pod-security-check.ts'
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

type Handler = { readonly httpGet?: { readonly host?: string }; readonly tcpSocket?: { readonly host?: string } } | null | undefined
/** Where the kubelet would be made to connect to, by probes and hooks of a container. */
export function probeHosts(container: ContainerSpec): string[] {
  const lifecycle = container.lifecycle as { readonly postStart?: Handler; readonly preStop?: Handler } | null | undefined
  const handlers = [
    container.livenessProbe,
    container.readinessProbe,
    container.startupProbe,
    lifecycle?.postStart,
    lifecycle?.preStop,
  ] as Handler[]
  return handlers
    .flatMap((handler) => [handler?.httpGet?.host, handler?.tcpSocket?.host])
    .filter((host): host is string => typeof host === 'string' && host !== '')
}
const hostProbes = ({ spec }: JudgedPod): string | undefined =>
  blame(
    containersText(containersWhere(spec, (container) => probeHosts(container).length > 0)),
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

const APPARMOR_ANNOTATION = 'container.apparmor.security.beta.kubernetes.io/'
const isForbiddenAppArmor = (profile: SeccompProfile | undefined): boolean =>
  profile != null && profile.type !== 'RuntimeDefault' && profile.type !== 'Localhost'
function appArmor({ spec, annotations }: JudgedPod): string | undefined {
  const annotated = Object.entries(annotations)
    .filter(
      ([key, value]) =>
        key.startsWith(APPARMOR_ANNOTATION) && value !== '' && value !== 'runtime/default' && !value.startsWith('localhost/'),
    )
    .map(([key, value]) => `annotation ${key}=${JSON.stringify(value)}`)
  const setters = settersText(
    isForbiddenAppArmor(spec.securityContext?.appArmorProfile),
    containersWhere(spec, (container) => isForbiddenAppArmor(container.securityContext?.appArmorProfile)),
  )
  const blamed = [setters, ...annotated].filter((one) => one !== undefined)
  return blamed.length === 0 ? undefined : `${blamed.join(' and ')} must not weaken AppArmor`
}

function seLinux(types: readonly string[]): (pod: JudgedPod) => string | undefined {
  const forbidden = (options: Readonly<Record<string, string>> | undefined): boolean =>
    options != null && (!types.includes(options['type'] ?? '') || (options['user'] ?? '') !== '' || (options['role'] ?? '') !== '')
  return ({ spec }) =>
    blame(
      settersText(
        forbidden(spec.securityContext?.seLinuxOptions),
        containersWhere(spec, (container) => forbidden(container.securityContext?.seLinuxOptions)),
      ),
      'must not set an SELinux user or role, nor a type outside the container types',
    )
}
const SELINUX_TYPES = ['', 'container_t', 'container_init_t', 'container_kvm_t']

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

function sysctls(...safe: string[]): (pod: JudgedPod) => string | undefined {
  return ({ spec }) => {
    const forbidden = (spec.securityContext?.sysctls ?? []).map((sysctl) => sysctl.name).filter((name) => !safe.includes(name))
    return forbidden.length === 0 ? undefined : `sysctls ${quoted(forbidden)}`
  }
}
const SYSCTLS_1_0 = [
  'kernel.shm_rmid_forced',
  'net.ipv4.ip_local_port_range',
  'net.ipv4.tcp_syncookies',
  'net.ipv4.ping_group_range',
  'net.ipv4.ip_unprivileged_port_start',
]
const SYSCTLS_1_27 = [...SYSCTLS_1_0, 'net.ipv4.ip_local_reserved_ports']
const SYSCTLS_1_29 = [
  ...SYSCTLS_1_27,
  'net.ipv4.tcp_keepalive_time',
  'net.ipv4.tcp_fin_timeout',
  'net.ipv4.tcp_keepalive_intvl',
  'net.ipv4.tcp_keepalive_probes',
]
const SYSCTLS_1_32 = [...SYSCTLS_1_29, 'net.ipv4.tcp_rmem', 'net.ipv4.tcp_wmem']
const SYSCTLS_1_37 = [...SYSCTLS_1_32, 'net.ipv4.tcp_slow_start_after_idle', 'net.ipv4.tcp_notsent_lowat']

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
      { since: 31, violation: seLinux([...SELINUX_TYPES, 'container_engine_t']) },
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
    versions: [
      { since: 0, violation: sysctls(...SYSCTLS_1_0) },
      { since: 27, violation: sysctls(...SYSCTLS_1_27) },
      { since: 29, violation: sysctls(...SYSCTLS_1_29) },
      { since: 32, violation: sysctls(...SYSCTLS_1_32) },
      { since: 37, violation: sysctls(...SYSCTLS_1_37) },
    ],
  },
  always('windowsHostProcess', hostProcess),
]
