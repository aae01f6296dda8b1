import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ApiClient } from '../../src/apiserver/client.ts'
import { apiServers } from '../../src/sources/facts/api-servers.ts'
import { FakeApiServer, json, status } from '../helpers/fake-apiserver.ts'

const LEASES = '/apis/coordination.k8s.io/v1/namespaces/kube-system/leases'
const SLICES = '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices'

describe('how many API servers there are', () => {
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
  const answer = (path: string, items: readonly unknown[] | number) =>
    server.routes.set(path, (_asked, response) =>
      typeof items === 'number' ? json(response, items, status(items, 'no')) : json(response, 200, { items }),
    )
  const lease = (name: string, renewTime?: string, hostname?: string) => ({
    metadata: { name, labels: hostname && { 'kubernetes.io/hostname': hostname } },
    spec: { renewTime },
  })
  const slice = (...addresses: string[]) => ({ endpoints: addresses.map((address) => ({ addresses: [address] })) })
  const ask = () => apiServers({ client, signal: new AbortController().signal } as never)

  test('is told by the Leases that they renew, by their hosts, and by the endpoints of default/kubernetes', async () => {
    answer(LEASES, [lease('apiserver-b', '2026-11-26T13:00:09.123456Z', 'cp-2'), lease('apiserver-a', '2026-11-26T13:00:01.000000Z')])
    answer(SLICES, [slice('10.0.0.2', '10.0.0.1'), slice('10.0.0.1'), { endpoints: null }])
    expect(await ask()).toEqual({ value: { leases: ['apiserver-a', 'cp-2'], addresses: ['10.0.0.1', '10.0.0.2'] } })
    expect(server.asked.map(({ query }) => query.get('labelSelector')).sort()).toEqual([
      'apiserver.kubernetes.io/identity=kube-apiserver',
      'kubernetes.io/service-name=kubernetes',
    ])
  })

  test('one that has not renewed its Lease for minutes is gone; one that says no time counts', async () => {
    answer(LEASES, [lease('a', '2026-11-26T13:00:09Z'), lease('b', '2026-11-26T12:55:08Z'), lease('c', '2026-11-26T12:55:10Z'), lease('d')])
    answer(SLICES, 403)
    expect(await ask()).toEqual({ value: { leases: ['a', 'c', 'd'], addresses: [] } })
  })

  test('is not known where Leases are refused, unless several are told by their addresses', async () => {
    answer(LEASES, 403)
    answer(SLICES, [slice('10.0.0.1')])
    expect(await ask()).toMatchObject({ unread: { why: 'forbidden', answer: expect.stringContaining('allow list on leases') } })
    answer(SLICES, [slice('10.0.0.1', '10.0.0.2')])
    expect(await ask()).toEqual({ value: { leases: [], addresses: ['10.0.0.1', '10.0.0.2'] } })
    answer(LEASES, 500)
    answer(SLICES, 500)
    expect(await ask()).toMatchObject({ unread: { why: 'unreachable' } })
  })
})
