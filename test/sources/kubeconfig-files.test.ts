import { chmodSync, mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { seen } from '../../src/sources/facts/kubeconfig-files.ts'
import { createAuthority } from '../cluster/certificates.ts'
import { directoryOf } from './manifests-helper.ts'

const SECRETS = ['very-secret-token', 'hunter2-hunter2', 'proxy-secret', 'PRIVATE KEY', 'plugin-secret']

test('all contexts are seen, with who may read the file, and no secret of it', async () => {
  const ada = await createAuthority('prod-ca').then(async (authority) => ({
    ca: authority,
    pair: await authority.issueClient({ user: 'ada' }),
  }))
  using directory = directoryOf({
    'pki/ca.crt': ada.ca.certificate,
    'pki/ada.crt': ada.pair.certificate,
    'pki/ada.key': ada.pair.key,
    config: `apiVersion: v1
kind: Config
clusters:
- {name: prod, cluster: {server: "https://root:hunter2-hunter2@10.0.0.1:6443", certificate-authority: pki/ca.crt, proxy-url: "http://me:proxy-secret@proxy.example.com:3128"}}
- {name: lab, cluster: {server: "10.0.0.2:8080"}}
- {name: open, cluster: {server: "https://lab.example.com", insecure-skip-tls-verify: true, tls-server-name: other}}
contexts:
- {name: one, context: {cluster: prod, user: ada}}
- {name: two, context: {cluster: prod, user: ci}}
users:
- {name: ada, user: {client-certificate: pki/ada.crt, client-key: pki/ada.key}}
- {name: ci, user: {token: very-secret-token}}
- {name: near, user: {exec: {apiVersion: client.authentication.k8s.io/v1, command: ./bin/login, args: [--key=plugin-secret]}}}
- {name: bare, user: {exec: {apiVersion: client.authentication.k8s.io/v1, command: kubelogin}}}
- {name: rooted, user: {exec: {apiVersion: client.authentication.k8s.io/v1, command: /usr/bin/kubelogin}}}
current-context: one
`,
  })
  chmodSync(join(directory.path, 'config'), 0o640)
  chmodSync(join(directory.path, 'pki/ada.key'), 0o644)
  const file = await seen(join(directory.path, 'config'))
  expect(file).toMatchObject({ mode: 0o640, keyFiles: [{ path: join(directory.path, 'pki/ada.key'), mode: 0o644 }] })
  expect(file.gitRoot).toBeUndefined()
  const [prod, lab, open] = file.clusters
  expect(prod).toMatchObject({
    contexts: ['one', 'two'],
    server: 'https://10.0.0.1:6443',
    hasCa: true,
    proxyUrl: 'http://proxy.example.com:3128',
    proxyPassword: true,
  })
  expect(prod!.authorities).toMatchObject([{ subject: expect.stringContaining('prod-ca'), isAuthority: true }])
  // kubectl takes an address without a scheme for http.
  expect(lab).toMatchObject({ server: 'http://10.0.0.2:8080', hasCa: false })
  expect(open).toMatchObject({ insecureSkipTlsVerify: true, tlsServerName: 'other', contexts: [] })
  expect(file.users.map(({ name, inside, relativeCommand }) => [name, inside, relativeCommand])).toEqual([
    ['ada', undefined, undefined],
    ['ci', ['token'], undefined],
    ['near', undefined, './bin/login'],
    ['bare', undefined, undefined],
    ['rooted', undefined, undefined],
  ])
  expect(file.users[0]!.certificate).toMatchObject({ commonName: 'ada' })
  for (const secret of SECRETS) expect(JSON.stringify(file)).not.toContain(secret)
})

test('a work tree of Git is found above the file, through a link too', async () => {
  using directory = directoryOf({ 'repository/deploy/kube/config': 'apiVersion: v1\nkind: Config\n', 'elsewhere/none': '' })
  mkdirSync(join(directory.path, 'repository/.git'))
  symlinkSync('../repository/deploy/kube/config', join(directory.path, 'elsewhere/config'))
  const root = join(directory.path, 'repository')
  expect((await seen(join(root, 'deploy/kube/config'))).gitRoot).toBe(root)
  expect((await seen(join(directory.path, 'elsewhere/config'))).gitRoot).toBe(root)
})

test('what cannot be read or understood is said, without a word of the text', async () => {
  using directory = directoryOf({ broken: 'users: [{name: a, user: {token: very-secret-token', list: '- very-secret-token\n', empty: '' })
  expect(await seen(join(directory.path, 'broken'))).toMatchObject({ problem: 'it is no YAML', users: [] })
  expect(await seen(join(directory.path, 'list'))).toMatchObject({ problem: 'it is not a mapping' })
  expect((await seen(join(directory.path, 'empty'))).problem).toBeUndefined()
  expect((await seen(join(directory.path, 'none'))).problem).toBe('it cannot be read (ENOENT)')
  for (const name of ['broken', 'list']) expect(JSON.stringify(await seen(join(directory.path, name)))).not.toContain('very-secret-token')
})
