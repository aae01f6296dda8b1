import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ApiClient } from '../../src/apiserver/client.ts'
import { HelperPodHost } from '../../src/hosts/helper-pod-host.ts'
import { FakeApiServer, json, status } from '../helpers/fake-apiserver.ts'

const namespace = '/api/v1/namespaces/k8s-harden-nodes'
const pods = `${namespace}/pods`
const ready = { status: { conditions: [{ type: 'Ready', status: 'True' }] } }
type Pod = { metadata: Record<string, unknown>; spec: { containers: { volumeMounts: unknown[] }[] } } & Record<string, unknown>

describe('a helper pod that does not come to be', () => {
  let server: FakeApiServer
  let client: ApiClient
  let pod: Pod | undefined
  let change: (sent: Pod) => Pod
  let state: object
  let events: readonly string[]
  const asked = (method: string, path: string) => server.asked.filter((one) => one.method === method && one.path === path)
  const look = () => new HelperPodHost(client, 'n1', { image: 'x:1', patienceMs: 600 }).stat('/etc/kubernetes')
  const node = (object: object) =>
    server.routes.set('/api/v1/nodes/n1', (_asked, response) => json(response, 200, { metadata: {}, ...object }))

  beforeEach(async () => {
    server = await FakeApiServer.start()
    client = new ApiClient(server.context())
    pod = undefined
    change = (sent) => sent
    state = {}
    events = []
    node(ready)
    server.put('/api/v1/namespaces', { metadata: { name: 'k8s-harden-nodes' } })
    server.routes.set(pods, (_asked, response) => json(response, 200, { items: pod ? [pod] : [] }))
    server.routes.set(`${namespace}/events`, (_asked, response) => json(response, 200, { items: events.map((message) => ({ message })) }))
    server.routes.set(`POST ${pods}`, (asked, response) => {
      const sent = JSON.parse(asked.body) as Pod
      const { name } = sent.metadata
      pod = change({ ...sent, metadata: { ...sent.metadata, uid: `uid-${name}` } })
      server.routes.set(`${pods}/${name}`, (_asked, answer) =>
        pod ? json(answer, 200, { ...pod, status: state }) : json(answer, 404, status(404, 'gone')),
      )
      server.routes.set(`DELETE ${pods}/${name}`, (_asked, answer) => {
        json(answer, pod ? 200 : 404, pod ?? status(404, 'gone'))
        pod = undefined
      })
      json(response, 201, pod)
    })
  })
  afterEach(async () => {
    client.close()
    await server.stop()
  })

  test.each([
    ['it runs Windows', { metadata: { labels: { 'kubernetes.io/os': 'windows' } } }],
    ['Fargate', { metadata: { labels: { 'eks.amazonaws.com/compute-type': 'fargate' } } }],
    ['virtual node', { metadata: { labels: { type: 'virtual-kubelet' } } }],
    ['virtual node', { metadata: {}, spec: { taints: [{ key: 'virtual-kubelet.io/provider' }] } }],
    ['kwok', { metadata: { annotations: { 'kwok.x-k8s.io/node': 'fake' } } }],
    ['does not report', { metadata: {}, status: { conditions: [{ type: 'Ready', status: 'Unknown' }] } }],
  ])('is not tried where it cannot run: %s', async (words, object) => {
    node(object)
    await expect(look()).rejects.toThrow(words)
    expect(asked('POST', pods)).toEqual([])
  })

  test('a node that is not there is a refusal, one that may not be looked at is tried', async () => {
    server.routes.set('/api/v1/nodes/n1', (_asked, response) => json(response, 404, status(404, 'nodes "n1" not found')))
    await expect(look()).rejects.toMatchObject({ name: 'HostRefused', message: expect.stringContaining('nodes "n1" not found') })
    server.routes.set('/api/v1/nodes/n1', (_asked, response) => json(response, 403, status(403, 'no')))
    await expect(look()).rejects.toThrow('within 1 s')
    expect(asked('POST', pods)).toHaveLength(1)
  })

  test('what a webhook says is what the operator reads', async () => {
    server.routes.set(`POST ${pods}`, (_asked, response) => json(response, 403, status(403, 'admission webhook "p" denied: no hostPath')))
    await expect(look()).rejects.toMatchObject({ name: 'HostRefused', message: expect.stringContaining('denied: no hostPath') })
  })

  test('a pod whose mounts were changed on the way in is deleted, since it would show something else', async () => {
    change = (sent) => ({ ...sent, spec: { ...sent.spec, containers: [{ ...sent.spec.containers[0]!, volumeMounts: [] }] } })
    await expect(look()).rejects.toThrow('webhook changes the helper pod')
    expect(pod).toBeUndefined()
  })

  test.each([
    [{ phase: 'Failed', reason: 'Evicted', message: 'The node was low on resource: memory' }, 'Evicted: The node was low'],
    [waiting('ImagePullBackOff', 'Back-off pulling image "x:1"'), 'ImagePullBackOff: Back-off pulling image "x:1"'],
    [waiting('ErrImageNeverPull', 'not present'), 'ErrImageNeverPull'],
    [{ containerStatuses: [{ name: 'node', state: { terminated: { exitCode: 127 } } }] }, 'exit code 127'],
  ])('that does not run says why, and does not stay: %j', async (seen, words) => {
    state = seen
    await expect(look()).rejects.toThrow(words)
    expect(pod).toBeUndefined()
  })

  test('that waits for ever is given up with the last words of its kubelet', async () => {
    events = ['first', 'Failed to create pod sandbox: no network']
    await expect(look()).rejects.toThrow('within 1 s: Failed to create pod sandbox: no network')
    expect(pod).toBeUndefined()
  })

  test('folders that the node does not have are left out of the next one, and are not there', async () => {
    const made: Pod[] = []
    change = (sent) => {
      made.push(sent)
      events = ['MountVolume.SetUp failed for volume "node-0" : hostPath type check failed: /etc/kubernetes is not a directory']
      if (made.length > 1) state = { containerStatuses: [{ name: 'node', state: { running: {} } }] }
      return sent
    }
    expect(await look()).toBeUndefined()
    expect(made.map(({ spec }) => JSON.stringify(spec).includes('"/etc/kubernetes"'))).toEqual([true, false])
  })

  test('nothing is written where it would cut what the pod is reached through, and no program is run', async () => {
    const host = new HelperPodHost(client, 'n1')
    for (const name of ['kube-apiserver.yaml', 'etcd.yaml'])
      await expect(host.write(`/etc/kubernetes/manifests/${name}`, 'x', { mode: 0o600, expected: null })).rejects.toThrow(
        'only while that guards it',
      )
    for (const path of ['/proc/1/environ', '/run/containerd/containerd.sock', '/etc/shadow', '/usr/bin/env'])
      await expect(host.read(path)).rejects.toThrow('not among what a helper pod may open')
    await expect(host.run({ name: 'restart', argv: ['true'], timeoutMs: 1 })).rejects.toThrow('cannot restart: a helper pod')
    await host.close()
    expect(server.asked).toEqual([])
  })
})

function waiting(reason: string, message: string) {
  return { phase: 'Pending', containerStatuses: [{ name: 'node', state: { waiting: { reason, message } } }] }
}
