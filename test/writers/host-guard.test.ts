import { expect, test } from 'vitest'
import { type Guard, type Host, HostUnreachable } from '../../src/hosts/host.ts'
import { armed, refuseUnguardable, toldTo } from '../../src/writers/host-guard.ts'
import type { HostWorld } from '../../src/writers/host-performer.ts'

const FLAG = 'encryption-provider-config'
const configuration = (...providers: string[]) => `kind: EncryptionConfiguration
resources: [{resources: [secrets], providers: [${providers.map((one) => (one === 'identity' ? '{identity: {}}' : `{secretbox: {keys: [{name: ${one}, secret: x}]}}`)).join(', ')}]}]
`
const files: Readonly<Record<string, string>> = {
  '/first': configuration('identity', 'key-1'),
  '/writes': configuration('key-1', 'identity'),
  '/both': configuration('identity', 'key-1', 'key-2'),
}
const host = (guarded = true) =>
  ({
    node: 'cp-1',
    read: async (path: string) => (files[path] === undefined ? undefined : { text: files[path] }),
    ...(guarded && { guarded: async () => 'armed' }),
  }) as unknown as Host
const world = { patienceMs: 1, tell: () => {} } as unknown as HostWorld
const check = (before: string | null, after: string | null, contents: string[] = [], on = host()) =>
  refuseUnguardable(on, 'kube-apiserver', { before: { [FLAG]: before }, after: { [FLAG]: after } }, contents)

test('only where all that the new configuration writes can be read with the old one', async () => {
  await check(null, '/first')
  await check('/first', null)
  await check('/first', '/both')
  await check('/both', '/writes')
  await expect(check(null, '/writes')).rejects.toThrow(
    'secrets may be stored with a key that the old flags do not give it, so a helper pod could not put the old file back',
  )
  await expect(check(null, '/none')).rejects.toThrow('it cannot be told how the encryption configuration stores Secrets')
  await expect(check(null, '/first', [files['/first']!])).rejects.toThrow('with the new encryption configuration at once')
  // Whoever needs no guard restores by itself, and looks before.
  await check(null, '/writes', [], host(false))
})

test('a guard is for what the road leads over, and for nothing else', async () => {
  expect(await armed(world, host(), 'kube-apiserver', [])).toBe('armed')
  expect(await armed(world, host(), 'etcd', [])).toBe('armed')
  expect(await armed(world, host(), 'kube-scheduler', [])).toBeUndefined()
  expect(await armed(world, host(false), 'kube-apiserver', [])).toBeUndefined()
})

test('it is asked until it answers, and given up where nobody comes back', async () => {
  let asked = 0
  const guard = (until: number): Guard => ({
    until,
    keep: async () => {
      if (++asked < 2) throw new HostUnreachable('away')
      return 'put back'
    },
    putBack: async () => {
      throw new HostUnreachable('away')
    },
  })
  expect([await toldTo('keep', guard(Date.now() + 5000), world), asked]).toEqual(['put back', 2])
  await expect(toldTo('putBack', guard(Date.now() - 70_000), world)).rejects.toThrow('away')
})
