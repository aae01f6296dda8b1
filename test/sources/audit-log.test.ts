import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { ObservedRequests } from '../../src/model/index.ts'
import { readAuditLogs } from '../../src/sources/audit-log-read.ts'

const event = (name: string, more: object = {}) => ({
  ...{ kind: 'Event', apiVersion: 'audit.k8s.io/v1', level: 'Metadata', auditID: `id-${name}`, stage: 'ResponseComplete' },
  ...{ requestURI: `/api/v1/namespaces/shop/configmaps/${name}`, verb: 'get', user: { username: 'jane', groups: ['devs'] } },
  ...{ objectRef: { resource: 'configmaps', namespace: 'shop', name, apiVersion: 'v1' }, responseStatus: { metadata: {}, code: 200 } },
  ...more,
  ...{ requestReceivedTimestamp: '2026-11-20T10:00:00.000000Z', stageTimestamp: '2026-11-20T10:00:01.000000Z' },
  annotations: { 'authorization.k8s.io/decision': 'allow' },
})
const line = (name: string, more?: object) => `${JSON.stringify(event(name, more))}\n`
const dir = mkdtempSync(join(tmpdir(), 'k8s-harden-audit-'))
let files = 0
const file = (content: string | Buffer, name = `audit-${files++}.log`): string => {
  writeFileSync(join(dir, name), content)
  return join(dir, name)
}
const names = ({ subjects }: ObservedRequests) => subjects.flatMap(({ requests }) => requests.map((one) => ('name' in one ? one.name : '')))
const namesIn = async (...contents: readonly (string | Buffer)[]) => names(await readAuditLogs(contents.map((one) => file(one))))

describe('what is read', () => {
  test('lines, with or without the last end, with \\r and empty lines', async () => {
    expect(await namesIn(`${line('a')}\n${line('b').trimEnd()}\r\n${line('c').trimEnd()}`)).toEqual(['a', 'b', 'c'])
  })
  test('gzip, known by its bytes and not by its name, also of several members', async () => {
    expect(await namesIn(Buffer.concat([gzipSync(line('a')), gzipSync(line('b'))]))).toEqual(['a', 'b'])
  })
  test('several files are one log, and a watch that spans two of them is one', async () => {
    const watch = (stage: string) => line('w', { verb: 'watch', stage, auditID: 'watch' })
    const { events, from } = await readAuditLogs([file(line('a') + watch('ResponseStarted')), file(watch('ResponseComplete'))])
    expect([events, from.length]).toEqual([2, 2])
  })
  test('a directory is its logs', async () => {
    const kept = join(dir, 'kept')
    mkdirSync(kept)
    writeFileSync(join(kept, 'audit.log'), line('a'))
    writeFileSync(join(kept, 'audit-2026-11-01.log.gz'), gzipSync(line('b')))
    writeFileSync(join(kept, 'README.txt'), 'not a log')
    expect((await readAuditLogs([kept])).subjects[0]?.requests.map((one) => 'name' in one && one.name)).toEqual(['b', 'a'])
  })
  test('standard input', async () => {
    const { from } = await readAuditLogs(['-'], Readable.from([Buffer.from(gzipSync(line('a')))], { objectMode: false }))
    expect(from).toEqual(['-'])
  })
  test.each([
    ['an EventList', JSON.stringify({ kind: 'EventList', apiVersion: 'audit.k8s.io/v1', items: [event('a'), event('b')] })],
    ['v1beta1', line('a', { apiVersion: 'audit.k8s.io/v1beta1' }) + line('b')],
    ['a time before each', `2026-11-20T10:00:00.000Z ${line('a')}2026-11-20T10:00:00.000Z ${line('b')}`],
    ['CloudWatch', JSON.stringify({ logEvents: [{ message: line('a') }, { message: line('b') }] })],
    ['Azure', ['a', 'b'].map((name) => JSON.stringify({ category: 'kube-audit', properties: { log: line(name) } })).join('\n')],
    ['a container runtime', ['a', 'b'].map((name) => JSON.stringify({ log: line(name), stream: 'stdout' })).join('\n')],
    ['a list', JSON.stringify([event('a'), event('b')])],
  ])('%s', async (_what, text) => expect(await namesIn(text)).toEqual(['a', 'b']))
  test('a byte order mark', async () => expect(await namesIn(`\ufeff${line('a')}`)).toEqual(['a']))
  test('characters that are cut in two by a chunk', async () => {
    const filler = line('x', { userAgent: 'ü'.repeat(600_001) })
    expect(await namesIn(`${filler}${filler}${line('größe')}`)).toEqual(['x', 'größe'])
  })
})

describe('bodies', () => {
  const tricks = {
    data: { text: '"},"requestReceivedTimestamp":"2000-01-01T00:00:00Z","user":{"username":"eve"}', filler: 'x'.repeat(5000) },
    nested: {
      stage: 'RequestReceived',
      requestReceivedTimestamp: '2000-01-01T00:00:00Z',
      user: { username: 'eve' },
      requestObject: { a: 1 },
    },
  }
  const whole = async (text: string) => (await readAuditLogs([file(text)])).subjects
  test('are passed over, whatever is in them', async () => {
    const expected = await whole(line('a'))
    for (const bodies of [{ requestObject: tricks }, { responseObject: tricks }, { requestObject: tricks, responseObject: tricks }])
      expect(await whole(line('a', { level: 'RequestResponse', ...bodies }))).toEqual(expected)
  })
  test('a user who names an extra like a body gains nothing by it', async () => {
    const user = {
      username: 'jane',
      groups: ['devs'],
      extra: { a: ['1'], requestObject: ['x'.repeat(5000)], requestReceivedTimestamp: ['1'] },
    }
    expect(await whole(line('a', { user }))).toEqual(await whole(line('a')))
  })
  test('of any shape make no difference', async () => {
    const key = fc.constantFrom('requestReceivedTimestamp', 'requestObject', 'responseObject', 'user', 'annotations', '"},"', '\\', 'a')
    const value = fc.letrec((tie) => ({
      tree: fc.oneof(
        { maxDepth: 4 },
        key,
        fc.integer(),
        fc.constant(null),
        fc.array(tie('tree'), { maxLength: 3 }),
        fc.dictionary(key, tie('tree'), { maxKeys: 3 }),
      ),
    })).tree
    const padded = { filler: 'x'.repeat(5000) }
    await fc.assert(
      fc.asyncProperty(value, value, fc.dictionary(key, fc.array(key)), async (requestObject, responseObject, extra) => {
        const bodies = { user: { username: 'jane', groups: ['devs'], extra }, requestObject: { ...padded, requestObject }, responseObject }
        const { kind, ...reordered } = event('a', bodies)
        expect(await whole(line('a', bodies))).toEqual(await whole(JSON.stringify({ ...reordered, kind })))
      }),
      { numRuns: 100 },
    )
  })
  test('a key order that no API server writes is read in full', async () => {
    const { user, ...rest } = event('a', { requestObject: tricks })
    expect(await whole(JSON.stringify({ ...rest, user }))).toEqual(await whole(line('a')))
  })
})

describe('what cannot be read is counted and said', () => {
  const doubts = async (...contents: readonly (string | Buffer)[]) => (await readAuditLogs(contents.map((one) => file(one)))).doubts
  test('lines that are no JSON, or no events', async () => {
    expect(await doubts(`${line('a')}{"kind":\nnonsense\n{"kind":"Pod"}\n${line('b')}`)).toEqual([
      '2 of 5 lines are no JSON and were left out',
      '1 of 5 lines are JSON, but no audit events',
    ])
  })
  test('a gzip file that is cut off gives what it holds', async () => {
    const many = Array.from({ length: 2000 }, (_, n) => line(`c${n}`, { auditID: Math.random().toString(36) })).join('')
    const packed = gzipSync(many)
    const cut = file(packed.subarray(0, packed.length / 2))
    const { events, doubts: said } = await readAuditLogs([cut])
    expect(events).toBeGreaterThan(500)
    expect(said).toEqual([`${cut} ends in the middle of a line: what came after is not known`])
  })
  test('a gzip file that is damaged is no end of the reading', async () => {
    const packed = gzipSync(Array.from({ length: 2000 }, (_, n) => line(`c${n}`, { auditID: Math.random().toString(36) })).join(''))
    packed.fill(0xff, 20_000, 20_400)
    expect(await doubts(packed, line('a'))).toContainEqual(expect.stringMatching(/is damaged \(Z_DATA_ERROR\)/))
  })
  test('a line that is too long is passed over, and the next is read', async () => {
    const long = line('long', { requestObject: { a: 'x'.repeat(17 * 2 ** 20) } })
    const { events, doubts: said } = await readAuditLogs([file(`${line('a')}${long}${line('b')}`)])
    expect([events, said]).toEqual([2, ['1 of 3 lines are longer than 16 MB and were left out']])
  })
  test('a file without events beside one with', async () => {
    const empty = file('')
    expect((await readAuditLogs([empty, file(line('a'))])).doubts).toEqual([`${empty} holds no audit event that counts`])
  })
  test('fields of other types than theirs', async () => {
    const odd = [
      { user: { username: 'jane', groups: 7 } },
      { objectRef: 'pods' },
      { responseStatus: [] },
      { annotations: null },
      { verb: {} },
    ]
    expect((await readAuditLogs([file(odd.map((more) => line('odd', more)).join('') + line('a'))])).events).toBeGreaterThan(0)
  })
})

test.each([
  ['nothing', '', /is empty/],
  ['text', 'hello\nworld\n', /holds no audit event that counts: 2 lines of something else/],
  ['Cloud Logging', JSON.stringify({ protoPayload: { methodName: 'io.k8s.core.v1.pods.list' } }), /Cloud Logging/],
  ['requests without answers', line('a', { stage: 'RequestReceived' }), /without their answers/],
])('%s is no audit log', async (_what, text, message) => {
  await expect(readAuditLogs([file(text)])).rejects.toThrow(message)
})
test('a file that is not there is named', async () => {
  await expect(readAuditLogs([join(dir, 'nowhere.log')])).rejects.toThrow(/nowhere\.log cannot be read \(ENOENT\)/)
})
