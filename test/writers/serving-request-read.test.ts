import 'reflect-metadata'
import { webcrypto } from 'node:crypto'
import * as x509 from '@peculiar/x509'
import { expect, test } from 'vitest'
import { readServingRequest, type WireRequest } from '../../src/writers/serving-request-read.ts'

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }

async function wireRequest(name: string, names: { type: 'dns' | 'ip' | 'email' | 'url'; value: string }[]): Promise<WireRequest> {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name,
    keys,
    signingAlgorithm: algorithm,
    extensions: names.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension(names)],
  })
  return wire(request.toString('pem'))
}
const wire = (pem: string): WireRequest => ({
  metadata: { name: 'csr-1' },
  spec: {
    signerName: 'kubernetes.io/kubelet-serving',
    username: 'system:node:n1',
    groups: ['system:nodes'],
    usages: ['digital signature', 'server auth'],
    request: Buffer.from(pem).toString('base64'),
  },
})

test('subject and names are read, of every sort', async () => {
  const request = await wireRequest('O=system:nodes, O=system:masters, CN=system:node:n1', [
    { type: 'dns', value: 'n1' },
    { type: 'ip', value: '10.0.0.1' },
    { type: 'ip', value: 'fd00::1' },
    { type: 'url', value: 'spiffe://x' },
    { type: 'email', value: 'a@example.com' },
  ])
  expect(await readServingRequest(request)).toMatchObject({
    username: 'system:node:n1',
    commonNames: ['system:node:n1'],
    organizations: ['system:nodes', 'system:masters'],
    dnsNames: ['n1'],
    ips: ['10.0.0.1', 'fd00::1'],
    others: ['url spiffe://x', 'email a@example.com'],
  })
})

test('what was not signed with its own key, or is no request, is not understood', async () => {
  const { spec } = await wireRequest('CN=system:node:n1', [{ type: 'dns', value: 'n1' }])
  const der = Buffer.from(
    Buffer.from(spec.request, 'base64')
      .toString()
      .replace(/-----.*?-----|\n/g, ''),
    'base64',
  )
  // A letter of the subject: the signature is of another request then.
  der[der.indexOf('system:node:n1') + 13] = '2'.charCodeAt(0)
  const other = `-----BEGIN CERTIFICATE REQUEST-----\n${der.toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`
  expect(await readServingRequest(wire(other))).toBeUndefined()
  expect(await readServingRequest(wire('nonsense'))).toBeUndefined()
})
