/** One stage on one node: keys are found before they are drawn, nothing is shown or journalled, nothing becomes unreadable. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import type { ApiClient } from '../../src/apiserver/client.ts'
import { LocalHost } from '../../src/hosts/local.ts'
import type { EncryptionAction, RunId, StepId } from '../../src/model/index.ts'
import type { EncryptionForm } from '../../src/objects/encryption-forms.ts'
import { performEncryption } from '../../src/writers/host-encryption.ts'
import type { HostWorld } from '../../src/writers/host-performer.ts'

const PATH = '/etc/kubernetes/enc/encryption-config.yaml'
const KEY = 'q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA='
const OTHER = 'AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8='
const PLAIN: EncryptionForm = { kind: 'identity' }
const key = (...keys: string[]): EncryptionForm => ({ kind: 'secretbox', keys })
const file = (secret: string, first = 'identity: {}') =>
  `# kept by hand\napiVersion: apiserver.config.k8s.io/v1\nkind: EncryptionConfiguration\nresources:\n  - resources: [secrets]\n    providers:\n      - ${first}\n      - secretbox:\n          keys:\n            - name: k1\n              secret: ${secret}\n`

let roots: Record<string, string>
let world: HostWorld
beforeEach(() => {
  roots = Object.fromEntries(['a', 'b'].map((node) => [node, mkdtempSync(join(tmpdir(), `k8s-harden-enc-${node}-`))]))
  world = {
    client: { server: 'https://nobody' } as ApiClient,
    host: (node) => new LocalHost(node, roots[node]!),
    run: 'run' as RunId,
    tell: () => {},
    signal: new AbortController().signal,
    patienceMs: 1000,
  }
})
const at = (node: string, path = PATH) => join(roots[node]!, path)
function put(node: string, text: string, path = PATH): void {
  mkdirSync(dirname(at(node, path)), { recursive: true })
  writeFileSync(at(node, path), text, { mode: 0o600 })
}
function both(a: string, b: string): void {
  put('a', a)
  put('b', b)
}
const action = (node: string, providers: EncryptionForm[], more: Partial<EncryptionAction> = {}): EncryptionAction => ({
  do: 'encryption',
  node,
  nodes: ['a', 'b'],
  path: PATH,
  rules: [{ resources: ['secrets'], providers }],
  loadedBy: 'later',
  ...more,
})
async function perform(one: EncryptionAction, step = 's1') {
  const { diff, warnings, prepared } = await performEncryption.rehearse(one, world)
  const written = await performEncryption.intent(one, prepared, step as StepId, world)
  return { diff, written, warnings: [...warnings, ...(await performEncryption.commit(one, prepared, written, world))] }
}
const secretsIn = (node: string) => [...readFileSync(at(node), 'utf8').matchAll(/secret: (\S+)/g)].map(([, secret]) => secret)

describe('an EncryptionConfiguration on a node', () => {
  it('is made with a drawn key, for root only; the next node gets the same; neither is shown or journalled', async () => {
    const first = await perform(action('a', [PLAIN, key('k1')]))
    const [secret] = secretsIn('a')
    expect(Buffer.from(secret!, 'base64')).toHaveLength(32)
    expect(statSync(at('a')).mode & 0o777).toBe(0o600)
    expect(statSync(dirname(at('a'))).mode & 0o777).toBe(0o700)
    expect(first.diff).toContain('‹key k1: 32 bytes›')
    expect(first.warnings.join()).toMatch(/keep a copy/)
    const second = await perform(action('b', [PLAIN, key('k1')]))
    expect(readFileSync(at('b'), 'utf8')).toBe(readFileSync(at('a'), 'utf8'))
    expect(second.warnings).toEqual([])
    expect(JSON.stringify([first, second])).not.toContain(secret)
  })

  it('keeps comments, and a copy of the old file for root only; done again it writes nothing', async () => {
    put('a', file(KEY))
    put('b', file(KEY))
    const { written, diff } = await perform(action('a', [PLAIN, key('k1', 'k2')]))
    expect(readFileSync(at('a'), 'utf8')).toMatch(/^# kept by hand/)
    expect(secretsIn('a')[0]).toBe(KEY)
    expect(diff).not.toContain(KEY)
    const kept = '/var/lib/k8s-harden/run/s1/encryption-encryption-config.yaml'
    expect(readFileSync(at('a', kept), 'utf8')).toBe(file(KEY))
    expect(statSync(at('a', kept)).mode & 0o777).toBe(0o600)
    expect(await performEncryption.state(written[0]!, world)).toBe('after')
    expect((await perform(action('a', [PLAIN, key('k1', 'k2')]))).written).toHaveLength(process.getuid!() === 0 ? 0 : 1)
  })

  it('a key that only a kept copy has is taken from there', async () => {
    put('b', file(KEY), '/var/lib/k8s-harden/old-run/s3/encryption-encryption-config.yaml')
    await perform(action('a', [PLAIN, key('k1')]))
    expect(secretsIn('a')).toEqual([KEY])
  })

  it.each([
    [
      'two nodes with different keys of one name',
      () => both(file(KEY), file(OTHER)),
      action('a', [PLAIN, key('k1')]),
      /another one than on a/,
    ],
    ['a file that is something else', () => put('a', 'kind: Pod\n'), action('a', [PLAIN, key('k1')]), /is no EncryptionConfiguration/],
    [
      'a key of a bad length',
      () => both(file('c2hvcnQ='), file('c2hvcnQ=')),
      action('a', [PLAIN, key('k1')]),
      /key k1 of secretbox has 5 bytes, not 32/,
    ],
    [
      'a new key that would write at once',
      () => {},
      action('a', [key('k1'), PLAIN], { nodes: ['a'] }),
      /must not write before all can read it/,
    ],
    [
      'a key that writes while another node cannot read it',
      () => put('a', file(KEY)),
      action('a', [key('k1'), PLAIN]),
      /b could not read secrets that a writes/,
    ],
    ['a name that no API server takes', () => {}, action('a', [PLAIN, key('a:b')]), /cannot be the name of a key/],
    [
      'a plugin that is not there',
      () => {},
      action('a', [PLAIN, { kind: 'kms', apiVersion: 'v2', name: 'v', endpoint: 'unix:///run/v.sock' }]),
      /socket of kms v is not there/,
    ],
  ])('%s is refused, and nothing is written', async (_what, arrange, one, why) => {
    arrange()
    const before = ['a', 'b'].map((node) => readdirSync(roots[node]!, { recursive: true, encoding: 'utf8' }).join())
    await expect(perform(one)).rejects.toThrow(why)
    expect(['a', 'b'].map((node) => readdirSync(roots[node]!, { recursive: true, encoding: 'utf8' }).join())).toEqual(before)
  })

  it('the first file is not taken away while the API server is given it, or another node writes with its key', async () => {
    const { written } = await perform(action('a', [PLAIN, key('k1')]))
    const command = ['kube-apiserver', `--encryption-provider-config=${PATH}`]
    const manifest = { kind: 'Pod', spec: { containers: [{ command }] } }
    put('a', JSON.stringify(manifest), '/etc/kubernetes/manifests/kube-apiserver.yaml')
    await expect(performEncryption.undo(written, false, world)).rejects.toThrow(/take its flags back first/)
    rmSync(at('a', '/etc/kubernetes/manifests/kube-apiserver.yaml'))
    put('b', readFileSync(at('a'), 'utf8').replace(/ {6}- identity: \{\}\n/, ''))
    await expect(performEncryption.undo(written, false, world)).rejects.toThrow(/b still writes secrets/)
    // Nor where nobody can say with what the values are stored.
    put('b', readFileSync(at('a'), 'utf8'))
    await expect(performEncryption.undo(written, false, { ...world, client: silent })).rejects.toThrow(/the file that reads them stays/)
    expect(secretsIn('a')).toHaveLength(1)
  })
})

const silent = {
  server: 'https://nobody',
  context: { server: 'https://nobody', cluster: {} },
} as unknown as ApiClient
