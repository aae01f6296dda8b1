import { expect, test } from 'vitest'
import { isOldProtocol, strongSuites, weaknessOf } from '../../src/objects/tls.ts'

test.each([
  ['TLS_RSA_WITH_AES_128_GCM_SHA256', 'RSA key exchange'],
  ['TLS_RSA_WITH_RC4_128_SHA', 'RC4'],
  ['TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA', '3DES'],
  ['TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256', 'CBC'],
  ['TLS_AES_128_GCM_SHA256', undefined],
  ['TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384', undefined],
  ['TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256', undefined],
])('%s: %s', (suite, weakness) => expect(weaknessOf(suite)).toBe(weakness))

test('a list without a suite that HTTP/2 needs is given up', () => {
  expect(strongSuites(['TLS_RSA_WITH_AES_128_CBC_SHA', 'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256'])).toEqual([
    'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256',
  ])
  expect(strongSuites(['TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384'])).toBeUndefined()
})

test('protocols older than 1.2', () => {
  expect(['VersionTLS10', 'VersionTLS11', 'TLSv1', 'TLSv1.1'].every(isOldProtocol)).toBe(true)
  expect(['VersionTLS12', 'VersionTLS13', 'TLSv1.2', 'TLSv1.3', ''].some(isOldProtocol)).toBe(false)
})
