/** A source with what its images say of themselves, out of a file and out of a registry. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { ClusterSource, Facts, KubeObject, Readable, SourceEvent } from '../../src/model/index.ts'
import { imagesIn } from '../../src/sources/facts/image-file.ts'
import { withImages } from '../../src/sources/images.ts'
import { FakeRegistry, OCI } from '../helpers/fake-registry.ts'

const A = `sha256:${'a'.repeat(64)}`

describe('a file of image configurations', () => {
  const one = (text: string) => imagesIn(text).images

  test('as docker image inspect prints it: one for each name, with the digests', () => {
    const inspected = {
      Id: 'sha256:1',
      RepoTags: ['app:1', '<none>:<none>'],
      RepoDigests: [`registry.example/app@${A}`],
      Config: { User: '101', Volumes: { '/data': {} }, ExposedPorts: null, Entrypoint: null, Cmd: ['run'], WorkingDir: '', Image: 'x' },
    }
    const settings = { user: '101', volumes: ['/data'], exposedPorts: [], cmd: ['run'], digests: [A], from: 'file' }
    expect(one(JSON.stringify([inspected], null, 2))).toEqual([
      { image: 'app:1', ...settings },
      { image: `registry.example/app@${A}`, ...settings },
    ])
  })

  test('as skopeo inspect --config prints it, line by line; without a user it is root', () => {
    const lines = [
      { image: 'a', config: { User: 'nginx' }, rootfs: {} },
      { image: 'b', config: {} },
      { image: 'c', config: null },
    ]
    const text = `${lines.map((line) => JSON.stringify(line)).join('\n\n')}\r\n`
    expect(one(text).map(({ image, user }) => [image, user])).toEqual([
      ['a', 'nginx'],
      ['b', ''],
      ['c', ''],
    ])
  })

  test('our own form leaves out what is not known', () => {
    expect(one('{"image":"a","volumes":["/b","/a"],"exposedPorts":["80/tcp"]}')).toEqual([
      { image: 'a', volumes: ['/a', '/b'], exposedPorts: ['80/tcp'], from: 'file' },
    ])
    expect(one('[{"image":"a","user":""}]')).toMatchObject([{ user: '' }])
    expect(one('[]')).toEqual([])
    expect(one('')).toEqual([])
  })

  test.each([
    ['FROM nginx', /^is no JSON, nor JSON line by line \(line 1\)$/],
    ['{"image":"a"}\n{"image":', /line 2/],
    ['[3]', /entry 1 that is no image configuration/],
    ['[{"image":"a"},{"config":{"User":"1"}}]', /entry 2 which image it describes/],
    ['[{"RepoTags":["<none>:<none>"],"Config":{}}]', /entry 1 which image/],
    ['{"image":"a","config":{"User":7}}', /cannot be used at entry 1: the user/],
    ['{"image":"a","config":{"User":"1","USER":"0"}}', /more than once/],
  ])('%s is refused by its place', (text, words) => {
    expect(() => imagesIn(text)).toThrow(words)
  })
})

const pod = (name: string, ...images: string[]): KubeObject =>
  ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name },
    spec: { containers: images.map((image) => ({ name: image, image })) },
  }) as KubeObject
const replace = (...pods: KubeObject[]): SourceEvent => ({
  type: 'replace',
  kind: 'Pod',
  items: pods.map((one) => [one.metadata.name, one] as const),
})

describe('registries', () => {
  let registry: FakeRegistry
  const { DOCKER_CONFIG } = process.env
  beforeEach(async () => {
    process.env['DOCKER_CONFIG'] = '/nonexistent'
    registry = await FakeRegistry.start()
    registry.image('a', '1', { config: { User: '1000' } })
    registry.image('b', '1', { config: { User: '' } })
  })
  afterEach(async () => {
    if (DOCKER_CONFIG === undefined) delete process.env['DOCKER_CONFIG']
    else process.env['DOCKER_CONFIG'] = DOCKER_CONFIG
    await registry.stop()
  })

  const WANTED: ReadonlySet<Readable> = new Set(['Pod', 'ImageConfigs'])
  function source(
    ...batches: readonly (readonly SourceEvent[] | (() => Promise<void>))[]
  ): ClusterSource & { wanted?: ReadonlySet<Readable> } {
    const made: ClusterSource & { wanted?: ReadonlySet<Readable> } = {
      info: { kind: 'manifests', name: 'fake' },
      async *events({ wanted }) {
        made.wanted = wanted
        for (const batch of batches)
          if (typeof batch === 'function') await batch()
          else yield batch
      },
    }
    return made
  }
  async function seen(of: ClusterSource, wanted = WANTED): Promise<SourceEvent[]> {
    const events: SourceEvent[] = []
    for await (const batch of of.events({ signal: new AbortController().signal, follow: false, wanted }))
      events.push(...(Array.isArray(batch) ? batch : [batch as SourceEvent]))
    return events
  }
  const usersIn = (event: SourceEvent | undefined) =>
    ((event as { value?: Facts['ImageConfigs'] }).value?.images ?? []).map(({ image, user, problem }) => [
      image.split('/')[1],
      user ?? problem,
    ])

  test('are asked once for each image, and the whole is known before the source is said to be synced', async () => {
    const [a, b] = [`${registry.host}/a:1`, `${registry.host}/b:1`]
    const inner = source([replace(pod('x', a, b), pod('y', a), pod('z', `${registry.host}/c:1`)), { type: 'synced' }])
    const events = await seen(withImages(inner, 'registry'))
    expect(events.map(({ type }) => type)).toEqual(['replace', 'fact', 'synced'])
    expect(usersIn(events[1])).toEqual([
      ['a:1', '1000'],
      ['b:1', ''],
      ['c:1', 'the registry has no such image (404)'],
    ])
    expect(registry.asked.filter(({ path }) => path === '/v2/a/manifests/1')).toHaveLength(1)
    expect([...inner.wanted!], 'the source within is not asked').toEqual(['Pod'])
  })

  test('an image that comes later is asked for, and one that failed once more', async () => {
    const later = async () => {
      registry.image('c', '1', { config: { User: '7' } })
    }
    const upsert = (name: string, image: string): SourceEvent => ({ type: 'upsert', kind: 'Pod', key: name, object: pod(name, image) })
    const events = await seen(
      withImages(
        source(
          [replace(pod('x', `${registry.host}/c:1`)), { type: 'synced' }],
          later,
          [upsert('y', `${registry.host}/b:1`)],
          [upsert('z', `${registry.host}/b:1`)],
        ),
        'registry',
      ),
    )
    expect(usersIn(events.filter(({ type }) => type === 'fact')[0])).toEqual([['c:1', 'the registry has no such image (404)']])
    expect(usersIn(events.findLast(({ type }) => type === 'fact'))).toEqual([
      ['b:1', ''],
      ['c:1', '7'],
    ])
    expect(events.filter(({ type }) => type === 'fact')).toHaveLength(2)
  })

  test('the nodes say which platform, and what is made for another is not taken for it', async () => {
    const arm = registry.image('m', undefined, { config: { User: '64' } })
    const manifests = [{ digest: arm, platform: { os: 'linux', architecture: 'arm64' } }]
    registry.manifest('m', { schemaVersion: 2, manifests }, `${OCI}.index.v1+json`, '1')
    const node = (arch: string): SourceEvent => ({
      type: 'replace',
      kind: 'Node',
      items: [
        ['n', { apiVersion: 'v1', kind: 'Node', metadata: { name: 'n' }, status: { nodeInfo: { architecture: arch } } } as KubeObject],
      ],
    })
    for (const [arch, user] of [
      ['arm64', '64'],
      ['amd64', 'it is not made for linux/amd64'],
    ] as const) {
      const events = await seen(withImages(source([node(arch), replace(pod('x', `${registry.host}/m:1`)), { type: 'synced' }]), 'registry'))
      expect(usersIn(events.find(({ type }) => type === 'fact'))).toEqual([['m:1', user]])
    }
  })

  test('nobody is asked where no control wants it, where a file was given, and where a source fails its error comes out', async () => {
    const a = `${registry.host}/a:1`
    const asked = [replace(pod('x', a)), { type: 'synced' }] as const
    await seen(withImages(source(asked), 'registry'), new Set(['Pod']))
    const images = { images: [] }
    expect((await seen(withImages(source(asked), images)))[0]).toEqual({ type: 'fact', fact: 'ImageConfigs', value: images })
    expect(registry.connections).toBe(0)
    const broken = source(async () => {
      throw new Error('gone')
    })
    await expect(seen(withImages(broken, 'registry'))).rejects.toThrow('gone')
  })

  test('an interruption does not wait for a registry that is silent', async () => {
    registry.routes.set('/v2/a/manifests/1', () => undefined)
    const stop = new AbortController()
    const started = Date.now()
    const around = withImages(source([replace(pod('x', `${registry.host}/a:1`)), { type: 'synced' }]), 'registry')
    setTimeout(() => stop.abort(), 200)
    const types: string[] = []
    for await (const batch of around.events({ signal: stop.signal, follow: false, wanted: WANTED }))
      types.push(...(batch as readonly SourceEvent[]).map(({ type }) => type))
    expect(Date.now() - started).toBeLessThan(3_000)
    expect(types).not.toContain('fact')
  })
})
