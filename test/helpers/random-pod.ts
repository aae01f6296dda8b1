/** Random pods over every field that the Pod Security Standards look at, mostly such as an API server's validation lets through. */
import type { JudgedPod } from '../../src/objects/pod-security.ts'

export interface SentPod {
  readonly metadata: { readonly annotations: Readonly<Record<string, string>> }
  readonly spec: Readonly<Record<string, unknown>>
}
export const judgedOf = ({ metadata, spec }: SentPod): JudgedPod => ({
  spec: spec as unknown as JudgedPod['spec'],
  annotations: metadata.annotations,
})

/** A repeatable source of numbers in [0, 1) (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}

type Fields = Record<string, unknown>
const REST = { persistentVolumeClaim: { claimName: 'a' } }
/** Every volume source of core/v1 with the least that validation asks for; `none` has no source at all. */
const VOLUMES: Readonly<Record<string, Fields>> = {
  none: {},
  nulls: { hostPath: null, ...REST },
  hostPath: { hostPath: { path: '/a' } },
  hostPathTyped: { hostPath: { path: '/var/log', type: 'Directory' } },
  emptyDir: { emptyDir: {} },
  gcePersistentDisk: { gcePersistentDisk: { pdName: 'a' } },
  awsElasticBlockStore: { awsElasticBlockStore: { volumeID: 'a' } },
  gitRepo: { gitRepo: { repository: 'https://example.com/a' } },
  secret: { secret: { secretName: 'a' } },
  nfs: { nfs: { server: 'a', path: '/a' } },
  iscsi: { iscsi: { targetPortal: 'a', iqn: 'iqn.2001-04.com.example:storage.kube.sys1.xyz', lun: 0 } },
  glusterfs: { glusterfs: { endpoints: 'a', path: 'a' } },
  persistentVolumeClaim: REST,
  rbd: { rbd: { monitors: ['a'], image: 'a' } },
  flexVolume: { flexVolume: { driver: 'a/b' } },
  cinder: { cinder: { volumeID: 'a' } },
  cephfs: { cephfs: { monitors: ['a'] } },
  flocker: { flocker: { datasetName: 'a' } },
  downwardAPI: { downwardAPI: { items: [{ path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } }] } },
  fc: { fc: { wwids: ['a'] } },
  azureFile: { azureFile: { secretName: 'a', shareName: 'a' } },
  configMap: { configMap: { name: 'a' } },
  vsphereVolume: { vsphereVolume: { volumePath: 'a' } },
  quobyte: { quobyte: { registry: 'a:1', volume: 'a' } },
  azureDisk: { azureDisk: { diskName: 'a', diskURI: 'https://blob.example.com/a' } },
  photonPersistentDisk: { photonPersistentDisk: { pdID: 'a' } },
  projected: { projected: { sources: [{ configMap: { name: 'a' } }] } },
  portworxVolume: { portworxVolume: { volumeID: 'a' } },
  scaleIO: { scaleIO: { gateway: 'a', system: 'a', volumeName: 'a', secretRef: { name: 'a' } } },
  storageos: { storageos: { volumeName: 'a', volumeNamespace: 'a' } },
  csi: { csi: { driver: 'a' } },
  ephemeral: {
    ephemeral: {
      volumeClaimTemplate: {
        spec: { accessModes: ['ReadWriteOnce'], storageClassName: 'a', resources: { requests: { storage: '1Gi' } } },
      },
    },
  },
  image: { image: { reference: 'example.com/a', pullPolicy: 'IfNotPresent' } },
}
const CAPABILITIES =
  'ALL,NET_BIND_SERVICE,CHOWN,KILL,SETPCAP,MKNOD,SYS_ADMIN,NET_RAW,CAP_CHOWN,CAP_NET_BIND_SERVICE,chown,all,All,SYS_CHROOT'
const SYSCTLS =
  'kernel.shm_rmid_forced,net.ipv4.ip_local_port_range,net.ipv4.tcp_syncookies,net.ipv4.ping_group_range,net.ipv4.ip_unprivileged_port_start,net.ipv4.ip_local_reserved_ports,net.ipv4.tcp_keepalive_time,net.ipv4.tcp_fin_timeout,net.ipv4.tcp_keepalive_intvl,net.ipv4.tcp_keepalive_probes,net.ipv4.tcp_rmem,net.ipv4.tcp_wmem,net.ipv4.tcp_slow_start_after_idle,net.ipv4.tcp_notsent_lowat,kernel.msgmax,net.core.somaxconn,net/ipv4/tcp_rmem,fs.mqueue.msg_max,vm.swappiness'
const SELINUX_TYPES = [
  '',
  'container_t',
  'container_init_t',
  'container_kvm_t',
  'container_engine_t',
  'spc_t',
  'Container_t',
  null,
  undefined,
]
const PROFILES = ['RuntimeDefault', 'Unconfined', 'Localhost'] as const

/** Pods one after the other; the same seed gives the same pods. */
export class RandomPods {
  readonly #random: () => number
  /** How likely each field strays from the hardened pod: small for one pod, large for the next. */
  #wild = 0
  #port = 1

  constructor(seed: number) {
    this.#random = seeded(seed)
  }

  next(): SentPod {
    this.#wild = this.#pick([0, 0.015, 0.05, 0.12, 0.3])
    this.#port = 1
    return this.#chance(0.08) ? this.#windows() : this.#linux()
  }

  #linux(): SentPod {
    const annotations: Record<string, string> = {}
    const isolated = this.#chance(0.25)
    const hard = this.#chance(0.6)
    const names = this.#chance(0.4) ? ['a', 'b'] : ['a']
    const spec: Fields = {
      ...this.#maybe('hostUsers', isolated ? [false] : [true, null], isolated ? 1 : 0.1),
      containers: names.map((name) => this.#container(name, hard, isolated, annotations, true)),
    }
    if (this.#chance(0.3))
      spec['initContainers'] = [
        this.#container('i', hard, isolated, annotations, false),
        ...(this.#chance(0.5) ? [{ ...this.#container('s', hard, isolated, annotations, true), restartPolicy: 'Always' }] : []),
      ]
    for (const field of isolated ? [] : ['hostNetwork', 'hostPID', 'hostIPC'])
      Object.assign(spec, this.#stray(field, field === 'hostNetwork' ? [true, true, false] : [true, true, false, null]))
    // The standards know nothing of hostNetwork beside host ports that differ: validation ties the two together.
    if (spec['hostNetwork'] === true) tiePorts(spec)
    const volumes = this.#chance(0.25 + this.#wild) ? this.#volumes() : []
    if (volumes.length > 0) spec['volumes'] = volumes
    const context = this.#podContext(hard, spec['hostNetwork'] === true || spec['hostIPC'] === true)
    if (Object.keys(context).length > 0) spec['securityContext'] = context
    else Object.assign(spec, this.#maybe('securityContext', [{}, null], 0.3))
    Object.assign(spec, this.#maybe('os', [{ name: 'linux' }], 0.1))
    Object.assign(annotations, this.#seccompAnnotation('seccomp.security.alpha.kubernetes.io/pod'))
    return { metadata: { annotations }, spec }
  }

  /** Linux settings are refused beside `os: windows`. */
  #windows(): SentPod {
    const host = this.#chance(0.35)
    const options = () => this.#stray('windowsOptions', [{ runAsUserName: 'ContainerUser' }, { hostProcess: false }, {}, null])
    const own = () => ({
      ...(host ? {} : options()),
      ...this.#maybe('runAsNonRoot', [true, true, false], 0.6),
    })
    const spec: Fields = {
      ...(this.#chance(0.8) && { os: { name: 'windows' } }),
      ...(host && { hostNetwork: true }),
      securityContext: { ...own(), ...(host && { windowsOptions: { hostProcess: true } }) },
      containers: ['a', 'b'].map((name) => ({ name, image: 'example.com/a', securityContext: own() })),
    }
    if (this.#chance(0.3)) spec['volumes'] = this.#volumes()
    return { metadata: { annotations: {} }, spec }
  }

  #podContext(hard: boolean, hostShared: boolean): Fields {
    const sysctls = hostShared ? [] : this.#some(SYSCTLS.split(','), this.#wild * 2)
    return {
      ...(hard && this.#keep(0.8) && { runAsNonRoot: true }),
      ...(hard && this.#keep(0.8) && { seccompProfile: { type: 'RuntimeDefault' } }),
      ...this.#stray('runAsNonRoot', [true, false, null]),
      ...this.#stray('runAsUser', [0, 0, 1, 1000, null]),
      ...this.#stray('seccompProfile', this.#seccompProfiles()),
      ...this.#stray('seLinuxOptions', [this.#seLinux(), this.#seLinux(), {}, null]),
      ...this.#stray('appArmorProfile', this.#appArmorProfiles()),
      ...(sysctls.length > 0 && { sysctls: sysctls.map((name) => ({ name, value: '1' })) }),
      ...this.#stray('windowsOptions', [{ runAsUserName: 'a' }, { hostProcess: false }, null]),
      ...this.#stray('fsGroup', [0, 1]),
    }
  }

  #container(name: string, hard: boolean, isolated: boolean, annotations: Record<string, string>, hooks: boolean): Fields {
    const profile = this.#stray('appArmorProfile', this.#appArmorProfiles())
    if (Object.keys(profile).length === 0 && this.#chance(this.#wild / 2))
      annotations[`container.apparmor.security.beta.kubernetes.io/${name}`] = this.#pick(['runtime/default', 'localhost/a', 'unconfined'])
    Object.assign(annotations, this.#seccompAnnotation(`container.seccomp.security.alpha.kubernetes.io/${name}`))
    const privileged = this.#stray('privileged', [true, true, false, null])
    const escalating = privileged['privileged'] === true
    const added = this.#some(CAPABILITIES.split(','), this.#wild)
    const context: Fields = {
      ...privileged,
      ...(hard && !escalating && this.#keep() && { allowPrivilegeEscalation: false }),
      ...(escalating ? {} : this.#stray('allowPrivilegeEscalation', [true, null])),
      ...((hard && this.#keep()) || added.length > 0 || this.#chance(this.#wild)
        ? {
            capabilities: {
              ...(hard && this.#keep() ? { drop: ['ALL'] } : this.#stray('drop', [['all'], ['NET_RAW'], [], null, ['NET_RAW', 'ALL']])),
              ...(added.length > 0 ? { add: added } : this.#stray('add', [[], null, ['NET_BIND_SERVICE']])),
            },
          }
        : {}),
      ...this.#stray('runAsNonRoot', [true, true, false, null]),
      ...this.#stray('runAsUser', [0, 0, 1, null]),
      ...this.#stray('seccompProfile', this.#seccompProfiles()),
      ...this.#stray('seLinuxOptions', [this.#seLinux(), this.#seLinux(), {}, null]),
      ...profile,
      ...this.#stray('procMount', isolated ? ['Unmasked', 'Default', null] : ['Default', null]),
      ...this.#stray('windowsOptions', [{ hostProcess: false }, {}, null]),
    }
    return {
      name,
      image: 'example.com/a',
      ...(Object.keys(context).length > 0 ? { securityContext: context } : this.#stray('securityContext', [{}, null])),
      ...(this.#chance(this.#wild * 2) && { ports: this.#ports() }),
      ...(hooks && this.#hooks()),
    }
  }

  #hooks(): Fields {
    const handler = (): Fields =>
      this.#pick<Fields>([
        { httpGet: { port: 80, ...this.#host() } },
        { tcpSocket: { port: 80, ...this.#host() } },
        { exec: { command: ['a'] } },
      ])
    const probes = ['livenessProbe', 'readinessProbe', 'startupProbe'].filter(() => this.#chance(this.#wild))
    const hooks = ['postStart', 'preStop'].filter(() => this.#chance(this.#wild))
    return {
      ...Object.fromEntries(probes.map((probe) => [probe, this.#chance(0.1) ? { grpc: { port: 80 } } : handler()])),
      ...(hooks.length > 0 && { lifecycle: Object.fromEntries(hooks.map((hook) => [hook, handler()])) }),
    }
  }
  #host(): Fields {
    return this.#maybe('host', ['', '127.0.0.1', 'example.com', '::1', null], 0.6)
  }

  #ports(): Fields[] {
    return [1, 2].slice(this.#pick([0, 1])).map(() => {
      const containerPort = ++this.#port
      return { containerPort, ...this.#maybe('hostPort', [0, containerPort, null], 0.5) }
    })
  }
  #volumes(): Fields[] {
    const restrictive = this.#chance(0.5)
    const kinds = Object.keys(VOLUMES).filter((kind) => restrictive || kind === 'none' || kind === 'emptyDir' || kind === 'secret')
    return [1, 2].slice(this.#pick([0, 1])).map((index) => ({ name: `v${index}`, ...VOLUMES[this.#pick(kinds)] }))
  }
  #seLinux(): Fields {
    return {
      ...this.#maybe('type', SELINUX_TYPES, 0.7),
      ...this.#maybe('user', ['', 'u'], 0.2),
      ...this.#maybe('role', ['', 'r'], 0.2),
      ...this.#maybe('level', ['s0'], 0.3),
    }
  }
  #seccompProfiles(): unknown[] {
    return [null, ...PROFILES.map((type) => ({ type, ...(type === 'Localhost' && { localhostProfile: 'a' }) }))]
  }
  #appArmorProfiles(): unknown[] {
    return this.#seccompProfiles()
  }
  #seccompAnnotation(key: string): Record<string, string> {
    return this.#chance(this.#wild / 2) ? { [key]: this.#pick(['runtime/default', 'docker/default', 'localhost/a', 'unconfined']) } : {}
  }

  #pick<T>(from: readonly T[]): T {
    return from[Math.floor(this.#random() * from.length)]!
  }
  #chance(probability: number): boolean {
    return this.#random() < probability
  }
  /** What a hardened pod says is left out now and then. */
  #keep(probability = 1): boolean {
    return this.#chance(probability * (1 - this.#wild / 2))
  }
  #some<T>(from: readonly T[], probability: number): T[] {
    if (!this.#chance(probability)) return []
    return [...new Set([1, 2, 3].slice(this.#pick([0, 1, 2])).map(() => this.#pick(from)))]
  }
  #maybe(field: string, values: readonly unknown[], probability: number): Fields {
    if (!this.#chance(probability)) return {}
    const value = this.#pick(values)
    return value === undefined ? {} : { [field]: value }
  }
  #stray(field: string, values: readonly unknown[]): Fields {
    return this.#maybe(field, values, this.#wild)
  }
}

function tiePorts(spec: Fields): void {
  for (const container of [...((spec['initContainers'] as Fields[]) ?? []), ...(spec['containers'] as Fields[])])
    for (const port of (container['ports'] as Fields[] | undefined) ?? [])
      if (port['hostPort'] !== undefined && port['hostPort'] !== null && port['hostPort'] !== 0) port['hostPort'] = port['containerPort']
}
