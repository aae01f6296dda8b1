/** What a registry is asked and believed. Every registry here is on loopback. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { ImageConfig } from '../../src/model/index.ts'
import { Registries } from '../../src/sources/facts/image-configs.ts'
import { challengeIn, loginsIn } from '../../src/sources/facts/registry-access.ts'
import { DOCKER, digestOf, FakeRegistry, OCI } from '../helpers/fake-registry.ts'

let registry: FakeRegistry
beforeEach(async () => {
  registry = await FakeRegistry.start()
})
afterEach(async () => {
  await registry.stop()
})

const { signal } = new AbortController()
const AMD64 = { architectures: ['amd64'], areKnown: false }
const auths = (entry: object, host = registry.host) => loginsIn(JSON.stringify({ auths: { [host]: entry } }))
const asks = (names: readonly string[], options: object = {}, logins = loginsIn('{}')): Promise<ImageConfig[]> =>
  new Registries(logins).ask(
    names.map((name) => `${registry.host}/${name}`),
    { platforms: AMD64, signal, requestMs: 5_000, ...options },
  )
const ask = async (name: string, options: object = {}, logins = loginsIn('{}')) => (await asks([name], options, logins))[0]!
const problem = async (name: string, options: object = {}, logins = loginsIn('{}')) => {
  const { problem, user } = await ask(name, options, logins)
  expect(user, 'what failed has no user').toBeUndefined()
  return problem
}
/** What was asked for below /v2/, without the question whether it speaks https. */
const paths = () => registry.asked.map(({ path }) => path)

describe('what is read', () => {
  const CONFIG = {
    architecture: 'amd64',
    os: 'linux',
    config: {
      User: 'app:1000',
      Volumes: { '/var/lib/b': {}, '/var/lib/a': {} },
      ExposedPorts: { '80/tcp': {} },
      Entrypoint: ['/run'],
      Cmd: ['-v'],
      WorkingDir: '/srv',
    },
  }

  test.each([OCI, DOCKER])('all of a configuration, out of a manifest of %s', async (kind) => {
    const digest = registry.image('app', '1', CONFIG, kind)
    expect(await ask('app:1')).toEqual({
      image: `${registry.host}/app:1`,
      user: 'app:1000',
      volumes: ['/var/lib/a', '/var/lib/b'],
      exposedPorts: ['80/tcp'],
      entrypoint: ['/run'],
      cmd: ['-v'],
      workingDir: '/srv',
      digests: [digest],
      from: 'registry',
    })
    expect(await ask(`app:other@${digest}`)).toMatchObject({ user: 'app:1000', digests: [digest] })
  })

  test('without a tag it is latest; without a config it is root', async () => {
    registry.image('app', 'latest', { os: 'linux' })
    expect(await ask('app')).toMatchObject({ user: '', volumes: [] })
    expect(paths()).toContain('/v2/app/manifests/latest')
  })

  test.each([`${OCI}.index.v1+json`, `${DOCKER}.distribution.manifest.list.v2+json`])(
    'an index (%s) by the platform of the nodes',
    async (type) => {
      const arm = registry.image('app', undefined, { config: { User: 'arm' } })
      const amd = registry.image('app', undefined, { config: { User: 'amd' } })
      const entry = (digest: string, os: string, architecture: string) => ({ digest, platform: { os, architecture } })
      const manifests = [entry(digestOf('proof'), 'unknown', 'unknown'), entry(arm, 'linux', 'arm64'), entry(amd, 'linux', 'amd64')]
      const index = registry.manifest('app', { schemaVersion: 2, manifests }, type, '1')
      expect(await ask('app:1')).toMatchObject({ user: 'amd', digests: [index, amd] })
      expect(await ask('app:1', { platforms: { architectures: ['arm64'], areKnown: true } })).toMatchObject({ user: 'arm' })
      expect(await problem('app:1', { platforms: { architectures: ['riscv64'], areKnown: true } })).toBe('it is not made for linux/riscv64')
      expect(await ask('app:1', { platforms: { architectures: ['riscv64'], areKnown: false } })).toMatchObject({ user: 'arm' })
    },
  )

  test('at most four at once', async () => {
    const names = Array.from({ length: 12 }, (_, index) => `app${index}`)
    for (const name of names) {
      registry.image(name, 'latest', { config: { User: name } })
      const text = JSON.stringify({ schemaVersion: 2 })
      registry.routes.set(`/v2/${name}/manifests/latest`, (response) => void setTimeout(() => response.end(text), 20))
    }
    expect((await asks(names)).map(({ image }) => image)).toEqual(names.map((name) => `${registry.host}/${name}`))
    expect(registry.busiest).toBe(4)
  })
})

describe('who asks', () => {
  beforeEach(() => registry.image('app', '1', { config: { User: '1000' } }))
  const authorizations = () => registry.asked.filter(({ path }) => path.startsWith('/token')).map(({ authorization }) => authorization)

  test('an anonymous token where one is wanted, for this repository and to pull', async () => {
    registry.login = ''
    expect(await ask('app:1')).toMatchObject({ user: '1000' })
    expect(paths().filter((path) => path.startsWith('/token'))).toEqual(['/token?service=fake+registry&scope=repository%3Aapp%3Apull'])
    expect(authorizations()).toEqual([undefined])
  })

  test('the login that docker keeps for this registry, and for no other', async () => {
    registry.login = 'me:secret'
    const auth = Buffer.from('me:secret').toString('base64')
    expect(await ask('app:1', {}, auths({ auth }))).toMatchObject({ user: '1000' })
    expect(await ask('app:1', {}, auths({ username: 'me', password: 'secret' }))).toMatchObject({ user: '1000' })
    registry.asked.length = 0
    expect(await problem('app:1', {}, auths({ auth }, 'registry.example'))).toMatch(/gave no token to read it \(401\): docker login/)
    expect(registry.asked.every(({ authorization }) => authorization === undefined)).toBe(true)
  })

  test('a token that has run out is renewed', async () => {
    registry.login = ''
    const registries = new Registries(loginsIn('{}'))
    const again = () => registries.ask([`${registry.host}/app:1`], { platforms: AMD64, signal })
    expect(await again()).toMatchObject([{ user: '1000' }])
    expect(await again()).toMatchObject([{ user: '1000' }])
    expect(authorizations(), 'kept').toHaveLength(1)
    let refusals = 0
    registry.routes.set('/v2/app/manifests/1', (response, { authorization }) => {
      refusals++
      registry.routes.delete('/v2/app/manifests/1')
      expect(authorization).toBe('Bearer token-for-app')
      response.writeHead(401, { 'www-authenticate': `Bearer realm="http://${registry.host}/token",service="fake registry"` }).end()
    })
    expect(await again()).toMatchObject([{ user: '1000' }])
    expect([refusals, authorizations().length]).toEqual([1, 2])
  })

  test('a refresh token is posted, a registry token is sent as it is', async () => {
    registry.login = 'refresh-me'
    expect(await ask('app:1', {}, auths({ identitytoken: 'refresh-me' }))).toMatchObject({ user: '1000' })
    expect(registry.asked.find(({ path }) => path === '/token')).toMatchObject({ method: 'POST', authorization: undefined })
    expect(await ask('app:1', {}, auths({ registrytoken: 'token-for-app' }))).toMatchObject({ user: '1000' })
  })

  test('basic where that is wanted', async () => {
    registry.routes.set('/v2/app/manifests/1', (response, { authorization }) =>
      authorization === `Basic ${Buffer.from('me:secret').toString('base64')}`
        ? void response.writeHead(404).end()
        : void response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end(),
    )
    expect(await problem('app:1')).toBe('the registry wants a login (401): docker login')
    expect(await problem('app:1', {}, auths({ username: 'me', password: 'secret' }))).toBe('the registry has no such image (404)')
  })

  test.each(['http://192.0.2.1/token', 'file:///etc/passwd', 'ftp://x/', 'no address', 'https://a:b@192.0.2.1/'])(
    'a token is not asked for at %s',
    async (realm) => {
      registry.routes.set(
        '/v2/app/manifests/1',
        (response) => void response.writeHead(401, { 'www-authenticate': `Bearer realm="${realm}"` }).end(),
      )
      expect(await problem('app:1', {}, auths({ username: 'me', password: 'secret' }))).toMatch(
        /^the registry (refused|sent us to an address without https)/,
      )
    },
  )

  test('what docker config.json and the header hold', () => {
    const logins = loginsIn(
      JSON.stringify({
        auths: { 'https://index.docker.io/v1/': { auth: 'bWU6YTpi' }, 'https://B.example': { auth: 'x' }, c: 1 },
        credsStore: 'evil',
      }),
    )
    expect([...logins]).toEqual([['docker.io', { user: 'me', password: 'a:b' }]])
    for (const text of ['', '[]', 'null', '{"auths": 3}']) expect(loginsIn(text).size).toBe(0)
    expect(challengeIn('Bearer realm="https://a/t",service="s, t",scope="x"')).toEqual({
      scheme: 'bearer',
      realm: 'https://a/t',
      service: 's, t',
    })
    expect(challengeIn('BASIC realm="x"')).toEqual({ scheme: 'basic', realm: 'x' })
    expect(challengeIn('Negotiate')).toBeUndefined()
  })
})

describe('what is not believed', () => {
  const manifestOf = (config: object) => registry.manifest('app', { schemaVersion: 2, config }, `${OCI}.manifest.v1+json`, '1')
  const mediaType = `${OCI}.config.v1+json`

  test.each([
    [401, 'the registry refused (401)'],
    [403, 'the registry refused (403)'],
    [404, 'the registry has no such image (404)'],
    [429, 'the registry asks to come back later (429)'],
    [500, 'the registry failed (500)'],
    [418, 'the registry did not hand it out (418)'],
  ])('a status of %i', async (status, words) => {
    registry.routes.set('/v2/app/manifests/1', (response) => void response.writeHead(status).end('<html>\u001b[2J'))
    expect(await problem('app:1')).toBe(words)
  })

  test('a configuration that is not the one of its digest, nor a manifest', async () => {
    const right = JSON.stringify({ config: { User: '0' } })
    registry.blob('app', JSON.stringify({ config: { User: '1' } }), digestOf(right))
    manifestOf({ mediaType, digest: digestOf(right) })
    expect(await problem('app:1')).toMatch(/wrong digest/)
    registry.image('app', '2', { config: { User: '1000' } })
    const asked = digestOf('something else')
    registry.routes.set(`/v2/app/manifests/${asked}`, (response) => void response.end('{"schemaVersion":2}'))
    expect(await problem(`app@${asked}`)).toMatch(/wrong digest/)
  })

  test.each([
    ['[]', 'its configuration is no JSON object'],
    ['{"config":', 'its configuration is no JSON object'],
    ['{"config":{"User":0}}', 'the user in its configuration is no text'],
    ['{"config":[]}', 'its configuration is no object'],
    // The runtime reads either.
    ['{"config":{"User":"1000","user":"0"}}', 'its configuration has User more than once'],
  ])('the configuration %s', async (text, words) => {
    registry.image('app', '1', text)
    expect(await problem('app:1')).toBe(words)
  })

  test('manifests of another kind', async () => {
    registry.routes.set('/v2/app/manifests/html', (response) => void response.end('<html>'))
    expect(await problem('app:html')).toBe('its manifest is no JSON object')
    registry.manifest('app', { schemaVersion: 1, history: [] }, 'application/json', 'old')
    expect(await problem('app:old')).toMatch(/old schema 1/)
    manifestOf({ mediaType: 'application/vnd.cncf.helm.config.v1+json', digest: digestOf('{}') })
    expect(await problem('app:1')).toBe('what is there is no container image')
    manifestOf({ mediaType, digest: '../../secret' })
    expect(await problem('app:1')).toBe('its manifest names no configuration')
  })

  test('a body without end, a slow one, one that is cut, and one that never begins', async () => {
    const piece = Buffer.alloc(2 ** 16, 0x20)
    let sent = 0
    registry.routes.set('/v2/app/manifests/huge', (response) => {
      const more = (): void => {
        while (!response.destroyed && response.write(piece)) sent += piece.length
      }
      response.on('drain', more)
      more()
    })
    registry.routes.set('/v2/app/manifests/slow', (response) => {
      const drip = setInterval(() => response.write(' '), 20)
      response.once('close', () => clearInterval(drip))
    })
    registry.routes.set('/v2/app/manifests/cut', (response) => {
      response.writeHead(200, { 'content-length': 1000 }).write('{')
      setTimeout(() => response.destroy(), 20)
    })
    registry.routes.set('/v2/app/manifests/silent', () => undefined)
    expect(await problem('app:huge')).toBe('the registry sent more than 4 MB')
    expect(sent).toBeLessThan(2 ** 26)
    expect(await problem('app:slow', { requestMs: 300 })).toMatch(/did not answer in time/)
    expect(await problem('app:cut')).toMatch(/cannot be reached/)
    expect(await problem('app:silent', { requestMs: 300 })).toBe('the registry did not answer in time (0.3 s)')
    expect(await problem('app:silent', { altogetherMs: 300 })).toBe('not asked: the time for all images was over')
    expect(await problem('app:silent', { signal: AbortSignal.abort() })).toBe('not asked: the scan was stopped')
  })

  test('plain http is for what is known to be this machine', async () => {
    registry.image('app', '1', { config: { User: '1000' } })
    // The same address, but not one that everybody reads as loopback.
    const disguised = `[::ffff:7f00:1]:${registry.host.split(':')[1]}/app:1`
    const [answer] = await new Registries(loginsIn('{}')).ask([disguised], { platforms: AMD64, signal, requestMs: 5_000 })
    expect(answer!.problem).toMatch(/^the registry cannot be reached/)
    expect(registry.connections, 'TLS was tried').toBeGreaterThan(0)
    expect(registry.asked).toEqual([])
  })

  test('a registry that says nothing is not waited for with every image', async () => {
    const names = Array.from({ length: 40 }, (_, index) => `app${index}`)
    for (const name of names) registry.routes.set(`/v2/${name}/manifests/latest`, () => undefined)
    const started = Date.now()
    const answers = await asks([...names], { requestMs: 300 })
    expect(Date.now() - started).toBeLessThan(2_500)
    expect(new Set(answers.map((one) => one.problem))).toEqual(new Set(['the registry did not answer in time (0.3 s)']))
    expect(paths().filter((path) => path.startsWith('/v2/app')).length).toBeLessThanOrEqual(8)
  })

  test('a registry that is not there, and references that are none', async () => {
    const { host } = registry
    const images = [`${host}/app`, '${IMAGE}']
    await registry.stop()
    const problems = (await new Registries(loginsIn('{}')).ask(images, { platforms: AMD64, signal })).map((one) => one.problem)
    expect(problems).toEqual(['the registry cannot be reached: nothing listens there (connection refused)', 'that is no image reference'])
    registry = await FakeRegistry.start()
  })
})

describe('redirects', () => {
  const redirect = (path: string, location: string, status = 307) =>
    registry.routes.set(path, (response) => void response.writeHead(status, { location }).end())

  test('to a store for blobs, without the credentials', async () => {
    const store = await FakeRegistry.start()
    try {
      registry.login = ''
      const text = JSON.stringify({ config: { User: '1000' } })
      registry.image('app', '1', text)
      redirect(`/v2/app/blobs/${digestOf(text)}`, `http://${store.host}/v2/app/blobs/${digestOf(text)}?signed=yes`)
      store.routes.set(`/v2/app/blobs/${digestOf(text)}`, (response) => void response.end(text))
      expect(await ask('app:1')).toMatchObject({ user: '1000' })
      expect(store.asked.map(({ authorization }) => authorization)).toEqual([undefined])
      // Nor may the store ask for them.
      store.routes.set(
        `/v2/app/blobs/${digestOf(text)}`,
        (response) =>
          void response.writeHead(401, { 'www-authenticate': `Bearer realm="http://${store.host}/token",service="fake registry"` }).end(),
      )
      store.asked.length = 0
      expect(await problem('app:1', {}, auths({ username: 'me', password: 'secret' }))).toBe('the registry refused (401)')
      expect(store.asked).toHaveLength(1)
    } finally {
      await store.stop()
    }
  })

  test.each(['http://192.0.2.1/', 'http://169.254.169.254/latest/meta-data', 'file:///etc/passwd', 'https://me:secret@192.0.2.1/'])(
    'not to %s',
    async (location) => {
      redirect('/v2/app/manifests/1', location)
      expect(await problem('app:1', { requestMs: 1_000 })).toMatch(/address without https/)
    },
  )

  test('not in circles', async () => {
    redirect('/v2/app/manifests/1', '/v2/app/manifests/1', 302)
    expect(await problem('app:1')).toMatch(/round in circles/)
    expect(registry.asked.length).toBeLessThan(10)
  })
})
