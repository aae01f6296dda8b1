/** Of the operator's own credentials the scan learns the way in, and nothing that could be used (safety law 9). */
import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ApiClient } from '../../src/apiserver/client.ts'
import { pickContext } from '../../src/apiserver/context.ts'
import type { CredentialFact } from '../../src/model/index.ts'
import { credential } from '../../src/sources/facts/credential.ts'
import type { Asking } from '../../src/sources/facts/fact.ts'
import { createAuthority } from '../cluster/certificates.ts'
import { FakeApiServer, json, status } from '../helpers/fake-apiserver.ts'

const REVIEW = 'POST /apis/authentication.k8s.io/v1/selfsubjectreviews'
const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
const jwt = (claims: object): string => `${part({ alg: 'RS256' })}.${part(claims)}.c2lnbmF0dXJlLXNlY3JldA`
const ROBOT = jwt({
  iss: 'https://kubernetes.default.svc',
  sub: 'system:serviceaccount:ci:deployer',
  'kubernetes.io': { uid: 'private-claim' },
})
const PERSON = jwt({ iss: 'https://idp.example', sub: 'ada-private-sub', exp: 1 })

let server: FakeApiServer
let dir: string
beforeEach(async () => {
  server = await FakeApiServer.start()
  dir = await mkdtemp(join(tmpdir(), 'k8s-harden-credential-'))
  server.routes.set(REVIEW, (_asked, response) =>
    json(response, 201, { status: { userInfo: { username: 'ada', groups: ['staff', 'system:authenticated'] } } }),
  )
})
afterEach(() => server.stop())

async function factOf(users: readonly object[], current = 'me', contexts: readonly object[] = []): Promise<CredentialFact> {
  const file = join(dir, 'config')
  const clusters = [
    { name: 'here', cluster: { server: server.url } },
    { name: 'there', cluster: { server: 'https://192.0.2.1' } },
  ]
  const all = [{ name: 'c', context: { cluster: 'here', user: current } }, ...contexts]
  await writeFile(file, JSON.stringify({ apiVersion: 'v1', kind: 'Config', clusters, users, contexts: all, 'current-context': 'c' }))
  const client = new ApiClient(pickContext({ kubeconfig: file }))
  const answer = await credential({ client, signal: new AbortController().signal } as unknown as Asking)
  client.close()
  if (!('value' in answer)) throw new Error('no value')
  return answer.value
}

test('tokens are known by what they say, and are not kept', async () => {
  const fact = await factOf([
    { name: 'me', user: { token: ROBOT } },
    { name: 'person', user: { token: PERSON } },
    { name: 'static', user: { token: 'aaaa-static-secret' } },
    { name: 'old', user: { username: 'root', password: 'hunter2-secret' } },
  ])
  expect(fact.me).toEqual({ user: 'ada', groups: ['staff', 'system:authenticated'] })
  expect(fact.current).toEqual({
    name: 'me',
    ways: ['token'],
    inside: ['token'],
    token: { jwt: true, issuer: 'https://kubernetes.default.svc', serviceAccount: 'ci/deployer', expires: false },
  })
  expect(fact.others.map(({ name, ways, token }) => [name, ways, token])).toEqual([
    ['person', ['token'], { jwt: true, issuer: 'https://idp.example', expires: true }],
    ['static', ['token'], { jwt: false }],
    ['old', ['basic'], undefined],
  ])
  for (const secret of [
    ROBOT,
    PERSON,
    'aaaa-static-secret',
    'hunter2',
    'signature',
    'private-claim',
    'ada-private-sub',
    'root',
    part({ alg: 'RS256' }),
  ])
    expect(JSON.stringify(fact)).not.toContain(secret)
})

test('a certificate is known by its subject and its time, from the text or from a file; the key is not read', async () => {
  const authority = await createAuthority('ca')
  const { certificate, key } = await authority.issueClient({ user: 'ada', groups: ['system:masters', 'a, b'] })
  await writeFile(join(dir, 'ada.crt'), certificate)
  await writeFile(join(dir, 'ada.key'), key)
  const fact = await factOf([
    { name: 'me', user: { 'client-certificate': 'ada.crt', 'client-key': 'ada.key' } },
    {
      name: 'data',
      user: {
        'client-certificate-data': Buffer.from(certificate).toString('base64'),
        'client-key-data': Buffer.from(key).toString('base64'),
      },
    },
    { name: 'broken', user: { 'client-certificate': 'none.crt', 'client-key': 'none.key' } },
  ])
  const expected = { commonName: 'ada', organizations: ['system:masters', 'a, b'] }
  expect(fact.current).toMatchObject({ ways: ['client-certificate'], certificate: expected })
  expect(fact.others[0]).toMatchObject({ certificate: expected })
  expect(fact.others[1]).toEqual({ name: 'broken', ways: ['client-certificate'] })
  expect(Date.parse(fact.current.certificate!.notAfter)).toBeGreaterThan(Date.parse(fact.current.certificate!.notBefore))
  for (const secret of ['PRIVATE KEY', Buffer.from(key).toString('base64').slice(40, 80), certificate.slice(60, 100)])
    expect(JSON.stringify(fact)).not.toContain(secret)
})

test('of a credential plugin the name is kept, of its arguments and environment nothing', async () => {
  const fact = await factOf([
    { name: 'me', user: { as: 'eve' } },
    {
      name: 'a',
      user: {
        exec: {
          command: '/opt/bin/kubelogin',
          args: ['get-token', '--oidc-client-secret=plugin-secret'],
          env: [{ name: 'X', value: 'env-secret' }],
        },
      },
    },
    { name: 'b', user: { exec: { command: 'kubectl', args: ['oidc-login', '--oidc-client-secret=plugin-secret'] } } },
    { name: 'c', user: { exec: { command: 'kubectl', args: ['--token=plugin-secret'] } } },
    { name: 'd', user: { 'auth-provider': { name: 'oidc', config: { 'refresh-token': 'provider-secret' } } } },
  ])
  expect(fact.current).toEqual({ name: 'me', ways: [], as: 'eve' })
  expect(fact.others.map(({ ways, command, provider }) => [...ways, command ?? provider])).toEqual([
    ['exec', 'kubelogin'],
    ['exec', 'kubectl oidc-login'],
    ['exec', 'kubectl'],
    ['auth-provider', 'oidc'],
  ])
  expect(JSON.stringify(fact)).not.toMatch(/secret/)
})

test('users of other clusters are left out, those whom no context names are not', async () => {
  const users = ['me', 'same', 'foreign', 'loose'].map((name) => ({ name, user: { token: 'x' } }))
  const fact = await factOf(users, 'me', [
    { name: 'x', context: { cluster: 'there', user: 'foreign' } },
    { name: 'y', context: { cluster: 'here', user: 'same' } },
  ])
  expect(fact.others.map(({ name }) => name)).toEqual(['same', 'loose'])
})

test('where the API server does not say who we are, that is not nobody', async () => {
  server.routes.set(REVIEW, (_asked, response) => json(response, 403, status(403, 'no')))
  const fact = await factOf([{ name: 'me', user: {} }])
  expect(fact.me).toBeUndefined()
  expect(fact.unsaid).toEqual(expect.any(String))
})
