/** A CertificateSigningRequest is kept without its request, and its certificate by subject and time only. */
import { expect, test } from 'vitest'
import type { KubeObject } from '../../src/model/index.ts'
import { reduce } from '../../src/sources/manifests-reduce.ts'
import { reducerOf, Sharing } from '../../src/sources/reduce.ts'
import { createAuthority } from '../cluster/certificates.ts'

test('from the wire and from a file', async () => {
  const { certificate } = await (await createAuthority('ca')).issueClient({ user: 'ada', groups: ['staff'] })
  const request = {
    apiVersion: 'certificates.k8s.io/v1',
    kind: 'CertificateSigningRequest',
    metadata: { name: 'for-ada' },
    spec: {
      request: Buffer.from('-----BEGIN CERTIFICATE REQUEST-----').toString('base64'),
      signerName: 'kubernetes.io/kube-apiserver-client',
      username: 'oidc:ada',
      uid: 'u1',
      groups: ['staff'],
      usages: ['client auth'],
      expirationSeconds: 3600,
      extra: { 'authentication.kubernetes.io/credential-id': ['X509SHA256=secret'] },
    },
    status: {
      certificate: Buffer.from(certificate).toString('base64'),
      conditions: [{ type: 'Approved', status: 'True', message: 'by hand' }],
    },
  }
  const expected = {
    metadata: { name: 'for-ada' },
    spec: {
      signerName: 'kubernetes.io/kube-apiserver-client',
      username: 'oidc:ada',
      groups: ['staff'],
      usages: ['client auth'],
      expirationSeconds: 3600,
    },
    status: {
      conditions: [{ type: 'Approved' }],
      issued: { commonName: 'ada', organizations: ['staff'], notBefore: expect.any(String), notAfter: expect.any(String) },
    },
  }
  const live = reducerOf('CertificateSigningRequest', new Sharing())(request)!.object
  const file = reduce('CertificateSigningRequest', request as unknown as KubeObject)
  for (const kept of [live, file]) expect(kept).toEqual({ apiVersion: request.apiVersion, kind: request.kind, ...expected })
})
