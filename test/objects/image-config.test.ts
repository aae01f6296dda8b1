import { describe, expect, test } from 'vitest'
import type { Facts, ImageConfig, PodObject } from '../../src/model/index.ts'
import { configOfRunning, imageConfigIn, imageConfigOf, numericUser } from '../../src/objects/image-config.ts'
import { snapshotFrom } from '../helpers/world.ts'

const A = `sha256:${'a'.repeat(64)}`
const B = `sha256:${'b'.repeat(64)}`
const config = (image: string, more: Partial<ImageConfig> = {}): ImageConfig => ({
  image,
  user: '1000',
  volumes: [],
  exposedPorts: [],
  from: 'file',
  ...more,
})
const fact = (...images: ImageConfig[]): Facts['ImageConfigs'] => ({ images })

describe('an image configuration is found by the reference a container names', () => {
  test.each([
    ['nginx', 'docker.io/library/nginx:latest'],
    ['nginx:1.27', 'index.docker.io/library/nginx:1.27'],
    ['docker.io/nginx', 'nginx:latest'],
    ['Registry.example/app:1', 'registry.example/app:1'],
    ['registry.example:5000/app', 'registry.example:5000/app:latest'],
    [`app:1@${A}`, `app@${A}`],
    // The bytes are the same wherever they were pulled from.
    [`mirror.example/app@${A}`, `registry.example/app@${A}`],
    ['${IMAGE}', '${IMAGE}'],
  ])('%s is %s', (named, known) => {
    expect(imageConfigIn(fact(config(known)), named)?.image).toBe(known)
    expect(imageConfigIn(fact(config(named)), known)?.image).toBe(named)
  })

  test.each([
    ['nginx', 'nginx:1.27'],
    ['nginx', 'registry.example/library/nginx'],
    ['nginx', 'docker.io/somebody/nginx'],
    // What a tag is now says nothing of a digest.
    [`nginx:1.27@${A}`, 'nginx:1.27'],
    [`nginx@${A}`, `nginx@${B}`],
    ['registry.example/app:A', 'registry.example/app:a'],
  ])('%s is not %s', (named, known) => {
    expect(imageConfigIn(fact(config(known)), named)).toBeUndefined()
  })

  test('by the digest it was read by, and what is known goes before what failed', () => {
    const known = config('app:1', { digests: [A] })
    expect(imageConfigIn(fact(known), `app@${A}`)).toBe(known)
    const failed = { image: 'app', volumes: [], exposedPorts: [], from: 'registry', problem: 'the registry refused (401)' } as const
    const right = config('app:latest')
    expect(imageConfigIn(fact(failed, right), 'app')).toBe(right)
    expect(imageConfigIn(fact(right, failed), 'app')).toBe(right)
    expect(imageConfigIn(fact(failed), 'app')?.problem).toBe('the registry refused (401)')
  })

  test('nothing is known where nobody asked', () => {
    expect(imageConfigOf(snapshotFrom({}, new Map()), 'nginx')).toBeUndefined()
    expect(imageConfigOf(snapshotFrom({ facts: { ImageConfigs: fact(config('nginx')) } }, new Map()), 'nginx')?.user).toBe('1000')
  })
})

test('a tag that has moved on says nothing of what still runs', () => {
  const pod = (imageID: string) =>
    ({ kind: 'Pod', metadata: { name: 'a' }, spec: {}, status: { containerStatuses: [{ name: 'app', imageID }] } }) as unknown as PodObject
  const read = config('app:1', { digests: [A] })
  expect(configOfRunning(read, [], 'app')).toBe(read)
  expect(configOfRunning(read, [pod(`registry.example/app@${A}`)], 'app')).toBe(read)
  expect(configOfRunning(read, [pod('')], 'app'), 'the kubelet does not tell').toBe(read)
  expect(configOfRunning(read, [pod(`registry.example/app@${A}`), pod(`docker-pullable://app@${B}`)], 'app')).toBeUndefined()
  expect(configOfRunning(config('app:1'), [pod(`app@${B}`)], 'app'), 'a file that tells no digest').toMatchObject({ image: 'app:1' })
})

test.each([
  ['', 'root'],
  ['root', 'root'],
  ['0', 'root'],
  ['00:0', 'root'],
  ['+0', 'root'],
  ['-0', 'root'],
  ['0:1000', 'root'],
  ['root:app', 'root'],
  [':1000', 'root'],
  ['1000', { uid: 1000 }],
  ['1000:1001', { uid: 1000, gid: 1001 }],
  ['1000:0', { uid: 1000, gid: 0 }],
  ['1000:app', { uid: 1000 }],
  ['nginx', 'named'],
  ['app:1000', 'named'],
  ['0x0', 'named'],
  // Wrapped to 32 bits this were root.
  ['4294967296', undefined],
  ['-1', undefined],
] as const)('the user %j is %j', (user, meant) => {
  expect(numericUser({ user })).toEqual(meant)
})

test('a user that could not be read is not root', () => {
  expect(numericUser(undefined)).toBeUndefined()
  expect(numericUser({})).toBeUndefined()
  expect(numericUser({ user: '', problem: 'the registry refused (401)' })).toBeUndefined()
})
