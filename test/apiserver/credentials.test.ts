import 'reflect-metadata'
import { webcrypto } from 'node:crypto'
import { chmodSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as x509 from '@peculiar/x509'
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { ApiClient } from '../../src/apiserver/client.ts'
import type { Context } from '../../src/apiserver/context.ts'
import { spawnPlugin } from '../../src/apiserver/credential-plugin.ts'
import { createAuthority } from '../cluster/certificates.ts'
import { FakeApiServer, json, status } from '../helpers/fake-apiserver.ts'

const dir = mkdtempSync(join(tmpdir(), 'credentials-'))
const base64 = (text: string) => Buffer.from(text).toString('base64')

describe('credentials', () => {
  let authority: Awaited<ReturnType<typeof createAuthority>>
  let served: { certificate: string; key: string }
  let server: FakeApiServer
  const clients: ApiClient[] = []
  beforeAll(async () => {
    authority = await createAuthority('test CA')
    served = await authority.issueServer(['kubernetes'], ['127.0.0.1'])
  })
  beforeEach(async () => {
    server = await FakeApiServer.start({
      key: served.key,
      cert: served.certificate,
      ca: authority.certificate,
      requestCert: true,
      rejectUnauthorized: false,
    })
    server.routes.set('/whoami', (asked, response) =>
      json(response, 200, {
        authorization: asked.headers.authorization ?? '',
        user: asked.headers['impersonate-user'] ?? '',
        groups: asked.headers['impersonate-group'] ?? '',
        extra: asked.headers['impersonate-extra-scopes'] ?? '',
        certificate:
          (response.socket as unknown as { getPeerCertificate(): { subject?: { CN?: string } } }).getPeerCertificate()?.subject?.CN ?? '',
      }),
    )
  })
  afterEach(async () => {
    for (const client of clients.splice(0)) client.close()
    await server.stop()
  })
  function clientWith(user: Context['user'], cluster: object = {}): ApiClient {
    const client = new ApiClient(
      server.context({
        user,
        userName: 'me',
        cluster: { server: server.url, 'certificate-authority-data': base64(authority.certificate), ...cluster },
      }),
    )
    clients.push(client)
    return client
  }
  const whoAmI = async (client: ApiClient, anonymous = false) => {
    const answer = await client.get<Record<string, string>>('/whoami', { anonymous })
    if (!answer.ok) throw new Error(answer.refusal.message)
    return answer.body
  }
  function plugin(script: string): string {
    const path = join(dir, `plugin-${Math.random().toString(36).slice(2)}`)
    writeFileSync(path, `#!/bin/sh\n${script}\n`)
    chmodSync(path, 0o755)
    return path
  }

  test('client certificate', async () => {
    const me = await authority.issueClient({ user: 'alice', groups: [] })
    expect(
      await whoAmI(clientWith({ 'client-certificate-data': base64(me.certificate), 'client-key-data': base64(me.key) })),
    ).toMatchObject({ certificate: 'alice', authorization: '' })
  })

  test('a client certificate whose time is over is named when the server refuses it', async () => {
    server.routes.set('/refused', (_asked, response) => json(response, 401, status(401, 'Unauthorized')))
    const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
    const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
    const old = await x509.X509CertificateGenerator.createSelfSigned({
      name: 'CN=alice',
      notBefore: new Date('2020-01-01'),
      notAfter: new Date('2020-01-02'),
      keys,
      signingAlgorithm: algorithm,
    })
    const key = x509.PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey), 'PRIVATE KEY')
    const client = clientWith({ 'client-certificate-data': base64(old.toString('pem')), 'client-key-data': base64(key) })
    expect(await client.get('/refused')).toMatchObject({
      refusal: { kind: 'unauthorized', message: 'the client certificate of user "me" expired on 2020-01-02' },
    })
    expect(await clientWith({ token: 'abc' }).get('/refused')).toMatchObject({ refusal: { kind: 'unauthorized', status: 401 } })
  })

  test('token, token file (with its line break), basic', async () => {
    const file = join(dir, 'token')
    writeFileSync(file, 'from-file\n')
    expect(await whoAmI(clientWith({ token: 'abc' }))).toMatchObject({ authorization: 'Bearer abc' })
    expect(await whoAmI(clientWith({ tokenFile: file }))).toMatchObject({ authorization: 'Bearer from-file' })
    expect(await whoAmI(clientWith({ username: 'a', password: 'b' }))).toMatchObject({ authorization: `Basic ${base64('a:b')}` })
  })

  test('impersonation with its groups and extra, which the library forgets', async () => {
    const user = { token: 'abc', as: 'bob', 'as-groups': ['dev', 'ops'], 'as-user-extra': { scopes: ['view'] } }
    expect(await whoAmI(clientWith(user))).toMatchObject({ user: 'bob', groups: 'dev, ops', extra: 'view' })
  })

  test('an exec plugin is run once, told what it must know, and run again after a 401', async () => {
    const calls = join(dir, 'calls')
    writeFileSync(calls, '')
    const command = plugin(
      `echo "$KUBERNETES_EXEC_INFO" >> ${calls}\nn=$(wc -l < ${calls} | tr -d ' ')\necho "{\\"apiVersion\\":\\"client.authentication.k8s.io/v1\\",\\"kind\\":\\"ExecCredential\\",\\"status\\":{\\"token\\":\\"t$n\\"}}"`,
    )
    const client = clientWith({ exec: { apiVersion: 'client.authentication.k8s.io/v1', command, provideClusterInfo: true } })
    const answers = await Promise.all([whoAmI(client), whoAmI(client), whoAmI(client)])
    expect(answers.map(({ authorization }) => authorization)).toEqual(['Bearer t1', 'Bearer t1', 'Bearer t1'])
    expect(JSON.parse(readFileSync(calls, 'utf8').trim())).toMatchObject({
      kind: 'ExecCredential',
      spec: { interactive: false, cluster: { server: server.url } },
    })
    server.routes.set('/expires', (asked, response) =>
      asked.headers.authorization === 'Bearer t1' ? json(response, 401, status(401, 'Unauthorized')) : json(response, 200, {}),
    )
    expect(await client.get('/expires')).toMatchObject({ ok: true })
    expect(await whoAmI(client)).toMatchObject({ authorization: 'Bearer t2' })
  })

  test('a plugin that fails or is missing is a refusal that names it', async () => {
    const failing = plugin('echo "please log in" >&2; exit 1')
    expect(await clientWith({ exec: { command: failing } }).get('/whoami')).toMatchObject({
      refusal: { kind: 'unauthorized', message: `the credential plugin "${failing}" failed: please log in` },
    })
    expect(await clientWith({ exec: { command: 'no-such-plugin-x', installHint: 'install it' } }).get('/whoami')).toMatchObject({
      refusal: { message: 'the credential plugin "no-such-plugin-x" is not installed: install it' },
    })
  })

  test('a plugin that floods its output is stopped, and one that asks a question gets no answer', async () => {
    expect(await clientWith({ exec: { command: 'yes' } }).get('/whoami')).toMatchObject({
      refusal: { message: 'the credential plugin "yes" failed: it printed more than 1 MiB' },
    })
    const asking = plugin('read -r answer || echo "nobody answers" >&2; exit 1')
    expect(await clientWith({ exec: { command: asking } }).get('/whoami')).toMatchObject({
      refusal: { message: `the credential plugin "${asking}" failed: nobody answers` },
    })
  })

  test('a plugin that hangs is ended with all that holds its pipes', async () => {
    const child = spawnPlugin('sh', ['-c', 'sleep 1000 & sleep 1000'], {}, 50)
    const said: string[] = []
    child.on('error', ({ message }) => said.push(message))
    await new Promise((resolve) => child.once('close', resolve))
    expect(said).toEqual(['it did not finish within 0.05 s'])
  })

  test('an OIDC stanza gives its id token', async () => {
    const payload = base64(JSON.stringify({ exp: Math.floor(Date.now() / 1000) + 600 })).replace(/=+$/, '')
    const token = `${base64('{"alg":"none"}').replace(/=+$/, '')}.${payload}.x`
    expect(await whoAmI(clientWith({ 'auth-provider': { name: 'oidc', config: { 'id-token': token } } }))).toMatchObject({
      authorization: `Bearer ${token}`,
    })
  })

  test('an anonymous request carries nothing of ours', async () => {
    const me = await authority.issueClient({ user: 'alice', groups: [] })
    const client = clientWith({
      'client-certificate-data': base64(me.certificate),
      'client-key-data': base64(me.key),
      token: 'abc',
      as: 'bob',
    })
    expect(await whoAmI(client)).toMatchObject({ certificate: 'alice', authorization: 'Bearer abc', user: 'bob' })
    expect(await whoAmI(client, true)).toEqual({ authorization: '', user: '', groups: '', extra: '', certificate: '' })
  })

  test('an unknown CA, another name and a skipped verification', async () => {
    const other = await createAuthority('other CA')
    expect(await clientWith({}, { 'certificate-authority-data': base64(other.certificate) }).get('/whoami')).toMatchObject({
      refusal: { kind: 'tls', message: expect.stringContaining('issued by a CA the kubeconfig does not name') },
    })
    expect(await clientWith({}, { 'tls-server-name': 'elsewhere.example.test' }).get('/whoami')).toMatchObject({
      refusal: { kind: 'tls', message: expect.stringContaining('for another host name') },
    })
    expect(
      await clientWith({}, { 'certificate-authority-data': undefined, 'insecure-skip-tls-verify': true }).get('/whoami'),
    ).toMatchObject({ ok: true })
    expect(await clientWith({}, { 'tls-server-name': 'kubernetes' }).get('/whoami')).toMatchObject({ ok: true })
  })

  test('an environment variable cannot turn verification off', async () => {
    process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0'
    try {
      const other = await createAuthority('other CA')
      expect(await clientWith({}, { 'certificate-authority-data': base64(other.certificate) }).get('/whoami')).toMatchObject({
        refusal: { kind: 'tls' },
      })
    } finally {
      delete process.env['NODE_TLS_REJECT_UNAUTHORIZED']
    }
  })

  test('a proxy is used, for us and for anonymous requests alike', async () => {
    const tunnels: string[] = []
    const proxy = createServer()
    proxy.on('connect', (request, socket, head) => {
      tunnels.push(request.url ?? '')
      const upstream = connect(server.port, '127.0.0.1', () => {
        socket.write('HTTP/1.1 200 OK\r\n\r\n')
        upstream.write(head)
        upstream.pipe(socket).pipe(upstream)
      })
      upstream.on('error', () => socket.destroy())
      socket.on('error', () => upstream.destroy())
    })
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
    try {
      const me = await authority.issueClient({ user: 'alice', groups: [] })
      const client = clientWith(
        { 'client-certificate-data': base64(me.certificate), 'client-key-data': base64(me.key) },
        { 'proxy-url': `http://127.0.0.1:${(proxy.address() as AddressInfo).port}` },
      )
      expect(await whoAmI(client)).toMatchObject({ certificate: 'alice' })
      expect(await whoAmI(client, true)).toMatchObject({ certificate: '' })
      expect(tunnels).toEqual([`127.0.0.1:${server.port}`, `127.0.0.1:${server.port}`])
    } finally {
      proxy.closeAllConnections()
      proxy.close()
    }
  })
})
