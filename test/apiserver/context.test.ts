import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { ConfigProblem, listContexts, pickContext } from '../../src/apiserver/context.ts'

const dir = mkdtempSync(join(tmpdir(), 'kubeconfig-'))
let files = 0
function file(content: unknown): string {
  const path = join(dir, `config-${++files}`)
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content))
  return path
}
const config = (name: string, more: object = {}) => ({
  clusters: [{ name, cluster: { server: `https://${name}.example.test:6443/`, 'certificate-authority': 'ca.crt' } }],
  users: [{ name, user: { token: `token-of-${name}`, tokenFile: 'token' } }],
  contexts: [{ name, context: { cluster: name, user: name, namespace: 'shop' } }],
  'current-context': name,
  ...more,
})
const nowhere = { env: {}, home: dir }
function problem(act: () => unknown): ConfigProblem {
  try {
    act()
  } catch (error) {
    if (error instanceof ConfigProblem) return error
    throw error
  }
  throw new Error('there was no problem')
}

describe('kubeconfig', () => {
  test('the current context, its paths relative to its own file', () => {
    const context = pickContext({ ...nowhere, kubeconfig: file(config('prod')) })
    expect(context).toMatchObject({
      name: 'prod',
      server: 'https://prod.example.test:6443',
      namespace: 'shop',
      cluster: { 'certificate-authority': join(dir, 'ca.crt') },
      user: { tokenFile: join(dir, 'token') },
    })
  })

  test('--kubeconfig wins over KUBECONFIG, whose files are merged, the first name winning', () => {
    const one = file(config('prod'))
    const two = file({
      ...config('stage'),
      clusters: [...config('stage').clusters, { name: 'prod', cluster: { server: 'https://impostor.example.test' } }],
    })
    const env = { KUBECONFIG: [join(dir, 'missing'), one, two].join(delimiter) }
    expect(listContexts({ ...nowhere, env }).map(({ name, current, server }) => [name, current, server])).toEqual([
      ['prod', true, 'https://prod.example.test:6443/'],
      ['stage', false, 'https://stage.example.test:6443/'],
    ])
    expect(pickContext({ ...nowhere, env, context: 'stage' }).server).toBe('https://stage.example.test:6443')
    expect(pickContext({ ...nowhere, env, kubeconfig: two }).name).toBe('stage')
  })

  test('a list of contexts holds no credentials', () => {
    expect(JSON.stringify(listContexts({ ...nowhere, kubeconfig: file(config('prod')) }))).not.toContain('token-of')
  })

  test('nothing at all: says so, and offers the sample', () => {
    const none = problem(() => pickContext({ env: {}, home: join(dir, 'nobody') }))
    expect(none.reason).toBe('no-kubeconfig')
    expect(none.tryNext).toContain('k8s-harden --sample')
  })

  test('a missing file is named', () => {
    expect(problem(() => pickContext({ ...nowhere, kubeconfig: '/no/such/file' }))).toMatchObject({
      reason: 'missing-file',
      message: 'there is no kubeconfig at /no/such/file',
    })
    expect(problem(() => pickContext({ ...nowhere, env: { KUBECONFIG: '/no/such/file' } })).reason).toBe('missing-file')
    expect(problem(() => pickContext({ ...nowhere, kubeconfig: dir })).reason).toBe('unreadable-file')
  })

  test('malformed YAML is named with its line, and never quoted', () => {
    const malformed = problem(() => pickContext({ ...nowhere, kubeconfig: file('users:\n- name: a\n  user: {token: s3cr3t\n- b: [') }))
    expect(malformed.reason).toBe('malformed')
    expect(malformed.message).toMatch(/in line [34]/)
    expect(malformed.message).not.toContain('s3cr3t')
  })

  test.each([
    ['a list', '- 1'],
    ['text', 'hello'],
    ['clusters that are no list', 'clusters: 5'],
    ['a context without a name', 'contexts: [{context: {}}]'],
  ])('%s is no kubeconfig', (_what, text) => {
    expect(problem(() => pickContext({ ...nowhere, kubeconfig: file(text) })).reason).toBe('malformed')
  })

  test('a context that does not exist: those that do are named', () => {
    const unknown = problem(() => pickContext({ ...nowhere, kubeconfig: file(config('prod')), context: 'porduction\u001b[31m' }))
    expect(unknown).toMatchObject({
      reason: 'no-such-context',
      message: 'no context is named "porduction": there is prod',
      tryNext: ['--context prod'],
    })
  })

  test('no current context: the choices are named', () => {
    expect(problem(() => pickContext({ ...nowhere, kubeconfig: file(config('prod', { 'current-context': '' })) }))).toMatchObject({
      reason: 'no-current-context',
      tryNext: ['--context prod'],
    })
  })

  test.each([
    ['cluster', { contexts: [{ name: 'prod', context: { cluster: 'gone', user: 'prod' } }] }],
    ['user', { contexts: [{ name: 'prod', context: { cluster: 'prod', user: 'gone' } }] }],
    ['server', { clusters: [{ name: 'prod', cluster: { server: 'ftp://x' } }] }],
  ])('a context whose %s is not usable is incomplete', (_what, more) => {
    expect(problem(() => pickContext({ ...nowhere, kubeconfig: file(config('prod', more)) })).reason).toBe('incomplete-context')
  })
})
