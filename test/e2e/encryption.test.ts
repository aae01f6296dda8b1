/** The EncryptionConfiguration that `apply` writes, given to a real API server: it starts, stores Secrets encrypted, and the scan sees it. */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { SCAN } from '../../bin/scan-schema.ts'
import { whyNoBinaries } from '../cluster/binaries.ts'
import { type Cluster, startCluster } from '../cluster/cluster.ts'
import { cli, freshState } from '../helpers/cli.ts'

const skip = whyNoBinaries()
if (skip !== undefined) console.warn(`SKIPPED e2e: encryption at rest: ${skip}`)

describe.skipIf(skip !== undefined)('encryption at rest', () => {
  const state = freshState()
  let file = ''

  beforeAll(async () => {
    const { exitCode, stdout, stderr } = await cli(
      ['apply', '--sample', '--control', 'sec-etcd-encryption', '--yes', '--accept-risk', 'may-break'],
      { env: { XDG_STATE_HOME: state } },
    )
    expect(exitCode, stdout + stderr).toBe(0)
    const folder = join(state, 'k8s-harden', 'sample', 'k8s-harden')
    file = join(folder, readdirSync(folder).find((name) => /encryption/i.test(name))!)
  })

  test('the file is for root only, its key is random, and nothing else ever held it', () => {
    expect(statSync(file).mode & 0o777).toBe(0o600)
    const [, key = ''] = /secret: ["']?([A-Za-z0-9+/=]+)/.exec(readFileSync(file, 'utf8'))!
    expect(Buffer.from(key, 'base64')).toHaveLength(32)
    for (const run of readdirSync(join(state, 'k8s-harden', 'runs')))
      expect(readFileSync(join(state, 'k8s-harden', 'runs', run), 'utf8')).not.toContain(key)
  })

  test('a real API server takes it, etcd holds ciphertext, and the scan sees it', { timeout: 240_000 }, async () => {
    const cluster: Cluster = await startCluster({ encryptionConfig: file })
    try {
      await cluster.kubectl(['create', 'secret', 'generic', 'card', '--from-literal=number=4111111111111111'])
      const raw = (await cluster.etcdRaw('/registry/secrets/default/card'))!.toString('latin1')
      expect(raw).toMatch(/^k8s:enc:secretbox:v1:/)
      expect(raw).not.toContain('4111111111111111')
      const { stdout, stderr } = await cli([
        'scan',
        '--kubeconfig',
        cluster.kubeconfig,
        '-o',
        'json',
        '--control',
        'sec-etcd-encryption,sec-etcd-encryption-provider',
        '--fail-on',
        'none',
      ])
      expect(stderr).toBe('')
      const statuses = Object.fromEntries(SCAN.parse(JSON.parse(stdout)).results.map(({ control, status }) => [control, status]))
      // What key it is, no API shows: that the first test looked at.
      expect(statuses).toEqual({ 'sec-etcd-encryption': 'pass', 'sec-etcd-encryption-provider': 'unknown' })
    } finally {
      await cluster.stop()
    }
  })
})
