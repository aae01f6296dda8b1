import { existsSync, readFileSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { execa, execaSync } from 'execa'
import { describe, expect, test } from 'vitest'
import type { Cluster } from './cluster.ts'
import { startCluster } from './cluster.ts'
import { processesIn } from './nodes/cgroups.ts'
import { images } from './nodes/images.ts'
import { whyNoNode } from './nodes/programs.ts'
import { runPod } from './nodes/run-pod.ts'
import { describeNode } from './with-cluster.ts'

interface Pod {
  metadata: { name: string }
  status: {
    podIP?: string
    containerStatuses?: {
      ready: boolean
      restartCount: number
      containerID?: string
      state: { waiting?: { reason: string; message: string } }
      user?: { linux?: { uid: number; gid: number; supplementalGroups?: number[] } }
    }[]
  }
}

interface Summary {
  node: { nodeName: string }
  pods: { podRef: { name: string } }[]
}

const restricted = { runAsNonRoot: true, allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } }

describeNode('a real node', {}, (cluster) => {
  const podsOf = async (name: string) =>
    (await cluster().api.get<{ items: Pod[] }>(`/api/v1/namespaces/default/pods?labelSelector=app%3D${name}`)).items
  const rolledOut = (name: string) => cluster().kubectl(['rollout', 'status', `deployment/${name}`, '--timeout=60s'])
  const applied = (name: string, container: object) =>
    cluster().kubectl(['apply', '-f', '-'], { input: JSON.stringify(deployment(name, container)) })

  const outcome = (name: string, container: object) => runPod(cluster(), name, container)

  test('a Deployment rolls out, serves at its pod address, and its log and node can be read', async () => {
    await cluster().nodes[0]?.addImages(Object.values(images))
    await applied('web', { image: images.root.name, args: ['serve=:80', 'write=/var/written'], readinessProbe: probe(80) })
    await rolledOut('web')
    const [pod] = await podsOf('web')
    const answer = await fetch(`http://${pod?.status.podIP}/`)
    expect(await answer.json()).toMatchObject({ uid: '0', noNewPrivs: '0', seccomp: '0' })
    expect(await cluster().kubectl(['logs', 'deployment/web'])).toContain('done write=/var/written')
    expect(await cluster().kubectl(['exec', 'deployment/web', '--', '/workload', 'exit=0'])).toContain('identity')

    const proxy = '/api/v1/nodes/node-0/proxy'
    const { kubeletconfig } = await cluster().api.get<{ kubeletconfig: object }>(`${proxy}/configz`)
    expect(kubeletconfig).toMatchObject({ authentication: { anonymous: { enabled: false } }, staticPodPath: '/etc/kubernetes/manifests' })
    const summary = await cluster().api.get<Summary>(`${proxy}/stats/summary`)
    expect(summary.pods.map(({ podRef }) => podRef.name)).toContain(pod?.metadata.name)
  })

  test.each([
    ['root', images.root.name, { uid: 0, gid: 0, supplementalGroups: [0] }],
    ['user-1000', images.user1000.name, { uid: 1000, gid: 0, supplementalGroups: [0] }],
    ['user-app', images.userApp.name, { uid: 1234, gid: 1234, supplementalGroups: [1234, 4321] }],
  ])('the status of a pod tells the user that %s really runs as', async (name, image, user) => {
    await applied(name, { image, args: ['serve=:8080'] })
    await rolledOut(name)
    const [pod] = await podsOf(name)
    expect(pod?.status.containerStatuses?.[0]?.user?.linux).toEqual(user)
    const answer = (await (await fetch(`http://${pod?.status.podIP}:8080/`)).json()) as { uid: string }
    expect(answer.uid).toBe(String(user.uid))
  })

  test.each([
    ['runs as root', 'rooted', images.root.name, 'container has runAsNonRoot and image will run as root'],
    ['names its user', 'named', images.userApp.name, 'container has runAsNonRoot and image has non-numeric user (app)'],
  ])('runAsNonRoot stops an image that %s, while the old pod serves on', async (_, name, image, message) => {
    await applied(name, { image, args: ['serve=:8080'] })
    await rolledOut(name)
    const [old] = await podsOf(name)
    await applied(name, { image, args: ['serve=:8080'], securityContext: { runAsNonRoot: true } })
    const refused = async () => (await podsOf(name)).flatMap(({ status }) => status.containerStatuses?.[0]?.state.waiting ?? [])
    const waiting = {
      reason: 'CreateContainerConfigError',
      message: expect.stringContaining(message),
    }
    await expect.poll(refused, { timeout: 60_000 }).toEqual([waiting])
    expect((await fetch(`http://${old?.status.podIP}:8080/healthz`)).status).toBe(200)
  })

  test('probes see when a pod stops being ready', async () => {
    await applied('probed', { image: images.user1000.name, args: ['serve=:8080'] })
    await rolledOut('probed')
    const [pod] = await podsOf('probed')
    expect(await (await fetch(`http://${pod?.status.podIP}:8080/do?step=unready=`)).text()).toBe('done\n')
    const ready = async () => (await podsOf('probed'))[0]?.status.containerStatuses?.[0]?.ready
    await expect.poll(ready, { timeout: 30_000 }).toBe(false)
  })

  // The same step with and without what it needs: an image that never fails would prove nothing.
  test.each([
    ['chown', images.root.name, 'chown=/etc/group:1234:1234', {}, { capabilities: { drop: ['ALL'] } }],
    ['setuid', images.root.name, 'setuid=1234', {}, { capabilities: { drop: ['SETUID'] } }],
    ['net-raw', images.root.name, 'need=net_raw', {}, { capabilities: { drop: ['NET_RAW'] } }],
    ['own-tree', images.userApp.name, 'write=/app/new', {}, { readOnlyRootFilesystem: true }],
    ['setuid-bit', images.helpers.name, 'exec=/bin/setuid chown=/etc/group:0:1', {}, { allowPrivilegeEscalation: false }],
    ['file-capability', images.helpers.name, 'exec=/bin/ping need=net_raw', {}, { allowPrivilegeEscalation: false }],
    ['own-file', images.helpers.name, 'read=/secret', {}, { runAsUser: 4000 }],
  ])('hardening can break %s', async (name, image, step, before, after) => {
    const args = [step, 'exit=0']
    const [works, broken] = await Promise.all([
      outcome(`${name}-before`, { image, args, securityContext: before }),
      outcome(`${name}-after`, { image, args, securityContext: after }),
    ])
    expect(works).toMatchObject({ exitCode: 0 })
    expect(broken).toEqual({ exitCode: 1, said: expect.stringContaining(`failed ${step}`) })
  })

  test('a hardened pod that needs nothing special runs', async () => {
    const securityContext = { ...restricted, readOnlyRootFilesystem: true, seccompProfile: { type: 'RuntimeDefault' } }
    const args = ['read=/etc/passwd', 'exit=0']
    const { exitCode, said } = await outcome('hardened', { image: images.user1000.name, args, securityContext })
    expect(exitCode).toBe(0)
    const identity = JSON.parse(/identity (.*)/.exec(said)?.[1] ?? '')
    expect(identity).toMatchObject({ uid: '1000', capBnd: '0000000000000000', noNewPrivs: '1', seccomp: '2' })
  })

  test('the kubelet comes back with other settings, and the pods stay', async () => {
    const before = (await podsOf('web'))[0]
    await cluster().nodes[0]?.restartKubelet({ maxPods: 42 })
    const { kubeletconfig } = await cluster().api.get<{ kubeletconfig: object }>('/api/v1/nodes/node-0/proxy/configz')
    expect(kubeletconfig).toMatchObject({ maxPods: 42 })
    expect((await fetch(`http://${before?.status.podIP}/healthz`)).status).toBe(200)
  })

  test('an API server runs as a static pod, and the kubelet restarts it when its manifest changes', async () => {
    const server = await cluster().nodes[0]?.runApiServer()
    if (!server) throw new Error('there is no node')
    const namespaces = await server.api.get<{ items: { metadata: { name: string } }[] }>('/api/v1/namespaces')
    expect(namespaces.items.map(({ metadata }) => metadata.name)).toContain('kube-system')
    const mirror = () => cluster().api.get<Pod>(`/api/v1/namespaces/kube-system/pods/${server.pod}`)
    const container = async () => (await mirror()).status.containerStatuses?.[0]?.containerID
    await expect.poll(container, { timeout: 30_000 }).toMatch(/^containerd:/)
    const first = await container()

    const manifest = await readFile(server.manifest, 'utf8')
    await writeFile(server.manifest, manifest.replace('- --secure-port', '- --profiling=false\n        - --secure-port'))
    const accept = 'application/json;v=v1beta1;g=config.k8s.io;as=Flagz'
    const profiling = async () => JSON.parse((await server.api.request('GET', '/flagz', { accept })).text).flags?.profiling
    await expect.poll(() => profiling().catch(() => undefined), { timeout: 100_000 }).toBe('false')
    await expect.poll(container, { timeout: 100_000 }).not.toBe(first)
    await server.remove()
    // Two starts of an API server, on a machine that may be busy.
  }, 300_000)
})

/** A pod is Ready only when its program answers. */
const probe = (port: number) => ({ httpGet: { path: '/readyz', port }, periodSeconds: 1, failureThreshold: 1 })

/** A Deployment of one container that serves on port 8080 if it says nothing else. */
function deployment(name: string, container: object) {
  const app = { name: 'app', imagePullPolicy: 'Never', readinessProbe: probe(8080), ...container }
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace: 'default' },
    spec: {
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: { terminationGracePeriodSeconds: 1, containers: [app] },
      },
    },
  }
}

/** What a running node is on this machine, by names that its end must have taken away. */
interface Traces {
  dir: string
  link: string
  cgroups: string[]
  pids: number[]
}

function tracesOf(cluster: Cluster): Traces {
  const links = execaSync('ip', ['-o', 'address']).stdout.split('\n')
  const address = cluster.nodes[0]?.hostAddress
  const link = links.find((line) => line.includes(` ${address}/`))?.split(/\s+/)[1] ?? 'none'
  const mounts = readFileSync('/proc/self/mounts', 'utf8').split('\n')
  const cgroups = mounts.flatMap((line) => (/ cgroup2? /.test(line) ? `${line.split(' ')[1]}/${link}` : []))
  return { dir: cluster.dir, link, cgroups, pids: [...cluster.pids(), ...cgroups.flatMap(processesIn)] }
}

function leftOf({ dir, link, cgroups, pids }: Traces): unknown[] {
  const alive = pids.filter((pid) => existsSync(`/proc/${pid}`))
  const mounts = readFileSync('/proc/self/mounts', 'utf8').split('\n')
  const links = execaSync('ip', ['-o', 'link']).stdout.split('\n')
  return [
    ...alive,
    ...[dir, ...cgroups].filter((path) => existsSync(path)),
    ...mounts.filter((line) => line.includes(dir)),
    ...links.filter((line) => line.includes(`${link}@`)),
  ]
}

describe.skipIf(whyNoNode())('a real node leaves nothing behind', { timeout: 120_000 }, () => {
  async function withPod(): Promise<Cluster> {
    const cluster = await startCluster({ nodes: 1 })
    const containers = [{ name: 'app', image: 'k8s-harden.test/pause:1', imagePullPolicy: 'Never' }]
    const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'alone' }, spec: { nodeName: 'node-0', containers } }
    await cluster.api.create('/api/v1/namespaces/default/pods', pod)
    await cluster.kubectl(['wait', '--for=condition=Ready', 'pod/alone', '--timeout=60s'])
    return cluster
  }

  test('when it is stopped', async () => {
    const kernel = readFileSync('/proc/sys/vm/overcommit_memory', 'utf8')
    const cluster = await withPod()
    const traces = tracesOf(cluster)
    // Its end must have something to do: link, folders and control groups are there, and the container's processes.
    expect(traces.cgroups.filter((path) => existsSync(path)).length).toBeGreaterThan(0)
    expect(traces.pids.length).toBeGreaterThan(cluster.pids().length)
    await cluster.stop()
    expect(leftOf(traces)).toEqual([])
    expect(readFileSync('/proc/sys/vm/overcommit_memory', 'utf8')).toBe(kernel)
  })

  test('when its test process is killed', async () => {
    const program = `
      const { startCluster } = await import(${JSON.stringify(import.meta.resolve('./cluster.ts'))})
      const cluster = await startCluster({ nodes: 1 })
      console.log(JSON.stringify({ dir: cluster.dir, nodes: [{ hostAddress: cluster.nodes[0].hostAddress }], pids: cluster.pids() }))
      await new Promise(() => setInterval(() => {}, 1000))`
    const child = execa(process.execPath, ['--input-type=module', '--eval', program], { reject: false })
    let traces: Traces | undefined
    for await (const line of child) {
      const { pids, ...told } = JSON.parse(line)
      traces = tracesOf({ ...told, pids: () => pids })
      child.kill('SIGKILL')
    }
    const { dir, link, cgroups, pids } = traces as Traces
    expect(pids.length).toBeGreaterThan(2)
    await expect.poll(() => leftOf({ dir, link, cgroups, pids }), { timeout: 30_000 }).toEqual([])
  })
})
