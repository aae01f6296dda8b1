import { describe, expect, test } from 'vitest'
import type { ApiClient } from '../../src/apiserver/client.ts'
import { type Refusal, refusalOfAnswer } from '../../src/apiserver/refusal.ts'
import { WriteRefused, WriteUncertain } from '../../src/plan/writer.ts'
import { rewriteObjects } from '../../src/writers/rewrite-objects.ts'

const resource = {
  name: 'secrets',
  served: { group: '', version: 'v1', plural: 'secrets', kind: 'Secret', namespaced: true, verbs: [], subresources: [] },
}
const item = (name: string) => ({ namespace: 'shop', name, uid: `uid-${name}`, resourceVersion: '1' })
const items = (count: number) => Array.from({ length: count }, (_, index) => item(`s${index}`))
const no = (status: number, message = '') => refusalOfAnswer(status, {}, JSON.stringify({ kind: 'Status', code: status, message }))

type Turn = Refusal | { readonly version: string }
/** Answers patches of each object in turn, by name; GETs tell version 7. */
function server(turns: Readonly<Record<string, readonly Turn[]>>) {
  const asked: { verb: string; name: string; body?: unknown; accept?: string }[] = []
  const left = new Map(Object.entries(turns).map(([name, list]) => [name, [...list]]))
  const metadata = (name: string, resourceVersion: string) => ({ metadata: { ...item(name), resourceVersion } })
  const client = {
    async mergePatch(path: string, body: unknown, { accept }: { accept?: string }) {
      const name = path.split('/').at(-1)!
      asked.push({ verb: 'patch', name, body, ...(accept !== undefined && { accept }) })
      const turn = left.get(name)?.shift() ?? { version: '2' }
      return 'version' in turn ? { ok: true, status: 200, warnings: [], body: metadata(name, turn.version) } : { ok: false, refusal: turn }
    },
    async get(path: string, { accept }: { accept?: string }) {
      const name = path.split('/').at(-1)!
      asked.push({ verb: 'get', name, ...(accept !== undefined && { accept }) })
      return { ok: true, status: 200, warnings: [], body: metadata(name, '7') }
    },
  } as unknown as ApiClient
  return { client, asked }
}
const options = (client: ApiClient, count: number) => ({
  client,
  resource,
  items: items(count),
  signal: new AbortController().signal,
  perSecond: 10_000,
  atOnce: 2,
  patienceMs: 1500,
  done: () => {},
})

describe('objects stored anew', () => {
  test('the patch holds nothing but the guard, and nothing but metadata comes back', async () => {
    const { client, asked } = server({})
    expect(await rewriteObjects(options(client, 1))).toEqual({ written: 1, fresh: 0, others: 0, refused: [] })
    expect(asked).toEqual([
      {
        verb: 'patch',
        name: 's0',
        body: { metadata: { uid: 'uid-s0', resourceVersion: '1' } },
        accept: expect.stringContaining('PartialObjectMetadata'),
      },
    ])
  })

  test('the same version again means that it was stored so already; gone is nothing to do', async () => {
    const { client } = server({ s0: [{ version: '1' }], s1: [no(404)] })
    expect(await rewriteObjects(options(client, 3))).toMatchObject({ written: 1, fresh: 1, others: 1 })
  })

  test('one that somebody wrote meanwhile is looked at again, and patched by its new version', async () => {
    const { client, asked } = server({ s0: [no(409), { version: '7' }] })
    expect(await rewriteObjects(options(client, 1))).toMatchObject({ fresh: 1 })
    expect(asked.map(({ verb }) => verb)).toEqual(['patch', 'get', 'patch'])
    expect(asked[2]!.body).toEqual({ metadata: { uid: 'uid-s0', resourceVersion: '7' } })
  })

  test('a server that is down for a while is waited for, and for no longer than patience lasts', async () => {
    const { client } = server({ s0: [no(503), no(500, 'etcdserver: leader changed'), { version: '2' }] })
    expect(await rewriteObjects(options(client, 1))).toMatchObject({ written: 1 })
    const gone = server({ s0: Array.from({ length: 50 }, () => no(503)) })
    await expect(rewriteObjects(options(gone.client, 1))).rejects.toThrow(WriteUncertain)
  })

  test('who refuses is named, once each, and the others go on; a webhook that fails is not tried for ever', async () => {
    const { client, asked } = server({
      s0: [no(403, 'admission webhook "guard.example.com" denied the request: no')],
      s1: [no(500, 'Internal error occurred: failed calling webhook "slow.example.com": timeout')],
    })
    const { written, refused } = await rewriteObjects(options(client, 4))
    expect(written).toBe(2)
    expect(refused.map(({ what, by }) => [what, by])).toEqual([
      ['secrets shop/s0', 'admission webhook guard.example.com'],
      ['secrets shop/s1', 'the API server'],
    ])
    expect(asked).toHaveLength(4)
  })

  test('where the right is missing for all it stops early', async () => {
    const names = Object.fromEntries(items(500).map(({ name }) => [name, [no(403, 'secrets is forbidden')]]))
    const { client, asked } = server(names)
    expect((await rewriteObjects(options(client, 500))).refused.length).toBeGreaterThanOrEqual(20)
    expect(asked.length).toBeLessThan(30)
  })

  test('no faster than the pace', async () => {
    const { client } = server({})
    const begun = performance.now()
    await rewriteObjects({ ...options(client, 40), perSecond: 100, atOnce: 8 })
    expect(performance.now() - begun).toBeGreaterThan(390)
  })

  test('interrupted, it ends after what is under way, and says how far it came', async () => {
    const stop = new AbortController()
    const { client, asked } = server({})
    const run = rewriteObjects({ ...options(client, 100), signal: stop.signal, done: (count) => void (count === 10 && stop.abort()) })
    await expect(run).rejects.toThrow(WriteRefused)
    await expect(run).rejects.toThrow(/interrupted after 1[0-2] of 100 secrets/)
    expect(asked.length).toBeLessThan(15)
  })
})
