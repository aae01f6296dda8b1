/** `--audit-log`: what it makes known, and what is wrong with one is said. */
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { cli } from '../helpers/cli.ts'

const dir = mkdtempSync(join(tmpdir(), 'k8s-harden-audit-log-'))
const file = (name: string, text: string): string => {
  writeFileSync(join(dir, name), text)
  return join(dir, name)
}
const event = (user: string, verb: string, resource: string) =>
  JSON.stringify({
    ...{
      kind: 'Event',
      apiVersion: 'audit.k8s.io/v1',
      stage: 'ResponseComplete',
      verb,
      user: { username: user },
      responseStatus: { code: 200 },
    },
    ...{ objectRef: { resource, namespace: 'shop' }, stageTimestamp: '2026-11-20T00:00:00Z' },
  })
const ALL = ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete', 'deletecollection'].map((verb) =>
  event('system:admin', verb, 'pods'),
)
const manifests = file(
  'rbac.json',
  [
    {
      kind: 'Role',
      metadata: { name: 'cart', namespace: 'shop' },
      rules: [{ apiGroups: [''], resources: ['services'], verbs: ['list', 'delete'] }],
    },
    {
      ...{ kind: 'RoleBinding', metadata: { name: 'cart', namespace: 'shop' } },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'cart' },
      subjects: [{ kind: 'ServiceAccount', name: 'cart', namespace: 'shop' }],
    },
  ]
    .map((one) => JSON.stringify({ apiVersion: 'rbac.authorization.k8s.io/v1', ...one }))
    .join('\n---\n'),
)
const log = file('audit, of monday.log', [...ALL, event('system:serviceaccount:shop:cart', 'list', 'services')].join('\n'))
const scan = ['scan', '--manifests', manifests, '--control', 'rbac-unused-rights', '-o', 'json']

test('without one the control is not applicable, with one it tells what was not used', async () => {
  expect(JSON.parse((await cli(scan)).stdout)).toMatchObject({ results: [{ status: 'notApplicable' }] })
  const { stdout, exitCode } = await cli([...scan, '--audit-log', log, '--fail-on', 'medium'])
  expect(JSON.parse(stdout)).toMatchObject({ results: [{ status: 'fail', findings: [{ evidence: { rules: ['delete on services'] } }] }] })
  expect(exitCode).toBe(1)
})

test('generate writes the learned role', async () => {
  const out = join(dir, 'out')
  const { exitCode, stdout, stderr } = await cli(['generate', ...scan.slice(1, -2), '--audit-log', log, '--out', out])
  expect(exitCode, stdout + stderr).toBe(0)
  expect(readFileSync(join(out, 'README.md'), 'utf8')).toContain('cart-used')
})

describe('what cannot be used is an error of usage', () => {
  test.each([
    ['a file that is not there', ['--audit-log', join(dir, 'nowhere')], /nowhere cannot be read \(ENOENT\)/],
    ['a file without events', ['--audit-log', manifests], /holds no audit event that counts: \d+ lines of something else/],
    ['standard input twice', ['--audit-log', '-', '--audit-log', '-'], /standard input can be read once only/],
  ])('%s', async (_what, args, message) => {
    const { exitCode, stderr } = await cli([...scan, ...args])
    expect(exitCode).toBe(2)
    expect(stderr).toMatch(message)
  })
})

test('explain --subject shows what is granted next to what was used', async () => {
  const asked = ['explain', '--subject', 'sa:shop:cart', '--manifests', manifests, '--audit-log', log]
  const { usage } = JSON.parse((await cli([...asked, '-o', 'json'])).stdout)
  expect(usage).toMatchObject({
    seen: true,
    denied: [],
    bindings: [{ binding: 'RoleBinding shop/cart', unseen: [], usedOnlyByControllers: [] }],
  })
  expect([usage.bindings[0].used, usage.bindings[0].unused]).toEqual([['list on services'], ['delete on services']])
  expect((await cli(asked)).stdout).toMatch(/granted and used:\n +list on services\n +granted and unused:\n +delete on services/)
  expect(JSON.parse((await cli([...asked.slice(0, -2), '-o', 'json'])).stdout)).not.toHaveProperty('usage')
})
