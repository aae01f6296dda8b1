import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ApiClient } from '../../src/apiserver/client.ts'
import type { Refusal } from '../../src/apiserver/refusal.ts'
import { type Watched, type WatchOptions, watchKind } from '../../src/apiserver/watch.ts'
import { FakeApiServer, type FakeObject } from '../helpers/fake-apiserver.ts'

const PODS = '/api/v1/pods'
const quick = { backOff: [1, 8], settled: 5, initialSilence: 60, silence: 2_000, grace: 40, poll: 20, refused: 20 } as const

interface Seen {
  readonly events: string[]
  all: Map<string, FakeObject>
  lost: Refusal | undefined
  readonly problems: string[]
}

describe('watching one kind', () => {
  let server: FakeApiServer
  let client: ApiClient
  let stop: AbortController
  let seen: Seen

  beforeEach(async () => {
    server = await FakeApiServer.start()
    server.kinds.set(PODS, { apiVersion: 'v1', kind: 'Pod' })
    client = new ApiClient(server.context())
    stop = new AbortController()
    seen = { events: [], all: new Map(), lost: undefined, problems: [] }
  })
  afterEach(async () => {
    stop.abort()
    client.close()
    await server.stop()
  })

  const watched: Watched<FakeObject> = {
    path: PODS,
    reduce: (wire, of) => {
      const object = wire as FakeObject | undefined
      if (object?.metadata?.name === undefined) return undefined
      const { namespace, name } = object.metadata
      return { key: namespace === undefined ? name : `${namespace}/${name}`, object: { ...of, ...object } }
    },
    same: (a, b) => a.metadata.resourceVersion === b.metadata.resourceVersion,
  }
  function start(more: Partial<WatchOptions> = {}): Promise<void> {
    return watchKind(
      client,
      watched,
      {
        replaced: (all) => {
          seen.events.push(`replaced ${all.size}`)
          seen.all = new Map(all)
          seen.lost = undefined
        },
        upserted: (key, object) => {
          seen.events.push(`upserted ${key}`)
          seen.all.set(key, object)
        },
        removed: (key) => {
          if (!seen.all.delete(key)) seen.problems.push(`removed ${key}, which was not there`)
        },
        lost: (refusal) => {
          seen.events.push(`lost ${refusal.kind}`)
          seen.lost = refusal
        },
      },
      { follow: true, signal: stop.signal, timing: quick, streaming: { wanted: true }, ...more },
    )
  }
  const pod = (name: string, more: object = {}): FakeObject => ({ metadata: { name, namespace: 'shop' }, ...more })
  const versions = (all: ReadonlyMap<string, FakeObject>) =>
    Object.fromEntries([...all].map(([key, object]) => [key, object.metadata.resourceVersion]).sort())
  const inStep = () => expect.poll(() => versions(seen.all), { timeout: 5_000, interval: 5 }).toEqual(versions(server.all(PODS)))
  const until = (event: string) => expect.poll(() => seen.events, { timeout: 5_000, interval: 5 }).toContain(event)

  test('the whole set comes as one, then every change', async () => {
    server.put(PODS, pod('a'))
    server.put(PODS, pod('b'))
    void start()
    await until('replaced 2')
    server.put(PODS, pod('c'))
    server.put(PODS, pod('a', { spec: { changed: true } }))
    server.remove(PODS, 'shop/b')
    await inStep()
    expect(seen.events).toEqual(['replaced 2', 'upserted shop/c', 'upserted shop/a'])
    expect(server.asked.map(({ query }) => query.get('sendInitialEvents'))).toEqual(['true'])
  })

  test('what is deleted while the set still streams is not in the set', async () => {
    const line = (type: string, name: string, annotations?: object) =>
      `${JSON.stringify({ type, object: { metadata: { name, namespace: 'shop', resourceVersion: '7', annotations } } })}\n`
    server.routes.set(
      PODS,
      (_asked, response) =>
        void response
          .writeHead(200)
          .end(
            line('ADDED', 'a') + line('ADDED', 'b') + line('DELETED', 'a') + line('BOOKMARK', '', { 'k8s.io/initial-events-end': 'true' }),
          ),
    )
    await start({ follow: false })
    expect([...seen.all.keys()]).toEqual(['shop/b'])
  })

  test('a set that ends without its closing bookmark is not taken for whole', async () => {
    let times = 0
    server.put(PODS, pod('a'))
    server.put(PODS, pod('b'))
    server.routes.set(PODS, (_asked, response) => {
      if (++times === 2) server.routes.delete(PODS)
      response.writeHead(200).end(`${JSON.stringify({ type: 'ADDED', object: pod('a') })}\n`)
    })
    await start({ follow: false, timing: { ...quick, grace: 5_000 } })
    expect(seen.events).toEqual(['replaced 2'])
  })

  test('ends after the set where it is not to follow', async () => {
    server.put(PODS, pod('a'))
    await start({ follow: false })
    expect(seen.events).toEqual(['replaced 1'])
  })

  test.each(['refused', 'silent'] as const)('pages and then watches where streamed lists are %s', async (streamedLists) => {
    server.streamedLists = streamedLists
    for (let index = 0; index < 1201; index++) server.put(PODS, pod(`p${index}`))
    const streaming = { wanted: true }
    void start({ streaming })
    await until('replaced 1201')
    expect(streaming.wanted).toBe(false)
    expect(server.asked.filter(({ query }) => query.get('limit') === '500')).toHaveLength(3)
    server.put(PODS, pod('late'))
    await inStep()
  })

  test('list items get the apiVersion and kind that only the list has', async () => {
    server.put(PODS, pod('a'))
    await start({ follow: false, streaming: { wanted: false } })
    expect(seen.all.get('shop/a')).toMatchObject({ apiVersion: 'v1', kind: 'Pod' })
  })

  test('a continue token that expires begins the list again, so that the set is of one moment', async () => {
    for (let index = 0; index < 600; index++) server.put(PODS, pod(`p${index}`))
    const list = server.routes
    let compacted = false
    list.set(PODS, (asked, response) => {
      list.delete(PODS)
      if (asked.query.has('continue')) throw new Error('the second page came first')
      response.once('finish', () => {
        // Between the two pages: something changes and all history is lost.
        server.remove(PODS, 'shop/p0')
        server.compact()
        compacted = true
      })
      void fetch(`${server.url}${PODS}?limit=500`).then(async (answer) =>
        response.setHeader('Content-Type', 'application/json').end(await answer.text()),
      )
    })
    await start({ follow: false, streaming: { wanted: false } })
    expect(compacted).toBe(true)
    expect(versions(seen.all)).toEqual(versions(server.all(PODS)))
    expect(seen.all.size).toBe(599)
  })

  test('a cut connection goes on where it was: nothing is read twice', async () => {
    server.put(PODS, pod('a'))
    void start()
    await until('replaced 1')
    server.cut()
    server.put(PODS, pod('b'))
    await inStep()
    expect(seen.events).toEqual(['replaced 1', 'upserted shop/b'])
  })

  test('an expired version reads everything again', async () => {
    server.put(PODS, pod('a'))
    server.put(PODS, pod('b'))
    void start()
    await until('replaced 2')
    server.cut()
    server.remove(PODS, 'shop/a')
    server.put(PODS, pod('c'))
    server.put(PODS, pod('d'))
    server.compact()
    await inStep()
    expect(seen.events).toContain('replaced 3')
  })

  test('a 410 in the middle of a watch reads everything again', async () => {
    server.put(PODS, pod('a'))
    void start()
    await until('replaced 1')
    server.compact()
    server.put(PODS, pod('b'))
    server.error(410)
    await expect.poll(() => seen.events.filter((event) => event === 'replaced 2').length, { timeout: 5_000 }).toBe(1)
    await inStep()
  })

  test.each([
    ['garbage', '{"type":"ADDED","object":{"metada\u0000\n'],
    ['no event', '"hello"\n'],
    ['an object without a name', '{"type":"ADDED","object":{"metadata":{"resourceVersion":"999"}}}\n'],
  ])('%s on the line is not passed over', async (_what, text) => {
    server.put(PODS, pod('a'))
    void start()
    await until('replaced 1')
    server.say(text)
    server.put(PODS, pod('b'))
    await inStep()
    expect(server.asked.length).toBeGreaterThan(1)
  })

  test('out of contact for long means lost; back again means the whole set', async () => {
    server.put(PODS, pod('a'))
    void start()
    await until('replaced 1')
    let down = true
    server.routes.set(PODS, (_asked, response) => {
      if (!down) server.routes.delete(PODS)
      response.destroy()
    })
    server.cut()
    await until('lost unreachable')
    server.put(PODS, pod('b'))
    down = false
    await expect.poll(() => seen.lost, { timeout: 5_000 }).toBe(undefined)
    await inStep()
  })

  test('a short loss of contact is not reported', async () => {
    server.put(PODS, pod('a'))
    void start({ timing: { ...quick, grace: 5_000 } })
    await until('replaced 1')
    let left = 3
    server.routes.set(PODS, (_asked, response) => {
      if (--left === 0) server.routes.delete(PODS)
      response.destroy()
    })
    server.cut()
    server.put(PODS, pod('b'))
    await inStep()
    expect(seen.events).toEqual(['replaced 1', 'upserted shop/b'])
  })

  test('forbidden is said at once, and heals when the right is given', async () => {
    server.put(PODS, pod('a'))
    server.forbidden.set(PODS, new Set(['list', 'watch']))
    void start()
    await until('lost forbidden')
    server.forbidden.clear()
    await until('replaced 1')
  })

  test('where only list is allowed the list is read again and again', async () => {
    server.put(PODS, pod('a'))
    server.forbidden.set(PODS, new Set(['watch']))
    void start()
    await until('replaced 1')
    server.put(PODS, pod('b'))
    await inStep()
    expect(seen.lost).toBe(undefined)
  })

  test('a change that does not matter is not told', async () => {
    server.put(PODS, pod('a', { spec: 1 }))
    const same = { ...watched, same: (a: FakeObject, b: FakeObject) => a['spec'] === b['spec'] }
    void watchKind(
      client,
      same,
      {
        replaced: (all) => {
          seen.all = new Map(all)
        },
        upserted: (key) => void seen.events.push(key),
        removed: () => undefined,
        lost: () => undefined,
      },
      { follow: true, signal: stop.signal, timing: quick, streaming: { wanted: true } },
    )
    await expect.poll(() => seen.all.size).toBe(1)
    server.put(PODS, pod('a', { spec: 1, status: 'beating' }))
    server.put(PODS, pod('b'))
    await expect.poll(() => seen.events).toEqual(['shop/b'])
  })

  const step = fc.oneof(
    { weight: 6, arbitrary: fc.record({ is: fc.constant('put' as const), name: fc.integer({ min: 0, max: 5 }) }) },
    { weight: 3, arbitrary: fc.record({ is: fc.constant('remove' as const), name: fc.integer({ min: 0, max: 5 }) }) },
    { weight: 2, arbitrary: fc.constant({ is: 'cut' as const }) },
    { weight: 2, arbitrary: fc.constant({ is: 'cut in a line' as const }) },
    { weight: 5, arbitrary: fc.constant({ is: 'wait' as const }) },
    { weight: 3, arbitrary: fc.constant({ is: 'compact' as const }) },
    { weight: 1, arbitrary: fc.constant({ is: 'bookmark' as const }) },
    { weight: 1, arbitrary: fc.constant({ is: 'garbage' as const }) },
    { weight: 1, arbitrary: fc.constant({ is: 'error' as const }) },
  )
  test('whatever is cut, expired or garbled, the end is what the server has', { timeout: 120_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 40 }),
        fc.constantFrom('served' as const, 'refused' as const),
        async (steps, streamedLists) => {
          const mine = await FakeApiServer.start()
          const myClient = new ApiClient(mine.context())
          const end = new AbortController()
          const all = new Map<string, FakeObject>()
          const problems: string[] = []
          mine.kinds.set(PODS, { apiVersion: 'v1', kind: 'Pod' })
          mine.streamedLists = streamedLists
          const watching = watchKind(
            myClient,
            watched,
            {
              replaced: (whole) => {
                all.clear()
                for (const [key, object] of whole) all.set(key, object)
              },
              upserted: (key, object) => {
                if (Number(all.get(key)?.metadata.resourceVersion ?? 0) >= Number(object.metadata.resourceVersion))
                  problems.push(`${key} came twice`)
                all.set(key, object)
              },
              removed: (key) => {
                if (!all.delete(key)) problems.push(`${key} went twice`)
              },
              lost: () => undefined,
            },
            { follow: true, signal: end.signal, timing: { ...quick, backOff: [1, 3] }, streaming: { wanted: true } },
          )
          try {
            for (const one of steps) {
              if (one.is === 'put') mine.put(PODS, pod(`p${one.name}`))
              else if (one.is === 'remove') mine.remove(PODS, `shop/p${one.name}`)
              else if (one.is === 'cut') mine.cut()
              else if (one.is === 'cut in a line') mine.cut('{"type":"ADDED","object":{"metadata":{"name":"half","namespace":"shop"')
              else if (one.is === 'compact') mine.compact()
              else if (one.is === 'bookmark') mine.bookmark()
              else if (one.is === 'garbage') mine.say('}{\n')
              else if (one.is === 'error') mine.error(500)
              else await new Promise((resolve) => setTimeout(resolve, 4))
            }
            await expect.poll(() => versions(all), { timeout: 5_000, interval: 2 }).toEqual(versions(mine.all(PODS)))
            expect(problems).toEqual([])
          } finally {
            end.abort()
            await watching
            myClient.close()
            await mine.stop()
          }
        },
      ),
      { numRuns: 60 },
    )
  })
})
