import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { HubbleLines } from '../../src/sources/flows-hubble-line.ts'

const flow = (more: object = {}) => ({
  ...{ time: '2026-11-20T10:00:00Z', verdict: 'FORWARDED', ethernet: { source: 'a', destination: 'b' }, IP: { source: '10.0.0.1' } },
  ...{ source: { pod_name: 'web', labels: ['k8s:a=b'] }, destination: { identity: 2 }, Type: 'L3_L4', node_name: 'n' },
  ...more,
})

describe('lines of Hubble, cut at their ends', () => {
  test.each<[string, object]>([
    ['a bare flow', flow()],
    ['one with a cover', { flow: flow(), node_name: 'n', time: 't' }],
    ['text that looks like an end', flow({ Summary: ',"source":{"a":1},"destination":{"b":2},"Type":"x"' })],
    ['labels that look like one', flow({ source: { labels: [',"destination":{', ',"Type":'] } })],
  ])('%s is read as JSON.parse reads it', (_what, value) => {
    const lines = new HubbleLines()
    for (let round = 0; round < 2; round++) expect(lines.parse(JSON.stringify(value))).toEqual(value)
  })

  test.each<[string, string]>([
    [
      'ends inside something else',
      JSON.stringify({
        verdict: 'x',
        a: { b: 1, source: { c: 1 }, destination: { d: 1 }, Type: 'x' },
        source: {},
        destination: {},
        Type: 'y',
      }),
    ],
    ['ends across two things', '{"a":{"b":1,"source":{"c":1}},"e":{"f":1,"destination":{"d":1},"Type":"x"}}'],
    ['another order', '{"a":1,"destination":{},"source":{},"Type":"x"}'],
    ['no end', '{"a":1,"Type":"x"}'],
    ['what is no JSON', '{"a":1,"source":{,"destination":{},"Type":"x"}'],
  ])('leaves %s to be read as a whole', (_what, text) => {
    expect(new HubbleLines().parse(text)).toBeUndefined()
  })

  test.each([
    '{"Type":{"a":1,"source":{},"destination":{},"Type":1}}',
    '{"Type":"L3_L4","a":{"b":1,"source":{},"destination":{},"Type":1}}',
    '{"a":1,"flow":{"Type":1,"c":{"b":1,"source":{},"destination":{},"Type":1}},"Type":2}',
  ])('ends of something inside the flow are none of its own: %s', (text) => {
    expect(new HubbleLines().parse(text) ?? JSON.parse(text)).toEqual(JSON.parse(text))
  })

  test('never reads a line otherwise than JSON.parse, whatever stands where', () => {
    const piece: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
      any: fc.oneof({ maxDepth: 4 }, fc.constantFrom(1, 'x', ',"Type":', ',"source":{'), tie('object')),
      object: fc.dictionary(fc.constantFrom('a', 'source', 'destination', 'Type', 'flow', 'verdict'), tie('any'), { maxKeys: 6 }),
    })).object
    const lines = new HubbleLines()
    fc.assert(
      fc.property(piece, (value) => {
        const text = JSON.stringify(value)
        const read = lines.parse(text)
        if (read !== undefined) expect(read).toEqual(JSON.parse(text))
      }),
      { numRuns: 10_000 },
    )
  })
})
