import { describe, expect, test } from 'vitest'
import { clean, refusalOfAnswer, refusalOfError, TimeLimit } from '../../src/apiserver/refusal.ts'

const error = (code: string, message = 'because') => Object.assign(new Error(message), { code })
const server = 'https://api.example.test'

describe('what went wrong on the way', () => {
  test.each([
    ['CERT_HAS_EXPIRED', 'tls', 'the API server at https://api.example.test cannot be trusted: its certificate has expired'],
    [
      'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
      'tls',
      'the API server at https://api.example.test cannot be trusted: its certificate was issued by a CA the kubeconfig does not name',
    ],
    [
      'ERR_TLS_CERT_ALTNAME_INVALID',
      'tls',
      'the API server at https://api.example.test cannot be trusted: its certificate is for another host name (because)',
    ],
    ['ERR_SSL_WRONG_VERSION_NUMBER', 'tls', 'no TLS connection with the API server at https://api.example.test: because'],
    ['ENOTFOUND', 'unreachable', 'the API server at https://api.example.test cannot be reached: its host name is not known to DNS'],
    ['EHOSTUNREACH', 'unreachable', 'the API server at https://api.example.test cannot be reached: there is no route to it'],
    ['ETIMEDOUT', 'timeout', 'the API server at https://api.example.test did not answer in time'],
    ['EWHATEVER', 'unreachable', 'the API server at https://api.example.test cannot be reached: because'],
  ])('%s is %s', (code, kind, message) => {
    expect(refusalOfError(error(code), server)).toMatchObject({ kind, message })
  })

  test('our own time limit names its seconds', () => {
    expect(refusalOfError(new TimeLimit(5_000), server)).toMatchObject({
      kind: 'timeout',
      message: `the API server at ${server} did not answer in time (5 s)`,
    })
  })

  test('an HTML page of a proxy in between is not quoted', () => {
    expect(refusalOfAnswer(502, {}, '<html><body>Bad gateway</body></html>').message).toBe('the API server failed (502)')
  })

  test('a Status whose fields are of the wrong make breaks nothing', () => {
    const body = JSON.stringify({
      kind: 'Status',
      message: { a: 1 },
      reason: 5,
      details: { causes: [null, 'x', { field: 7 }], retryAfterSeconds: 'soon' },
    })
    expect(refusalOfAnswer(422, {}, body)).toMatchObject({
      kind: 'invalid',
      causes: [
        { field: '', message: '' },
        { field: '', message: '' },
        { field: '7', message: '' },
      ],
    })
  })

  test('text is cut and cleaned', () => {
    expect(clean('a\u0000b\u001b[1mc\u202ed\ne', 50)).toBe('a bc d e')
    expect(clean('x'.repeat(600))).toHaveLength(500)
    expect(clean('x'.repeat(100_000_000), 10)).toHaveLength(10)
  })
})
