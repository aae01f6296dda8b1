/** Pods for admission policies: one that nothing is wrong with, one for each family that is wrong in that alone, and random ones. */
import fc from 'fast-check'
import type { ContainerSpec, PodSpec } from '../../src/model/index.ts'

const DIGEST = 'registry.example/app@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'
type Loose = Record<string, any>

export const goodContainer = (name = 'app'): ContainerSpec & Loose => ({
  name,
  image: DIGEST,
  resources: { limits: { memory: '64Mi' } },
  securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } },
})
export const goodSpec = (): PodSpec & Loose => ({
  automountServiceAccountToken: false,
  securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
  containers: [goodContainer()],
})

const inContainer = (change: (container: Loose) => void): PodSpec => {
  const spec = goodSpec()
  change(spec.containers[0]! as Loose)
  return spec
}
const inSpec = (more: Loose): PodSpec => ({ ...goodSpec(), ...more })
const inContext = (more: Loose): PodSpec => inSpec({ securityContext: { ...goodSpec().securityContext, ...more } })

/** By family. Where one setting is wrong by two families, all are named: the first is the one it is about. */
export const BAD: Readonly<Record<string, { readonly spec: PodSpec; readonly also?: readonly string[] }>> = {
  privileged: {
    spec: inContainer((c) => Object.assign(c['securityContext'], { privileged: true, allowPrivilegeEscalation: true })),
    also: ['privilege-escalation'],
  },
  'host-namespaces': { spec: inSpec({ hostPID: true }) },
  'host-path': { spec: inSpec({ volumes: [{ name: 'node', hostPath: { path: '/srv' } }] }), also: ['volume-types'] },
  'volume-types': { spec: inSpec({ volumes: [{ name: 'share', nfs: { server: 'nfs.example', path: '/' } }] }) },
  'host-ports': { spec: inContainer((c) => Object.assign(c, { ports: [{ containerPort: 80, hostPort: 80 }] })) },
  'capabilities-added': {
    spec: inContainer((c) => Object.assign(c['securityContext']['capabilities'], { add: ['SYS_ADMIN'] })),
    also: ['capabilities-kept', 'privilege-escalation'],
  },
  'capabilities-kept': { spec: inContainer((c) => delete c['securityContext']['capabilities']) },
  'privilege-escalation': { spec: inContainer((c) => delete c['securityContext']['allowPrivilegeEscalation']) },
  'run-as-root': { spec: inContext({ runAsNonRoot: undefined }) },
  seccomp: { spec: inContext({ seccompProfile: undefined }) },
  apparmor: { spec: inContext({ appArmorProfile: { type: 'Unconfined' } }) },
  selinux: { spec: inContext({ seLinuxOptions: { type: 'spc_t' } }) },
  'proc-mount': {
    // Outside a user namespace the API server takes no other value, and inside one the standards allow it.
    spec: inContainer((c) => Object.assign(c['securityContext'], { procMount: 'Unmasked' })),
  },
  sysctls: { spec: inContext({ sysctls: [{ name: 'kernel.msgmax', value: '65536' }] }) },
  'host-probes': {
    spec: inContainer((c) => Object.assign(c, { livenessProbe: { httpGet: { host: '169.254.169.254', port: 80, path: '/' } } })),
  },
  'host-process': {
    spec: {
      os: { name: 'windows' },
      hostNetwork: true,
      securityContext: { windowsOptions: { hostProcess: true, runAsUserName: 'NT AUTHORITY\\SYSTEM' }, runAsNonRoot: true },
      containers: [{ name: 'app', image: DIGEST, resources: { limits: { memory: '64Mi' } } }],
    },
    also: ['host-namespaces'],
  },
  'runtime-sockets': {
    spec: inSpec({ volumes: [{ name: 'sock', hostPath: { path: '/run/containerd/containerd.sock' } }] }),
    also: ['host-path', 'volume-types'],
  },
  'read-only-root': { spec: inContainer((c) => delete c['securityContext']['readOnlyRootFilesystem']) },
  'memory-limits': { spec: inContainer((c) => delete c['resources']) },
  'image-latest': { spec: inContainer((c) => Object.assign(c, { image: 'registry.example:5000/app' })) },
}

// ── random ─────────────────────────────────────────────────────────────────────────────────────
/** Mostly left out, so that a pod is wrong in a few ways and not in all. */
const rarely = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined, freq: 2 })
const often = <T>(usual: T, arbitrary: fc.Arbitrary<T | undefined>) =>
  fc.oneof({ weight: 3, arbitrary: fc.constant<T | undefined>(usual) }, { weight: 1, arbitrary })
const profile = fc.constantFrom({ type: 'RuntimeDefault' }, { type: 'Unconfined' }, { type: 'Localhost', localhostProfile: 'a.json' })
const seLinuxOptions = fc.record(
  {
    type: fc.constantFrom('', 'container_t', 'spc_t', 'container_engine_t'),
    user: fc.constantFrom('', 'u'),
    role: fc.constantFrom('', 'r'),
  },
  { requiredKeys: [] },
)
const windowsOptions = fc.record({ hostProcess: fc.boolean() }, { requiredKeys: [] })
const handler = fc.oneof(
  fc.record({ httpGet: fc.record({ port: fc.constant(80), host: fc.constantFrom('', 'evil.example') }, { requiredKeys: ['port'] }) }),
  fc.record({ tcpSocket: fc.record({ port: fc.constant(80), host: fc.constantFrom('', '10.0.0.1') }, { requiredKeys: ['port'] }) }),
  fc.constant({ exec: { command: ['true'] } }),
)
const capability = fc.constantFrom('ALL', 'CHOWN', 'NET_BIND_SERVICE', 'NET_RAW', 'SYS_ADMIN', 'CAP_CHOWN')
const context = fc.record({
  privileged: rarely(fc.boolean()),
  allowPrivilegeEscalation: often<boolean>(false, fc.constantFrom(undefined, true)),
  readOnlyRootFilesystem: often<boolean>(true, fc.constantFrom(undefined, false)),
  runAsUser: rarely(fc.constantFrom(0, 1, 1000)),
  runAsNonRoot: rarely(fc.boolean()),
  capabilities: often<Loose>(
    { drop: ['ALL'] },
    rarely(fc.record({ add: fc.uniqueArray(capability, { maxLength: 2 }), drop: fc.uniqueArray(capability, { maxLength: 2 }) })),
  ),
  seccompProfile: rarely(profile),
  appArmorProfile: rarely(profile),
  seLinuxOptions: rarely(seLinuxOptions),
  procMount: rarely(fc.constantFrom('Default', 'Unmasked')),
  windowsOptions: rarely(windowsOptions),
})
const container = (name: string) =>
  fc.record({
    name: fc.constant(name),
    image: often(
      DIGEST,
      fc.constantFrom(
        'nginx',
        'nginx:latest',
        'registry.example:5000/a/b',
        'registry.example:5000/a/b:1',
        'a:latest@sha256:' + 'b'.repeat(64),
      ),
    ),
    resources: often<Loose>(
      { limits: { memory: '64Mi' } },
      fc.constantFrom(undefined, { limits: { cpu: '1' } }, { requests: { memory: '1Mi' } }),
    ),
    securityContext: often<Loose>(goodContainer()['securityContext'] as Loose, fc.option(context, { nil: undefined })),
    ports: rarely(fc.constantFrom([{ containerPort: 80 }], [{ containerPort: 80, hostPort: 0 }], [{ containerPort: 80, hostPort: 8080 }])),
    livenessProbe: rarely(handler),
    lifecycle: rarely(fc.record({ postStart: rarely(handler), preStop: rarely(handler) })),
  })
const volume = fc.constantFrom<Loose>(
  { emptyDir: {} },
  {},
  { configMap: { name: 'a' } },
  { hostPath: { path: '/srv' } },
  { hostPath: { path: '/run/docker.sock' } },
  { hostPath: { path: '/run/x', type: 'Socket' } },
  { nfs: { server: 'a', path: '/' } },
  { image: { reference: 'a' } },
)
const sysctl = fc.constantFrom('net.ipv4.tcp_rmem', 'kernel.shm_rmid_forced', 'kernel.msgmax', 'net.ipv4.tcp_notsent_lowat')

/** Any pod spec, valid or not: the API server says which. */
export const anySpec: fc.Arbitrary<PodSpec> = fc
  .record({
    automountServiceAccountToken: fc.constant(false),
    os: fc.option(fc.record({ name: fc.constantFrom('linux', 'windows') }), { nil: undefined, freq: 1 }),
    hostNetwork: rarely(fc.boolean()),
    hostPID: rarely(fc.boolean()),
    hostIPC: rarely(fc.boolean()),
    hostUsers: rarely(fc.boolean()),
    securityContext: fc.record({
      runAsNonRoot: often<boolean>(true, fc.constantFrom(undefined, false)),
      runAsUser: rarely(fc.constantFrom(0, 1000)),
      seccompProfile: often<Loose>({ type: 'RuntimeDefault' }, fc.option(profile, { nil: undefined })),
      appArmorProfile: rarely(profile),
      seLinuxOptions: rarely(seLinuxOptions),
      sysctls: rarely(fc.uniqueArray(sysctl, { maxLength: 2 }).map((names) => names.map((name) => ({ name, value: '1' })))),
      windowsOptions: rarely(windowsOptions),
    }),
    initContainers: fc.oneof(fc.constant(undefined), fc.tuple(container('init'))),
    containers: fc.oneof(fc.tuple(container('app')), fc.tuple(container('app'), container('side'))),
    volumes: rarely(volume.map((source) => [{ name: 'v', ...source }])),
  })
  .map((spec) => JSON.parse(JSON.stringify(spec)) as PodSpec)
