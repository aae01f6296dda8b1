/** The AuthenticationConfiguration we write, in a real API server with an identity provider of the test's own: who gets in, and under which name. */
import { createPrivateKey, generateKeyPairSync, sign } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { createServer, request, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { authenticationText } from '../../remediations/authentication-file.ts'
import { authenticatorFor, providerOf } from '../../remediations/identity-provider.ts'
import { controls } from '../../src/controls/index.gen.ts'
import { judge } from '../../src/engine/judge.ts'
import type { Json, RegisteredControl } from '../../src/model/index.ts'
import { compile } from '../../src/plan/compile.ts'
import { createAuthority } from '../cluster/certificates.ts'
import { describeCluster } from '../cluster/with-cluster.ts'
import { cli } from '../helpers/cli.ts'
import { worldOf } from '../helpers/world.ts'

const STATIC_POD = (version: string, flags: readonly string[] = []) => `
apiVersion: k8s-harden.test/v1
kind: World
source: live
kubernetes: ${version}
---
apiVersion: v1
kind: Pod
metadata: {name: kube-apiserver-cp1, namespace: kube-system, labels: {component: kube-apiserver, tier: control-plane}, annotations: {kubernetes.io/config.mirror: x}}
spec:
  containers: [{name: kube-apiserver, image: "registry.k8s.io/kube-apiserver:${version}", command: ${JSON.stringify(['kube-apiserver', '--authorization-mode=Node,RBAC', ...flags])}}]
`

/** The one file that the plan for both findings writes. */
function plannedFile(version: string, values: Readonly<Record<string, Json>>, flags: readonly string[] = []): string {
  const { snapshot } = worldOf(STATIC_POD(version, flags))
  const both = controls.filter(({ id }) => id === 'authn-oidc-users' || id === 'authn-anonymous-api') as readonly RegisteredControl[]
  const findings = both.flatMap((control) => judge(control, snapshot).findings)
  expect([...new Set(findings.map(({ control }) => control))].sort()).toEqual(['authn-anonymous-api', 'authn-oidc-users'])
  const plan = compile(findings, new Map(both.map((control) => [control.id, control])), snapshot, {
    values: { 'authn-oidc-users': values, 'authn-anonymous-api': flags.length > 0 ? values : {} },
  })
  expect(plan.ledger).toMatchObject({ needsValue: [], byHand: [], refused: [] })
  const files = plan.steps.flatMap(({ changes }) => changes).filter((change) => change.type === 'file')
  const configurations = files.filter(({ text }) => /^kind: "?AuthenticationConfiguration"?$/m.test(text.text))
  expect(configurations).toHaveLength(1)
  expect(files.filter(({ text }) => text.text.includes('authentication-config'))).not.toHaveLength(0)
  return configurations[0]!.text.text
}

const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
function token(claims: object): string {
  const text = `${part({ alg: 'RS256', kid: 'k1', typ: 'JWT' })}.${part(claims)}`
  return `${text}.${sign('sha256', Buffer.from(text), createPrivateKey(privateKey.export({ format: 'pem', type: 'pkcs8' }))).toString('base64url')}`
}

let provider: Server
let issuer: string
let ca: string
beforeAll(async () => {
  const authority = await createAuthority('identity provider')
  const { certificate, key } = await authority.issueServer(['localhost'], ['127.0.0.1'])
  ca = authority.certificate
  provider = createServer({ cert: certificate, key }, (asked, response) => {
    const keys = { keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'k1', use: 'sig', alg: 'RS256' }] }
    const discovery = {
      issuer,
      jwks_uri: `${issuer}/keys`,
      authorization_endpoint: `${issuer}/auth`,
      token_endpoint: `${issuer}/token`,
      response_types_supported: ['id_token'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['RS256'],
    }
    response.setHeader('Content-Type', 'application/json')
    response.end(JSON.stringify(asked.url?.endsWith('/keys') ? keys : discovery))
  })
  await new Promise<void>((resolve) => provider.listen(0, '127.0.0.1', resolve))
  // As Keycloak and Entra ID have it: the issuer is more than a host.
  issuer = `https://127.0.0.1:${(provider.address() as AddressInfo).port}/realms/staff`
})
afterAll(() => void provider.close())

interface Reply {
  readonly status: number | undefined
  readonly user?: { readonly username?: string; readonly groups?: readonly string[] }
}
const ask = (url: string, path: string, bearer?: string): Promise<Reply> =>
  new Promise((resolve, reject) => {
    const body = path.endsWith('selfsubjectreviews')
      ? JSON.stringify({ apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' })
      : undefined
    const outgoing = request(
      new URL(path, url),
      {
        rejectUnauthorized: false,
        method: body === undefined ? 'GET' : 'POST',
        headers: { ...(bearer !== undefined && { Authorization: `Bearer ${bearer}` }), 'Content-Type': 'application/json' },
      },
      async (response) => {
        let text = ''
        for await (const chunk of response) text += chunk
        const user = body !== undefined && response.statusCode === 201 ? JSON.parse(text).status.userInfo : undefined
        resolve({ status: response.statusCode, ...(user && { user }) })
      },
    )
    outgoing.on('error', reject)
    outgoing.end(body)
  })
const WHO = '/apis/authentication.k8s.io/v1/selfsubjectreviews'
const now = (): number => Math.floor(Date.now() / 1000)
const claims = (more: object = {}): object => ({
  iss: issuer,
  aud: 'kubernetes',
  sub: 'ada',
  groups: ['staff'],
  iat: now() - 5,
  exp: now() + 600,
  ...more,
})

describeCluster('people through an identity provider', { audit: false }, (cluster) => {
  async function restartWith(text: string, name: string): Promise<void> {
    const path = join(cluster().dir, name)
    await writeFile(path, text, { mode: 0o600 })
    await cluster().restartApiServer({ flags: { 'authentication-config': path, 'anonymous-auth': null } })
  }
  /** Keys are fetched in the background. */
  async function untilReady(): Promise<Reply> {
    for (let turn = 0; ; turn++) {
      const reply = await ask(cluster().url, WHO, token(claims()))
      if (reply.status === 201 || turn > 60) return reply
      await new Promise((resolve) => setTimeout(resolve, 500))
    }
  }

  test.each([['v1.37.2'], ['v1.33.0']])(
    'one file for both findings, as for %s: names and groups with a prefix, anonymous on the health checks',
    async (version) => {
      const text = plannedFile(version, { issuer, audience: 'kubernetes', 'certificate-authority': ca })
      expect(text).toContain(version === 'v1.37.2' ? 'apiserver.config.k8s.io/v1"\n' : 'apiserver.config.k8s.io/v1beta1"\n')
      await restartWith(text, `authn-${version}.yaml`)
      expect(await untilReady()).toEqual({
        status: 201,
        user: expect.objectContaining({ username: 'oidc:ada', groups: ['oidc:staff', 'system:authenticated'] }),
      })
      // What would be the end of the cluster is a group like any other.
      const masters = token(claims({ sub: 'mallory', groups: ['system:masters'] }))
      expect((await ask(cluster().url, WHO, masters)).user).toMatchObject({
        username: 'oidc:mallory',
        groups: ['oidc:system:masters', 'system:authenticated'],
      })
      expect((await ask(cluster().url, '/api/v1/namespaces', masters)).status).toBe(403)
      for (const wrong of [
        { aud: 'another' },
        { exp: now() - 60, iat: now() - 600 },
        { exp: now() + 90_000 },
        { iat: undefined },
        { nbf: now() + 600 },
        { iss: 'https://127.0.0.1:1' },
      ])
        expect([wrong, (await ask(cluster().url, WHO, token(claims(wrong)))).status]).toEqual([wrong, 401])
      // What others leave out, or say in another form.
      for (const [said, name, groups] of [
        [{ groups: undefined }, 'oidc:ada', []],
        [{ groups: 'staff' }, 'oidc:ada', ['oidc:staff']],
        [{ aud: ['web', 'kubernetes'] }, 'oidc:ada', ['oidc:staff']],
        [{ sub: 'system:admin' }, 'oidc:system:admin', ['oidc:staff']],
        [{ email: 'ada@example.com', email_verified: false }, 'oidc:ada', ['oidc:staff']],
        // Clocks that differ by less than a minute.
        [{ nbf: now() + 30, iat: now() + 30 }, 'oidc:ada', ['oidc:staff']],
      ] as const)
        expect([said, (await ask(cluster().url, WHO, token(claims(said)))).user]).toEqual([
          said,
          expect.objectContaining({ username: name, groups: [...groups, 'system:authenticated'] }),
        ])
      const paths = ['/livez', '/readyz', '/healthz', '/version', '/api', '/api/v1/namespaces']
      expect(await Promise.all(paths.map(async (path) => (await ask(cluster().url, path)).status))).toEqual([200, 200, 200, 401, 401, 401])
      expect((await cluster().api.request('GET', '/api/v1/namespaces')).status).toBe(200)
    },
  )

  test('by e-mail only a verified address gets in', async () => {
    await restartWith(
      // One line, as a prompt takes it.
      plannedFile('v1.37.2', {
        issuer,
        audience: 'web,kubernetes',
        'username-claim': 'email',
        'certificate-authority': ca.replaceAll('\n', '\\n'),
      }),
      'authn-email.yaml',
    )
    const by = async (more: object) => (await ask(cluster().url, WHO, token(claims({ email: 'ada@example.com', ...more })))).user?.username
    await expect.poll(() => by({ email_verified: true }), { timeout: 30_000 }).toBe('oidc:ada@example.com')
    expect(await by({ email_verified: false })).toBeUndefined()
    expect(await by({})).toBeUndefined()
  })

  test('flags that moved into the file mean what they meant, but for names of Kubernetes’ own', async () => {
    const flags = [
      `--oidc-issuer-url=${issuer}`,
      '--oidc-client-id=kubernetes',
      '--oidc-username-claim=email',
      '--oidc-groups-claim=groups',
      '--oidc-ca-file=/etc/kubernetes/idp.crt',
      '--oidc-required-claim=hd=example.com',
      '--oidc-required-claim=tenant=a',
    ]
    await restartWith(plannedFile('v1.37.2', { 'certificate-authority': ca }, flags), 'authn-moved.yaml')
    const by = async (more: object) =>
      (await ask(cluster().url, WHO, token(claims({ email: 'ada@example.com', hd: 'example.com', tenant: 'a', ...more })))).user
    await expect
      .poll(() => by({}), { timeout: 30_000 })
      .toMatchObject({ username: 'ada@example.com', groups: ['oidc:staff', 'system:authenticated'] })
    // Longer than what we would ask of a new issuer.
    expect(await by({ exp: now() + 200_000 })).toMatchObject({ username: 'ada@example.com' })
    for (const wrong of [{ hd: 'evil.example' }, { tenant: undefined }, { email: 'system:admin' }, { email_verified: false }])
      expect([wrong, await by(wrong)]).toEqual([wrong, undefined])
  })

  test.each(['amr=mfa', 'https://idp.example/acr=mfa'])('only tokens that say %s get in', async (required) => {
    const text = plannedFile('v1.37.2', { issuer, audience: 'kubernetes', 'certificate-authority': ca, 'require-claim': required })
    await restartWith(text, `authn-${required.length}.yaml`)
    const claim = required.slice(0, required.indexOf('='))
    const by = async (value: unknown) => (await ask(cluster().url, WHO, token(claims({ [claim]: value })))).user?.username
    await expect.poll(() => by('mfa'), { timeout: 30_000 }).toBe('oidc:ada')
    expect(await by(['pwd', 'mfa'])).toBe('oidc:ada')
    for (const value of [undefined, null, ['pwd'], 'pwd', '', 5, true, [], {}, { mfa: true }, 'mfa2', ['mfa2']])
      expect([value, await by(value)]).toEqual([value, undefined])
  })

  test('whatever an operator answers: we ask again, or the API server takes it', async () => {
    const odd = fc.oneof(
      fc.string(),
      fc.constantFrom(
        '',
        ' ',
        '-',
        'sub',
        'email',
        'y',
        'off',
        '0o7',
        '1:30',
        '012',
        '~',
        'null',
        '=',
        'system:',
        'sys',
        's',
        'a"b',
        "it's",
        '{{x}}',
        '#',
        ': ',
        '\u0000',
        'ä',
        'claims.sub',
        'https://x/groups',
      ),
    )
    const url = fc.oneof(
      fc.webUrl({ validSchemes: ['https', 'http'], withQueryParameters: true, withFragments: true }),
      fc.webUrl({ validSchemes: ['https'] }),
      odd.map((text) => `https://idp.example/${text}`),
      odd,
    )
    const word = fc.oneof(
      odd,
      fc.constantFrom('amr', 'mfa', 'true', 'false', 'has', 'in', '1', 'a.b', '${x}', ') || true || (', '\\', '\\u0041'),
    )
    const claim = fc.oneof(
      odd,
      fc.tuple(word, word).map(([name, value]) => `${name}=${value}`),
    )
    const options = fc.record({
      issuer: url,
      audience: fc.oneof(odd, fc.constant('kubernetes')),
      'username-claim': odd,
      'groups-claim': odd,
      prefix: fc.oneof(odd, fc.constant('oidc:')),
      'require-claim': fc.oneof(fc.constant(''), claim),
      'certificate-authority': fc.oneof(fc.constantFrom('', ca), odd),
    })
    const plain = fc.record({
      issuer: url,
      audience: fc.constant('kubernetes'),
      'username-claim': fc.constantFrom('sub', 'email'),
      'groups-claim': odd,
      prefix: odd,
      'require-claim': claim,
    })
    const drawn = [...fc.sample(options, 2000), ...fc.sample(plain, 2000)].map((one) => providerOf(one))
    const taken = new Map(drawn.flatMap((one) => ('needs' in one ? [] : [[one.issuer, one] as const])))
    expect(taken.size).toBeGreaterThan(100)
    expect(drawn.some((one) => 'needs' in one)).toBe(true)
    const jwt = [...taken.values()].slice(0, 64).map(authenticatorFor)
    await restartWith(authenticationText({ jwt }, 37), 'authn-any.yaml')
    expect((await cluster().api.request('GET', '/readyz')).status).toBe(200)
  })

  test('a scan says how its own kubeconfig logs in, and finds what is wrong with it', async () => {
    await cluster().kubectl(['create', 'serviceaccount', 'robot', '-n', 'default'])
    await cluster().kubectl(['create', 'clusterrolebinding', 'robot-view', '--clusterrole=view', '--serviceaccount=default:robot'])
    const statuses = async (kubeconfig: string): Promise<Record<string, string>> => {
      const ids = ['rbac-system-masters', 'authn-client-certs', 'authn-static-tokens']
      const { stdout } = await cli(['scan', '--kubeconfig', kubeconfig, '-o', 'json', ...ids.flatMap((id) => ['--control', id])])
      const { results } = JSON.parse(stdout) as { results: { control: string; status: string }[] }
      return Object.fromEntries(results.map(({ control, status }) => [control, status]))
    }
    expect(await statuses(cluster().kubeconfig)).toMatchObject({ 'rbac-system-masters': 'fail', 'authn-client-certs': 'fail' })
    const staff = await statuses(await cluster().kubeconfigFor({ user: 'ada', groups: ['staff'] }))
    // She may not list bindings: nothing is said of those, and nothing is passed.
    expect(staff).toMatchObject({ 'rbac-system-masters': 'unknown', 'authn-client-certs': 'fail' })
    expect(await statuses(await cluster().serviceAccountKubeconfig('default', 'robot'))).toMatchObject({ 'authn-static-tokens': 'fail' })
  })
})
