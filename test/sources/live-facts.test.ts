import type { AddressInfo } from 'node:net'
import { createServer } from 'node:tls'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ApiClient } from '../../src/apiserver/client.ts'
import { discover } from '../../src/apiserver/discovery.ts'
import type { FactName, NamespaceObject } from '../../src/model/index.ts'
import { FACTS } from '../../src/sources/facts/all.ts'
import { parseSample } from '../../src/sources/facts/api-server-metrics.ts'
import { classOf } from '../../src/sources/facts/endpoint.ts'
import type { Fact, FactAnswer } from '../../src/sources/facts/fact.ts'
import { handshake } from '../../src/sources/facts/tls-handshake.ts'
import { createAuthority } from '../cluster/certificates.ts'
import { FakeApiServer, json, type Route, status } from '../helpers/fake-apiserver.ts'

describe('facts', () => {
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
  const { signal } = new AbortController()
  const ask = <F extends FactName>(name: F): Promise<FactAnswer<F>> =>
    (FACTS[name] as Fact<F>)({
      client,
      signal,
      discovery: () => discover(client),
      fact: ask,
      namespaces: async () => namespaces.map((namespace) => ({ namespace, busy: namespace.metadata.name !== 'idle' })),
    })
  let namespaces: readonly NamespaceObject[] = []
  const text =
    (body: string, code = 200): Route =>
    (_asked, response) =>
      void response.writeHead(code).end(body)

  test('flagz is asked for as JSON; text is not relied on', async () => {
    server.routes.set('/flagz', (_asked, response) =>
      json(response, 200, { kind: 'Flagz', apiVersion: 'config.k8s.io/v1beta1', flags: { 'anonymous-auth': 'true', profiling: false } }),
    )
    expect(await ask('ApiServerFlagz')).toEqual({ value: { flags: { 'anonymous-auth': 'true', profiling: 'false' } } })
    expect(server.asked[0]!.headers.accept).toMatch(/^application\/json;v=v1beta1;g=config\.k8s\.io;as=Flagz/)
    server.routes.set('/flagz', (_asked, response) => json(response, 200, { items: [] }))
    expect(await ask('ApiServerFlagz')).toMatchObject({ unread: { why: 'not-served' } })
  })

  test('the issuer of tokens is what discovery names; without a name it is not known', async () => {
    const path = '/.well-known/openid-configuration'
    server.routes.set(path, (_asked, response) => json(response, 200, { issuer: 'https://issuer.example.com', jwks_uri: 'https://k/jwks' }))
    expect(await ask('IssuerDiscovery')).toEqual({ value: { issuer: 'https://issuer.example.com', jwksUri: 'https://k/jwks' } })
    server.routes.set(path, (_asked, response) => json(response, 200, { issuer: 7 }))
    expect(await ask('IssuerDiscovery')).toMatchObject({ unread: { why: 'partial' } })
    for (const [code, why] of [
      [403, 'forbidden'],
      [404, 'not-served'],
    ] as const) {
      server.routes.set(path, (_asked, response) => json(response, code, status(code, 'no')))
      expect(await ask('IssuerDiscovery')).toMatchObject({ unread: { why } })
    }
  })

  test.each([
    [403, 'forbidden'],
    [404, 'not-served'],
    [406, 'not-served'],
    [500, 'unreachable'],
  ])('flagz answered with %i is %s, never empty', async (code, why) => {
    server.routes.set('/flagz', (_asked, response) => json(response, code, status(code, 'no')))
    expect(await ask('ApiServerFlagz')).toMatchObject({ unread: { why } })
  })

  test('of the metrics only what is read is kept, the admission plugins by name and requests by what they ask for', async () => {
    server.routes.set(
      '/metrics',
      text(
        [
          '# HELP apiserver_audit_event_total x',
          'apiserver_audit_event_total 12',
          'go_goroutines 7',
          'apiserver_request_total{code="200",component="apiserver",group="",resource="pods",scope="cluster",subresource="",verb="LIST",version="v1"} 9',
          'apiserver_request_total{code="403",component="apiserver",group="",resource="pods",scope="namespace",subresource="",verb="LIST",version="v1"} 2',
          'apiserver_request_body_size_bytes_bucket{group="apps",resource="deployments",verb="update",le="50000"} 2',
          'apiserver_request_body_size_bytes_sum{group="apps",resource="deployments",verb="update"} 3000',
          'process_start_time_seconds 1.79567599157e+09',
          'constructor{a="b"} 1',
          'apiserver_storage_transformation_operations_total{resource="secrets",status="OK",transformation_type="to_storage",transformer_prefix="k8s:enc:secretbox:v1:"} 3',
          'apiserver_admission_controller_admission_duration_seconds_count{name="NodeRestriction",operation="CREATE",rejected="false",type="admit"} 2',
          'apiserver_admission_controller_admission_duration_seconds_count{name="NodeRestriction",operation="UPDATE",rejected="false",type="admit"} 5',
          'apiserver_admission_controller_admission_duration_seconds_bucket{name="NodeRestriction",le="1"} 5',
          'apiserver_envelope_encryption_kms_bucket{le="1"} 1',
          '',
        ].join('\n'),
      ),
    )
    expect(await ask('ApiServerMetrics')).toEqual({
      value: {
        at: expect.closeTo(Date.now(), -5),
        samples: [
          { name: 'apiserver_audit_event_total', labels: {}, value: 12 },
          { name: 'process_start_time_seconds', labels: {}, value: 1795675991.57 },
          {
            name: 'apiserver_storage_transformation_operations_total',
            labels: { resource: 'secrets', status: 'OK', transformation_type: 'to_storage', transformer_prefix: 'k8s:enc:secretbox:v1:' },
            value: 3,
          },
          { name: 'apiserver_request_total', labels: { verb: 'LIST', group: '', resource: 'pods', subresource: '' }, value: 11 },
          {
            name: 'apiserver_request_body_size_bytes_sum',
            labels: { verb: 'update', group: 'apps', resource: 'deployments' },
            value: 3000,
          },
          { name: 'apiserver_admission_controller_admission_duration_seconds_count', labels: { name: 'NodeRestriction' }, value: 7 },
        ],
      },
    })
  })

  test('metrics that break off are unread, not few', async () => {
    server.routes.set('/metrics', (_asked, response) => {
      response.writeHead(200, { 'Content-Length': '5000' })
      response.write('apiserver_audit_event_total 0\n')
      setTimeout(() => response.socket?.destroy(), 5)
    })
    expect(await ask('ApiServerMetrics')).toMatchObject({ unread: { why: 'unreachable' } })
  })

  test('samples of the text format', () => {
    expect(parseSample('a_b{x="1",y="a\\"b\\\\c\\nd"} 1.5e3 1700000000000')).toEqual({
      name: 'a_b',
      labels: { x: '1', y: 'a"b\\c\nd' },
      value: 1500,
    })
    expect(parseSample('up +Inf')).toEqual({ name: 'up', labels: {}, value: Number.POSITIVE_INFINITY })
    expect(parseSample('__proto__{__proto__="x"} 1')!.labels).toEqual(JSON.parse('{"__proto__":"x"}'))
    for (const line of ['# TYPE x counter', '', 'no value', 'x NaN', '{a="b"} 1']) expect(parseSample(line)).toBeUndefined()
  })

  describe('Gatekeeper constraints', () => {
    const serve = (groups: readonly { name: string; resources: readonly string[] }[]) => {
      server.routes.set('/api', (_asked, response) => json(response, 200, { kind: 'APIGroupDiscoveryList', items: [] }))
      server.routes.set('/apis', (_asked, response) =>
        json(response, 200, {
          kind: 'APIGroupDiscoveryList',
          items: groups.map(({ name, resources }) => ({
            metadata: { name },
            versions: ['v1beta1', 'v1alpha1'].map((version) => ({
              version,
              resources: resources.map((resource) => ({
                resource,
                responseKind: { kind: `K8s${resource}` },
                scope: 'Cluster',
                verbs: ['list'],
              })),
            })),
          })),
        }),
      )
    }
    const GROUP = 'constraints.gatekeeper.sh'
    const path = (resource: string) => `/apis/${GROUP}/v1beta1/${resource}`
    const list =
      (...items: object[]): Route =>
      (_asked, response) =>
        json(response, 200, { kind: 'List', items, metadata: {} })

    test('are none where the group is not served', async () => {
      serve([])
      expect(await ask('GatekeeperConstraints')).toEqual({ value: { constraints: [], excluded: [] } })
    })

    test('are read of every kind, once, with what the Config leaves out', async () => {
      serve([
        { name: GROUP, resources: ['x', 'y'] },
        { name: 'config.gatekeeper.sh', resources: ['configs'] },
      ])
      const spec = { enforcementAction: 'warn', match: { namespaces: ['a'] }, parameters: { b: 1 } }
      server.routes.set(path('x'), list({ metadata: { name: 'one' }, spec }))
      server.routes.set(path('y'), list({ metadata: { name: 'two' }, spec: {}, status: { byPod: [{ enforced: true }] } }))
      const config = {
        kind: 'Config',
        metadata: { name: 'config' },
        spec: { match: [{ excludedNamespaces: ['kube-*'], processes: ['*'] }] },
      }
      server.routes.set('/apis/config.gatekeeper.sh/v1beta1/configs', list(config))
      expect(await ask('GatekeeperConstraints')).toEqual({
        value: {
          constraints: [
            { kind: 'K8sx', name: 'one', ...spec },
            { kind: 'K8sy', name: 'two', enforcementAction: 'deny', match: {}, parameters: {}, enforced: true },
          ],
          excluded: ['kube-*'],
        },
      })
    })

    test('are unread, and not absent, where one kind of them is refused or fails', async () => {
      serve([{ name: GROUP, resources: ['x', 'y'] }])
      server.routes.set(path('x'), list())
      server.routes.set(path('y'), (_asked, response) => json(response, 403, status(403, 'no')))
      expect(await ask('GatekeeperConstraints')).toMatchObject({
        unread: { why: 'forbidden', because: `the API server refused to list y.${GROUP} (403)` },
      })
      server.routes.set(path('y'), (_asked, response) => json(response, 500, status(500, 'no')))
      expect(await ask('GatekeeperConstraints')).toMatchObject({ unread: { why: 'unreachable' } })
      server.routes.set('/apis', (_asked, response) => json(response, 403, status(403, 'no')))
      expect(await ask('GatekeeperConstraints')).toMatchObject({ unread: { why: 'forbidden' } })
    })
  })

  describe('a dry run of a privileged pod', () => {
    const named = (name: string, labels = {}, phase = 'Active') => ({
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name, labels },
      status: { phase },
    })
    const answer = (namespace: string, code: number, message = '') =>
      server.routes.set(`POST /api/v1/namespaces/${namespace}/pods`, (_asked, response) =>
        json(response, code, code < 300 ? {} : { ...(status(code, message) as object), message }),
      )
    const sent = () => server.asked.filter(({ method }) => method === 'POST')
    beforeEach(() => {
      namespaces = ['a', 'b'].map((name) => named(name))
    })

    test('goes to three namespaces at most, of those that run something, have no label and are not the platform’s', async () => {
      namespaces = [
        ...['e', 'd', 'c', 'b', 'idle', 'kube-system', 'kube-node-lease'].map((name) => named(name)),
        named('a', { 'pod-security.kubernetes.io/enforce': 'privileged' }),
        named('ab', {}, 'Terminating'),
      ]
      for (const name of ['b', 'c', 'd']) answer(name, 201)
      expect(await ask('PodSecurityProbe')).toEqual({
        value: { answers: ['b', 'c', 'd'].map((namespace) => ({ namespace, is: 'admitted' })) },
      })
      expect(sent().map(({ query }) => query.get('dryRun'))).toEqual(['All', 'All', 'All'])
      expect(JSON.parse(sent()[0]!.body).spec).toMatchObject({ hostPID: true })
    })

    test('tells Pod Security from everybody else who refuses', async () => {
      namespaces = ['a', 'b', 'c'].map((name) => named(name))
      answer('a', 403, 'pods "x" is forbidden: violates PodSecurity "restricted:v1.30": host namespaces (hostPID=true)')
      answer('b', 400, 'admission webhook "validation.gatekeeper.sh" denied the request: [psp] no')
      answer('c', 403, 'pods "x" is forbidden: error looking up service account c/default')
      expect(await ask('PodSecurityProbe')).toEqual({
        value: {
          answers: [
            { namespace: 'a', is: 'refused', level: 'restricted', version: 'v1.30' },
            { namespace: 'b', is: 'unclear', engine: 'webhook validation.gatekeeper.sh' },
            { namespace: 'c', is: 'unclear' },
          ],
        },
      })
      answer('a', 422, "pods \"x\" is forbidden: ValidatingAdmissionPolicy 'no-host' with binding 'b' denied request: no")
      expect(await ask('PodSecurityProbe')).toMatchObject({ value: { answers: [{ engine: 'ValidatingAdmissionPolicy no-host' }, {}, {}] } })
    })

    test('says nothing of where we may not create pods', async () => {
      const noRight = (namespace: string) =>
        `pods is forbidden: User "x" cannot create resource "pods" in API group "" in the namespace "${namespace}"`
      answer('a', 403, noRight('a'))
      answer('b', 201)
      expect(await ask('PodSecurityProbe')).toEqual({ value: { answers: [{ namespace: 'b', is: 'admitted' }] } })
      answer('b', 403, noRight('b'))
      expect(await ask('PodSecurityProbe')).toMatchObject({ unread: { why: 'forbidden', answer: expect.stringContaining('dry run') } })
    })

    test('is not sent where the server names no file that could hold a default', async () => {
      const flags = (value: Record<string, string>) =>
        server.routes.set('/flagz', (_asked, response) => json(response, 200, { kind: 'Flagz', flags: value }))
      flags({ 'admission-control-config-file': '' })
      expect(await ask('PodSecurityProbe')).toEqual({ value: { answers: [] } })
      expect(sent()).toEqual([])
      flags({ 'admission-control-config-file': '/etc/kubernetes/admission.yaml' })
      for (const name of ['a', 'b']) answer(name, 201)
      expect(await ask('PodSecurityProbe')).toMatchObject({ value: { answers: [{ is: 'admitted' }, { is: 'admitted' }] } })
    })
  })

  test('health checks are named whether they pass or not', async () => {
    server.routes.set('/readyz', text('[+]ping ok\n[-]etcd failed: reason withheld\n[+]kms-providers ok\nreadyz check failed\n', 500))
    expect(await ask('ApiServerHealth')).toEqual({ value: { checks: ['ping', 'etcd', 'kms-providers'] } })
    server.routes.set('/readyz', (_asked, response) => json(response, 403, status(403, 'no')))
    expect(await ask('ApiServerHealth')).toMatchObject({ unread: { why: 'forbidden' } })
    server.routes.set('/readyz', text('ok'))
    expect(await ask('ApiServerHealth')).toMatchObject({ unread: { why: 'not-served' } })
  })

  test('profiling: on, off, and not ours to know', async () => {
    server.routes.set('/debug/pprof/', text('<html>'))
    expect(await ask('ProfilingProbe')).toEqual({ value: { status: 200 } })
    server.routes.set('/debug/pprof/', text('404 page not found', 404))
    expect(await ask('ProfilingProbe')).toEqual({ value: { status: 404 } })
    server.routes.set('/debug/pprof/', (_asked, response) => json(response, 403, status(403, 'no')))
    expect(await ask('ProfilingProbe')).toMatchObject({
      unread: { why: 'forbidden', answer: 'allow get on the non-resource URL /debug/pprof/' },
    })
  })

  test('the anonymous probe sends no credentials and asks for at most one name', async () => {
    client.close()
    client = new ApiClient(server.context({ user: { token: 'mine' }, userName: 'me' }))
    for (const path of ['/livez', '/version']) server.routes.set(path, text('ok'))
    for (const path of ['/api', '/metrics', '/openapi/v2'])
      server.routes.set(path, (_asked, response) =>
        json(response, 403, status(403, `forbidden: User "system:anonymous" cannot get path "${path}"`)),
      )
    server.routes.set('/api/v1/namespaces', (_asked, response) => json(response, 401, status(401, 'Unauthorized')))
    expect(await ask('AnonymousProbe')).toEqual({
      value: {
        answers: [
          { path: '/livez', status: 200 },
          { path: '/version', status: 200 },
          { path: '/api', status: 403, user: 'system:anonymous' },
          { path: '/api/v1/namespaces', status: 401 },
          { path: '/metrics', status: 403, user: 'system:anonymous' },
          { path: '/openapi/v2', status: 403, user: 'system:anonymous' },
        ],
      },
    })
    expect(server.asked.some(({ headers }) => headers.authorization !== undefined)).toBe(false)
    expect(server.asked.every(({ method }) => method === 'GET')).toBe(true)
    expect(server.asked.find(({ path }) => path === '/api/v1/namespaces')!.query.get('limit')).toBe('1')
  })

  test('one path that does not answer leaves the whole probe unread', async () => {
    server.routes.set('/metrics', (_asked, response) => void response.destroy())
    expect(await ask('AnonymousProbe')).toMatchObject({ unread: { why: 'unreachable' } })
  })

  describe('configz', () => {
    beforeEach(() => {
      server.kinds.set('/api/v1/nodes', { apiVersion: 'v1', kind: 'Node' })
      for (const name of ['a', 'b', 'c']) server.put('/api/v1/nodes', { metadata: { name } })
    })
    const proxy = (node: string) => `/api/v1/nodes/${node}/proxy/configz`
    const configured =
      (config: object): Route =>
      (_asked, response) =>
        json(response, 200, { kubeletconfig: config })

    test('every node answers for itself, and a virtual one refuses for itself', async () => {
      server.routes.set(proxy('a'), configured({ readOnlyPort: 0 }))
      server.routes.set(proxy('b'), (_asked, response) => json(response, 502, status(502, 'no kubelet here')))
      server.routes.set(proxy('c'), configured({ readOnlyPort: 10255 }))
      expect(await ask('KubeletConfigz')).toEqual({
        value: {
          nodes: [
            { node: 'a', config: { readOnlyPort: 0 } },
            { node: 'b', refused: 'the API server failed (502): no kubelet here' },
            { node: 'c', config: { readOnlyPort: 10255 } },
          ],
        },
      })
    })

    test('a 403 of the API server is one answer for all, and warns of the right it asks for', async () => {
      for (const node of ['a', 'b', 'c'])
        server.routes.set(proxy(node), (_asked, response) => json(response, 403, status(403, 'cannot get resource "nodes/proxy"')))
      expect(await ask('KubeletConfigz')).toMatchObject({
        unread: { why: 'forbidden', answer: expect.stringMatching(/^allow get on nodes\/proxy .*take it back/) },
      })
    })

    test("a 403 of one kubelet is that node's refusal", async () => {
      for (const node of ['a', 'c']) server.routes.set(proxy(node), configured({}))
      server.routes.set(proxy('b'), text('Forbidden (user=kube-apiserver, verb=get, resource=nodes, subresource=configz)', 403))
      const answer = await ask('KubeletConfigz')
      expect('value' in answer && answer.value.nodes.map(({ refused }) => refused !== undefined)).toEqual([false, true, false])
    })

    test('an answer without a configuration is a refusal, and at most four are asked at once', async () => {
      let open = 0
      let most = 0
      for (let index = 0; index < 20; index++) server.put('/api/v1/nodes', { metadata: { name: `n${index}` } })
      for (const node of server.all('/api/v1/nodes').keys()) {
        server.routes.set(proxy(node), (_asked, response) => {
          most = Math.max(most, ++open)
          setTimeout(() => {
            open--
            json(response, 200, {})
          }, 3)
        })
      }
      const answer = await ask('KubeletConfigz')
      expect('value' in answer && answer.value.nodes.every(({ refused }) => refused !== undefined) && answer.value.nodes.length).toBe(23)
      expect(most).toBe(4)
    })
  })

  test('addresses are classed as a network person would', () => {
    expect(
      Object.fromEntries(
        [
          '8.8.8.8',
          '10.1.2.3',
          '172.16.0.1',
          '192.168.1.1',
          '127.0.0.1',
          '::1',
          '169.254.1.1',
          'fe80::1',
          '100.64.0.1',
          'fd00::1',
          '2001:4860:4860::8888',
          '::ffff:10.0.0.1',
          '0.0.0.0',
          '224.0.0.1',
          'nonsense',
        ].map((address) => [address, classOf(address)]),
      ),
    ).toEqual({
      '8.8.8.8': 'public',
      '10.1.2.3': 'private',
      '172.16.0.1': 'private',
      '192.168.1.1': 'private',
      '127.0.0.1': 'loopback',
      '::1': 'loopback',
      '169.254.1.1': 'link-local',
      'fe80::1': 'link-local',
      '100.64.0.1': 'carrier-grade',
      'fd00::1': 'private',
      '2001:4860:4860::8888': 'public',
      '::ffff:10.0.0.1': 'private',
      '0.0.0.0': 'other',
      '224.0.0.1': 'other',
      nonsense: 'other',
    })
  })

  test('an endpoint over http, and one behind a proxy whose password stays here', async () => {
    expect(await ask('Endpoint')).toEqual({
      value: {
        url: server.url,
        scheme: 'http',
        host: '127.0.0.1',
        port: server.port,
        addresses: [{ address: '127.0.0.1', class: 'loopback' }],
        insecureSkipTlsVerify: false,
        hasCaData: false,
      },
    })
    client.close()
    client = new ApiClient(
      server.context({
        server: 'https://api.example.test',
        cluster: { server: 'https://api.example.test', 'proxy-url': 'http://me:hunter2@127.0.0.1:1' },
      }),
    )
    const answer = await ask('Endpoint')
    expect(answer).toMatchObject({
      value: { scheme: 'https', port: 443, addresses: [], proxyUrl: 'http://127.0.0.1:1/', tlsError: expect.any(String) },
    })
    expect(JSON.stringify(answer)).not.toContain('hunter2')
  })
})

describe('the TLS handshake', () => {
  async function serve<T>(options: object, act: (port: number, ca: string) => Promise<T>): Promise<T> {
    const authority = await createAuthority('test CA')
    const { certificate, key } = await authority.issueServer(['kubernetes'], ['127.0.0.1'])
    const server = createServer({ cert: certificate, key, ...options }, (socket) => socket.end())
    server.on('tlsClientError', () => undefined)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    try {
      return await act((server.address() as AddressInfo).port, authority.certificate)
    } finally {
      await new Promise((resolve) => server.close(resolve))
    }
  }
  const { signal } = new AbortController()

  test('what a modern server shows', async () => {
    const seen = await serve({ minVersion: 'TLSv1.2' }, (port, ca) => handshake({ host: '127.0.0.1', port, ca }, signal))
    expect(seen).toMatchObject({
      protocol: 'TLSv1.3',
      verified: true,
      names: ['kubernetes', '127.0.0.1'],
      old: { TLSv1: false, 'TLSv1.1': false },
    })
    expect(Date.parse(seen.notAfter)).toBeGreaterThan(Date.now())
    expect(Date.parse(seen.notBefore)).toBeLessThan(Date.now())
  })

  test('old protocols that a server takes are seen', async () => {
    const seen = await serve({ minVersion: 'TLSv1', ciphers: 'DEFAULT:@SECLEVEL=0' }, (port, ca) =>
      handshake({ host: '127.0.0.1', port, ca }, signal),
    )
    expect(seen.old).toEqual({ TLSv1: true, 'TLSv1.1': true })
  })

  test('an unknown CA and another name are not verified, and why', async () => {
    const other = await createAuthority('other CA')
    expect(await serve({}, (port) => handshake({ host: '127.0.0.1', port, ca: other.certificate }, signal))).toMatchObject({
      verified: false,
      problem: expect.any(String),
    })
    expect(await serve({}, (port, ca) => handshake({ host: '127.0.0.1', port, ca, servername: 'elsewhere.test' }, signal))).toMatchObject({
      verified: false,
      problem: expect.stringContaining('ALTNAME'),
    })
  })
})
