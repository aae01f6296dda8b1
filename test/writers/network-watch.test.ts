import { describe, expect, test } from 'vitest'
import type { KubeObject, Snapshot, Step } from '../../src/model/index.ts'
import { applyPlan } from '../../src/plan/in-memory.ts'
import { probesTell, timeToReady } from '../../src/plan/pod-health.ts'
import type { ClusterApi } from '../../src/writers/cluster-api.ts'
import { NetworkWatch } from '../../src/writers/network-watch.ts'
import { namespace, worldOf } from '../plan/plan-fixtures.ts'

interface PodState {
  readonly ready?: boolean
  readonly restarts?: number
  readonly waiting?: string
  readonly phase?: string
  readonly uid?: string
  readonly owner?: string
  readonly leaving?: boolean
}
const pod = (
  at: string,
  { ready = true, restarts = 0, waiting, phase = 'Running', uid = at, owner, leaving }: PodState = {},
): KubeObject => {
  const [inside, name] = at.split('/')
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: name!,
      namespace: inside,
      uid,
      labels: { app: name!.split('-')[0]! },
      ...(leaving && { deletionTimestamp: '2026-01-01T00:00:00Z' }),
      ...(owner !== undefined && {
        ownerReferences: [{ apiVersion: 'apps/v1', kind: 'StatefulSet', name: owner, uid: owner, controller: true }],
      }),
    },
    spec: { containers: [{ name: 'app', ports: [{ containerPort: 80 }] }] },
    status: {
      phase,
      conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }],
      containerStatuses: [
        { name: 'app', ready, restartCount: restarts, ...(waiting !== undefined && { state: { waiting: { reason: waiting } } }) },
      ],
    },
  } as KubeObject
}
const statefulSet = (at: string): KubeObject =>
  ({
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name: at.split('/')[1], namespace: at.split('/')[0], uid: at.split('/')[1] },
  }) as KubeObject
const service = (name: string) =>
  ({ apiVersion: 'v1', kind: 'Service', metadata: { name, namespace: 'shop' }, spec: { selector: { app: name } } }) as unknown as KubeObject
const closing = (name = 'deny', spec: object = { podSelector: {}, policyTypes: ['Ingress'] }): Step =>
  ({
    id: name,
    title: name,
    carriedOut: 'live',
    changes: [
      {
        type: 'create',
        object: { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata: { name, namespace: 'shop' }, spec },
      },
    ],
    inverse: [],
  }) as unknown as Step

const SPACES = [namespace('shop'), namespace('blog')]
interface Seen {
  readonly lost: string | undefined
  readonly note: string | undefined
  readonly asked: readonly string[]
}
/** The pods before; then what is seen with each look, of which the last one stays. */
async function watched(
  before: readonly KubeObject[],
  looks: readonly (readonly KubeObject[])[],
  steadyMs = 450,
  newPodMs?: number,
): Promise<Seen> {
  const step = closing()
  const worlds = [before, ...looks].map((objects) => worldOf([...SPACES, ...objects]))
  const asked: string[] = []
  const message = 'Readiness probe failed: dial tcp 10.0.0.9:5432: i/o timeout'
  const api = {
    get: async (path: string) => {
      asked.push(path)
      return {
        ok: true,
        status: 200,
        warnings: [],
        body: {
          items: [
            { reason: 'Unhealthy', message },
            { reason: 'Pulled', message: 'x' },
          ],
        },
      }
    },
  } as unknown as ClusterApi
  const watch = new NetworkWatch(api, {
    snapshot: () => (worlds.length > 1 ? worlds.shift()! : worlds[0]!),
    steps: [step],
    steadyMs,
    ...(newPodMs !== undefined && { newPodMs }),
  })
  await watch.before()
  await watch.measure(step)
  const lost = await watch.after(step)
  return { lost, note: watch.note(), asked }
}

describe('after the policies of a namespace changed', () => {
  test('pods that stay as they were are told, those that were ill before are left out', async () => {
    const same = [pod('shop/web'), pod('shop/db'), pod('shop/ill', { ready: false, restarts: 9 })]
    const { lost, note, asked } = await watched(same, [same])
    expect([lost, note]).toEqual([
      undefined,
      expect.stringMatching(/^2 pods as ready as before for \d+ s, no restarts \(1 was not ready before\)$/),
    ])
    expect(asked).toEqual([])
  })
  test('a pod that is no longer ready takes it back, in the words of its probe and with the Service it leaves empty', async () => {
    const { lost, asked } = await watched(
      [pod('shop/web'), service('web'), pod('shop/db')],
      [
        [pod('shop/web'), pod('shop/db'), service('web')],
        [pod('shop/web', { ready: false }), service('web'), pod('shop/db')],
      ],
    )
    expect(lost).toBe(
      'pod shop/web is no longer ready: Readiness probe failed: dial tcp 10.0.0.9:5432: i/o timeout; no ready pod is left behind Service shop/web',
    )
    expect(asked).toEqual(['/api/v1/namespaces/shop/events'])
  })
  test.each<[string, PodState, string | undefined]>([
    ['started again', { restarts: 1 }, 'pod shop/web was started again, container app'],
    [
      'crashing',
      { restarts: 3, ready: false, waiting: 'CrashLoopBackOff' },
      'pod shop/web was started again, container app (CrashLoopBackOff)',
    ],
    ['failed', { ready: false, phase: 'Failed' }, 'pod shop/web has failed'],
    ['ended well', { ready: false, phase: 'Succeeded' }, undefined],
    ['on its way out', { ready: false, leaving: true }, undefined],
  ])('a pod that is %s', async (_, state, lost) => {
    expect((await watched([pod('shop/web')], [[pod('shop/web', state)]])).lost?.split(':')[0]).toBe(lost)
  })
  test('one that was not ready before does not count', async () => {
    const { lost } = await watched(
      [pod('shop/web', { ready: false })],
      [[pod('shop/web', { ready: false, restarts: 4, waiting: 'CrashLoopBackOff' })]],
    )
    expect(lost).toBeUndefined()
  })
  test('a pod elsewhere counts where the policies cut its way, and only there', async () => {
    const ill = pod('blog/reader', { ready: false })
    expect((await watched([pod('shop/db'), pod('blog/reader')], [[pod('shop/db'), ill]])).lost).toContain(
      'pod blog/reader is no longer ready',
    )
    // Nothing of shop is left that it could have talked to.
    expect((await watched([pod('blog/reader')], [[ill]])).lost).toBeUndefined()
  })
  test("somebody else's roll-out is given its time", async () => {
    const old = pod('shop/web-0', { uid: 'old', owner: 'web' })
    const started = pod('shop/web-0', { uid: 'new', owner: 'web', ready: false })
    const ready = pod('shop/web-0', { uid: 'new', owner: 'web' })
    const set = statefulSet('shop/web')
    const { lost, note } = await watched(
      [set, old],
      [
        [set, old],
        [set, started],
        [set, started],
        [set, started],
        [set, started],
        [set, ready],
      ],
    )
    expect([lost, note]).toEqual([undefined, expect.stringContaining('1 pod as ready as before')])
  })
  test('a new pod that does not become ready in its time counts where the one before it was ready', async () => {
    const set = statefulSet('shop/web')
    const started = pod('shop/web-0', { uid: 'new', owner: 'web', ready: false })
    const earlier = (ready: boolean) => [set, pod('shop/web-0', { uid: 'old', owner: 'web', ready })]
    const { lost } = await watched(earlier(true), [[set, started]], 300, 500)
    expect(lost).toContain('pod shop/web-0 did not become ready, as others of StatefulSet shop/web were before')
    expect((await watched(earlier(false), [[set, started]], 300, 500)).lost).toBeUndefined()
  })
})

test('where the plugin enforces nothing, nothing is proved', async () => {
  const flannel = {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: { name: 'kube-flannel-ds', namespace: 'kube-flannel' },
    spec: { template: { spec: { containers: [{ name: 'f', image: 'docker.io/flannel/flannel:v0.26.1' }] } } },
  } as unknown as KubeObject
  const { lost, note } = await watched([flannel, pod('shop/web')], [[flannel, pod('shop/web', { ready: false })]])
  expect([lost, note]).toEqual([
    undefined,
    'nothing was cut and nothing is proved: the network plugin (Flannel) enforces no policies, it does not look at policies',
  ])
})

test('a set of policies is watched with its last one, against the state before its first', async () => {
  const [allow, deny] = [
    closing('allow', { podSelector: {}, policyTypes: ['Ingress'], ingress: [{ from: [{ podSelector: {} }] }] }),
    closing(),
  ]
  const before = worldOf([...SPACES, pod('shop/web')])
  let now: Snapshot = before
  const watch = () =>
    new NetworkWatch({ get: async () => ({ ok: false }) } as unknown as ClusterApi, {
      snapshot: () => now,
      steps: [allow, deny],
      steadyMs: 0,
    })
  const first = watch()
  await first.measure(allow)
  now = applyPlan(worldOf([...SPACES, pod('shop/web', { ready: false })]), [allow])
  expect([await first.after(allow), first.note()]).toEqual([undefined, 'watched with the policies that follow'])
  expect(await first.leaving(deny), 'the deny is still to come').toBeUndefined()
  await first.measure(deny)
  expect(await first.after(deny)).toBe('pod shop/web is no longer ready')

  now = before
  const second = watch()
  await second.measure(allow)
  now = worldOf([...SPACES, pod('shop/web', { ready: false })])
  await second.after(allow)
  expect(await second.leaving(undefined), 'the deny was left out').toBe('pod shop/web is no longer ready')
  expect(await second.leaving(undefined), 'and is not told twice').toBeUndefined()
})

test.each([
  ['no probe', {}, 0],
  ['defaults of the API', { readinessProbe: { httpGet: {} } }, 34_000],
  ['a quick one', { readinessProbe: { periodSeconds: 1, failureThreshold: 2, timeoutSeconds: 1 } }, 6_000],
  ['the slower of two', { readinessProbe: { periodSeconds: 1, failureThreshold: 1 }, livenessProbe: { periodSeconds: 5 } }, 19_000],
  ['no longer than anybody waits', { livenessProbe: { periodSeconds: 60, failureThreshold: 10 } }, 75_000],
])('how long until failing probes tell: %s', (_, container, ms) => {
  const one = { spec: { containers: [{ name: 'app', ...container }] } }
  expect(probesTell([one as never])).toBe(ms)
  expect(timeToReady(one as never)).toBeGreaterThanOrEqual(30_000)
})
