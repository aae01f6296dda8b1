import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ApiClient } from '../../src/apiserver/client.ts'
import { ConfigProblem } from '../../src/apiserver/context.ts'
import { CannotConnect } from '../../src/apiserver/refusal.ts'
import type { Readable, SourceEvent, Unread } from '../../src/model/index.ts'
import { kinds, served } from '../../src/objects/served.ts'
import { SnapshotStore } from '../../src/snapshot/store.ts'
import { liveSource } from '../../src/sources/live.ts'
import { SECRET_TYPES } from '../../src/sources/live-kind.ts'
import { FakeApiServer, json, status } from '../helpers/fake-apiserver.ts'

const timing = { backOff: [1, 8], settled: 5, initialSilence: 200, silence: 5_000, grace: 30, poll: 20, refused: 20, facts: 20 } as const
const BUILT_IN = kinds.filter((kind) => served(kind).standing === 'builtIn')
const pathOf = (kind: (typeof kinds)[number]) =>
  `${served(kind).group === '' ? '/api/v1' : `/apis/${served(kind).group}/${served(kind).version}`}/${served(kind).plural}`

describe('the live source', () => {
  let server: FakeApiServer
  let client: ApiClient
  let stop: AbortController
  beforeEach(async () => {
    server = await FakeApiServer.start()
    for (const kind of BUILT_IN)
      server.kinds.set(pathOf(kind), { apiVersion: served(kind).group === '' ? 'v1' : `${served(kind).group}/v1`, kind })
    client = new ApiClient(server.context())
    stop = new AbortController()
  })
  afterEach(async () => {
    stop.abort()
    client.close()
    await server.stop()
  })

  const put = (kind: (typeof kinds)[number], name: string, more: object = {}, namespace: string | undefined = 'shop') =>
    server.put(pathOf(kind), { metadata: { name, ...(served(kind).namespaced && { namespace }) }, ...more })

  async function scan(wanted: readonly Readable[], namespaces?: readonly string[]) {
    const source = liveSource({ client, context: 'fake', timing, ...(namespaces && { namespaces }) })
    const store = new SnapshotStore(source.info)
    const events: SourceEvent[] = []
    for await (const batch of source.events({ signal: stop.signal, follow: false, wanted: new Set(wanted) })) {
      for (const event of Array.isArray(batch) ? (batch as readonly SourceEvent[]) : [batch as SourceEvent]) {
        events.push(event)
        store.take(event)
      }
    }
    return { snapshot: store.publish(0).snapshot, events }
  }
  function follow(wanted: readonly Readable[], namespaces?: readonly string[]) {
    const source = liveSource({ client, context: 'fake', timing, ...(namespaces && { namespaces }) })
    const store = new SnapshotStore(source.info)
    const ended = (async () => {
      for await (const batch of source.events({ signal: stop.signal, follow: true, wanted: new Set(wanted) }))
        for (const event of batch as readonly SourceEvent[]) store.take(event)
    })()
    return { now: () => store.publish(0).snapshot, ended }
  }

  test('every wanted kind, and nothing else, is read; then it is synced and ends', async () => {
    put('Pod', 'cart', { spec: { containers: [{ name: 'app', image: 'cart:1' }] } })
    put('Role', 'reader', { rules: [{ verbs: ['get'], resources: ['pods'], apiGroups: [''] }] })
    const { snapshot, events } = await scan(['Pod', 'Role', 'ServerVersion'])
    expect(snapshot.all('Pod').map(({ metadata }) => metadata.name)).toEqual(['cart'])
    expect(snapshot.find('Role', 'shop', 'reader')?.rules).toEqual([{ verbs: ['get'], resources: ['pods'], apiGroups: [''] }])
    expect(snapshot.fact('ServerVersion')).toEqual({ gitVersion: 'v1.37.2', minor: 37, platform: 'linux/amd64' })
    expect(snapshot.source).toEqual({ kind: 'live', name: 'fake', server: server.url, kubernetes: 'v1.37.2' })
    expect(snapshot.unreads).toEqual([])
    expect(events.at(-1)).toEqual({ type: 'synced' })
    expect(events.filter(({ type }) => type === 'synced')).toHaveLength(1)
    expect([...new Set(server.asked.map(({ path }) => path))].sort()).toEqual([
      '/api/v1/pods',
      '/apis/rbac.authorization.k8s.io/v1/roles',
      '/version',
    ])
    expect(new Set(server.asked.map(({ method }) => method))).toEqual(new Set(['GET']))
  })

  test.each(BUILT_IN)('a 403 on %s makes that kind unread, and no other', async (kind) => {
    for (const one of BUILT_IN) put(one, 'a')
    server.forbidden.set(pathOf(kind), new Set(['list', 'watch']))
    const { snapshot } = await scan(BUILT_IN)
    const { plural, group } = served(kind)
    expect(snapshot.unreads.map(({ what, why, because }) => ({ what, why, because }))).toEqual([
      { what: kind, why: 'forbidden', because: `the API server refused to list ${plural} (403)` },
    ])
    expect(snapshot.unreads[0]!.answer.startsWith(`allow list and watch on ${plural}${group === '' ? '' : ` in API group ${group}`}`)).toBe(
      true,
    )
    expect(snapshot.unreads[0]!.answer.includes('-n NAMESPACE')).toBe(served(kind).namespaced)
    expect(snapshot.all(kind)).toEqual([])
    for (const other of BUILT_IN.filter((one) => one !== kind && one !== 'Secret')) expect(snapshot.all(other)).toHaveLength(1)
  })

  test('an add-on that discovery does not list is known to be absent; one that is served is read under the version it has', async () => {
    server.routes.set('/apis', (_asked, response) =>
      json(response, 200, {
        kind: 'APIGroupDiscoveryList',
        items: [
          {
            metadata: { name: 'gateway.networking.k8s.io' },
            versions: [
              {
                version: 'v1',
                freshness: 'Current',
                resources: [{ resource: 'tlsroutes', responseKind: { kind: 'TLSRoute' }, scope: 'Namespaced', verbs: ['list'] }],
              },
            ],
          },
        ],
      }),
    )
    server.kinds.set('/apis/gateway.networking.k8s.io/v1/tlsroutes', { apiVersion: 'gateway.networking.k8s.io/v1', kind: 'TLSRoute' })
    server.put('/apis/gateway.networking.k8s.io/v1/tlsroutes', { metadata: { name: 'r', namespace: 'shop' } })
    const { snapshot, events } = await scan(['TLSRoute', 'CiliumNetworkPolicy'])
    expect(snapshot.all('TLSRoute')).toMatchObject([{ apiVersion: 'gateway.networking.k8s.io/v1', metadata: { name: 'r' } }])
    expect(snapshot.unreads).toEqual([])
    expect(events).toContainEqual({ type: 'replace', kind: 'CiliumNetworkPolicy', items: [] })
  })

  test("where discovery is refused, or the group's own server is down, an add-on is unread and not absent", async () => {
    server.routes.set('/apis', (_asked, response) => json(response, 403, status(403, 'no')))
    expect((await scan(['CiliumNetworkPolicy'])).snapshot.unreads).toMatchObject([
      { what: 'CiliumNetworkPolicy', why: 'forbidden', answer: expect.stringContaining('system:discovery') },
    ])
    server.routes.set('/apis', (_asked, response) =>
      json(response, 200, {
        kind: 'APIGroupDiscoveryList',
        items: [{ metadata: { name: 'cilium.io' }, versions: [{ version: 'v2', freshness: 'Stale', resources: [] }] }],
      }),
    )
    expect((await scan(['CiliumNetworkPolicy'])).snapshot.unreads).toMatchObject([{ what: 'CiliumNetworkPolicy', why: 'unreachable' }])
  })

  test('a server from before aggregated discovery is asked group by group', async () => {
    server.routes.set('/api', (_asked, response) => json(response, 200, { kind: 'APIVersions', versions: ['v1'] }))
    server.routes.set('/api/v1', (_asked, response) =>
      json(response, 200, {
        resources: [
          { name: 'pods', kind: 'Pod', namespaced: true, verbs: ['list'] },
          { name: 'pods/exec', kind: 'PodExecOptions', namespaced: true },
        ],
      }),
    )
    server.routes.set('/apis', (_asked, response) =>
      json(response, 200, {
        kind: 'APIGroupList',
        groups: [{ name: 'cilium.io', versions: [{ version: 'v2alpha1' }, { version: 'v2' }], preferredVersion: { version: 'v2' } }],
      }),
    )
    for (const version of ['v2', 'v2alpha1'])
      server.routes.set(`/apis/cilium.io/${version}`, (_asked, response) =>
        json(response, 200, {
          resources: [{ name: 'ciliumnetworkpolicies', kind: 'CiliumNetworkPolicy', namespaced: true, verbs: ['list'] }],
        }),
      )
    server.kinds.set('/apis/cilium.io/v2/ciliumnetworkpolicies', { apiVersion: 'cilium.io/v2', kind: 'CiliumNetworkPolicy' })
    server.put('/apis/cilium.io/v2/ciliumnetworkpolicies', { metadata: { name: 'p', namespace: 'shop' }, spec: {} })
    const { snapshot } = await scan(['CiliumNetworkPolicy', 'ServedResources'])
    expect(snapshot.all('CiliumNetworkPolicy')).toHaveLength(1)
    expect(snapshot.fact('ServedResources')).toEqual({
      groups: [
        { group: '', resources: ['pods', 'pods/exec'], clusterScoped: [], kept: [] },
        { group: 'cilium.io', resources: ['ciliumnetworkpolicies'], clusterScoped: [], kept: [] },
      ],
    })
  })

  test('a built-in kind that is not served is not taken for absent', async () => {
    server.kinds.delete(pathOf('PodTemplate'))
    expect((await scan(['PodTemplate'])).snapshot.unreads).toMatchObject([{ what: 'PodTemplate', why: 'not-served' }])
  })

  test('files of nodes are unread, with the way to supply them', async () => {
    expect((await scan(['EncryptionConfiguration'])).snapshot.unreads).toMatchObject([
      { what: 'EncryptionConfiguration', why: 'not-served', answer: 'scan the files with --manifests PATH' },
    ])
  })

  test('Secrets come without a value, each once, with the type that its selector tells', async () => {
    for (const type of [...SECRET_TYPES, 'example.test/other', ''])
      server.put(pathOf('Secret'), {
        type,
        data: { password: 'c2VjcmV0' },
        metadata: { name: `s-${type.replaceAll('/', '-')}`, namespace: 'shop' },
      })
    const { snapshot } = await scan(['Secret'])
    expect(
      snapshot
        .all('Secret')
        .map((secret) => secret.type ?? 'other')
        .sort(),
    ).toEqual([...SECRET_TYPES, 'other', 'other'].sort())
    expect(JSON.stringify(snapshot.all('Secret'))).not.toContain('c2VjcmV0')
    expect(
      server.asked
        .filter(({ path }) => path === pathOf('Secret'))
        .every(({ headers }) => headers.accept!.includes('PartialObjectMetadata')),
    ).toBe(true)
  })

  test('-n: namespaced kinds a namespace at a time, the namespaces by name, the rest whole', async () => {
    for (const namespace of ['shop', 'bank', 'other']) {
      put('Namespace', namespace)
      put('Pod', 'cart', { spec: { containers: [] } }, namespace)
    }
    put('ClusterRole', 'admin')
    const { snapshot } = await scan(['Namespace', 'Pod', 'ClusterRole'], ['shop', 'bank'])
    expect(
      snapshot
        .all('Pod')
        .map(({ metadata }) => metadata.namespace)
        .sort(),
    ).toEqual(['bank', 'shop'])
    expect(
      snapshot
        .all('Namespace')
        .map(({ metadata }) => metadata.name)
        .sort(),
    ).toEqual(['bank', 'shop'])
    expect(snapshot.all('ClusterRole')).toHaveLength(1)
    expect(snapshot.source.namespaces).toEqual(['shop', 'bank'])
    expect(server.asked.some(({ path }) => path === '/api/v1/pods')).toBe(false)
  })

  test('-n where policies are judged: what they are about is read whole where that is allowed, and said', async () => {
    for (const namespace of ['shop', 'other']) {
      put('Namespace', namespace)
      put('Pod', 'cart', { spec: { containers: [] } }, namespace)
      put('Service', 'cart', { spec: {} }, namespace)
      put('Secret', 'cart', {}, namespace)
    }
    server.routes.set('/api/v1/services', (_asked, response) => json(response, 403, status(403, 'no')))
    const { snapshot } = await scan(['NetworkPolicy', 'Pod', 'Namespace', 'Service', 'Secret'], ['shop'])
    const namespacesOf = (kind: 'Pod' | 'Service' | 'Secret') => snapshot.all(kind).map(({ metadata }) => metadata.namespace)
    expect(namespacesOf('Pod').sort()).toEqual(['other', 'shop'])
    expect(snapshot.all('Namespace')).toHaveLength(2)
    expect(namespacesOf('Service')).toEqual(['shop'])
    expect(namespacesOf('Secret')).toEqual(['shop'])
    expect(snapshot.source.whole?.toSorted()).toEqual(['Namespace', 'NetworkPolicy', 'Pod'])
    expect(snapshot.unreads).toEqual([])
  })

  test('-n without the right to list namespaces: they are fetched by name', async () => {
    put('Namespace', 'shop', { status: { phase: 'Active' } })
    server.forbidden.set('/api/v1/namespaces', new Set(['list', 'watch']))
    const { snapshot } = await scan(['Namespace'], ['shop'])
    expect(snapshot.all('Namespace')).toMatchObject([{ kind: 'Namespace', metadata: { name: 'shop' }, status: { phase: 'Active' } }])
    expect(snapshot.unreads).toEqual([])
  })

  test('-n: one namespace that may not be read makes the kind unread, and is named', async () => {
    put('Namespace', 'shop')
    put('Namespace', 'bank')
    put('Pod', 'cart', { spec: { containers: [] } })
    server.forbidden.set('/api/v1/namespaces/bank/pods', new Set(['list', 'watch']))
    const { snapshot } = await scan(['Pod'], ['shop', 'bank'])
    expect(snapshot.unreads).toMatchObject([
      {
        what: 'Pod',
        why: 'forbidden',
        because: 'the API server refused to list pods in namespace bank (403)',
        answer: 'allow list and watch on pods in namespace bank',
      },
    ])
  })

  test('-n with a name that does not exist is an error, not a clean bill', async () => {
    put('Namespace', 'shop')
    await expect(scan(['Pod'], ['shpo'])).rejects.toThrow(ConfigProblem)
  })

  test.each([
    [
      'nobody answers',
      (one: FakeApiServer) => void one.routes.set('/version', (_asked, response) => void response.destroy()),
      'unreachable',
    ],
    [
      'the credentials are not accepted',
      (one: FakeApiServer) => void one.routes.set('/version', (_asked, response) => json(response, 401, status(401, 'Unauthorized'))),
      'unauthorized',
    ],
  ])('%s at first: thrown before anything is told', async (_what, break_, kind) => {
    break_(server)
    const failed = await scan(['Pod']).catch((error: unknown) => error)
    expect(failed).toBeInstanceOf(CannotConnect)
    expect((failed as CannotConnect).refusal.kind).toBe(kind)
    expect((failed as CannotConnect).tryNext.length).toBeGreaterThan(0)
    expect(server.asked.every(({ path }) => path === '/version')).toBe(true)
  })

  test('a kind that breaks later is unread, and the others are read', async () => {
    put('Pod', 'cart', { spec: { containers: [] } })
    server.routes.set(pathOf('Service'), (_asked, response) => void response.destroy())
    const { snapshot } = await scan(['Pod', 'Service'])
    expect(snapshot.unreads).toMatchObject([{ what: 'Service', why: 'unreachable' }])
    expect(snapshot.all('Pod')).toHaveLength(1)
  })

  test('following: changes arrive, Secrets of every part too, and a new add-on is noticed', async () => {
    put('Pod', 'cart', { spec: { containers: [] } })
    const { now, ended } = follow(['Pod', 'Secret', 'CiliumNetworkPolicy', 'ServerVersion'])
    await expect.poll(() => now().synced).toBe(true)
    put('Pod', 'till', { spec: { containers: [] } })
    put('Secret', 'cert', { type: 'kubernetes.io/tls' })
    server.remove(pathOf('Pod'), 'shop/cart')
    await expect
      .poll(() =>
        now()
          .all('Pod')
          .map(({ metadata }) => metadata.name),
      )
      .toEqual(['till'])
    await expect
      .poll(() =>
        now()
          .all('Secret')
          .map(({ type }) => type),
      )
      .toEqual(['kubernetes.io/tls'])
    server.kinds.set('/apis/cilium.io/v2/ciliumnetworkpolicies', { apiVersion: 'cilium.io/v2', kind: 'CiliumNetworkPolicy' })
    server.put('/apis/cilium.io/v2/ciliumnetworkpolicies', { metadata: { name: 'p', namespace: 'shop' }, spec: {} })
    server.routes.set('/apis', (_asked, response) =>
      json(response, 200, {
        kind: 'APIGroupDiscoveryList',
        items: [
          {
            metadata: { name: 'cilium.io' },
            versions: [
              {
                version: 'v2',
                resources: [
                  {
                    resource: 'ciliumnetworkpolicies',
                    responseKind: { kind: 'CiliumNetworkPolicy' },
                    scope: 'Namespaced',
                    verbs: ['list'],
                  },
                ],
              },
            ],
          },
        ],
      }),
    )
    server.routes.set('/version', (_asked, response) => json(response, 200, { gitVersion: 'v1.38.0' }))
    await expect.poll(() => now().all('CiliumNetworkPolicy').length).toBe(1)
    await expect.poll(() => now().fact('ServerVersion')?.minor).toBe(38)
    stop.abort()
    await ended
  })

  test('out of contact the kind is unread until it is back, and then whole', async () => {
    put('Pod', 'cart', { spec: { containers: [] } })
    const { now } = follow(['Pod'])
    await expect.poll(() => now().synced).toBe(true)
    server.routes.set(pathOf('Pod'), (_asked, response) => void response.destroy())
    server.cut()
    await expect.poll(() => now().unread('Pod')?.why).toBe('unreachable')
    put('Pod', 'till', { spec: { containers: [] } })
    server.routes.delete(pathOf('Pod'))
    await expect.poll(() => now().unread('Pod')).toBe(undefined)
    await expect
      .poll(() =>
        now()
          .all('Pod')
          .map(({ metadata }) => metadata.name)
          .sort(),
      )
      .toEqual(['cart', 'till'])
  })

  test('at most six initial sets at once', async () => {
    let open = 0
    let most = 0
    for (const kind of BUILT_IN) {
      server.routes.set(pathOf(kind), (_asked, response) => {
        most = Math.max(most, ++open)
        setTimeout(() => {
          open--
          response
            .writeHead(200)
            .end(
              `${JSON.stringify({ type: 'BOOKMARK', object: { metadata: { resourceVersion: '1', annotations: { 'k8s.io/initial-events-end': 'true' } } } })}\n`,
            )
        }, 5)
      })
    }
    const { snapshot } = await scan(BUILT_IN)
    expect(snapshot.unreads).toEqual([])
    expect(most).toBe(6)
  })

  test('every reason is a sentence with a way out', async () => {
    for (const kind of BUILT_IN) server.forbidden.set(pathOf(kind), new Set(['list', 'watch']))
    const { snapshot } = await scan([...kinds, 'ApiServerFlagz', 'ApiServerMetrics', 'ApiServerHealth', 'ProfilingProbe', 'KubeletConfigz'])
    for (const unread of snapshot.unreads as readonly Unread[]) {
      expect(unread.because, unread.what).toMatch(/^\S.{10,}[^.]$/)
      expect(unread.answer, unread.what).toMatch(/^\S.{5,}[^.]$/)
    }
    expect(snapshot.unread('KubeletConfigz')).toMatchObject({ why: 'forbidden', answer: 'allow list on nodes' })
  })
})
