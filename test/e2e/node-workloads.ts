/** Workloads that differ in what hardening may take from them, and what is known to happen when it is forced on them. */
import { images } from '../cluster/nodes/images.ts'

export interface Forced {
  /** The control whose fix is applied at `may-break`, or a practice of which everything is. */
  readonly control?: string
  readonly practice?: string
  readonly set?: readonly string[]
  /** By how the workload is made; the tool only says that it may. */
  readonly breaks: boolean
}
export interface NodeWorkload {
  readonly name: string
  readonly kind?: 'Deployment' | 'StatefulSet' | 'DaemonSet' | 'CronJob' | 'Job' | 'Pod'
  readonly image: string
  readonly args: readonly string[]
  /** Where it answers; absent: it runs to its end. */
  readonly port?: number
  readonly container?: object
  readonly pod?: object
  /** Of the controller's specification. */
  readonly own?: object
  readonly ownAfter?: object
  /** Besides its name. */
  readonly metadata?: object
  /** What is there with it. */
  readonly beside?: readonly { readonly url: string; readonly object: object }[]
  /** Of its namespace; `labelsAfter` once it runs. */
  readonly labels?: Readonly<Record<string, string>>
  readonly labelsAfter?: Readonly<Record<string, string>>
  /** Of every apply. */
  readonly flags?: readonly string[]
  /** Nothing of it runs or is meant to, or nobody waits for it; `isIll`: it does not work before either. */
  readonly isIdle?: boolean
  readonly isIll?: boolean
  /** Of those that are not always run: it is all the same. */
  readonly isTelling?: boolean
  /** What only restarts pods is predicted to keep it serving; what is known to come of it otherwise. */
  readonly calm?: 'undone' | 'broke unnoticed'
  /** After everything up to `restarts-pods` is applied, its pods pass this level. */
  readonly reaches: 'privileged' | 'baseline' | 'restricted'
  readonly forced?: readonly Forced[]
}

const { root, user1000, userApp, volume, helpers } = images
export const ports = (containerPort: number) => ({ ports: [{ containerPort }] })
export const probe = (port: number, path = '/readyz') => ({ httpGet: { port, path }, periodSeconds: 1, failureThreshold: 3 })
export const mounted = (mountPath: string, source: object) => ({
  container: { volumeMounts: [{ name: 'data', mountPath }] },
  pod: { volumes: [{ name: 'data', ...source }] },
})
export const asUser = (user: number) => [`pod-run-as-root.user=${user}`]
export const other = (more: object) => ({ imagePullPolicy: 'Never', ...more })

export const DROP = 'pod-capabilities-drop-all'
export const USER = 'pod-run-as-root'
export const READ_ONLY = 'pod-readonly-rootfs'

export const workloads: readonly NodeWorkload[] = [
  // ── another user than root ───────────────────────────────────────────────────────────────────
  {
    name: 'user-plain',
    image: user1000.name,
    args: ['serve=:8080'],
    port: 8080,
    reaches: 'restricted',
    forced: [{ control: READ_ONLY, breaks: false }],
  },
  { name: 'user-named', image: userApp.name, args: ['write=/app/state', 'serve=:8080'], port: 8080, reaches: 'restricted' },
  { name: 'user-low-port', image: user1000.name, args: ['serve=:80'], port: 80, container: ports(80), reaches: 'restricted' },
  {
    name: 'user-low-port-closed',
    image: helpers.name,
    args: ['exec=/bin/web serve=:80'],
    port: 80,
    container: { readinessProbe: probe(80) },
    pod: { securityContext: { sysctls: [{ name: 'net.ipv4.ip_unprivileged_port_start', value: '1024' }] } },
    reaches: 'restricted',
  },
  {
    name: 'user-tmp',
    image: user1000.name,
    args: ['write=/tmp/start', 'on-request=/tmp/request', 'serve=:8080'],
    port: 8080,
    reaches: 'restricted',
    forced: [{ control: READ_ONLY, breaks: false }],
  },
  {
    name: 'user-own-tree',
    image: userApp.name,
    args: ['write=/app/start', 'serve=:8080'],
    port: 8080,
    reaches: 'restricted',
    forced: [
      { control: READ_ONLY, breaks: true },
      { control: READ_ONLY, set: ['pod-readonly-rootfs.writable=/tmp,/app'], breaks: false },
    ],
  },
  {
    name: 'user-own-tree-later',
    image: userApp.name,
    args: ['on-request=/app/request', 'serve=:8080'],
    port: 8080,
    container: { readinessProbe: probe(8080, '/') },
    reaches: 'restricted',
    forced: [{ control: READ_ONLY, breaks: true }],
  },
  {
    name: 'user-volume',
    image: user1000.name,
    args: ['write=/data/start', 'serve=:8080'],
    port: 8080,
    ...mounted('/data', { emptyDir: {} }),
    reaches: 'restricted',
    forced: [{ control: READ_ONLY, breaks: false }],
  },
  {
    name: 'user-probes',
    image: user1000.name,
    args: ['serve=:8080'],
    port: 8080,
    container: { readinessProbe: probe(8080), livenessProbe: probe(8080, '/healthz'), startupProbe: probe(8080, '/healthz') },
    reaches: 'restricted',
  },
  {
    name: 'user-init',
    image: user1000.name,
    args: ['read=/data/made', 'serve=:8080'],
    port: 8080,
    container: { volumeMounts: [{ name: 'data', mountPath: '/data' }] },
    pod: {
      volumes: [{ name: 'data', emptyDir: {} }],
      initContainers: [
        other({
          name: 'make',
          image: user1000.name,
          args: ['write=/data/made', 'exit=0'],
          volumeMounts: [{ name: 'data', mountPath: '/data' }],
        }),
      ],
    },
    reaches: 'restricted',
  },
  {
    name: 'user-sidecar',
    image: user1000.name,
    args: ['serve=:8080'],
    port: 8080,
    pod: {
      initContainers: [other({ name: 'side', image: userApp.name, restartPolicy: 'Always', args: ['write=/app/side', 'serve=:9090'] })],
    },
    reaches: 'restricted',
  },
  { name: 'user-set', kind: 'StatefulSet', image: userApp.name, args: ['write=/tmp/x', 'serve=:8080'], port: 8080, reaches: 'restricted' },
  { name: 'user-daemon', kind: 'DaemonSet', image: user1000.name, args: ['serve=:8080'], port: 8080, reaches: 'restricted' },
  { name: 'user-cron', kind: 'CronJob', image: user1000.name, args: ['write=/tmp/x', 'exit=0'], reaches: 'restricted' },
  { name: 'user-secret-file', image: helpers.name, args: ['read=/secret', 'serve=:8080'], port: 8080, reaches: 'restricted' },

  // ── root ─────────────────────────────────────────────────────────────────────────────────────
  {
    name: 'root-plain',
    image: root.name,
    args: ['serve=:8080'],
    port: 8080,
    reaches: 'baseline',
    forced: [
      { control: DROP, breaks: false },
      { control: USER, set: asUser(1000), breaks: false },
    ],
  },
  {
    name: 'root-chown',
    image: root.name,
    args: ['chown=/etc/group:1234:1234', 'serve=:8080'],
    port: 8080,
    reaches: 'baseline',
    forced: [{ control: DROP, breaks: true }],
  },
  {
    name: 'root-switches-user',
    image: root.name,
    args: ['setuid=1234', 'serve=:8080'],
    port: 8080,
    reaches: 'baseline',
    forced: [{ control: DROP, breaks: true }],
  },
  {
    name: 'root-chroot',
    image: root.name,
    args: ['need=sys_chroot', 'serve=:8080'],
    port: 8080,
    reaches: 'baseline',
    forced: [{ control: DROP, breaks: true }],
  },
  {
    name: 'root-dies-late',
    image: root.name,
    args: ['serve=:8080', 'sleep=4s', 'chown=/etc/group:1234:1234'],
    port: 8080,
    reaches: 'baseline',
    forced: [{ control: DROP, breaks: true }],
  },
  {
    name: 'root-low-port',
    image: root.name,
    args: ['serve=:80'],
    port: 80,
    container: ports(80),
    reaches: 'baseline',
    forced: [
      { control: DROP, breaks: false },
      { control: USER, set: asUser(1000), breaks: false },
    ],
  },
  {
    name: 'root-own-tree',
    image: root.name,
    args: ['write=/etc/made', 'serve=:8080'],
    port: 8080,
    reaches: 'baseline',
    forced: [
      { control: USER, set: asUser(1000), breaks: true },
      { control: READ_ONLY, breaks: true },
    ],
  },
  {
    name: 'root-image-volume',
    image: volume.name,
    args: ['read=/data/seed', 'write=/data/new', 'serve=:8080'],
    port: 8080,
    reaches: 'baseline',
    forced: [{ control: READ_ONLY, breaks: false }],
  },
  {
    name: 'root-net-admin',
    image: root.name,
    args: ['need=net_admin', 'serve=:8080'],
    port: 8080,
    container: { securityContext: { capabilities: { add: ['NET_ADMIN'] } } },
    reaches: 'privileged',
    forced: [{ control: 'pod-capabilities-added', breaks: true }],
  },
  {
    name: 'root-privileged',
    image: root.name,
    args: ['need=net_admin', 'serve=:8080'],
    port: 8080,
    container: { securityContext: { privileged: true } },
    reaches: 'privileged',
    forced: [{ control: 'pod-privileged', breaks: true }],
  },
  {
    name: 'root-privileged-needlessly',
    image: root.name,
    args: ['serve=:8080'],
    port: 8080,
    container: { securityContext: { privileged: true } },
    reaches: 'privileged',
    forced: [{ control: 'pod-privileged', breaks: false }],
  },
  {
    name: 'root-host-path',
    image: root.name,
    args: ['read=/host/wanted', 'serve=:8080'],
    port: 8080,
    ...mounted('/host', { hostPath: { path: '/var/lib/k8s-harden-test' } }),
    reaches: 'privileged',
    forced: [{ control: 'pod-hostpath', breaks: true }],
  },
  {
    name: 'root-host-path-idle',
    image: root.name,
    args: ['serve=:8080'],
    port: 8080,
    ...mounted('/host', { hostPath: { path: '/var/lib/k8s-harden-test' } }),
    reaches: 'privileged',
    forced: [{ control: 'pod-hostpath', breaks: false }],
  },
  {
    name: 'root-host-network',
    image: root.name,
    args: ['serve=:18080'],
    port: 18080,
    container: ports(18080),
    pod: { hostNetwork: true },
    reaches: 'privileged',
    forced: [{ control: 'pod-host-network', breaks: false }],
  },
  {
    name: 'root-init',
    image: user1000.name,
    args: ['write=/data/mine', 'serve=:8080'],
    port: 8080,
    container: { volumeMounts: [{ name: 'data', mountPath: '/data' }] },
    pod: {
      volumes: [{ name: 'data', emptyDir: {} }],
      initContainers: [
        other({
          name: 'own',
          image: root.name,
          args: ['chown=/data:1000:1000', 'exit=0'],
          volumeMounts: [{ name: 'data', mountPath: '/data' }],
        }),
      ],
    },
    reaches: 'baseline',
    forced: [{ control: DROP, breaks: true }],
  },
  {
    name: 'root-sidecar',
    image: user1000.name,
    args: ['serve=:8080'],
    port: 8080,
    pod: {
      initContainers: [other({ name: 'side', image: root.name, restartPolicy: 'Always', args: ['chown=/etc/group:1:1', 'serve=:9090'] })],
    },
    reaches: 'baseline',
    forced: [{ control: DROP, breaks: true }],
  },
  {
    name: 'root-set',
    kind: 'StatefulSet',
    image: root.name,
    args: ['chown=/etc/group:1:1', 'serve=:8080'],
    port: 8080,
    reaches: 'baseline',
    forced: [{ control: DROP, breaks: true }],
  },
  {
    name: 'root-daemon',
    kind: 'DaemonSet',
    image: root.name,
    args: ['setuid=1234', 'serve=:8080'],
    port: 8080,
    reaches: 'baseline',
    forced: [{ control: DROP, breaks: true }],
  },
  {
    name: 'root-cron',
    kind: 'CronJob',
    image: root.name,
    args: ['chown=/etc/group:1:1', 'exit=0'],
    reaches: 'baseline',
    forced: [{ control: DROP, breaks: true }],
  },
]

/** The object of a workload, in a namespace of its own name. */
export function objectOf({
  name,
  kind = 'Deployment',
  image,
  args,
  container = {},
  pod = {},
  own: more = {},
  metadata: meta = {},
}: NodeWorkload): object {
  const isCron = kind === 'CronJob'
  const containers = [other({ name: 'app', image, args, ...container })]
  const spec = {
    terminationGracePeriodSeconds: 1,
    automountServiceAccountToken: false,
    ...((isCron || kind === 'Job') && { restartPolicy: 'Never' }),
    ...pod,
    containers,
  }
  if (kind === 'Pod') return { apiVersion: 'v1', kind, metadata: { name, namespace: name, labels: { app: name }, ...meta }, spec }
  const template = { metadata: { labels: { app: name } }, spec }
  if (kind === 'Job') return { apiVersion: 'batch/v1', kind, metadata: { name, namespace: name, ...meta }, spec: { template } }
  const own = isCron
    ? { schedule: '* * * * *', jobTemplate: { spec: { backoffLimit: 0, template } } }
    : { selector: { matchLabels: { app: name } }, ...(kind === 'StatefulSet' && { serviceName: name }), template }
  return { apiVersion: isCron ? 'batch/v1' : 'apps/v1', kind, metadata: { name, namespace: name, ...meta }, spec: { ...own, ...more } }
}
