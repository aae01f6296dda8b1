/** What is kept of certificates and of the content of Secrets in files, and that nothing else of them is. */
import { describe, expect, test } from 'vitest'
import { newestTime } from '../../src/objects/secret-content.ts'
import { manifestsSource } from '../../src/sources/manifests.ts'
import { reducerOf, Sharing } from '../../src/sources/reduce.ts'
import { createAuthority } from '../cluster/certificates.ts'
import { directoryOf, scan } from './manifests-helper.ts'

const base64 = (text: string): string => Buffer.from(text).toString('base64')

test('certificates of a PKI directory are read, its keys are not, nor certificates elsewhere', async () => {
  const authority = await createAuthority('kubernetes')
  const pair = await authority.issueClient({ user: 'kube-apiserver' })
  using directory = directoryOf({
    'kubernetes/pki/ca.crt': authority.certificate,
    'kubernetes/pki/apiserver.crt': `${pair.certificate}\n${authority.certificate}`,
    'kubernetes/pki/apiserver.key': pair.key,
    'kubernetes/pki/etcd/ca.crt': authority.certificate,
    'kubernetes/pki/odd.crt': `no certificate\n${pair.key}`,
    'fixtures/old.crt': authority.certificate,
    'kubernetes/pki/store.crt': Array.from({ length: 30 }, () => authority.certificate).join('\n'),
  })
  const seen = await scan(manifestsSource(directory.path))
  const files = [...(seen.kinds.get('CertificateFile')?.values() ?? [])] as unknown as {
    metadata: { name: string }
    certificates: { isAuthority: boolean }[]
  }[]
  expect(files.map(({ metadata, certificates }) => [metadata.name, certificates.map((one) => one.isAuthority)])).toEqual([
    ['apiserver.crt', [false, true]],
    ['ca.crt', [true]],
    ['ca.crt', [true]],
  ])
  expect([...seen.problems]).toEqual([])
  expect(JSON.stringify(seen.log)).not.toContain('PRIVATE KEY')
  // The directory itself may be named, too.
  const inside = await scan(manifestsSource(`${directory.path}/kubernetes/pki`))
  expect(inside.kinds.get('CertificateFile')?.size).toBe(3)
})

describe('Secrets in files', () => {
  test('a bootstrap token says when it ends and whom it lets in, a TLS Secret when its certificate ends', async () => {
    const authority = await createAuthority('shop')
    using directory = directoryOf({
      'secrets.yaml': `apiVersion: v1
kind: Secret
metadata: {name: bootstrap-token-abcdef, namespace: kube-system}
type: bootstrap.kubernetes.io/token
data: {token-id: ${base64('abcdef')}, token-secret: ${base64('0123456789abcdef')}, usage-bootstrap-authentication: ${base64('true')}}
stringData: {expiration: "2026-11-24T00:00:00Z", auth-extra-groups: "system:bootstrappers:a, system:bootstrappers:b"}
---
apiVersion: v1
kind: Secret
metadata: {name: web, namespace: shop, managedFields: [{manager: a, time: "2026-01-01T00:00:00Z"}, {manager: b, time: "2026-03-01T00:00:00Z"}]}
type: kubernetes.io/tls
data: {tls.crt: ${base64(authority.certificate)}, tls.key: ${base64('-----BEGIN PRIVATE KEY-----')}}
`,
    })
    const seen = await scan(manifestsSource(directory.path))
    const secrets = seen.kinds.get('Secret')!
    expect(secrets.get('kube-system/bootstrap-token-abcdef')).toMatchObject({
      bootstrap: { expiration: '2026-11-24T00:00:00Z', authentication: true, groups: ['system:bootstrappers:a', 'system:bootstrappers:b'] },
    })
    expect(secrets.get('shop/web')).toMatchObject({
      certificates: [{ isAuthority: true }],
      metadata: { managers: ['a', 'b'], written: '2026-03-01T00:00:00Z' },
    })
    for (const value of ['0123456789abcdef', 'PRIVATE KEY', base64('0123456789abcdef')])
      expect(JSON.stringify(seen.log)).not.toContain(value)
  })

  test('live, a Secret keeps the last time that it was written, and other kinds do not', () => {
    const wire = {
      metadata: { name: 'a', namespace: 'b', managedFields: [{ manager: 'x', time: '2026-03-01T00:00:00Z' }, { manager: 'y' }] },
    }
    expect(reducerOf('Secret', new Sharing())(wire)?.object.metadata.written).toBe('2026-03-01T00:00:00Z')
    expect(reducerOf('ConfigMap', new Sharing())(wire)?.object.metadata.written).toBeUndefined()
    expect(newestTime([{}, { time: 7 }])).toBeUndefined()
  })
})
