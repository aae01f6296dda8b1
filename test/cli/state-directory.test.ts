/** Without a journal nothing is changed, and whose fault that is is said. */
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { cli } from '../helpers/cli.ts'

const NAMESPACE = 'apiVersion: v1\nkind: Namespace\nmetadata:\n  name: shop\n'

test('a state directory that cannot be written: exit 2, its name, and no change', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'k8s-harden-'))
  const file = join(directory, 'namespace.yaml')
  writeFileSync(file, NAMESPACE)
  writeFileSync(join(directory, 'state'), '')
  const args = ['apply', '--manifests', file, '--control', 'psa-enforced', '--yes', '--accept-risk', 'may-break']
  const refused = await cli(args, { env: { XDG_STATE_HOME: join(directory, 'state') } })
  expect([refused.exitCode, refused.stderr]).toEqual([
    2,
    expect.stringMatching(
      /^k8s-harden: \S+\/state\/k8s-harden, where journals are kept, cannot be written, and without one nothing is changed: /,
    ),
  ])
  expect(readFileSync(file, 'utf8')).toBe(NAMESPACE)
  expect((await cli(args, { env: { XDG_STATE_HOME: join(directory, 'other') } })).exitCode).toBe(0)
  expect(readFileSync(file, 'utf8')).not.toBe(NAMESPACE)
})
