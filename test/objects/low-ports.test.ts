import { describe, expect, it } from 'vitest'
import { knownUser } from '../../src/objects/container-user.ts'
import { lowPortsOf, opensPort } from '../../src/objects/low-ports.ts'
import { workloads } from '../../src/objects/workloads.ts'
import { worldOf } from '../helpers/world.ts'

const world = (container: string, more = '', spec = '') => {
  const { snapshot } = worldOf(
    `apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: shop, uid: d}\nspec: {template: {metadata: {labels: {app: web}}, spec: {${spec}containers: [{name: app, image: a${container}}, {name: side, image: b, ports: [{containerPort: 81}]}]}}}\n${more}`,
  )
  const workload = workloads(snapshot)[0]!
  return { snapshot, workload, container: workload.spec.containers[0]! }
}
const ports = (container: string, more = '') => {
  const { snapshot, workload, container: app } = world(container, more)
  return lowPortsOf(snapshot, workload, app)
}
const service = (port: string) =>
  `---\napiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop}\nspec: {selector: {app: web}, ports: [${port}]}\n`

describe('the low ports of a container', () => {
  it('are those it declares, below 1024', () => {
    expect(ports(', ports: [{containerPort: 80}, {containerPort: 8080}, {containerPort: 53, protocol: UDP}]')).toEqual([53, 80])
    expect(ports('')).toEqual([])
  })

  it('are those the kubelet probes', () => {
    expect(
      ports(', readinessProbe: {httpGet: {port: 80}}, livenessProbe: {tcpSocket: {port: 90}}, startupProbe: {grpc: {port: 99}}'),
    ).toEqual([80, 90, 99])
    expect(ports(', readinessProbe: {httpGet: {port: http}}, lifecycle: {preStop: {httpGet: {port: 70}}}')).toEqual([70])
  })

  it('are those a Service sends to, unless another container declares them', () => {
    expect(ports('', service('{port: 80}'))).toEqual([80])
    expect(ports('', service('{port: 80, targetPort: 8080}'))).toEqual([])
    expect(ports('', service('{port: 8080, targetPort: 443}, {port: 81}'))).toEqual([443])
    expect(ports('', service('{port: 80}').replace('namespace: shop', 'namespace: other'))).toEqual([])
    expect(ports('', service('{port: 80}').replace('{app: web}', '{}'))).toEqual([])
  })

  it('are those its command line and environment speak of', () => {
    expect(ports(', args: ["--port=80"]')).toEqual([80])
    expect(ports(', args: ["--http-port", "81"]')).toEqual([81])
    expect(ports(', command: [server, -p, "82"]')).toEqual([82])
    expect(ports(', args: ["--listen=0.0.0.0:83", ":84"]')).toEqual([83, 84])
    expect(ports(', env: [{name: PORT, value: "85"}, {name: HTTP_ADDR, value: "[::]:86"}, {name: RETRIES, value: "7"}]')).toEqual([85, 86])
    expect(ports(', args: ["--report=2026", "--port=8080", "12:30:00", redis:6.2]')).not.toContain(2026)
  })

  it('are open to everybody where the pod says so', () => {
    const start = (value: string) =>
      world('', '', `securityContext: {sysctls: [{name: net.ipv4.ip_unprivileged_port_start, value: "${value}"}]}, `).workload.spec
    expect(opensPort(start('0'), 80)).toBe(true)
    expect(opensPort(start('80'), 80)).toBe(true)
    expect(opensPort(start('81'), 80)).toBe(false)
    expect(opensPort(world('').workload.spec, 80)).toBe(false)
  })
})

describe('the user of a container', () => {
  const pod = (linux: string, name = 'web-0') =>
    `---\napiVersion: v1\nkind: Pod\nmetadata: {name: ${name}, namespace: shop, ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: web, uid: d, controller: true}]}\nspec: {containers: [{name: app, image: a}, {name: side, image: b}]}\nstatus: {phase: Running, containerStatuses: [{name: app${linux === '' ? '' : `, user: {linux: {${linux}}}`}}]}\n`
  const user = (container: string, more = '', spec = '') => {
    const { snapshot, workload, container: app } = world(container, more, spec)
    return knownUser(workload, app, snapshot)
  }

  it('is what the specification says, whatever older pods run as', () => {
    expect(user(', securityContext: {runAsUser: 1000}', pod('uid: 0, gid: 0'))).toEqual({ uid: 1000, isRoot: false, from: 'spec' })
    expect(user('', '', 'securityContext: {runAsUser: 0}, ')).toEqual({ uid: 0, isRoot: true, from: 'spec' })
  })

  it('is what the kubelet reports of every pod', () => {
    expect(user('', pod('uid: 1000, gid: 2000') + pod('uid: 1000, gid: 2000', 'web-1'))).toEqual({
      uid: 1000,
      gid: 2000,
      isRoot: false,
      from: 'kubelet',
    })
    expect(user('', pod('uid: 1000, gid: 2000') + pod('uid: 0, gid: 0', 'web-1'))).toMatchObject({ isRoot: true })
    expect(user('', pod('uid: 1000, gid: 2000') + pod('', 'web-1'))).toEqual({ from: 'nobody' })
  })

  it('is what the image says, where nobody else does', () => {
    const config = (user: string) =>
      `---\napiVersion: k8s-harden.test/v1\nkind: World\nfacts: {ImageConfigs: {images: [{image: a, user: "${user}", volumes: [], exposedPorts: ["80/tcp"], from: file}]}}\n`
    expect(user('', config('1000:2000'))).toEqual({ uid: 1000, gid: 2000, isRoot: false, from: 'image' })
    expect(user('', config(''))).toEqual({ uid: 0, isRoot: true, from: 'image' })
    expect(user('', config('nginx'))).toEqual({ from: 'image', named: 'nginx' })
    expect(user('', pod('uid: 101, gid: 101') + config('nginx'))).toMatchObject({ uid: 101, from: 'kubelet' })
    expect(ports('', config('nginx'))).toEqual([80])
  })

  it('is that of the newest run of what runs to its end', () => {
    const job = (name: string) =>
      `---\napiVersion: batch/v1\nkind: Job\nmetadata: {name: ${name}, namespace: shop, uid: ${name}, ownerReferences: [{apiVersion: batch/v1, kind: CronJob, name: tidy, uid: c, controller: true}]}\nspec: {template: {spec: {containers: [{name: app, image: a}]}}}\n`
    const run = (name: string, at: string, uid: number) =>
      `---\napiVersion: v1\nkind: Pod\nmetadata: {name: ${name}-x, namespace: shop, creationTimestamp: "${at}", ownerReferences: [{apiVersion: batch/v1, kind: Job, name: ${name}, uid: ${name}, controller: true}]}\nspec: {containers: [{name: app, image: a}]}\nstatus: {phase: Succeeded, containerStatuses: [{name: app, user: {linux: {uid: ${uid}, gid: 0}}}]}\n`
    const cron = `apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: tidy, namespace: shop, uid: c}\nspec: {jobTemplate: {spec: {template: {spec: {containers: [{name: app, image: a}]}}}}}\n`
    const { snapshot } = worldOf(
      cron + job('one') + job('two') + run('two', '2026-01-02T00:00:00Z', 1000) + run('one', '2026-01-01T00:00:00Z', 0),
    )
    const [tidy] = workloads(snapshot)
    expect(tidy).toMatchObject({ ref: { kind: 'CronJob' }, pods: [] })
    expect(knownUser(tidy!, tidy!.spec.containers[0]!, snapshot)).toEqual({ uid: 1000, gid: 0, isRoot: false, from: 'kubelet' })
  })

  it('is not root where the kubelet refuses root, whoever it is', () => {
    expect(user('', '', 'securityContext: {runAsNonRoot: true}, ')).toEqual({ isRoot: false, from: 'spec' })
    expect(user(', securityContext: {runAsNonRoot: false}', '', 'securityContext: {runAsNonRoot: true}, ')).toEqual({ from: 'nobody' })
  })
})
