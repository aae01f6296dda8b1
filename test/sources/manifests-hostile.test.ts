import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import type { ConfigMapObject, NetworkPolicyObject, PodObject } from '../../src/model/index.ts'
import { manifestsSource } from '../../src/sources/manifests.ts'
import { ALL, directoryOf, scan } from './manifests-helper.ts'

const good = 'apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: good}\n'
const hostile = fileURLToPath(new URL('../worlds/hostile', import.meta.url))

describe('hostile and broken files', () => {
  test('each is named with its line and the rest is read', async () => {
    const seen = await scan(manifestsSource(hostile))
    expect(Object.fromEntries([...seen.problems].sort())).toEqual({
      'alias-bomb.yaml': { line: 1, message: expect.stringMatching(/aliases stand for \d+ values/) },
      'contains-itself.yaml': { line: expect.any(Number), message: expect.stringContaining('no valid YAML') },
      'malformed.yaml': { line: 9, message: expect.stringContaining('no valid YAML') },
      'template.yaml': { line: 1, message: expect.stringContaining('unrendered template') },
      'wrong-shapes.yaml': { line: 7, message: 'Deployment: spec.template.spec.containers must be a list; 4 more at lines 11, 16, 25, 31' },
    })
    expect([...seen.kinds.get('ServiceAccount')!.keys()]).toEqual(['default/before', 'default/after', 'shop/good'])
    expect(seen.kinds.get('PrometheusRule')!.size).toBe(1)
  })

  test('what is not UTF-8 is named with its line, and so is a container that is nothing', async () => {
    using directory = directoryOf({
      'latin.yaml': Buffer.from('apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: a} # caf\xe9\n', 'latin1'),
      'torn.yaml': Buffer.from('\ufeffkind: A\ud800\n', 'utf16le'),
      'null.yaml': `apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n  - name: a\n  -\n---\n${good}`,
    })
    const seen = await scan(manifestsSource(directory.path))
    expect(Object.fromEntries(seen.problems)).toEqual({
      'latin.yaml': { line: 3, message: expect.stringContaining('is not UTF-8, so kubectl refuses it') },
      'torn.yaml': { line: 1, message: expect.stringContaining('begins as UTF-16 and is not') },
      'null.yaml': { line: 5, message: 'Pod: spec.containers[1] is empty' },
    })
    expect([...seen.kinds.get('ServiceAccount')!.keys()]).toEqual(['default/good'])
    expect(seen.kinds.get('Pod')!.size).toBe(0)
  })

  test('a bracket that closes in the column of its key is no fault', async () => {
    using directory = directoryOf({ 'a.yaml': 'apiVersion: v1\nkind: ServiceAccount\nmetadata: {\n  name: a\n}\nsecrets: [\n]\n' })
    const seen = await scan(manifestsSource(directory.path))
    expect([seen.problems.size, [...seen.kinds.get('ServiceAccount')!.keys()]]).toEqual([0, ['default/a']])
  })

  test('`__proto__` is a key like any other', async () => {
    const seen = await scan(manifestsSource(hostile))
    const object = seen.kinds.get('ConfigMap')!.get('default/prototype') as ConfigMapObject
    expect(Object.keys(object.data!)).toEqual(['__proto__', 'toString'])
    expect(Object.getPrototypeOf(object.metadata)).toBe(Object.prototype)
    expect((object as unknown as Record<string, unknown>)['polluted']).toBeUndefined()
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
  })

  test('control characters are data', async () => {
    const pods = (await scan(manifestsSource(hostile))).kinds.get('Pod')!
    expect([...pods.keys()]).toContain('default/evil\u001b[2J\u0007\u202e')
  })

  test('what the API server forgives is put right before a control sees it', async () => {
    const { kinds } = await scan(manifestsSource(hostile))
    expect((kinds.get('Pod')!.get('default/no-spec') as PodObject).spec).toEqual({ containers: [] })
    // A null rule is a rule that allows everything.
    expect((kinds.get('NetworkPolicy')!.get('default/holes') as NetworkPolicyObject).spec).toEqual({
      ingress: [{}],
      egress: [{ to: [{}] }],
    })
    expect(kinds.get('ClusterRoleBinding')!.get('binds-nothing')).toMatchObject({ roleRef: { kind: '', name: '' } })
  })

  test.each([
    ['deep nesting', `kind: Pod\na: ${'['.repeat(50_000)}`, 'nesting'],
    ['deep nesting in JSON', `{"kind":"Pod","apiVersion":"v1","a":${'['.repeat(50_000)}${']'.repeat(50_000)}}`, 'nested deeper than'],
    [
      'deep nesting by aliases',
      `kind: Pod\na0: &a0 []\n${Array.from({ length: 200 }, (_, n) => `a${n + 1}: &a${n + 1} [*a${n}]`).join('\n')}\n`,
      'nested deeper than',
    ],
    ['a document of 11 MB', `kind: Pod\nx: "${'x'.repeat(11 * 1024 * 1024)}"\n`, 'larger than'],
    ['binary data', new Uint8Array([0x6b, 0, 1, 2, 0xff]), 'binary'],
    ['very many documents', `${'---\n'.repeat(150_000)}${good}`, 'more than'],
    ['two documents in one', `${good}...\n${good}`, 'end-of-document'],
    ['a kind without apiVersion', 'kind: Pod\nmetadata: {name: a}\n', 'without apiVersion'],
  ])('%s', async (_name, content, message) => {
    using directory = directoryOf({ 'a.yaml': content, 'good.yaml': good })
    const seen = await scan(manifestsSource(directory.path))
    expect(seen.problems.get('a.yaml')?.message).toContain(message)
    expect(seen.kinds.get('ServiceAccount')!.size).toBeGreaterThan(0)
  })

  test('links in circles, to nothing, and out of the directory; a file and a link to it count once', async () => {
    using elsewhere = directoryOf({ 'secret.yaml': good.replace('good', 'outside') })
    using directory = directoryOf({ 'sub/good.yaml': good })
    symlinkSync('.', `${directory.path}/sub/loop`)
    symlinkSync('nothing.yaml', `${directory.path}/dangling.yaml`)
    symlinkSync('self.yaml', `${directory.path}/self.yaml`)
    symlinkSync(`${elsewhere.path}/secret.yaml`, `${directory.path}/out.yaml`)
    symlinkSync(elsewhere.path, `${directory.path}/away`)
    symlinkSync('sub/good.yaml', `${directory.path}/again.yaml`)
    const seen = await scan(manifestsSource(directory.path))
    expect([...seen.kinds.get('ServiceAccount')!.keys()]).toEqual(['default/good'])
    expect(Object.fromEntries([...seen.problems].map(([file, { message }]) => [file, message]))).toEqual({
      'dangling.yaml': 'is a link to nothing',
      'self.yaml': 'is a link that leads to itself',
      'out.yaml': expect.stringContaining('outside'),
      away: expect.stringContaining('outside'),
    })
  })

  test.skipIf(process.getuid?.() === 0)('a file that may not be read (not as root)', async () => {
    using directory = directoryOf({ 'good.yaml': good, 'a.yaml': good })
    chmodSync(`${directory.path}/a.yaml`, 0)
    expect((await scan(manifestsSource(directory.path))).problems.get('a.yaml')?.message).toContain('permission denied')
  })

  test('aliases in ordinary measure are followed', async () => {
    using directory = directoryOf({})
    writeFileSync(
      `${directory.path}/a.yaml`,
      'apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n  - &a {name: one, image: a:1}\n  - <<: *a\n    name: two\n',
    )
    const pod = (await scan(manifestsSource(directory.path))).kinds.get('Pod')!.get('default/a') as PodObject
    expect(pod.spec.containers).toEqual([
      { name: 'one', image: 'a:1' },
      { image: 'a:1', name: 'two' },
    ])
  })
})

describe('what no API server would take', () => {
  const problemsOf = async (text: string): Promise<string[]> => {
    using directory = directoryOf({ 'a.yaml': text, 'good.yaml': good })
    return [...(await scan(manifestsSource(directory.path))).problems.values()].map(({ line, message }) => `${line} ${message}`)
  }

  test('"true" in quotes is no true', async () => {
    const pod = (privileged: string) =>
      `apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n    - name: c\n      securityContext:\n        privileged: ${privileged}\n`
    expect(await problemsOf(pod('"true"'))).toEqual(['8 Pod: spec.containers[0].securityContext.privileged must be true or false'])
    expect(await problemsOf(pod('yes'))).toEqual([])
    expect(await problemsOf('apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {hostNetwork: "true", containers: []}\n')).toEqual([
      '4 Pod: spec.hostNetwork must be true or false',
    ])
  })

  test('a template whose expressions are quoted is valid YAML and still no object', async () => {
    expect(await problemsOf('apiVersion: v1\nkind: Pod\nmetadata: {name: "{{ .Release.Name }}-x"}\nspec: {containers: []}\n')).toEqual([
      expect.stringMatching(/^1 an unrendered template/),
    ])
  })

  test('items of a List that are not read are told', async () => {
    expect(
      await problemsOf(
        'apiVersion: v1\nkind: List\nitems:\n  - {apiVersion: v1, kind: List, items: []}\n  - {kind: Pod, metadata: {name: a}}\n',
      ),
    ).toEqual([expect.stringMatching(/^4 a List inside a List was not read.*1 more at line 5/)])
  })
})

describe.skipIf(process.platform === 'win32')('pipes', () => {
  test('a named pipe is read to its end, and waiting for one can be interrupted', async () => {
    using directory = directoryOf({})
    const pipe = join(directory.path, 'pipe')
    spawnSync('mkfifo', [pipe])
    const writer = spawn('sh', [
      '-c',
      `{ printf 'apiVersion: v1\\nkind: ServiceAccount\\n'; sleep 0.1; echo 'metadata: {name: piped}'; } > ${pipe}`,
    ])
    const closed = once(writer, 'close')
    expect([...(await scan(manifestsSource(pipe))).kinds.get('ServiceAccount')!.keys()]).toEqual(['default/piped'])
    await closed
    const abort = new AbortController()
    const silent = spawn('sh', ['-c', `exec 3> ${pipe}; read -r _`])
    const events = manifestsSource(pipe).events({ signal: abort.signal, follow: false, wanted: ALL })[Symbol.asyncIterator]()
    const first = events.next()
    abort.abort()
    expect(await first).toMatchObject({ done: true })
    silent.kill('SIGKILL')
  })
})
