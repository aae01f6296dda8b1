import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { FlowEnd, ObservedFlow, ObservedFlows } from '../../src/model/index.ts'
import { readFlows } from '../../src/sources/flows-read.ts'

const NOW = Date.parse('2026-11-20T12:00:00Z')
const dir = mkdtempSync(join(tmpdir(), 'k8s-harden-flows-own-'))
let files = 0
function read(text: string | Buffer, most?: number): Promise<ObservedFlows> {
  const path = join(dir, `flows-${files++}.jsonl`)
  writeFileSync(path, text)
  return readFlows([path], { now: NOW, ...(most !== undefined && { most }) })
}
const GOOD = { source: '10.0.0.1', destination: { namespace: 'shop', pod: 'db-0' }, port: 5432 }
const line = (more: object = {}) => JSON.stringify({ ...GOOD, ...more })
const one = async (more: object) => (await read(line(more))).flows[0]!

describe('the format of our own', () => {
  test.each<[string, object, Partial<ObservedFlow>]>([
    ['no more than the ends and the port', {}, { protocol: 'TCP', count: 1, was: 'forwarded' }],
    ['a protocol in small letters', { protocol: 'udp' }, { protocol: 'UDP' }],
    ['a protocol by its number', { protocol: 132 }, { protocol: 'SCTP' }],
    ['a port as text', { port: '5432' }, { port: 5432 }],
    ['what was refused', { verdict: 'DROPPED' }, { was: 'dropped' }],
    ['other words for it', { verdict: 'deny' }, { was: 'dropped' }],
    ['a count', { count: 7 }, { count: 7 }],
    ['a time of another zone', { time: '2026-11-20T11:00:00+01:00' }, { last: '2026-11-20T10:00:00.000Z' }],
    ['a time in seconds', { time: 1795168800 }, { last: '2026-11-20T10:00:00.000Z' }],
    ['a time in milliseconds', { time: 1795168800000 }, { last: '2026-11-20T10:00:00.000Z' }],
    ['addresses and names as text', { source: 'shop/web-1' }, { source: { namespace: 'shop', pod: 'web-1' } }],
  ])('%s', async (_what, more, expected) => {
    expect(await one(more)).toMatchObject(expected)
  })

  test('the last time, the sum, and one that came through outweighs those that did not', async () => {
    const { flows, records, since, until } = await read(
      [
        line({ time: '2026-11-19T10:00:00Z', verdict: 'dropped' }),
        line({ time: '2026-11-20T10:00:00Z', count: 4 }),
        line({ time: '2026-11-18T10:00:00Z', verdict: 'dropped' }),
      ].join('\n'),
    )
    expect(flows).toMatchObject([{ count: 6, last: '2026-11-20T10:00:00.000Z', was: 'forwarded' }])
    expect([records, since, until]).toEqual([3, '2026-11-18T10:00:00.000Z', '2026-11-20T10:00:00.000Z'])
  })

  test('a short record says that it is one, a long one does not', async () => {
    const span = async (from: string) =>
      (await read(`${line({ time: from })}\n${line({ time: '2026-11-20T10:00:00Z' })}`)).doubts.filter((doubt) => doubt.includes('covers'))
    expect(await span('2026-11-18T10:00:00Z')).toEqual([
      'the record of flows covers 2 days: what is done once a week, or by a restart that did not happen, is not in it',
    ])
    expect(await span('2026-11-01T10:00:00Z')).toEqual([])
  })
})

const label = fc.stringMatching(/^[a-z0-9]([-a-z0-9]{0,10}[a-z0-9])?$/)
const ip = fc.oneof(
  fc.tuple(fc.integer({ min: 11, max: 99 }), fc.nat(255), fc.nat(255), fc.nat(255)).map((parts) => parts.join('.')),
  fc
    .tuple(fc.integer({ min: 1, max: 0xffff }), fc.integer({ min: 1, max: 0xffff }))
    .map(([a, b]) => `fd00:${a.toString(16)}::${b.toString(16)}`),
)
const labels = fc.dictionary(fc.constantFrom('app', 'app.kubernetes.io/name', 'tier', 'example.com/Zone_1'), label, { minKeys: 1 })
const workload = fc.record({ kind: fc.constantFrom('Deployment', 'StatefulSet', 'Rollout'), name: label })
const anyEnd: fc.Arbitrary<FlowEnd> = fc.oneof(
  fc.record({ namespace: label, pod: label, ip, labels, workload }, { requiredKeys: ['namespace', 'pod'] }),
  fc.record(
    {
      ip,
      names: fc.array(fc.constantFrom('api.example.com', 'db'), { minLength: 1, maxLength: 3 }),
      entity: fc.constantFrom('world', 'kube-apiserver'),
    },
    { requiredKeys: ['ip'] },
  ),
  fc.record({ entity: fc.constant('host'), node: label, ip }, { requiredKeys: ['entity'] }),
  fc.record({ namespace: label, labels }),
)
const anyFlow: fc.Arbitrary<ObservedFlow> = fc.record({
  source: anyEnd,
  destination: anyEnd,
  protocol: fc.constantFrom('TCP', 'UDP', 'SCTP'),
  port: fc.integer({ min: 1, max: 65535 }),
  count: fc.integer({ min: 1, max: 1e9 }),
  last: fc.integer({ min: NOW - 864e7, max: NOW }).map((at) => new Date(at).toISOString()),
  was: fc.constantFrom('forwarded', 'dropped'),
})
/** Two records of one pod say the same of it. */
const names = ({ source, destination }: ObservedFlow) =>
  [source, destination].map((end) => (end.pod === undefined ? JSON.stringify(end) : `${end.namespace}/${end.pod}`))

test('what is written in it is read again, whatever it is', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(anyFlow, { minLength: 1, maxLength: 8, selector: (flow) => names(flow).join() }), async (flows) => {
      fc.pre(new Set(flows.flatMap(names)).size === flows.length * 2)
      const text = flows.map(({ last: time, was: verdict, ...rest }) => JSON.stringify({ time, verdict, ...rest })).join('\n')
      const read_ = await read(text)
      expect(read_.flows).toEqual(flows)
      expect(read_.records).toBe(flows.length)
    }),
    { numRuns: 150 },
  )
})

describe('what is not fit to be kept', () => {
  test.each<[string, string]>([
    ['a port that is none', line({ port: 70000 })],
    ['port 0', line({ port: 0 })],
    ['half a port', line({ port: 80.5 })],
    ['a count below one', line({ count: -3 })],
    ['a count without end', line({ count: Number.POSITIVE_INFINITY }).replace('null', '1e400')],
    ['an address that is none', line({ source: { ip: '300.1.1.1' } })],
    ['an address of many bytes', line({ source: { ip: '1'.repeat(100_000) } })],
    ['a name that steers a terminal', line({ source: { namespace: 'shop', pod: 'a\u001b[2Jb' } })],
    ['no end', line({ source: {} })],
    ['a list for an end', line({ source: [1] })],
    ['null', 'null'],
    ['broken JSON', '{"source": '],
    ['deep nesting', `{"source":${'['.repeat(200_000)}${']'.repeat(200_000)}}`],
    ['bytes of any kind', Buffer.from([0, 255, 254, 10, 0x7b, 0xff, 0xfe]).toString('latin1')],
    ['a long line of words', 'src='.repeat(50_000)],
  ])('%s', async (_what, text) => {
    const { flows, doubts } = await read(`${line()}\n${text}\n${line()}`)
    expect(flows).toHaveLength(1)
    expect(doubts.join('\n')).toMatch(/lines are no records of flows and were left out \(the first: .*flows-\d+\.jsonl:2\)/)
  })
  test('a line of many megabytes', async () => {
    const { doubts } = await read(`${line()}\n{"source":"${'x'.repeat(5 * 2 ** 20)}"}\n`)
    expect(doubts).toContain('1 of 2 lines are longer than 4 MB and were left out')
  })
  test('keys that mean something to JavaScript', async () => {
    const text = `{"__proto__":{"port":1},"source":{"namespace":"shop","labels":{"__proto__":"x","constructor":"y","app":"web"}},"destination":"10.0.0.1","port":80}`
    const { flows } = await read(text)
    expect(flows[0]!.source).toEqual({ namespace: 'shop', labels: { constructor: 'y', app: 'web' } })
    expect(({} as Record<string, unknown>)['port']).toBeUndefined()
  })
  test('labels, names, entities and workloads that are none, beside good ones', async () => {
    const { source } = await one({
      source: {
        ip: '10.0.0.1',
        labels: { 'a b': 'c', ok: '\u001b[31m' },
        names: ['\u202eevil', 7, 'fine.example'],
        entity: 'root',
        workload: { kind: 'x', name: 'y' },
        node: '\n',
      },
    })
    expect(source).toEqual({ ip: '10.0.0.1', names: ['fine.example'] })
  })
  test('times of another age', async () => {
    const { flows, doubts, since } = await read(
      [line({ time: '9999-01-01T00:00:00Z' }), line({ time: 'yesterday' }), line({ time: '2026-11-20T10:00:00Z' })].join('\n'),
    )
    expect([flows[0]!.last, since]).toEqual(['2026-11-20T10:00:00.000Z', '2026-11-20T10:00:00.000Z'])
    expect(doubts).toContain('2 of 3 records of flows have a time that cannot be, which was left out')
  })
  test('more flows than are kept', async () => {
    const { flows, doubts, partial, records } = await read(
      Array.from({ length: 10 }, (_, index) => line({ port: index + 1 })).join('\n'),
      4,
    )
    expect([flows.length, partial, records]).toEqual([4, true, 10])
    expect(doubts).toContain('6 records of flows were left out: there are more different ones than are kept')
  })
  test('a name of a file never steers the terminal', async () => {
    const path = join(dir, 'red\u001b[31m.log')
    writeFileSync(path, `nothing\n${line()}`)
    expect((await readFlows([path], { now: NOW })).doubts.join()).not.toContain('\u001b')
  })
})
