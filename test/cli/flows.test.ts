/** `--flows`: what is wrong with a record is said, and what is right is taken. */
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { cli } from '../helpers/cli.ts'

const dir = mkdtempSync(join(tmpdir(), 'k8s-harden-flows-option-'))
const file = (name: string, text: string): string => {
  writeFileSync(join(dir, name), text)
  return join(dir, name)
}
const manifests = file('namespace.yaml', 'apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n')
const good = file('flows.jsonl', '{"source":"10.0.0.1","destination":"10.0.0.2","port":80}\n')
const scan = ['scan', '--manifests', manifests, '-o', 'json', '--fail-on', 'none', '--control', 'net-default-deny-ingress']

test('is taken by every command that judges', async () => {
  const { exitCode, stderr } = await cli([...scan, '--flows', good, '--flows', good])
  expect(exitCode, stderr).toBe(0)
  for (const command of [
    ['apply', '--dry-run', '--yes'],
    ['generate', '--out', join(dir, 'out')],
  ]) {
    const { exitCode: code, stderr: words } = await cli([...command, ...scan.slice(1, 3), ...scan.slice(-2), '--flows', good])
    expect(code, words).toBe(0)
  }
})

describe('what cannot be used is an error of usage', () => {
  test.each([
    [
      'a file without flows',
      ['--flows', file('hello.txt', 'hello\n')],
      /the record of flows .*hello\.txt holds no flow that counts\n {2}try: JSON lines of Hubble/,
    ],
    ['an empty file beside a good one', ['--flows', good, '--flows', file('empty.log', '')], /empty\.log is empty/],
    ['a file that is not there', ['--flows', join(dir, 'none')], /none cannot be read \(ENOENT\)/],
    ['standard input twice', ['--flows', '-', '--audit-log', '-'], /standard input can be read once only/],
  ])('%s', async (_what, options, expected) => {
    const { exitCode, stderr, stdout } = await cli([...scan, ...options])
    expect([exitCode, stdout]).toEqual([2, ''])
    expect(stderr).toMatch(expected)
  })
})
