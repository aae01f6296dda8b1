/** Pods and what makes them, with any combination of what the Pod Security Standards forbid. */
import fc from 'fast-check'

export interface Made {
  readonly kind: string
  readonly annotations: Readonly<Record<string, string>>
  readonly spec: object
}

const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined })
const some = (...values: unknown[]) => optional(fc.constantFrom(...values))
/** Without what is undefined, as a file has it. */
const present = (value: object): object => JSON.parse(JSON.stringify(value)) as object
const record = (fields: Record<string, fc.Arbitrary<unknown>>) => fc.record(fields).map(present)

const profile = some({ type: 'RuntimeDefault' }, { type: 'Unconfined' }, { type: 'Localhost', localhostProfile: 'own' })
const seLinux = optional(
  record({
    type: some('container_t', 'container_engine_t', 'spc_t'),
    user: some('system_u', ''),
    role: some('sysadm_r'),
    level: some('s0:c1,c2'),
  }),
)
const windowsOptions = optional(
  record({ hostProcess: some(true, false), runAsUserName: some('NT AUTHORITY\\SYSTEM', 'ContainerAdministrator') }),
)
const common = {
  runAsNonRoot: some(true, false),
  runAsUser: some(0, 1000),
  seccompProfile: profile,
  appArmorProfile: profile,
  seLinuxOptions: seLinux,
  windowsOptions,
}
const added = fc.subarray(['SYS_ADMIN', 'NET_ADMIN', 'CHOWN', 'NET_BIND_SERVICE', 'CAP_NET_RAW'])
const containerContext = optional(
  record({
    ...common,
    privileged: some(true, false),
    allowPrivilegeEscalation: some(true, false),
    procMount: some('Unmasked', 'Default'),
    capabilities: optional(record({ add: optional(added), drop: some(['ALL'], ['all'], ['KILL'], []) })),
  }),
)
const podContext = optional(
  record({
    ...common,
    fsGroup: some(2000),
    sysctls: optional(
      fc
        .subarray(['net.core.somaxconn', 'kernel.msgmax', 'net.ipv4.tcp_syncookies', 'net.ipv4.tcp_notsent_lowat'])
        .map((names) => names.map((name) => ({ name, value: '1' }))),
    ),
  }),
)

const host = some('127.0.0.1', 'localhost', 'web.shop.svc', '10.0.0.8', '')
const action = fc.oneof(
  record({
    httpGet: record({
      host,
      port: fc.constant(8080),
      httpHeaders: some([{ name: 'Host', value: 'a.example' }], [{ name: 'X', value: 'y' }]),
    }),
  }),
  record({ tcpSocket: record({ host, port: fc.constant(8080) }) }),
  fc.constant({ exec: { command: ['true'] } }),
)
const hook = optional(action)
const ports = optional(
  fc
    .subarray([80, 8080, 9100])
    .chain((numbers) =>
      fc.tuple(
        ...numbers.map((containerPort) =>
          record({ containerPort: fc.constant(containerPort), hostPort: some(0, 443, containerPort), hostIP: some('192.0.2.1') }),
        ),
      ),
    ),
)

/** Types that pods have mounted, allowed and not. */
const SOURCES = [
  { hostPath: { path: '/var/run/docker.sock' } },
  { hostPath: { path: '/' } },
  { hostPath: { path: '/var/log', type: 'Directory' } },
  { nfs: { server: 'files.internal', path: '/srv' } },
  { gitRepo: { repository: 'https://git.example/x' } },
  { iscsi: { targetPortal: '10.0.0.9', iqn: 'iqn.2001-04.example', lun: 0 } },
  { emptyDir: { medium: 'Memory' } },
  { configMap: { name: 'settings' } },
  { persistentVolumeClaim: { claimName: 'data' } },
  { csi: { driver: 'inline.example' } },
  {},
]
const volumes = fc
  .array(fc.constantFrom(...SOURCES), { maxLength: 4 })
  .map((sources) => sources.map((source, index) => ({ name: `volume-${index}`, ...source })))

const container = (name: string, names: readonly string[]) =>
  record({
    name: fc.constant(name),
    image: fc.constantFrom('registry.example/web:1', 'registry.example/log:2'),
    args: some(['--verbose']),
    env: some([{ name: 'MODE', value: 'fast' }]),
    ports,
    volumeMounts: optional(
      fc
        .subarray([...names])
        .map((some) => some.map((volume) => ({ name: volume, mountPath: `/mnt/${volume}`, readOnly: name === 'init' }))),
    ),
    resources: some({ limits: { memory: '1Gi' } }),
    securityContext: containerContext,
    livenessProbe: hook,
    readinessProbe: hook,
    startupProbe: hook,
    lifecycle: optional(record({ postStart: hook, preStop: hook })),
  })

const spec = volumes.chain((made) => {
  const names = made.map((volume) => volume.name)
  return record({
    volumes: fc.constant(made.length > 0 ? made : undefined),
    initContainers: optional(
      fc
        .tuple(
          container('init', names),
          container('sidecar', names).map((one) => ({ ...one, restartPolicy: 'Always' })),
        )
        .map((both) => both),
    ),
    containers: fc.oneof(fc.tuple(container('app', names)), fc.tuple(container('app', names), container('helper', names))),
    securityContext: podContext,
    hostNetwork: some(true, false),
    hostPID: some(true),
    hostIPC: some(true),
    hostUsers: some(false, true),
    dnsPolicy: some('ClusterFirstWithHostNet', 'Default'),
    os: some({ name: 'windows' }, { name: 'linux' }),
    nodeSelector: some({ disk: 'ssd' }),
  })
})

const annotations = record(
  Object.fromEntries(
    ['app', 'sidecar', 'gone'].map((name) => [
      `container.apparmor.security.beta.kubernetes.io/${name}`,
      some('unconfined', 'runtime/default', 'localhost/own'),
    ]),
  ),
).map((one) => ({ ...one, 'example.com/owner': 'team' }))

export const KINDS = [
  'Pod',
  'Deployment',
  'ReplicaSet',
  'StatefulSet',
  'DaemonSet',
  'Job',
  'CronJob',
  'ReplicationController',
  'PodTemplate',
]
export const made: fc.Arbitrary<Made> = fc.record({ kind: fc.constantFrom(...KINDS), annotations, spec })

/** The object around a pod template, as a file has it. */
export function objectOf({ kind, annotations: ofPod, spec: ofMade }: Made): object {
  const metadata = { name: 'web', namespace: 'shop' }
  const template = { metadata: { labels: { app: 'web' }, annotations: ofPod }, spec: ofMade }
  const group = ['Pod', 'ReplicationController', 'PodTemplate'].includes(kind) ? 'v1' : kind.endsWith('Job') ? 'batch/v1' : 'apps/v1'
  const head = { apiVersion: group, kind, metadata }
  if (kind === 'Pod') return { ...head, metadata: { ...metadata, ...template.metadata }, spec: ofMade }
  if (kind === 'PodTemplate') return { ...head, template }
  if (kind === 'CronJob') return { ...head, spec: { schedule: '0 0 * * *', jobTemplate: { spec: { template } } } }
  return { ...head, spec: { ...(kind !== 'Job' && { selector: { matchLabels: { app: 'web' } } }), template } }
}
