import { expect, test } from 'vitest'
import { compareVersions, minorOf, versionOf } from '../../src/objects/version.ts'

test.each([
  ['v1.37.2', 37],
  ['1.37', 37],
  ['v1.33.1-eks-1de2ab1', 33],
  ['v1.34.3+k3s1', 34],
  ['v1.31.0-gke.100', 31],
  ['latest', undefined],
  ['v2.1.0', undefined],
  ['', undefined],
  [undefined, undefined],
  [37, undefined],
  ['sha256:1.2', undefined],
])('the minor version of %s is %s', (text, minor) => expect(minorOf(text)).toBe(minor))

test('versions compare by number', () => {
  expect(compareVersions(versionOf('v1.9.0')!, versionOf('v1.10.0')!)).toBeLessThan(0)
  expect(compareVersions(versionOf('v1.37.2+k3s1')!, versionOf('v1.37.2')!)).toBe(0)
})
