/** `--images`: what the operator lets be asked, and that nobody is asked without it. */
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { SCAN } from '../../bin/scan-schema.ts'
import { createAuthority } from '../cluster/certificates.ts'
import { BIN, cli, freshState } from '../helpers/cli.ts'
import { FakeRegistry } from '../helpers/fake-registry.ts'
import { PtyProgram, pty } from '../helpers/pty.ts'

const folder = (files: Readonly<Record<string, string>>): string => {
  const dir = mkdtempSync(join(tmpdir(), 'k8s-harden-images-'))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text)
  return dir
}
const pod = (...images: string[]): string =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'bare', namespace: 'shop' },
    spec: { containers: images.map((image, index) => ({ name: `c${index}`, image })) },
  })
const CONTROLS = ['--control', 'img-default-root,pod-run-as-root']
async function scan(manifests: string, more: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const { stdout, stderr } = await cli(['scan', '--manifests', manifests, '-o', 'json', ...CONTROLS, ...more], { env })
  expect(stderr).toBe('')
  const { results } = SCAN.parse(JSON.parse(stdout))
  return {
    image: results.find(({ control }) => control === 'img-default-root')!,
    pod: results.find(({ control }) => control === 'pod-run-as-root')!,
  }
}
const told = ({ findings }: { findings: readonly { container?: string | undefined; reason: string }[] }) =>
  Object.fromEntries(findings.map(({ container, reason }) => [container, reason]))

describe('--images FILE', () => {
  const NAMES = ['nginx', 'registry.example/app:1', 'docker.io/library/redis:7', 'untold:1']
  const manifests = folder({ 'pod.json': pod(...NAMES) })
  const images = join(
    folder({
      'images.json': JSON.stringify([
        { image: 'docker.io/library/nginx:latest', config: {} },
        { image: 'registry.example/app:1', user: '1000' },
        { RepoTags: ['redis:7'], RepoDigests: [], Config: { User: 'red\u001b[2Jis\u202e' } },
      ]),
    }),
    'images.json',
  )

  test('tells root, a number and a name; what is in no file stays unknown', async () => {
    const { image, pod } = await scan(manifests, ['--images', images])
    expect(image.status).toBe('fail')
    expect(told(image)).toEqual({ c0: 'runs an image whose default user is root', c2: 'runs an image whose user is a name' })
    expect(image.findings.find(({ container }) => container === 'c0')).toMatchObject({ evidence: { user: '', from: 'file' } })
    expect(image.because).toMatch(/the default user of 1 image is not known.*untold:1/)
    expect(told(pod)).toEqual({
      c0: 'runs a container as root',
      c1: 'does not refuse root, although it runs as another user',
      c2: 'does not refuse to run as root',
      c3: 'does not refuse to run as root',
    })
  })

  test('nothing of it steers a terminal', async () => {
    for (const output of ['json', 'jsonl', 'table']) {
      const { stdout, stderr } = await cli(['scan', '--manifests', manifests, '--images', images, '-o', output, ...CONTROLS])
      expect(stdout + stderr, output).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e\u2066]/)
      expect(stdout, output).toContain('whose user is a name')
    }
  })

  test('generate and apply take it too', async () => {
    const out = join(folder({}), 'out')
    const generated = await cli(['generate', '--manifests', manifests, '--out', out, '--images', images, ...CONTROLS])
    expect(generated.exitCode, generated.stderr).toBe(0)
    expect(generated.stdout).toMatch(/^\d+ files in/)
    const applied = await cli(['apply', '--manifests', manifests, '--yes', '--dry-run', '--images', images, ...CONTROLS])
    expect(applied.exitCode, applied.stderr).toBe(0)
  })

  test.each([
    [
      'a file that is not there',
      '/nowhere/images.json',
      /\/nowhere\/images\.json cannot be read \(ENOENT\)[\s\S]*try: .*--images registry/,
    ],
    ['a file that is no JSON', join(manifests, '..'), /cannot be read \(EISDIR\)/],
    ['another format', join(folder({ 'x.yaml': 'image: nginx\n' }), 'x.yaml'), /x\.yaml is no JSON, nor JSON line by line \(line 1\)/],
  ])('%s is an error of usage', async (_name, file, words) => {
    const { exitCode, stdout, stderr } = await cli(['scan', '--manifests', manifests, '--images', file])
    expect(exitCode).toBe(2)
    expect(stderr).toMatch(words)
    expect(stdout).toBe('')
  })

  test.skipIf(pty === undefined)('the wizard says so before it takes the terminal', async () => {
    const env = { XDG_STATE_HOME: freshState(), KUBECONFIG: '' }
    const wizard = new PtyProgram(process.execPath, [BIN, '--sample', '--images', '/nowhere/images.json'], { env })
    try {
      expect(await wizard.exited).toBe(2)
      expect(wizard.output).toContain('/nowhere/images.json')
      expect(wizard.output, 'no other screen').not.toContain('\u001b[?1049h')
    } finally {
      wizard.dispose()
    }
  })

  test('--help of every command that judges names it, and of no other', async () => {
    for (const command of [[], ['scan'], ['generate'], ['apply']])
      expect((await cli([...command, '--help'])).stdout, command.join(' ')).toContain('--images <registry|file>')
    expect((await cli(['undo', '--help'])).stdout).not.toContain('--images')
  })
})

describe('--images registry', () => {
  let registry: FakeRegistry
  let manifests: string
  beforeAll(async () => {
    registry = await FakeRegistry.start()
    registry.login = 'me:secret'
    registry.image('root', '1', { config: { User: '0:0' } })
    registry.image('user', '1', { config: { User: '1000' } })
    manifests = folder({ 'pod.json': pod(`${registry.host}/root:1`, `${registry.host}/user:1`) })
  })
  afterAll(() => registry.stop())

  test('without the option no registry hears of us', async () => {
    for (const more of [[], ['--images', join(folder({ 'none.json': '[]' }), 'none.json')]]) {
      const { image } = await scan(manifests, more)
      expect(image.status).toBe('unknown')
      if (more.length === 0) expect(image.answers?.join()).toContain('--images registry')
    }
    expect(registry.connections).toBe(0)
  })

  test('with it they are asked with the login docker keeps, which is never shown', async () => {
    const auths = { [registry.host]: { auth: Buffer.from('me:secret').toString('base64') } }
    const env = { DOCKER_CONFIG: folder({ 'config.json': JSON.stringify({ auths, credsStore: 'must-not-run' }) }) }
    const { image, pod } = await scan(manifests, ['--images', 'registry'], env)
    expect(told(image)).toEqual({ c0: 'runs an image whose default user is root' })
    expect(told(pod)).toMatchObject({ c0: 'runs a container as root' })
    expect(JSON.stringify([image, pod])).not.toMatch(/secret|bWU6c2Vj|token-for/)
  })

  test('a registry that refuses leaves the scan as it is, and says why', async () => {
    const { image, pod } = await scan(manifests, ['--images', 'registry'])
    expect(image.status).toBe('unknown')
    expect(image.because).toMatch(/gave no token to read it \(401\)/)
    expect(told(pod)).toMatchObject({ c0: 'does not refuse to run as root' })
  })

  test('over https where it speaks that, and only with a certificate that is trusted', async () => {
    const authority = await createAuthority('registry-ca')
    const { certificate: cert, key } = await authority.issueServer(['localhost'], ['127.0.0.1'])
    const secure = await FakeRegistry.start({ cert, key })
    try {
      secure.image('root', '1', { config: { User: 'root' } })
      const dir = folder({ 'pod.json': pod(`${secure.host}/root:1`) })
      const ca = join(folder({ 'ca.pem': authority.certificate }), 'ca.pem')
      const { image } = await scan(dir, ['--images', 'registry'], { NODE_EXTRA_CA_CERTS: ca })
      expect(told(image)).toEqual({ c0: 'runs an image whose default user is root' })
      secure.asked.length = 0
      const untrusted = await scan(dir, ['--images', 'registry'])
      expect(untrusted.image.status).toBe('unknown')
      expect(untrusted.image.because).toContain('the registry cannot be reached')
      expect(secure.asked).toEqual([])
    } finally {
      await secure.stop()
    }
  })
})
