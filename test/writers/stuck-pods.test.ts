import { expect, test } from 'vitest'
import type { KubeObject } from '../../src/model/index.ts'
import type { ClusterApi } from '../../src/writers/cluster-api.ts'
import { freeStuckPods, revisionOf } from '../../src/writers/stuck-pods.ts'

const ref = { apiVersion: 'apps/v1', kind: 'StatefulSet', namespace: 'shop', name: 'db', uid: 'set' }
const set = (updateRevision: string, observedGeneration = 3) =>
  ({
    kind: 'StatefulSet',
    metadata: { name: 'db', uid: 'set', generation: 3 },
    status: { updateRevision, observedGeneration },
  }) as unknown as KubeObject
const pod = (name: string, ready: string, more: object = {}) => ({
  metadata: { name, uid: `uid-${name}`, ownerReferences: [{ uid: 'set', controller: true }], ...more },
  status: { conditions: [{ type: 'Ready', status: ready }] },
})

async function deleted(sets: KubeObject[], pods: object[] | object[][], answer: object = { ok: true }) {
  const [asked, gone]: [unknown[], string[]] = [[], []]
  const api = {
    get: async (path: string, options: { query?: unknown } = {}) => {
      if (!path.endsWith('/pods')) return { ok: true, body: sets.length > 1 ? sets.shift() : sets[0] }
      asked.push(options.query)
      const [now] = pods
      if (Array.isArray(now)) pods.shift()
      return { ok: true, body: { items: Array.isArray(now) ? now : pods } }
    },
    delete: async (path: string, { preconditions }: { preconditions: { uid: string } }) => {
      gone.push(`${path} ${preconditions.uid}`)
      return answer
    },
  } as unknown as ClusterApi
  await freeStuckPods(api, ref, '/set', 'db-new')
  return { asked, gone }
}

test('pods of the revision that was undone and are not ready are deleted, once the controller has left it', async () => {
  const others = [pod('db-1', 'True'), pod('x', 'False', { ownerReferences: [] }), pod('db-0', 'False', { deletionTimestamp: 't' })]
  expect(await deleted([set('db-new', 2), set('db-old')], [pod('db-2', 'False'), ...others])).toEqual({
    asked: [{ labelSelector: 'controller-revision-hash=db-new' }],
    gone: ['/api/v1/namespaces/shop/pods/db-2 uid-db-2'],
  })
})

test('a pod that crashes is ready for a moment each time: it is watched on until it is not', async () => {
  const crashing = (ready: string) => {
    const made = pod('db-2', ready)
    return { ...made, status: { ...made.status, containerStatuses: [{ name: 'app', restartCount: 1 }] } }
  }
  expect(await deleted([set('db-old')], [[crashing('True')], [crashing('False')], []])).toMatchObject({
    gone: ['/api/v1/namespaces/shop/pods/db-2 uid-db-2'],
  })
})

test('nothing is deleted while it stands for that revision still', async () => {
  expect(await deleted([set('db-new')], [pod('db-2', 'False')])).toEqual({ asked: [], gone: [] })
})

test('a refusal says what is left to do', async () => {
  const refusal = { kind: 'forbidden', status: 403, message: 'may not delete pods' }
  await expect(deleted([set('db-old')], [pod('db-2', 'False')], { ok: false, refusal })).rejects.toThrow(
    /pod db-2 .*may not delete pods.*by hand/,
  )
})

test('only a StatefulSet has such a revision', () => {
  expect(revisionOf(set('db-new'))).toBe('db-new')
  expect(revisionOf({ ...set('db-new'), kind: 'DaemonSet' })).toBeUndefined()
})
