/** Sets of ports against the plainest thing there is: one bit for each port. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  ALL_PORTS,
  difference,
  hasPort,
  intersection,
  isEvery,
  isNone,
  NO_PORTS,
  type PortSet,
  PROTOCOLS,
  portRanges,
  ports,
  portsText,
  samePorts,
  union,
} from '../../src/objects/network-ports.ts'

const some = fc
  .array(
    fc.tuple(
      fc.constantFrom(...PROTOCOLS),
      fc.oneof(fc.integer({ min: 1, max: 12 }), fc.constantFrom(1, 65534, 65535)),
      fc.integer({ min: 0, max: 5 }),
    ),
    {
      maxLength: 5,
    },
  )
  .map((list) => list.map(([protocol, first, more]) => ports(protocol, first, first + more)).reduce(union, NO_PORTS))
const LOOKED_AT = [...Array.from({ length: 20 }, (_, index) => index + 1), 65533, 65534, 65535]
const bits = (set: PortSet) => PROTOCOLS.flatMap((protocol) => LOOKED_AT.map((port) => hasPort(set, protocol, port)))

describe('sets of ports', () => {
  it('unite, intersect and subtract as sets do', () =>
    fc.assert(
      fc.property(some, some, (a, b) => {
        const [left, right] = [bits(a), bits(b)]
        expect(bits(union(a, b))).toEqual(left.map((is, index) => is || right[index]))
        expect(bits(intersection(a, b))).toEqual(left.map((is, index) => is && right[index]))
        expect(bits(difference(a, b))).toEqual(left.map((is, index) => is && !right[index]))
      }),
      { numRuns: 2000 },
    ))

  it('have one form each, so that equal sets are equal lists', () =>
    fc.assert(
      fc.property(some, some, (a, b) => {
        expect(samePorts(a, b)).toBe(bits(a).join() === bits(b).join())
        expect(samePorts(union(difference(a, b), intersection(a, b)), a)).toBe(true)
        expect(isNone(difference(a, a))).toBe(true)
        expect(isEvery(union(a, difference(ALL_PORTS, a)))).toBe(true)
      }),
      { numRuns: 2000 },
    ))

  it('leave out what is no port', () => {
    expect(ports('TCP', 0, 2)).toEqual({ ...NO_PORTS, TCP: [1, 2] })
    expect(ports('UDP', 70000)).toBe(NO_PORTS)
    expect(ports('UDP', 9, 8)).toBe(NO_PORTS)
  })

  it('read well', () => {
    const set = union(union(ports('TCP', 80, 80), ports('TCP', 8000, 8100)), ports('UDP'))
    expect(portsText(set)).toBe('TCP 80, 8000-8100 and UDP every port')
    expect(portsText(ALL_PORTS)).toBe('every port')
    expect(portsText(NO_PORTS)).toBe('no port')
    expect(portRanges(set)).toEqual([
      { protocol: 'TCP', port: 80 },
      { protocol: 'TCP', port: 8000, endPort: 8100 },
      { protocol: 'UDP', port: 1, endPort: 65535 },
    ])
  })
})
