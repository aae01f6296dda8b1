import type { AddressInfo } from 'node:net'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { hostname } from 'node:os'
import { afterEach, expect, test } from 'vitest'
import { ApiClient } from '../../src/apiserver/client.ts'
import { pickContext } from '../../src/apiserver/context.ts'
import { Discovery, discover, pathOf } from '../../src/apiserver/discovery.ts'
import { canI, whoAmI } from '../../src/apiserver/permissions.ts'
import type { Kind, Readable, SourceEvent } from '../../src/model/index.ts'
import { kinds, served } from '../../src/objects/served.ts'
import { SnapshotStore } from '../../src/snapshot/store.ts'
import { liveSource } from '../../src/sources/live.ts'
import { describeCluster } from '../cluster/with-cluster.ts'

const BUILT_IN = kinds.filter((kind) => served(kind).standing === 'builtIn')
const LIVE = kinds.filter((kind) => served(kind).standing !== 'file')
const FACTS = [
  'ServerVersion',
  'ServedResources',
  'ApiServerFlagz',
  'ApiServers',
  'ApiServerMetrics',
  'ApiServerHealth',
  'AnonymousProbe',
  'ProfilingProbe',
  'Endpoint',
  'KubeletConfigz',
  'GatekeeperConstraints',
  'PodSecurityProbe',
] as const
const timing = { backOff: [5, 50], settled: 20, grace: 5_000 } as const

describeCluster('the live source against a real API server', {}, (cluster) => {
  const opened: ApiClient[] = []
  const stops: AbortController[] = []
  afterEach(() => {
    for (const stop of stops.splice(0)) stop.abort()
    for (const client of opened.splice(0)) client.close()
  })
  function clientFor(kubeconfig = cluster().kubeconfig, server?: string): ApiClient {
    const context = pickContext({ kubeconfig, env: {} })
    const client = new ApiClient(server === undefined ? context : { ...context, server, cluster: { ...context.cluster, server } })
    opened.push(client)
    return client
  }
  async function scan(client: ApiClient, wanted: readonly Readable[], namespaces?: readonly string[]) {
    const source = liveSource({ client, context: 'e2e', timing, ...(namespaces && { namespaces }) })
    const store = new SnapshotStore(source.info)
    for await (const batch of source.events({ signal: new AbortController().signal, follow: false, wanted: new Set(wanted) }))
      for (const event of batch as readonly SourceEvent[]) store.take(event)
    return store.publish(Date.now()).snapshot
  }
  const listed = async (kind: Kind) => {
    const { items } = await cluster().api.get<{ items: { metadata: { namespace?: string; name: string; resourceVersion: string } }[] }>(
      pathOf(served(kind)),
    )
    return items.map(({ metadata }) => `${metadata.namespace ?? ''}/${metadata.name}@${metadata.resourceVersion}`).sort()
  }
  const seen = (snapshot: Awaited<ReturnType<typeof scan>>, kind: Kind) =>
    snapshot
      .all(kind)
      .map(({ metadata }) => `${metadata.namespace ?? ''}/${metadata.name}@${metadata.resourceVersion}`)
      .sort()
  const account = (name: string, namespace = 'default') => ({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace } })

  test('every kind holds exactly what a list holds, streamed and paged', async () => {
    const { api } = cluster()
    for (let index = 0; index < 600; index++)
      await api.create('/api/v1/namespaces/default/configmaps', {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: `many-${index}` },
        data: { index: String(index) },
      })
    for (const [name, type, data] of [
      ['tls', 'kubernetes.io/tls', { 'tls.crt': 'YQ==', 'tls.key': 'YjE=' }],
      ['plain', 'Opaque', { password: 'aHVudGVyMg==' }],
      ['odd', 'example.test/odd', {}],
    ] as const) {
      await api.create('/api/v1/namespaces/default/secrets', { apiVersion: 'v1', kind: 'Secret', type, metadata: { name }, data })
    }
    const streamed = await scan(clientFor(), LIVE)
    const pager = clientFor()
    Object.defineProperty(pager.connection, 'loopback', { value: false })
    const paged = await scan(pager, LIVE)
    expect(streamed.unreads).toEqual([])
    expect(paged.unreads).toEqual([])
    for (const kind of BUILT_IN) {
      expect(seen(streamed, kind), kind).toEqual(await listed(kind))
      expect(seen(paged, kind), kind).toEqual(seen(streamed, kind))
      expect(
        paged.all(kind).every(({ apiVersion, kind: own }) => own === kind && apiVersion !== ''),
        kind,
      ).toBe(true)
    }
    expect(
      Object.fromEntries(
        streamed
          .all('Secret')
          .filter(({ metadata }) => metadata.namespace === 'default')
          .map(({ metadata, type }) => [metadata.name, type]),
      ),
    ).toMatchObject({ tls: 'kubernetes.io/tls', plain: 'Opaque', odd: undefined })
    expect(JSON.stringify(streamed.all('Secret'))).not.toContain('aHVudGVyMg')
    expect(streamed.source.kubernetes).toBe('v1.37.2')
  }, 120_000)

  test('a 403 on each kind in turn makes exactly that kind unread', async () => {
    const { api, kubeconfigFor } = cluster()
    for (const kind of BUILT_IN) {
      const name = `all-but-${kind.toLowerCase()}`
      const rules = BUILT_IN.filter((other) => other !== kind).map((other) => ({
        apiGroups: [served(other).group],
        resources: [served(other).plural],
        verbs: ['list', 'watch'],
      }))
      await api.create('/apis/rbac.authorization.k8s.io/v1/clusterroles', {
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'ClusterRole',
        metadata: { name },
        rules,
      })
      await api.create('/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', {
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'ClusterRoleBinding',
        metadata: { name },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name },
        subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name }],
      })
    }
    for (const kind of BUILT_IN) {
      const client = clientFor(await kubeconfigFor({ user: `all-but-${kind.toLowerCase()}` }))
      const other = served(kind === 'Pod' ? 'Service' : 'Pod')
      await expect.poll(async () => (await canI(client, { verb: 'list', group: other.group, resource: other.plural })).is).toBe('allowed')
      const snapshot = await scan(client, BUILT_IN)
      expect(snapshot.unreads.map(({ what, why }) => [what, why])).toEqual([[kind, 'forbidden']])
      client.close()
    }
  }, 180_000)

  test('a right in one namespace is enough with -n', async () => {
    const { api, kubeconfigFor } = cluster()
    await api.create('/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'narrow' } })
    const rbac = '/apis/rbac.authorization.k8s.io/v1/namespaces/narrow'
    await api.create(`${rbac}/roles`, {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'Role',
      metadata: { name: 'all' },
      rules: [{ apiGroups: ['*'], resources: ['*'], verbs: ['get', 'list', 'watch'] }],
    })
    await api.create(`${rbac}/rolebindings`, {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata: { name: 'all' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'all' },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'narrow-user' }],
    })
    await api.create('/api/v1/namespaces/narrow/serviceaccounts', account('here', 'narrow'))
    const client = clientFor(await kubeconfigFor({ user: 'narrow-user' }))
    await expect.poll(async () => (await canI(client, { verb: 'list', resource: 'pods', namespace: 'narrow' })).is).toBe('allowed')
    const snapshot = await scan(client, ['Namespace', 'ServiceAccount', 'Pod', 'ClusterRole'], ['narrow'])
    expect(snapshot.all('Namespace').map(({ metadata }) => metadata.name)).toEqual(['narrow'])
    expect(snapshot.all('ServiceAccount').map(({ metadata }) => metadata.name)).toEqual(['here'])
    expect(snapshot.unreads.map(({ what, why }) => [what, why])).toEqual([['ClusterRole', 'forbidden']])
  })

  test('connections cut while objects change lose nothing and double nothing', async () => {
    const { api, url } = cluster()
    const proxy = await cuttingProxy(Number(new URL(url).port))
    const client = clientFor(undefined, `https://127.0.0.1:${proxy.port}`)
    const source = liveSource({ client, context: 'e2e', timing })
    const store = new SnapshotStore(source.info)
    const stop = new AbortController()
    stops.push(stop)
    const problems: string[] = []
    const known = new Set<string>()
    const reading = (async () => {
      for await (const batch of source.events({
        signal: stop.signal,
        follow: true,
        wanted: new Set<Readable>(['ServiceAccount', 'ConfigMap']),
      })) {
        for (const event of batch as readonly SourceEvent[]) {
          if (event.type === 'replace') {
            if (new Set(event.items.map(([key]) => key)).size !== event.items.length) problems.push(`${event.kind} holds a key twice`)
            if (event.kind === 'ServiceAccount') {
              known.clear()
              for (const [key] of event.items) known.add(key)
            }
          }
          if (event.type === 'upsert' && event.kind === 'ServiceAccount') known.add(event.key)
          if (event.type === 'remove' && event.kind === 'ServiceAccount' && !known.delete(event.key))
            problems.push(`${event.key} went twice`)
          store.take(event)
        }
      }
    })()
    try {
      await expect.poll(() => store.publish(0).snapshot.synced).toBe(true)
      for (let round = 0; round < 12; round++) {
        await Promise.all(
          Array.from({ length: 8 }, (_, index) =>
            api.create('/api/v1/namespaces/default/serviceaccounts', account(`cut-${round}-${index}`)),
          ),
        )
        await expect.poll(() => proxy.open).toBeGreaterThan(1)
        proxy.cut()
        if (round > 0)
          await Promise.all(
            [0, 1, 2].map((index) => api.request('DELETE', `/api/v1/namespaces/default/serviceaccounts/cut-${round - 1}-${index}`)),
          )
        if (round % 3 === 0) proxy.cut()
      }
      const want = await listed('ServiceAccount')
      await expect.poll(() => seen(store.publish(0).snapshot, 'ServiceAccount'), { timeout: 15_000 }).toEqual(want)
      expect(problems).toEqual([])
      expect(proxy.cuts).toBeGreaterThan(10)
      expect(store.publish(0).snapshot.unreads).toEqual([])
    } finally {
      stop.abort()
      await reading
      await proxy.close()
    }
  }, 60_000)

  test('facts', async () => {
    const snapshot = await scan(clientFor(), FACTS)
    expect(snapshot.unreads).toEqual([])
    expect(snapshot.fact('ServerVersion')).toMatchObject({ gitVersion: 'v1.37.2', minor: 37 })
    expect(snapshot.fact('ApiServerFlagz')!.flags).toMatchObject({ 'authorization-mode': '[Node,RBAC]', 'allow-privileged': 'true' })
    expect(snapshot.fact('ServedResources')!.groups.find(({ group }) => group === '')!.resources).toEqual(
      expect.arrayContaining(['pods', 'pods/exec', 'secrets', 'nodes/proxy']),
    )
    expect(snapshot.fact('ApiServerHealth')!.checks).toEqual(expect.arrayContaining(['ping', 'etcd']))
    expect(snapshot.fact('ApiServers')).toEqual({ leases: [hostname()], addresses: [] })
    expect(snapshot.fact('ProfilingProbe')).toEqual({ status: 200 })
    expect(snapshot.fact('AnonymousProbe')!.answers).toEqual([
      { path: '/livez', status: 200 },
      { path: '/version', status: 200 },
      { path: '/api', status: 403, user: 'system:anonymous' },
      { path: '/api/v1/namespaces', status: 403, user: 'system:anonymous' },
      { path: '/metrics', status: 403, user: 'system:anonymous' },
      { path: '/openapi/v2', status: 403, user: 'system:anonymous' },
    ])
    expect(snapshot.fact('Endpoint')).toMatchObject({
      scheme: 'https',
      host: '127.0.0.1',
      addresses: [{ address: '127.0.0.1', class: 'loopback' }],
      insecureSkipTlsVerify: false,
      hasCaData: true,
      tls: { protocol: 'TLSv1.3', verified: true, old: { TLSv1: false, 'TLSv1.1': false }, names: expect.arrayContaining(['127.0.0.1']) },
    })
    const samples = snapshot.fact('ApiServerMetrics')!.samples
    expect(samples.some(({ name, value }) => name === 'apiserver_audit_event_total' && value > 0)).toBe(true)
    expect(
      samples.some(
        ({ name, labels }) =>
          name === 'apiserver_admission_controller_admission_duration_seconds_count' && labels['name'] === 'NamespaceLifecycle',
      ),
    ).toBe(true)
  }, 60_000)

  test('facts that are refused are unread, and say which right is missing', async () => {
    const client = clientFor(await cluster().kubeconfigFor({ user: 'nobody-special' }))
    const snapshot = await scan(client, FACTS)
    expect(Object.fromEntries(snapshot.unreads.map(({ what, why, answer }) => [what, `${why}: ${answer}`]))).toEqual({
      ApiServerFlagz: 'forbidden: allow get on the non-resource URL /flagz',
      ApiServers: expect.stringContaining('forbidden: allow list on leases in API group coordination.k8s.io in namespace kube-system'),
      ApiServerMetrics: 'forbidden: allow get on the non-resource URL /metrics',
      ProfilingProbe: 'forbidden: allow get on the non-resource URL /debug/pprof/',
      KubeletConfigz: 'forbidden: allow list on nodes',
    })
  }, 60_000)

  test('all that was sent is get, list, watch and reviews of ourselves', async () => {
    const mark = await cluster().auditMark()
    const client = clientFor()
    await scan(client, [...LIVE, ...FACTS])
    await canI(client, { verb: 'list', resource: 'pods' })
    await whoAmI(client)
    await discover(client)
    const ours = (await cluster().auditSince(mark)).filter(({ userAgent }) => userAgent === 'k8s-harden')
    expect(ours.length).toBeGreaterThan(40)
    const changes = ours.filter(
      ({ verb, objectRef }) =>
        !['get', 'list', 'watch'].includes(verb) &&
        !(verb === 'create' && /^selfsubject(access|rules)?reviews$/.test(objectRef?.resource ?? '')),
    )
    expect(changes).toEqual([])
    expect(ours.filter(({ objectRef }) => objectRef?.resource === 'secrets' && objectRef.name !== undefined)).toEqual([])
  }, 60_000)

  test('what we may do, as the server sees it', async () => {
    const admin = clientFor()
    const guest = clientFor(await cluster().kubeconfigFor({ user: 'guest', groups: ['visitors'] }))
    expect((await canI(admin, { verb: 'delete', resource: 'secrets', namespace: 'default' })).is).toBe('allowed')
    expect((await canI(guest, { verb: 'get', resource: 'secrets' })).is).toBe('denied')
    expect((await canI(guest, { verb: 'get', path: '/flagz' })).is).toBe('denied')
    expect(await whoAmI(guest)).toMatchObject({ username: 'guest', groups: expect.arrayContaining(['visitors', 'system:authenticated']) })
  })

  test('writes: rehearsed, guarded, refused as values', async () => {
    const client = clientFor()
    const path = '/api/v1/namespaces/default/configmaps'
    const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'written' }, data: { a: '1' } }
    expect(await client.create(path, object, { dryRun: true, fieldManager: 'k8s-harden' })).toMatchObject({ ok: true, status: 201 })
    expect(await client.get(`${path}/written`)).toMatchObject({ ok: false, refusal: { kind: 'not-found' } })
    expect(await client.create(path, object, { fieldManager: 'k8s-harden' })).toMatchObject({ ok: true })
    expect(await client.create(path, object)).toMatchObject({ ok: false, refusal: { kind: 'conflict', reason: 'AlreadyExists' } })
    expect(
      await client.patch(`${path}/written`, [
        { op: 'test', path: '/data/a', value: '2' },
        { op: 'replace', path: '/data/a', value: '3' },
      ]),
    ).toMatchObject({ ok: false, refusal: { kind: 'invalid', status: 422 } })
    const patched = await client.patch<{ data: unknown; metadata: { uid: string } }>(
      `${path}/written`,
      [
        { op: 'test', path: '/data/a', value: '1' },
        { op: 'replace', path: '/data/a', value: '3' },
      ],
      { fieldManager: 'k8s-harden' },
    )
    expect(patched).toMatchObject({ ok: true, body: { data: { a: '3' } } })
    expect(await client.delete(`${path}/written`, { preconditions: { uid: 'another' } })).toMatchObject({
      ok: false,
      refusal: { kind: 'conflict' },
    })
    expect(await client.delete(`${path}/written`)).toMatchObject({ ok: true })
    expect(
      await client.create('/api/v1/namespaces/default/pods', { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'bad' }, spec: {} }),
    ).toMatchObject({ ok: false, refusal: { kind: 'invalid', causes: [{ field: 'spec.containers' }] } })
    const found = await discover(client)
    expect(found instanceof Discovery && found.find('apps/v1', 'Deployment')).toMatchObject({
      plural: 'deployments',
      namespaced: true,
      subresources: expect.arrayContaining(['scale']),
    })
  })
})

/** TCP to the API server that can be cut at will. */
async function cuttingProxy(target: number) {
  const pairs = new Set<readonly [Socket, Socket]>()
  let cuts = 0
  const server: Server = createServer((socket) => {
    const upstream = connect(target, '127.0.0.1')
    const pair = [socket, upstream] as const
    pairs.add(pair)
    for (const [one, other] of [pair, [upstream, socket] as const]) {
      one.pipe(other)
      one.on('error', () => other.destroy())
      one.on('close', () => {
        other.destroy()
        pairs.delete(pair)
      })
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const cut = () => {
    for (const [socket, upstream] of pairs) {
      cuts++
      socket.resetAndDestroy()
      upstream.destroy()
    }
    pairs.clear()
  }
  return {
    port: (server.address() as AddressInfo).port,
    cut,
    get cuts() {
      return cuts
    },
    get open() {
      return pairs.size
    },
    close: async () => {
      cut()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
