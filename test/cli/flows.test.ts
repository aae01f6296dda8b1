/** `--flows`: what is wrong with a record is said, and what is right is taken. */
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { SCAN } from '../../bin/scan-schema.ts'
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
  const { exitCode, stderr, stdout } = await cli([...scan, '--flows', good, '--flows', good])
  expect(exitCode, stderr).toBe(0)
  const report = SCAN.parse(JSON.parse(stdout))
  expect(report.flows).toMatchObject({ from: [good, good], records: 2, flows: 1, unresolved: 1 })
  expect(report.flows!.doubts).toEqual([
    '2 of 2 records of flows do not say when: they are taken to be of now',
    '1 of 1 flows name a private address whose owner could not be read',
  ])
  for (const command of [
    ['apply', '--dry-run', '--yes'],
    ['generate', '--out', join(dir, 'out')],
  ]) {
    const { exitCode: code, stderr: words } = await cli([...command, ...scan.slice(1, 3), ...scan.slice(-2), '--flows', good])
    expect(code, words).toBe(0)
  }
})

test('the table tells of it, and without a record nothing does', async () => {
  const table = scan.map((word) => (word === 'json' ? 'table' : word))
  expect((await cli([...table, '--flows', good])).stdout).toContain(
    'flows seen: 1 different ones in 1 records, 1 of them with an end that is not known any more\n  1 of 1',
  )
  expect((await cli(table)).stdout).not.toContain('flows seen')
  expect(JSON.parse((await cli(scan)).stdout)).not.toHaveProperty('flows')
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
