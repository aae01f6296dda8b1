import { describe, expect, test } from 'vitest'
import { specsOf } from '../../src/cli/hosts-option.ts'
import { optionsOfLocation } from '../../src/cli/open-source.ts'
import { checkSource } from '../../src/cli/options.ts'
import { formatHostSpec } from '../../src/hosts/spec.ts'

const nodes = [
  {
    metadata: { name: 'cp-1' },
    status: {
      addresses: [
        { type: 'Hostname', address: 'cp-1' },
        { type: 'InternalIP', address: '10.0.0.1' },
      ],
    },
  },
  { metadata: { name: 'w-1' }, status: { addresses: [{ type: 'InternalIP', address: 'fd00::2' }] } },
  { metadata: { name: 'w-2' } },
]
const client = (items: readonly unknown[]) => ({ get: async () => ({ ok: true, body: { items } }) }) as never
const refusing = { get: async () => ({ ok: false, refusal: { kind: 'forbidden', message: 'nodes is forbidden (403)' } }) } as never
const given = async (texts: readonly string[], from = client(nodes)) => (await specsOf(texts, from)).map(formatHostSpec)

describe('what stands for which node', () => {
  test('a name is filled in, a star stands for all that are not named, the internal address comes first', async () => {
    expect(await given(['*=docker:{node}'])).toEqual(['cp-1=docker:cp-1', 'w-1=docker:w-1', 'w-2=docker:w-2'])
    expect(await given(['cp-1=ssh:root@{address}:2222', 'w-1=ssh:core@{address}'])).toEqual([
      'cp-1=ssh:root@10.0.0.1:2222',
      'w-1=ssh:core@[fd00::2]',
    ])
    expect(await given(['*=pod', 'cp-1=local'])).toEqual(['w-1=pod', 'w-2=pod', 'cp-1=local'])
  })

  test('a star passes over nodes that run Windows', async () => {
    const windows = { metadata: { name: 'win-1', labels: { 'kubernetes.io/os': 'windows' } } }
    expect(await given(['*=docker:{node}'], client([windows, ...nodes.slice(0, 1)]))).toEqual(['cp-1=docker:cp-1'])
  })

  test('named nodes ask nobody', async () => {
    expect(await given(['cp-1=ssh:root@10.0.0.9', 'w-1=local:/mnt/w'], refusing)).toEqual(['cp-1=ssh:root@10.0.0.9', 'w-1=local:/mnt/w'])
    await expect(given(['*=docker:{node}'], refusing)).rejects.toThrow(/want the list of nodes, and it cannot be had: nodes is forbidden/)
  })

  test.each([
    [['cp-1'], /takes NODE=CARRIER, not "cp-1"/],
    [['cp-1=telnet:x'], /takes NODE=CARRIER/],
    [['cp-1=ssh:'], /takes NODE=CARRIER/],
    [['cp-1=ssh:-oProxyCommand=id'], /takes NODE=CARRIER/],
    [['cp-1=docker:a b'], /takes NODE=CARRIER/],
    [['cp-1=local:relative'], /takes NODE=CARRIER/],
    [['cp-1=local', 'cp-1=pod'], /names node cp-1 twice/],
    [['cp-1=ssh:root@10.0.0.1', 'cp-2.b-c=ssh:root@10.0.0.1'], /reaches cp-1 and cp-2.b-c the same way \(ssh:root@10.0.0.1\)/],
    [['*=local'], /reaches cp-1 and w-1 the same way \(local\)/],
    [['w-2=ssh:root@{address}'], /w-2 has no address/],
    [['cp-9=ssh:root@{address}'], /node cp-9, which the cluster does not have/],
  ])('%j is refused with examples', async (texts, words) => {
    await expect(given(texts)).rejects.toThrow(words)
  })
})

test('files have no nodes', () => {
  expect(() => checkSource({ manifests: '.', host: ['a=local'] })).toThrow(
    /--host reaches the nodes of a cluster, and --manifests has none/,
  )
  expect(() => checkSource({ sample: true, host: ['a=local'] })).toThrow(/--sample has none/)
  expect(() => checkSource({ host: ['a=nonsense'] })).toThrow(/--host takes/)
})

test('an undo finds the same hosts', () => {
  expect(optionsOfLocation({ kind: 'live', context: 'prod', host: ['cp-1=ssh:root@10.0.0.1'] })).toEqual({
    context: 'prod',
    host: ['cp-1=ssh:root@10.0.0.1'],
  })
})
