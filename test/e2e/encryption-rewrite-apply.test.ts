/** `apply` on a live cluster that encrypts, but holds older Secrets in plain text: no way to a node is needed, and what it did is proved. */
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Cluster } from '../cluster/cluster.ts'
import { describeCluster } from '../cluster/with-cluster.ts'
import { cli, freshState } from '../helpers/cli.ts'
import { BOX, contents, fill, stored, writeEncryption } from './rewrite-harness.ts'

const file = join(mkdtempSync(join(tmpdir(), 'k8s-harden-encryption-')), 'encryption.yaml')
await writeEncryption(file, 'identity', 'key1')
const LONG = 300_000

describeCluster('Secrets stored anew by apply', { encryptionConfig: file }, (cluster: () => Cluster) => {
  test('without --host: approved, rewritten, proved; the control passes, and undo leaves everything as it is', {
    timeout: LONG,
  }, async () => {
    const made = await fill(cluster(), 15)
    const before = await contents(cluster())
    await writeEncryption(file, 'key1', 'identity')
    await cluster().restartApiServer()
    // Somebody writes: from then on it shows with what.
    await cluster().kubectl(['-n', 'wiki', 'label', 'secret', 'secret-1', 'newest=yes'])
    const env = { XDG_STATE_HOME: freshState() }
    const args = ['--kubeconfig', cluster().kubeconfig, '--control', 'sec-etcd-encryption-coverage']
    const safe = await cli(['apply', ...args, '--yes'], { env, timeout: LONG })
    expect(await stored(cluster()), safe.stdout + safe.stderr).toMatchObject({ plain: made - 1 })

    const mark = await cluster().auditMark()
    const { exitCode, stdout, stderr } = await cli(['apply', ...args, '--yes', '--accept-risk', 'may-break'], { env, timeout: LONG })
    expect(exitCode, stdout + stderr).toBe(0)
    expect(await stored(cluster())).toEqual({ [`${BOX}key1:`]: made })
    const changed = await contents(cluster())
    for (const [name, digest] of before) if (name !== 'wiki/secret-1') expect(changed.get(name), name).toBe(digest)
    const scan = await cli(['scan', ...args, '--fail-on', 'low', '-o', 'json'], { env, timeout: LONG })
    expect(scan.exitCode, scan.stdout).toBe(0)
    // The tool saw no value: every answer about a Secret was metadata.
    const ours = (await cluster().auditSince(mark)).filter(
      ({ userAgent, objectRef }) => userAgent === 'k8s-harden' && objectRef?.resource === 'secrets',
    )
    expect(new Set(ours.map(({ verb }) => verb))).toEqual(new Set(['get', 'list', 'patch']))

    const undo = await cli(['undo', '--kubeconfig', cluster().kubeconfig, '--yes'], { env, timeout: LONG })
    expect(undo.exitCode, undo.stdout + undo.stderr).toBe(0)
    expect(await stored(cluster())).toEqual({ [`${BOX}key1:`]: made })
    expect(await contents(cluster())).toEqual(changed)
  })
})
