import { chmodSync } from 'node:fs'
import { beforeAll, describe, expect, test } from 'vitest'
import { controls } from '../../src/controls/index.gen.ts'
import { refOf } from '../../src/objects/ref.ts'
import { manifestsSource } from '../../src/sources/manifests.ts'
import { createAuthority, type KeyPair } from '../cluster/certificates.ts'
import { cli } from '../helpers/cli.ts'
import { directoryOf, scan } from './manifests-helper.ts'

const base64 = (text: string): string => Buffer.from(text).toString('base64')
/** As kubeadm writes them. */
const kubeconfig = (user: string, fields: Readonly<Record<string, string>>): string => `apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: ${base64('ca')}
    server: https://10.0.0.1:6443
  name: kubernetes
contexts:
- context:
    cluster: kubernetes
    user: ${user}
  name: ${user}@kubernetes
current-context: ${user}@kubernetes
kind: Config
preferences: {}
users:
- name: ${user}
  user:
${Object.entries(fields)
  .map(([key, value]) => `    ${key}: ${value}\n`)
  .join('')}`

let masters: KeyPair
let admin: string
beforeAll(async () => {
  masters = await (await createAuthority('ca')).issueClient({ user: 'kubernetes-super-admin', groups: ['system:masters'] })
  admin = kubeconfig('kubernetes-super-admin', {
    'client-certificate-data': base64(masters.certificate),
    'client-key-data': base64(masters.key),
  })
})

describe('kubeconfigs among files', () => {
  test('are known by what they are, not by their names, and lose every credential', async () => {
    using directory = directoryOf({
      'super-admin.conf': admin,
      'ci.kubeconfig': kubeconfig('ci', { token: 'very-secret-token', password: 'hunter2-hunter2' }),
      'kube.yaml': kubeconfig('ada', { 'client-certificate': '/home/ada/ada.crt' }),
      'as-json.conf': JSON.stringify({
        apiVersion: 'v1',
        kind: 'Config',
        clusters: [],
        users: [{ name: 'j', user: { token: 'very-secret-token' } }],
      }),
      'nginx.conf': 'server { listen 80; }\n# apiVersion: v1\n',
      'binary.conf': new Uint8Array([0, 1, 2, 0]),
      'odd.yaml': 'apiVersion: v1\nkind: Config\nvalues: {a: 1}\n',
    })
    const seen = await scan(manifestsSource(directory.path))
    expect([...seen.problems]).toEqual([])
    const found = [...seen.kinds.get('Kubeconfig')!.values()]
    expect(found.map(({ metadata }) => metadata.name).sort()).toEqual(['as-json.conf', 'ci.kubeconfig', 'kube.yaml', 'super-admin.conf'])
    expect(found.find(({ metadata }) => metadata.name === 'super-admin.conf')).toMatchObject({
      current: 'kubernetes-super-admin',
      users: [{ certificate: { commonName: 'kubernetes-super-admin', organizations: ['system:masters'] } }],
    })
    const text = JSON.stringify(seen.log)
    for (const secret of ['very-secret-token', 'hunter2', base64(masters.key), base64(masters.certificate), 'PRIVATE'])
      expect(text).not.toContain(secret)
  })

  test('the finding is at the line of its user', async () => {
    using directory = directoryOf({ 'pki/super-admin.conf': `# kept\n${admin}` })
    const source = manifestsSource(directory.path)
    const seen = await scan(source)
    const [file] = seen.kinds.get('Kubeconfig')!.values()
    expect(source.locate?.(refOf(file!), ['users', { name: 'kubernetes-super-admin' }])).toEqual({ file: 'pki/super-admin.conf', line: 17 })
  })

  test('a broken one, or one that may not be read, is said', async () => {
    using directory = directoryOf({
      'a.yaml': 'apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: a}\n',
      'admin.conf': `${admin}  token: [\n`,
      'other.conf': 'x',
    })
    expect([...(await scan(manifestsSource(directory.path))).problems.keys()]).toEqual(['admin.conf'])
    if (process.getuid?.() === 0) return
    for (const name of ['admin.conf', 'other.conf']) chmodSync(`${directory.path}/${name}`, 0)
    expect([...(await scan(manifestsSource(directory.path))).problems.keys()]).toEqual(['admin.conf'])
  })

  test('a scan judges them, and never shows what is in them', async () => {
    using directory = directoryOf({
      'super-admin.conf': admin,
      'ci.kubeconfig': kubeconfig('ci', { password: 'hunter2-hunter2' }),
    })
    const ids = ['rbac-system-masters', 'authn-client-certs', 'authn-static-tokens']
    expect(controls.filter(({ id }) => ids.includes(id))).toHaveLength(3)
    const { stdout } = await cli(['scan', '--manifests', directory.path, '-o', 'json', ...ids.flatMap((id) => ['--control', id])])
    const { results } = JSON.parse(stdout) as {
      results: {
        control: string
        findings: { verdict: string; reason: string; detail?: string; subject: { file: string; line: number } }[]
      }[]
    }
    const said = results.flatMap(({ control, findings }) =>
      findings.map(({ verdict, subject }) => [control, verdict, subject.file, subject.line]),
    )
    expect(said.sort()).toEqual([
      ['authn-client-certs', 'review', 'super-admin.conf', 16],
      ['authn-static-tokens', 'fail', 'ci.kubeconfig', 16],
      ['rbac-system-masters', 'fail', 'super-admin.conf', 16],
    ])
    expect(stdout).toContain('super-admin.conf is for emergencies, and belongs offline')
    for (const secret of ['hunter2', base64(masters.key), base64(masters.certificate)]) expect(stdout).not.toContain(secret)
  })
})
