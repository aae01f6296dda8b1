import { expect, it } from 'vitest'
import { addressIndex } from '../../src/objects/network-address-index.ts'
import { canonicalIp, cidrHolds, networkOf } from '../../src/objects/network-addresses.ts'

it.each<[string, number, string | undefined]>([
  ['10.244.1.77', 24, '10.244.1.0/24'],
  ['10.244.255.77', 20, '10.244.240.0/20'],
  ['10.244.1.77', 32, '10.244.1.77/32'],
  ['10.244.1.77', 0, '0.0.0.0/0'],
  ['fd00:10:244:1::5', 64, 'fd00:10:244:1::/64'],
  ['::ffff:10.244.1.77', 24, '10.244.1.0/24'],
  ['10.244.1.77', 33, undefined],
  ['10.244.1.77', Number.NaN, undefined],
  ['pod', 24, undefined],
])('the network of %s with %s bits is %s', (ip, bits, expected) => {
  expect(networkOf(ip, bits)).toBe(expected)
})

it.each([
  ['fd00:0:0:0::5', 'fd00::5'],
  ['FD00::A', 'fd00::a'],
  ['::ffff:10.0.0.1', '10.0.0.1'],
  ['10.0.0.1', '10.0.0.1'],
  ['none', 'none'],
])('%s is written %s', (text, expected) => {
  expect(canonicalIp(text)).toBe(expected)
})

it.each([
  ['010.0.0.0/8', '10.0.0.1', true],
  ['010.0.0.0/8', '8.0.0.1', false],
  ['10.0.0.1/32', '10.00.0.01', true],
  ['10.1/16', '10.0.0.1', false],
  ['0x0a.0.0.0/8', '10.0.0.1', false],
  ['10.0.0.0/33', '10.0.0.0', false],
])('%s holds %s: %s, as the API server reads them', (cidr, ip, expected) => {
  expect(cidrHolds(cidr, [], ip)).toBe(expected)
  expect(addressIndex([{ cidr, except: [] }])(ip)).toEqual(expected ? [0] : [])
})
