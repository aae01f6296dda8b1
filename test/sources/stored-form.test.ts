import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ApiClient } from '../../src/apiserver/client.ts'
import { discover } from '../../src/apiserver/discovery.ts'
import type { FactName, StoredForm } from '../../src/model/index.ts'
import { FACTS } from '../../src/sources/facts/all.ts'
import type { Fact, FactAnswer } from '../../src/sources/facts/fact.ts'
import { FakeApiServer, json, status } from '../helpers/fake-apiserver.ts'

const BOX = 'k8s:enc:secretbox:v1:'

describe('in what form Secrets are stored', () => {
  let server: FakeApiServer
  let client: ApiClient
  let counters: Map<string, number>
  let started = 1
  const count = (prefix: string) => counters.set(prefix, (counters.get(prefix) ?? 0) + 1)
  beforeEach(async () => {
    server = await FakeApiServer.start()
    client = new ApiClient(server.context())
    counters = new Map([[BOX, 1]])
    started = 1
    server.kinds.set('/api/v1/secrets', { apiVersion: 'v1', kind: 'Secret' })
    server.routes.set('/metrics', (_asked, response) => {
      const lines = [...counters].map(([prefix, value]) => {
        const labels = `resource="secrets",status="${prefix === 'unknown' ? 'Internal' : 'OK'}",transformation_type="from_storage",transformer_prefix="${prefix}"`
        return `apiserver_storage_transformation_operations_total{${labels}} ${value}`
      })
      response.writeHead(200).end(`process_start_time_seconds ${started}\n${lines.join('\n')}\n`)
    })
  })
  afterEach(async () => {
    client.close()
    await server.stop()
  })
  const { signal } = new AbortController()
  const ask = async <F extends FactName>(name: F): Promise<FactAnswer<F>> => {
    const asked = (FACTS[name] as Fact<F>)({ client, signal, discovery: () => discover(client), fact: ask, namespaces: async () => [] })
    return asked
  }
  /** Secrets in the order in which they were written, each stored with what it counts under. */
  const store = (...forms: readonly (readonly string[])[]) => {
    for (const [index, prefixes] of forms.entries()) {
      const metadata = { name: `s${index}`, namespace: 'shop' }
      server.put('/api/v1/secrets', { apiVersion: 'v1', kind: 'Secret', metadata })
      server.routes.set(`/api/v1/namespaces/shop/secrets/s${index}`, (_asked, response) => {
        for (const prefix of prefixes) count(prefix)
        json(
          response,
          prefixes.includes('unknown') ? 500 : 200,
          prefixes.includes('unknown') ? status(500, 'no matching prefix') : { metadata },
        )
      })
    }
  }
  const KEY1 = [BOX, 'key1:']

  test('all are read, metadata only, and the last one by itself', async () => {
    store(...Array.from({ length: 10 }, () => ['identity']), ...Array.from({ length: 40 }, () => KEY1))
    expect(await ask('StoredForm')).toEqual({
      value: {
        resources: [
          {
            resource: 'secrets',
            objects: 50,
            looked: 50,
            read: { '': 10, [BOX]: 40, 'key1:': 40 },
            newest: { [BOX]: 1, 'key1:': 1 },
            failed: 0,
          },
        ],
      },
    })
    const reads = server.asked.filter(({ path }) => /\/secrets/.test(path))
    expect(reads.length).toBe(52)
    for (const { headers } of reads) expect(headers.accept).toMatch(/^application\/json;as=PartialObjectMetadata/)
  })

  test('of many the oldest are read, and some of the others all over', async () => {
    store(
      ...Array.from({ length: 150 }, () => KEY1),
      ...Array.from({ length: 100 }, () => ['identity']),
      ...Array.from({ length: 250 }, () => KEY1),
    )
    const answer = await ask('StoredForm')
    expect(answer).toMatchObject({ value: { resources: [{ objects: 500, looked: 200, newest: { [BOX]: 1 } }] } })
    const names = server.asked.flatMap(({ path }) => /secrets\/s(\d+)/.exec(path)?.[1] ?? []).map(Number)
    expect(names.slice(0, 100)).toEqual(Array.from({ length: 100 }, (_, index) => index))
    expect('value' in answer && answer.value.resources[0]!.read['']).toBe(25)
  })

  test('what cannot be decrypted is counted as that', async () => {
    store(KEY1, ['unknown'], KEY1)
    expect(await ask('StoredForm')).toMatchObject({ value: { resources: [{ looked: 3, failed: 1, read: { [BOX]: 2 } }] } })
  })

  test('reads that another API server counted leave a doubt, and so does one that was started meanwhile', async () => {
    store(KEY1, [], KEY1)
    expect(await ask('StoredForm')).toMatchObject({ value: { resources: [{ doubt: expect.stringMatching(/more than one API server/) }] } })
    store(KEY1, KEY1)
    server.routes.set('/api/v1/namespaces/shop/secrets/s2', (_asked, response) => {
      for (const prefix of KEY1) count(prefix)
      started++
      json(response, 200, {})
    })
    expect(await ask('StoredForm')).toMatchObject({ value: { resources: [{ doubt: expect.stringMatching(/more than one API server/) }] } })
  })

  test('behind a balancer each connection is counted where it leads to', async () => {
    store(...Array.from({ length: 40 }, () => []))
    const metrics = server.routes.get('/metrics')!
    /** Two API servers, each with counters of its own. */
    const each = [counters, new Map([[BOX, 70]])]
    const led = new Map<unknown, number>()
    const servedBy = ({ socket }: { readonly socket: unknown }) => {
      if (!led.has(socket)) led.set(socket, led.size % 2)
      return led.get(socket)!
    }
    server.routes.set('/metrics', (asked, response) => {
      started = servedBy(response as never)
      counters = each[started]!
      metrics(asked, response)
    })
    const stored = (index: number, prefix: string) =>
      server.routes.set(`/api/v1/namespaces/shop/secrets/s${index}`, (_asked, response) => {
        counters = each[servedBy(response as never)]!
        count(prefix)
        if (prefix === BOX) count('key1:')
        json(response, 200, {})
      })
    for (let index = 0; index < 40; index++) stored(index, index === 7 ? 'identity' : BOX)
    const answer = await ask('StoredForm')
    expect(answer).toEqual({
      value: {
        resources: [
          {
            resource: 'secrets',
            objects: 40,
            looked: 40,
            read: { '': 1, [BOX]: 39, 'key1:': 39 },
            newest: { [BOX]: 1, 'key1:': 1 },
            failed: 0,
          },
        ],
      },
    })
    expect(led.size).toBeGreaterThanOrEqual(4)
  })

  test('an API server that is slow is read from for ten seconds, and that is no proof', { timeout: 60_000 }, async () => {
    store(...Array.from({ length: 60 }, () => KEY1))
    let [now, most] = [0, 0]
    for (let index = 0; index < 60; index++)
      server.routes.set(`/api/v1/namespaces/shop/secrets/s${index}`, (_asked, response) => {
        most = Math.max(most, ++now)
        for (const prefix of KEY1) count(prefix)
        setTimeout(() => {
          now--
          json(response, 200, {})
        }, 1500)
      })
    const began = Date.now()
    const answer = await ask('StoredForm')
    expect(Date.now() - began).toBeLessThan(20_000)
    // The newest is read by itself, while the server may still be at what was given up.
    expect([4, 5]).toContain(most)
    const [form] = 'value' in answer ? answer.value.resources : []
    expect(form!.looked).toBeLessThan(40)
    expect(form!.looked).toBeGreaterThan(4)
    expect(form!.doubt).toBe(`only ${form!.looked} of the 60 that were to be read could be in 10 s`)
  })

  test('what was deleted meanwhile is no sign of another API server', async () => {
    store(KEY1, KEY1, KEY1)
    server.routes.set('/api/v1/namespaces/shop/secrets/s1', (_asked, response) => json(response, 404, status(404, 'gone')))
    const [form] = ((await ask('StoredForm')) as { value: { resources: StoredForm[] } }).value.resources
    expect([form!.objects, form!.looked, form!.doubt]).toEqual([2, 2, undefined])
  })

  test('where a configuration has plain text written only, that is seen too', async () => {
    counters = new Map([['identity', 5]])
    store(['identity'])
    expect(await ask('StoredForm')).toMatchObject({ value: { resources: [{ read: { '': 1 }, newest: { '': 1 } }] } })
  })

  test('when the last one was written, as far as its metadata tells', async () => {
    const at = (day: number) => `2026-11-${day}T00:00:00Z`
    store(KEY1)
    const metadata = { name: 's1', namespace: 'shop', creationTimestamp: at(10), managedFields: [{ time: at(12) }, { time: at(11) }, {}] }
    server.put('/api/v1/secrets', { apiVersion: 'v1', kind: 'Secret', metadata })
    server.routes.set('/api/v1/namespaces/shop/secrets/s1', (_asked, response) => {
      for (const prefix of KEY1) count(prefix)
      json(response, 200, { metadata })
    })
    expect(await ask('StoredForm')).toMatchObject({ value: { resources: [{ newestAt: at(12) }] } })
  })

  test('where nothing is encrypted nothing is read', async () => {
    counters = new Map()
    store(['identity'])
    expect(await ask('StoredForm')).toEqual({ value: { resources: [] } })
    expect(server.asked.filter(({ path }) => /\/secrets/.test(path))).toEqual([])
  })

  test('a list that fails is not called forbidden', async () => {
    store(KEY1)
    server.routes.set('/api/v1/secrets', (_asked, response) => json(response, 500, status(500, 'etcd is away')))
    expect(await ask('StoredForm')).toMatchObject({ unread: { why: 'unreachable', because: expect.stringContaining('etcd is away') } })
  })

  test('what may not be asked is unread, and says what would answer', async () => {
    store(KEY1)
    server.routes.set('/api/v1/namespaces/shop/secrets/s0', (_asked, response) => json(response, 403, status(403, 'no')))
    expect(await ask('StoredForm')).toMatchObject({ unread: { why: 'forbidden', answer: 'allow get on secrets in all namespaces' } })
    server.routes.set('/metrics', (_asked, response) => json(response, 403, status(403, 'no')))
    expect(await ask('StoredForm')).toMatchObject({ unread: { why: 'forbidden', answer: 'allow get on the non-resource URL /metrics' } })
  })
})
