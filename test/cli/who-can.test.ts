/** `who-can` on the command line: what is printed, what is warned of, and which number comes back. */
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { cli } from '../helpers/cli.ts'

const RBAC = `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: deployer}
rules:
  - {verbs: [create, get], apiGroups: [""], resources: [pods, pods/exec]}
  - {verbs: ["*"], apiGroups: [apps], resources: ["*"]}
  - {verbs: [get], nonResourceURLs: [/metrics/*]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: deployers}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: deployer}
subjects:
  - {kind: ServiceAccount, name: robot, namespace: ci}
  - {apiGroup: rbac.authorization.k8s.io, kind: Group, name: team}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: shop-team, namespace: shop}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: deployer}
subjects:
  - {apiGroup: rbac.authorization.k8s.io, kind: User, name: jane}
  - {apiGroup: rbac.authorization.k8s.io, kind: User, name: "system:serviceaccount:ci:robot"}
`
const DANGLING = `
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: lost, namespace: shop}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: elsewhere}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: joe}]
`
const whoCan = (args: readonly string[], input = RBAC) => cli(['who-can', ...args, '--manifests', '-'], { input })
const EXEC = { verbs: ['create', 'get'], apiGroups: [''], resources: ['pods', 'pods/exec'] }

describe('who', () => {
  test('JSON: subjects with the bindings that count in that namespace; one that is named twice stands once', async () => {
    const { exitCode, stdout } = await whoCan(['create', 'po/exec', '-n', 'shop', '-o', 'json'])
    expect(exitCode).toBe(0)
    const cluster = { binding: 'ClusterRoleBinding/deployers', role: 'ClusterRole/deployer', rule: EXEC }
    const shop = { binding: 'RoleBinding/shop/shop-team', role: 'ClusterRole/deployer', rule: EXEC }
    expect(JSON.parse(stdout)).toEqual({
      subjects: [
        { kind: 'Group', name: 'team', namespace: '', via: [cluster] },
        { kind: 'ServiceAccount', name: 'robot', namespace: 'ci', via: [cluster, shop] },
        { kind: 'User', name: 'jane', namespace: '', via: [shop] },
      ],
      complete: true,
    })
  })

  test('a name that steers a terminal reaches it neither as JSON nor as a table', async () => {
    const name = 'x\u009b2Jy\u202ez'
    const input = RBAC.replace('name: team}', `name: ${JSON.stringify(name)}}`)
    const json = await whoCan(['create', 'pods', '-o', 'json'], input)
    expect(json.stdout).not.toMatch(/[\u0080-\u009f\u202e]/)
    expect(JSON.parse(json.stdout).subjects[0].name).toBe(name)
    const questions = join(mkdtempSync(join(tmpdir(), 'k8s-harden-who-')), 'questions.jsonl')
    writeFileSync(questions, JSON.stringify({ as: { kind: 'Group', name }, verb: 'get', path: `/metrics/${name}` }))
    expect((await whoCan(['--questions', questions], input)).stdout).not.toMatch(/[\u0080-\u009f\u202e]/)
    expect((await whoCan(['create', 'pods'], input)).stdout).not.toMatch(/[\u0080-\u009f\u202e]/)
  })

  test('without a namespace: all at once, and in the table also who may in single ones', async () => {
    const json = JSON.parse((await whoCan(['create', 'pods', '-o', 'json'])).stdout)
    expect(json.subjects.map((one: { name: string }) => one.name)).toEqual(['team', 'robot'])
    const { stdout } = await whoCan(['create', 'pods'])
    expect(stdout).toMatch(/Group team +ClusterRoleBinding\/deployers +ClusterRole\/deployer +create, get on pods, pods\/exec\n/)
    expect(stdout.slice(stdout.indexOf('In single namespaces'))).toMatch(/\nshop +ServiceAccount ci\/robot +RoleBinding\/shop\/shop-team/)
  })

  test('names as for kubectl; what is not known is warned of, not refused', async () => {
    for (const name of ['deploy', 'Deployment', 'deployments', 'deployments.apps', 'deployments.v1.apps'])
      expect(JSON.parse((await whoCan(['delete', name, '-o', 'json'])).stdout).subjects, name).toHaveLength(2)
    const unknown = await whoCan(['get', 'widgets.example.com'])
    expect(unknown.exitCode).toBe(0)
    expect(unknown.stderr).toContain('no resource widgets in API group example.com is known here')
    expect(unknown.stdout).toContain('nobody that a binding names')
    expect(JSON.parse((await whoCan(['get', '/metrics/slis', '-o', 'json'])).stdout).subjects).toHaveLength(2)
    expect((await whoCan(['create', 'pods', '--name', 'one'])).stderr).toContain('shows the authorizer no name: one is left out')
  })

  test('a role that is not among the files makes it incomplete', async () => {
    const { stdout, stderr } = await whoCan(['get', 'secrets', '-n', 'shop', '-o', 'json'], DANGLING)
    expect(JSON.parse(stdout)).toEqual({ subjects: [], complete: false })
    expect(stderr).toContain('RoleBinding/shop/lost grants Role/shop/elsewhere, which is not among the files')
    expect(JSON.parse((await whoCan(['get', 'secrets', '-n', 'pay', '-o', 'json'], DANGLING)).stdout).complete).toBe(true)
  })
})

describe('one subject', () => {
  test('yes with the reason, no, and no as far as can be seen', async () => {
    const yes = await whoCan(['--as', 'ServiceAccount:ci:robot', 'create', 'pods/exec', '-n', 'pay'])
    expect([yes.exitCode, yes.stdout]).toEqual([
      0,
      'yes\n  by ClusterRoleBinding/deployers, ClusterRole/deployer: create, get on pods, pods/exec',
    ])
    expect((await whoCan(['--as', 'User:jane', 'create', 'pods', '-n', 'pay'])).exitCode).toBe(1)
    expect((await whoCan(['--as', 'User:jane', '--as-group', 'team', 'create', 'pods', '-n', 'pay'])).exitCode).toBe(0)
    expect((await whoCan(['--as', 'Group:team', 'create', 'pods', '-n', 'pay'])).exitCode).toBe(0)
    const unsure = await whoCan(['--as', 'User:jane', 'get', 'secrets', '-n', 'shop', '-o', 'json'], DANGLING)
    expect([unsure.exitCode, JSON.parse(unsure.stdout)]).toEqual([5, { allowed: false, via: [], complete: false }])
  })

  test('what names nobody, or asks nothing, is an error of usage', async () => {
    for (const args of [
      ['--as', 'jane', 'get', 'pods'],
      ['--as', 'ServiceAccount:robot', 'get', 'pods'],
      ['get'],
      ['get', 'pods', '--as-group', 'team'],
    ])
      expect((await whoCan(args)).exitCode, args.join(' ')).toBe(2)
  })
})

describe('questions', () => {
  const files = (questions: string): [string, string] => {
    const dir = mkdtempSync(join(tmpdir(), 'k8s-harden-who-can-'))
    writeFileSync(join(dir, 'rbac.yaml'), RBAC)
    writeFileSync(join(dir, 'questions'), questions)
    return [join(dir, 'rbac.yaml'), join(dir, 'questions')]
  }

  test('one answer a line, in order; what is no question is answered in place', async () => {
    const lines = [
      '{"as": "ServiceAccount:ci:robot", "verb": "create", "resource": "pods", "subresource": "exec", "namespace": "shop"}',
      'not JSON',
      '{"as": {"kind": "User", "name": "jane"}, "groups": ["team"], "verb": "patch", "group": "apps", "resource": "deployments/scale", "namespace": "pay"}',
      '{"as": "User:jane", "verb": "get", "path": "/metrics/x"}',
      '{"verb": "get", "resource": "deploy"}',
      '{"as": "User:jane", "verb": "get", "resource": "pods", "namespaces": "shop"}',
    ]
    const [rbac, questions] = files(lines.join('\n'))
    const { exitCode, stdout } = await cli(['who-can', '--manifests', rbac, '--questions', questions, '--as', 'Group:team'])
    const answers = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(exitCode).toBe(2)
    expect(answers.map(({ allowed, error }) => allowed ?? error)).toEqual([
      true,
      'the line is no JSON',
      true,
      false,
      true,
      expect.stringContaining('there is no field "namespaces"'),
    ])
    expect(answers[0].via.map(({ binding }: { binding: string }) => binding)).toEqual([
      'ClusterRoleBinding/deployers',
      'RoleBinding/shop/shop-team',
    ])
    expect(answers[1]).toEqual({ line: 2, error: 'the line is no JSON' })
    expect(answers[3]).toEqual({ allowed: false, via: [], complete: true })
  })

  test('standard input; a line without end is refused, the next one still answered', async () => {
    const [rbac] = files('')
    const input = `{"as": "${'x'.repeat(3_000_000)}"}\n{"as": "Group:team", "verb": "get", "resource": "po"}\n`
    const { exitCode, stdout } = await cli(['who-can', '--manifests', rbac, '--questions', '-'], { input })
    expect(exitCode).toBe(2)
    expect(
      stdout
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toMatchObject([{ line: 1, error: expect.stringContaining('longer') }, { allowed: true }])
    expect((await cli(['who-can', '--manifests', rbac, '--questions', join(rbac, 'no-such-file')])).exitCode).toBe(2)
  })
})
