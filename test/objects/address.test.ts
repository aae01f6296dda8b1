import { describe, expect, test } from 'vitest'
import { addressClass, hostOf, isPublicAddress, rangeWidth } from '../../src/objects/address.ts'

describe('the class of an address', () => {
  test.each([
    ['8.8.8.8', 'public'],
    ['10.1.2.3', 'private'],
    ['172.16.0.1', 'private'],
    ['172.32.0.1', 'public'],
    ['192.168.1.1', 'private'],
    ['100.64.0.1', 'carrier-grade'],
    ['100.128.0.1', 'public'],
    ['127.0.0.1', 'loopback'],
    ['169.254.169.254', 'link-local'],
    ['0.0.0.0', 'other'],
    ['203.0.113.7', 'other'],
    ['2001:4860:4860::8888', 'public'],
    ['fd00::1', 'private'],
    ['fe80::1', 'link-local'],
    ['::1', 'loopback'],
    ['[::1]', 'loopback'],
    ['::ffff:10.0.0.1', 'private'],
    ['::ffff:8.8.8.8', 'public'],
  ] as const)('%s is %s', (address, expected) => expect(addressClass(address)).toBe(expected))

  test.each(['k8s.example.org', '', '10.0.0', '10.0.0.1:6443', '1'])('%j is no address', (text) => {
    expect(addressClass(text)).toBeUndefined()
    expect(isPublicAddress(text)).toBe(false)
  })
})

test.each([
  ['10.0.0.1:6443', '10.0.0.1'],
  ['k8s.example.org:6443', 'k8s.example.org'],
  ['[fd00::1]:6443', 'fd00::1'],
  ['fd00::1', 'fd00::1'],
  ['k8s', 'k8s'],
])('the host of %s is %s', (endpoint, host) => expect(hostOf(endpoint)).toBe(host))

test.each([
  ['0.0.0.0/0', 'everybody'],
  ['::/0', 'everybody'],
  ['34.0.0.0/8', 'wide'],
  ['0.0.0.0/1', 'wide'],
  ['34.1.0.0/16', 'narrow'],
  ['34.1.2.3/32', 'narrow'],
  ['10.0.0.0/8', 'narrow'],
  ['2a00::/16', 'wide'],
  ['2a00:1:2::/48', 'narrow'],
  ['34.1.2.3', undefined],
  ['anywhere', undefined],
] as const)('a range of %s is %s', (range, width) => expect(rangeWidth(range)).toBe(width))
