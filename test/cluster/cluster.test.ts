import { existsSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { describe, expect, test } from 'vitest'
import { whyNoBinaries } from './binaries.ts'
import { startCluster } from './cluster.ts'
import { describeCluster } from './with-cluster.ts'

const full = { controllerManager: true, scheduler: true, kwokNodes: 2 }

interface PodList {
  items: {
    status: {
      phase: string
      conditions: { type: string; status: string }[]
      containerStatuses?: { ready: boolean; state: { waiting?: { reason: string; message: string } } }[]
    }
  }[]
}

/** A Deployment of one container; `labels` and `securityContext` go to its pods. */
function deployment(name: string, labels: Record<string, string> = {}, securityContext: object = {}) {
  return JSON.stringify({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace: 'default' },
    spec: {
      replicas: 2,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name, ...labels } },
        spec: { containers: [{ name: 'app', image: 'example.test/app:1', securityContext }] },
      },
    },
  })
}

describeCluster('the test cluster', full, (cluster) => {
  const podsOf = (name: string) => cluster().api.get<PodList>(`/api/v1/namespaces/default/pods?labelSelector=app%3D${name}`)

  /** Applies a Deployment and returns why its first container waits, as soon as one does. */
  async function waitingContainer(name: string, labels: Record<string, string>, securityContext?: object) {
    await cluster().kubectl(['apply', '-f', '-'], { input: deployment(name, labels, securityContext) })
    for (;;) {
      const [pod] = (await podsOf(name)).items
      const waiting = pod?.status.containerStatuses?.[0]?.state.waiting
      if (pod && waiting) return { pod, waiting }
      await sleep(100)
    }
  }

  test('a Deployment rolls out', async () => {
    await cluster().kubectl(['apply', '-f', '-'], { input: deployment('web') })
    const printed = await cluster().kubectl(['rollout', 'status', 'deployment/web', '--timeout=60s'])
    expect(printed).toContain('successfully rolled out')
  })

  test.each(['CrashLoopBackOff', 'CreateContainerConfigError'])('a pod can be made to end in %s', async (reason) => {
    const name = `fails-${reason.toLowerCase()}`
    const { waiting, pod } = await waitingContainer(name, { 'k8s-harden.test/fails': reason })
    expect(waiting.reason).toBe(reason)
    expect(pod.status.conditions).toContainEqual(expect.objectContaining({ type: 'Ready', status: 'False' }))
  })

  test('a failing pod does not become Ready later', async () => {
    const { pod } = await waitingContainer('stays', { 'k8s-harden.test/fails': 'CreateContainerConfigError' })
    expect(pod.status.phase).toBe('Pending')
    // A pod that started after it is Ready: kwok had its chance.
    await cluster().kubectl(['apply', '-f', '-'], { input: deployment('after') })
    await cluster().kubectl(['rollout', 'status', 'deployment/after', '--timeout=60s'])
    const { items } = await podsOf('stays')
    expect(items.flatMap(({ status }) => status.containerStatuses?.map(({ ready }) => ready))).not.toContain(true)
  })

  test('runAsNonRoot stops a pod whose image runs as root, while the old pods keep serving', async () => {
    const root = { 'k8s-harden.test/image-user': 'root' }
    await cluster().kubectl(['apply', '-f', '-'], { input: deployment('rooted', root) })
    await cluster().kubectl(['rollout', 'status', 'deployment/rooted', '--timeout=60s'])

    await cluster().kubectl(['apply', '-f', '-'], { input: deployment('rooted', root, { runAsNonRoot: true }) })
    const refused = async () => {
      const { items } = await podsOf('rooted')
      return items.flatMap(({ status }) => status.containerStatuses?.[0]?.state.waiting?.message ?? [])
    }
    await expect
      .poll(refused, { timeout: 60_000 })
      .toEqual([expect.stringMatching(/^container has runAsNonRoot and image will run as root \(pod: "rooted-.*", container: app\)$/)])
    const ready = (await podsOf('rooted')).items.filter(({ status }) => status.containerStatuses?.[0]?.ready)
    expect(ready).toHaveLength(2)
  })

  test('runAsNonRoot with a user of its own is no problem', async () => {
    const input = deployment('with-user', { 'k8s-harden.test/image-user': 'root' }, { runAsNonRoot: true, runAsUser: 1000 })
    await cluster().kubectl(['apply', '-f', '-'], { input })
    await cluster().kubectl(['rollout', 'status', 'deployment/with-user', '--timeout=60s'])
  })

  test('audit events since a mark are exactly the requests since then', async () => {
    await cluster().kubectl(['create', 'configmap', 'before'])
    const mark = await cluster().auditMark()
    await cluster().kubectl(['create', 'configmap', 'after'])
    const events = await cluster().auditSince(mark)
    const created = events.filter(({ verb, objectRef }) => verb === 'create' && objectRef?.resource === 'configmaps')
    expect(created.map(({ user, objectRef }) => [user.username, objectRef?.name])).toEqual([['kubernetes-admin', 'after']])
  })

  test('a user without rights is refused', async () => {
    const as = await cluster().kubeconfigFor({ user: 'nobody', groups: ['strangers'] })
    await expect(cluster().kubectl(['get', 'secrets'], { as })).rejects.toThrow('Forbidden')
  })

  test('a user with extra fields and a service account are who they should be', async () => {
    const person = await cluster().kubeconfigFor({ user: 'ann', groups: ['ops'], extra: { 'example.test/team': ['red'] } })
    const robot = await cluster().serviceAccountKubeconfig('default', 'default')
    const whoami = async (as: string) => JSON.parse(await cluster().kubectl(['auth', 'whoami', '-o', 'json'], { as }))
    expect((await whoami(person)).status.userInfo).toMatchObject({ username: 'ann', extra: { 'example.test/team': ['red'] } })
    expect((await whoami(robot)).status.userInfo.username).toBe('system:serviceaccount:default:default')
  })

  test('watch-list streaming ends the initial objects with a bookmark', async () => {
    const query = 'watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true'
    const seen: string[] = []
    for await (const line of cluster().api.lines(`/api/v1/namespaces?${query}`)) {
      const { type, object } = JSON.parse(line)
      seen.push(type === 'BOOKMARK' ? object.metadata.annotations['k8s.io/initial-events-end'] : object.metadata.name)
      if (type === 'BOOKMARK') break
    }
    expect(seen).toContain('kube-system')
    expect(seen.at(-1)).toBe('true')
  })

  test('etcd shows what is stored, and the API server comes back with other flags', async () => {
    await cluster().kubectl(['create', 'secret', 'generic', 'plain', '--from-literal=word=visible'])
    expect((await cluster().etcdRaw('/registry/secrets/default/plain'))?.toString('latin1')).toContain('visible')
    expect(await cluster().etcdRaw('/registry/secrets/default/none')).toBeUndefined()

    await cluster().restartApiServer({ flags: { 'anonymous-auth': 'false' } })
    const accept = 'application/json;v=v1beta1;g=config.k8s.io;as=Flagz'
    const { text } = await cluster().api.request('GET', '/flagz', { accept })
    expect(JSON.parse(text).flags).toMatchObject({ 'anonymous-auth': 'false', 'allow-privileged': 'true' })
    expect(await cluster().kubectl(['get', 'secret', 'plain', '-o', 'name'])).toBe('secret/plain')
  })
})

const encryptionConfig = fileURLToPath(new URL('./fixtures/encryption.yaml', import.meta.url))

describeCluster('a test cluster with options', { encryptionConfig, audit: false, scheduler: true, kwokNodes: 1 }, (cluster) => {
  test('encrypts what etcd holds', async () => {
    await cluster().kubectl(['create', 'secret', 'generic', 'hidden', '--from-literal=word=visible'])
    const raw = (await cluster().etcdRaw('/registry/secrets/default/hidden'))?.toString('latin1')
    expect(raw).toContain('k8s:enc:secretbox:v1:test:')
    expect(raw).not.toContain('visible')
  })

  test('runs pods without a controller manager', async () => {
    await cluster().kubectl(['run', 'alone', '--image=example.test/app:1'])
    await cluster().kubectl(['wait', '--for=condition=Ready', 'pod/alone', '--timeout=60s'])
  })

  test('has no audit events when there is no audit log', async () => {
    expect(await cluster().auditEvents()).toEqual([])
  })
})

function alive(pids: readonly number[]): number[] {
  return pids.filter((pid) => {
    try {
      return process.kill(pid, 0)
    } catch {
      return false
    }
  })
}

describe.skipIf(whyNoBinaries(['controllerManager']))('a test cluster leaves nothing behind', { timeout: 120_000 }, () => {
  test('when it is stopped', async () => {
    const cluster = await startCluster({ controllerManager: true })
    const pids = cluster.pids()
    expect(pids).toHaveLength(3)
    await cluster.stop()
    await cluster.stop()
    expect(alive(pids)).toEqual([])
    expect(existsSync(cluster.dir)).toBe(false)
  })

  test('when its test process is killed', async () => {
    const program = `
      const { startCluster } = await import(${JSON.stringify(import.meta.resolve('./cluster.ts'))})
      const cluster = await startCluster()
      console.log(JSON.stringify({ pids: cluster.pids(), dir: cluster.dir }))
      await new Promise(() => setInterval(() => {}, 1000))`
    const child = execa(process.execPath, ['--input-type=module', '--eval', program], { reject: false })
    let started: { pids: number[]; dir: string } | undefined
    for await (const line of child) {
      started = JSON.parse(line)
      child.kill('SIGKILL')
    }
    expect(started?.pids).toHaveLength(2)
    await expect.poll(() => alive(started?.pids ?? []), { timeout: 30_000 }).toEqual([])
    await expect.poll(() => existsSync(started?.dir ?? ''), { timeout: 30_000 }).toBe(false)
  })
})
