import { describe, expect, test } from 'vitest'
import type { MetricSample } from '../../src/model/index.ts'
import { compareAll, comparedAll, grown, proofByReads, seriesOf, storedUnder, transformations } from '../../src/objects/stored-form.ts'

const sample = (prefix: string, value: number, more: Readonly<Record<string, string>> = {}): MetricSample => ({
  name: 'apiserver_storage_transformation_operations_total',
  labels: { resource: 'secrets', status: 'OK', transformation_type: 'from_storage', transformer_prefix: prefix, ...more },
  value,
})
const BOX = 'k8s:enc:secretbox:v1:'
const counts = (samples: readonly MetricSample[]) => transformations(samples, 'secrets', 'from')

describe('counters of the API server', () => {
  test('reads are told from writes, resources from each other, and failures from successes', () => {
    const { byPrefix, failed } = counts([
      sample('identity', 3),
      sample(BOX, 5),
      sample('key1:', 5),
      sample('', 9, { transformation_type: 'to_storage' }),
      sample(BOX, 9, { resource: 'configmaps' }),
      sample('unknown', 2, { status: 'Internal' }),
    ])
    expect([...byPrefix]).toEqual([
      ['', 3],
      [BOX, 5],
      ['key1:', 5],
    ])
    expect(failed).toBe(2)
  })

  test('what came on top is judged: all as wanted, others too, fewer than were read, or not readable', () => {
    const before = counts([sample('identity', 3), sample(BOX, 5), sample('key1:', 5)])
    const judged = (...after: MetricSample[]) => proofByReads(grown(before, counts(after)), `${BOX}key1:`, 4)
    expect(judged(sample('identity', 3), sample(BOX, 9), sample('key1:', 9))).toEqual({ is: 'proved' })
    expect(judged(sample('identity', 4), sample(BOX, 8), sample('key1:', 8))).toMatchObject({
      is: 'refuted',
      because: '1 are stored as plain text',
    })
    expect(judged(sample('identity', 3), sample(BOX, 9), sample('key1:', 8), sample('key0:', 1))).toMatchObject({ is: 'refuted' })
    expect(judged(sample('identity', 3), sample(BOX, 8), sample('key1:', 8))).toMatchObject({ is: 'unknown' })
    expect(judged(sample('identity', 3), sample(BOX, 9), sample('key1:', 9), sample('unknown', 1, { status: 'Internal' }))).toMatchObject({
      is: 'refuted',
    })
  })

  test('a local key counts under two names, a plugin and plain text under one', () => {
    expect(seriesOf(`${BOX}key-1:`)).toEqual([BOX, 'key-1:'])
    expect(seriesOf('k8s:enc:kms:v2:vault:')).toEqual(['k8s:enc:kms:v2:vault:'])
    expect(seriesOf('')).toEqual([''])
  })
})

describe('asking etcd', () => {
  test('the bounds hold every value that begins with the prefix and no other', () => {
    const { compare } = JSON.parse(compareAll('/registry/secrets/', `${BOX}key1:`)) as {
      compare: { key: string; range_end: string; result: string; value: string }[]
    }
    const text = (base64: string) => Buffer.from(base64, 'base64').toString()
    expect(compare.map(({ key, range_end, result, value }) => [text(key), text(range_end), result, text(value)])).toEqual([
      ['/registry/secrets/', '/registry/secrets0', 'GREATER', `${BOX}key1:`],
      ['/registry/secrets/', '/registry/secrets0', 'LESS', `${BOX}key1;`],
    ])
  })

  test('an answer is yes, no, or none', () => {
    const responses = [{ response_range: { count: '12' } }]
    expect(comparedAll(JSON.stringify({ header: {}, succeeded: true, responses }))).toEqual({ all: true, keys: 12 })
    expect(comparedAll(JSON.stringify({ header: {}, responses }))).toEqual({ all: false, keys: 12 })
    expect(comparedAll(JSON.stringify({ header: {}, responses: [{ response_range: {} }] }))).toEqual({ all: true, keys: 0 })
    expect(comparedAll('{"code":16,"message":"etcdserver: permission denied"}')).toBeUndefined()
    expect(comparedAll('<html>')).toBeUndefined()
  })

  test('only places that follow a plain rule are looked at', () => {
    expect(['secrets', 'widgets.example.com', 'ingresses.networking.k8s.io', 'deployments.apps', 'pods'].map(storedUnder)).toEqual([
      '/secrets/',
      '/example.com/widgets/',
      undefined,
      undefined,
      undefined,
    ])
  })
})
