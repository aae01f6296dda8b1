import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ApiClient, resourceIn } from '../../src/apiserver/client.ts'
import { isLoopback } from '../../src/apiserver/connection.ts'
import { FakeApiServer, json, status } from '../helpers/fake-apiserver.ts'

describe('the client', () => {
  let server: FakeApiServer
  let client: ApiClient
  beforeEach(async () => {
    server = await FakeApiServer.start()
    client = new ApiClient(server.context())
  })
  afterEach(async () => {
    client.close()
    await server.stop()
  })
  const last = () => server.asked.at(-1)!

  test('a write says what it is: dry run, field manager, patch type, guard', async () => {
    server.routes.set('PATCH /apis/apps/v1/namespaces/shop/deployments/cart', (_asked, response) =>
      json(response, 200, { metadata: { name: 'cart' } }),
    )
    const patch = [
      { op: 'test', path: '/spec/replicas', value: 1 },
      { op: 'replace', path: '/spec/replicas', value: 2 },
    ] as const
    const answer = await client.patch('/apis/apps/v1/namespaces/shop/deployments/cart', patch, {
      dryRun: true,
      fieldManager: 'k8s-harden',
      fieldValidation: 'Strict',
    })
    expect(answer).toMatchObject({ ok: true, status: 200, body: { metadata: { name: 'cart' } } })
    expect(Object.fromEntries(last().query)).toEqual({ dryRun: 'All', fieldManager: 'k8s-harden', fieldValidation: 'Strict' })
    expect(last().headers['content-type']).toBe('application/json-patch+json')
    expect(JSON.parse(last().body)).toEqual(patch)
  })

  test('a delete is guarded by preconditions and can be rehearsed', async () => {
    server.routes.set('DELETE /api/v1/namespaces/shop/pods/cart', (_asked, response) => json(response, 200, {}))
    await client.delete('/api/v1/namespaces/shop/pods/cart', {
      dryRun: true,
      preconditions: { uid: 'u', resourceVersion: '5' },
      propagationPolicy: 'Background',
    })
    expect(JSON.parse(last().body)).toEqual({
      apiVersion: 'v1',
      kind: 'DeleteOptions',
      preconditions: { uid: 'u', resourceVersion: '5' },
      propagationPolicy: 'Background',
      dryRun: ['All'],
    })
    expect(last().query.get('dryRun')).toBe('All')
  })

  test('warnings of the server are collected and made safe', async () => {
    server.routes.set('POST /api/v1/namespaces/shop/pods', (_asked, response) => {
      response.setHeader('Warning', [
        '299 - "would violate PodSecurity \\"restricted:latest\\", and more"',
        Buffer.from('299 - "größer"').toString('latin1'),
        '199 - "not ours"',
      ])
      json(response, 201, {})
    })
    expect(await client.create('/api/v1/namespaces/shop/pods', {})).toMatchObject({
      ok: true,
      status: 201,
      warnings: ['would violate PodSecurity "restricted:latest", and more', 'größer'],
    })
  })

  test.each([
    [401, 'unauthorized', 'the API server did not accept the credentials (401)'],
    [403, 'forbidden', 'the API server refused to get pods "cart" in namespace "shop" (403)'],
    [404, 'not-found', 'the API server does not know what was asked for: get pods "cart" in namespace "shop" (404)'],
    [409, 'conflict', 'the API server found a conflict on get pods "cart" in namespace "shop" (409): said so'],
    [410, 'gone', 'the API server no longer has that version (410): said so'],
    [422, 'invalid', 'the API server found the object invalid (422): said so'],
    [400, 'invalid', 'the API server refused the request (400): said so'],
    [500, 'server', 'the API server failed (500): said so'],
    [504, 'timeout', 'the API server failed (504): said so'],
  ])('%i is a refusal of kind %s', async (code, kind, message) => {
    server.routes.set('/api/v1/namespaces/shop/pods/cart', (_asked, response) => json(response, code, status(code, 'said so')))
    const answer = await client.get('/api/v1/namespaces/shop/pods/cart')
    expect(answer).toMatchObject({ ok: false, refusal: { kind, status: code } })
    if (!answer.ok && ![401, 404].includes(code)) expect(answer.refusal.message).toBe(message)
    else if (!answer.ok) expect(answer.refusal.message.startsWith(message)).toBe(true)
  })

  test('what a server says cannot drive a terminal, nor fill the screen', async () => {
    server.routes.set('/hostile', (_asked, response) =>
      json(response, 422, {
        ...status(422, `\u001b[2J\u001b]0;owned\u0007\u202eevil\n\r${'x'.repeat(10_000)}`),
        details: { causes: [{ field: 'a\u001b[31m', message: 'b\u009b' }] },
      }),
    )
    const answer = await client.get('/hostile')
    if (answer.ok) throw new Error('it was refused')
    const text = JSON.stringify(answer.refusal)
    expect(text).not.toMatch(/\\u00(0|1|7f|8|9)|\u001b|\u009b|\u202e|\\n|\\r/)
    expect(answer.refusal.said!.length).toBeLessThanOrEqual(500)
    expect(answer.refusal.causes).toEqual([{ field: 'a', message: 'b' }])
  })

  test('429 is waited out, for reads and writes, and not for ever', async () => {
    server.throttle = 2
    expect((await client.get('/version')).ok).toBe(true)
    expect(server.asked).toHaveLength(3)
    server.throttle = 99
    expect(await client.create('/api/v1/namespaces', {})).toMatchObject({ ok: false, refusal: { kind: 'throttled' } })
    expect(server.asked).toHaveLength(8)
  }, 20_000)

  test('an answer that is no JSON, or is cut, or does not come, is a refusal and no exception', async () => {
    server.routes.set('/html', (_asked, response) => void response.writeHead(200).end('<html>proxy</html>'))
    server.routes.set('/cut', (_asked, response) => {
      response.writeHead(200, { 'Content-Length': '1000' })
      response.write('{"a":')
      setTimeout(() => response.socket?.destroy(), 5)
    })
    server.routes.set('/never', () => undefined)
    server.routes.set('/stalls', (_asked, response) => {
      response.writeHead(200)
      response.write('{')
    })
    expect(await client.get('/html')).toMatchObject({ refusal: { kind: 'server' } })
    expect(await client.get('/cut')).toMatchObject({ refusal: { kind: 'unreachable' } })
    expect(await client.get('/never', { limitMs: 30 })).toMatchObject({
      refusal: { kind: 'timeout', message: expect.stringContaining('did not answer in time (0.03 s)') },
    })
    expect(await client.get('/stalls', { idleMs: 30 })).toMatchObject({ refusal: { kind: 'timeout' } })
  })

  test('nothing there: the sentence says where and why', async () => {
    const gone = await FakeApiServer.start()
    const { url } = gone
    await gone.stop()
    const lost = new ApiClient({ ...server.context(), server: url })
    expect(await lost.get('/version')).toMatchObject({
      refusal: { kind: 'unreachable', message: `the API server at ${url} cannot be reached: nothing listens there (connection refused)` },
    })
  })

  test('an abort by the caller is thrown, since nobody waits for the answer', async () => {
    server.routes.set('/never', () => undefined)
    await expect(client.get('/never', { signal: AbortSignal.timeout(20) })).rejects.toThrow()
  })

  test('requests and bytes are counted', async () => {
    await client.get('/version')
    expect(client.requests).toBe(1)
    expect(client.bytes).toBe(
      Buffer.byteLength(JSON.stringify({ gitVersion: 'v1.37.2', major: '1', minor: '37', platform: 'linux/amd64' })),
    )
  })

  test('connections are kept and used again', async () => {
    for (let index = 0; index < 5; index++) await client.get('/version')
    const ports = new Set<number | undefined>()
    server.routes.set('/port', (asked, response) => {
      ports.add(Number(asked.headers['x-port']))
      json(response, 200, { port: response.socket?.remotePort })
    })
    const first = await client.get<{ port: number }>('/port')
    const second = await client.get<{ port: number }>('/port')
    expect(first.ok && second.ok && first.body.port === second.body.port).toBe(true)
  })

  test('no compression is asked for on loopback, and it is off it', async () => {
    await client.get('/version')
    expect(last().headers['accept-encoding']).toBeUndefined()
    expect(['127.0.0.1', '[::1]', 'localhost', '127.1.2.3'].map(isLoopback)).toEqual([true, true, true, true])
    expect(['10.0.0.1', 'api.example.test', '1.127.0.0', 'localhost.example.test'].map(isLoopback)).toEqual([false, false, false, false])
  })

  test('compressed answers are unpacked', async () => {
    server.kinds.set('/api/v1/pods', { apiVersion: 'v1', kind: 'Pod' })
    for (let index = 0; index < 3; index++) server.put('/api/v1/pods', { metadata: { name: `p${index}` } })
    Object.defineProperty(client.connection, 'loopback', { value: false })
    const answer = await client.get<{ items: unknown[] }>('/api/v1/pods')
    expect(last().headers['accept-encoding']).toBe('gzip')
    expect(answer.ok && answer.body.items.length).toBe(3)
    expect(client.bytes).toBeLessThan(400)
  })

  test('a path is named as people name it', () => {
    expect(resourceIn('/apis/apps/v1/namespaces/shop/deployments/cart?dryRun=All')).toBe('deployments "cart" in namespace "shop"')
    expect(resourceIn('/api/v1/namespaces/shop')).toBe('namespaces "shop"')
    expect(resourceIn('/api/v1/nodes/n1/proxy/configz')).toBe('nodes/proxy "n1"')
    expect(resourceIn('/apis/rbac.authorization.k8s.io/v1/clusterroles')).toBe('clusterroles')
    expect(resourceIn('/metrics')).toBe('/metrics')
  })
})
