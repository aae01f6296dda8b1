import { existsSync, globSync, readFileSync } from 'node:fs'
import { diffLines } from 'diff'
import { describe, expect, test } from 'vitest'
import type { Edit, Json, Path } from '../../src/model/index.ts'
import { yamlValue } from '../../src/objects/yaml-dialect.ts'
import { appendDocument, editYaml, removeDocument, removeItem, YamlEditRefused } from '../../src/objects/yaml-edit.ts'
import { objectsIn } from '../../src/objects/yaml-find.ts'
import { redact } from '../../src/objects/yaml-redact.ts'

const set = (to: Json, ...path: Path): Edit => ({ set: path, to })
const unset = (...path: Path): Edit => ({ unset: path })
const edited = (text: string, ...edits: Edit[]): string => editYaml(text, 0, undefined, edits)

describe('in place', () => {
  test.each<[string, string, Edit[], string]>([
    ['a scalar keeps its comment', 'a: 1 # why\nb: 2\n', [set(3, 'a')], 'a: 3 # why\nb: 2\n'],
    [
      'a flag with another value keeps its comments',
      'a:\n  - x\n  # at least\n  - --b=1 # or more\n',
      [set(['x', '--b=2', '--c=3'], 'a')],
      'a:\n  - x\n  # at least\n  - --b=2 # or more\n  - --c=3\n',
    ],
    ['a quoted scalar', "a: 'x' # why\n", [set('v', 'a')], 'a: v # why\n'],
    [
      'text that some readers take for a number is quoted',
      'a: 1\n',
      [set('E0', 'a'), set('-e1', 'b'), set('e1x', 'c')],
      'a: "E0"\nb: "-e1"\nc: e1x\n',
    ],
    [
      'text that YAML 1.1 takes for something else is quoted',
      'a: 1\n',
      [set('yes', 'a'), set('012', 'b'), set('12:30', 'c'), set('y', 'd')],
      'a: "yes"\nb: "012"\nc: "12:30"\nd: "y"\n',
    ],
    ['a value where there was none', 'a:\nb: # why\n', [set(1, 'a'), set({ c: 1 }, 'b')], 'a: 1\nb: # why\n  c: 1\n'],
    [
      'missing parents',
      'spec:\n    containers:\n    - name: a\n',
      [set(true, 'spec', 'containers', { name: 'a' }, 'securityContext', 'runAsNonRoot')],
      'spec:\n    containers:\n    - name: a\n      securityContext:\n          runAsNonRoot: true\n',
    ],
    ['a key behind a block scalar', 'a: |\n  x\n\n# next\nb: 1\n', [set(2, 'c')], 'a: |\n  x\n\n# next\nb: 1\nc: 2\n'],
    ['a key behind a last block scalar', 'm:\n  a: |\n    x\n\nb: 1\n', [set(2, 'm', 'c')], 'm:\n  a: |\n    x\n  c: 2\n\nb: 1\n'],
    [
      'a key behind a block scalar that keeps its end',
      'm:\n  a: |+\n    x\n\nb: 1\n',
      [set(2, 'm', 'c')],
      'm:\n  a: |+\n    x\n\n  c: 2\nb: 1\n',
    ],
    ['a line in a block scalar', 'a: |\n  x\n  y\nb: 1\n', [set('x\nz\n', 'a')], 'a: |\n  x\n  z\nb: 1\n'],
    ['the last key of a mapping goes', 'a:\n  # why\n  b: 1\nc: 2\n', [unset('a', 'b')], 'a: {}\n  # why\nc: 2\n'],
    ['the first key behind a dash goes', 'l:\n- a: 1\n  b: 2\n', [unset('l', 0, 'a')], 'l:\n- b: 2\n'],
    ['the first key behind a dash, a comment below', 'l:\n- a: 1\n  # why\n  b: 2\n', [unset('l', 0, 'a')], 'l:\n-\n  # why\n  b: 2\n'],
    ['no line break at the end', 'a: 1\nb: 2', [set(3, 'b'), set(4, 'c')], 'a: 1\nb: 3\nc: 4'],
    ['CRLF', 'a: 1\r\nb:\r\n  c: 1\r\n', [set({ e: 1 }, 'b', 'd')], 'a: 1\r\nb:\r\n  c: 1\r\n  d:\r\n    e: 1\r\n'],
    [
      'braces',
      'a: {b: 1, c: [x, y]} # why\n',
      [set(2, 'a', 'b'), set(['x', 'z'], 'a', 'c'), set('n', 'a', 'd')],
      'a: {b: 2, c: [x, z], d: "n"} # why\n',
    ],
    [
      'empty braces are opened up',
      'a: {} # why\nb: []\n',
      [set(1, 'a', 'x'), set(['NET_RAW'], 'b')],
      'a: # why\n  x: 1\nb:\n  - NET_RAW\n',
    ],
    ['braces become empty', 'a: {b: 1}\nc: [x]\n', [unset('a', 'b'), set([], 'c')], 'a: {}\nc: []\n'],
    [
      'a scalar becomes a mapping and back',
      'a: x # why\nb:\n  c: 1\nd: 1\n',
      [set({ v: 1 }, 'a'), set('z', 'b')],
      'a: # why\n  v: 1\nb: z\nd: 1\n',
    ],
    [
      'a list in the column of its key',
      'drop:\n- ALL\nx: 1\n',
      [set(['ALL', 'NET_RAW'], 'drop'), set(['a'], 'v')],
      'drop:\n- ALL\n- NET_RAW\nx: 1\nv:\n- a\n',
    ],
    ['lists of lists', 'a:\n- - x\n  - v\n- - z\n', [set([['v'], ['z', 'w']], 'a')], 'a:\n- - v\n- - z\n  - w\n'],
    ['a leading separator with a comment', '--- # first\na: 1\n', [set(2, 'a')], '--- # first\na: 2\n'],
    ['a byte order mark', '\ufeffa: 1\nb: 2\n', [unset('a'), set(3, 'c')], '\ufeffb: 2\nc: 3\n'],
    ['of equal keys the one that counts', 'a: 1\na: 2\n', [set(3, 'a')], 'a: 1\na: 3\n'],
    [
      'wide dashes',
      'l:\n  -   a: 1\n      b: 2\n',
      [
        set(
          [
            { a: 1, b: 2, c: 3 },
            { d: 1, e: 2 },
          ],
          'l',
        ),
      ],
      'l:\n  -   a: 1\n      b: 2\n      c: 3\n  -   d: 1\n      e: 2\n',
    ],
    [
      'a key that needs quotes',
      'metadata:\n  name: x\n',
      [set('v', 'metadata', 'labels', 'pod-security.kubernetes.io/enforce'), set('w', 'metadata', 'labels', 'yes')],
      'metadata:\n  name: x\n  labels:\n    pod-security.kubernetes.io/enforce: v\n    "yes": w\n',
    ],
    [
      'a block scalar does not take over the comments of what went',
      'm:\n  a: |2-\n    x\n  b:\n    c: 1\n    # why\nd: 1\n',
      [unset('m', 'b')],
      'm:\n  a: |2-\n    x\nd: 1\n',
    ],
    ['a comment in the header of a block scalar', 'a: | # why\n  x\nb: 1\n', [set('v', 'a')], 'a: v # why\nb: 1\n'],
    ['a key with a question mark beside it', '? a\n: 1\nb: 1\n', [set(2, 'b'), set(3, 'c')], '? a\n: 1\nb: 2\nc: 3\n'],
    ['a key with a question mark', '? a\n# why\n: 1\nb: 1\n', [set(2, 'a')], '? a\n# why\n: 2\nb: 1\n'],
    [
      'a closing bracket in the column of its key',
      'm:\n  a: {\n    b: 1\n  }\n  c: [\n  x,\n  "two\n  lines"\n  ]\n',
      [set(2, 'm', 'a', 'b'), set(3, 'm', 'd')],
      'm:\n  a: {\n    b: 2\n  }\n  c: [\n  x,\n  "two\n  lines"\n  ]\n  d: 3\n',
    ],
    [
      'comments below a last container stay with it',
      'spec:\n  containers:\n  - name: a\n    # ports: []\n\n  # - name: b\n\n# next\nstatus: {}\n',
      [set(true, 'spec', 'hostPID'), set('x', 'spec', 'containers', { name: 'a' }, 'image')],
      'spec:\n  containers:\n  - name: a\n    # ports: []\n    image: x\n\n  # - name: b\n  hostPID: true\n\n# next\nstatus: {}\n',
    ],
    [
      'a comment about what follows a list stays above it',
      'l:\n- a\n# next\nb: 1\n',
      [set(['a', 'c'], 'l')],
      'l:\n- a\n- c\n# next\nb: 1\n',
    ],
    ['a comment about the next item stays above it', 'l:\n- a\n# b\n- b\n', [set(['a', 'c', 'b'], 'l')], 'l:\n- a\n- c\n# b\n- b\n'],
    ['a note at the foot of a document stays there', 'a: 1\n\n# foot\n', [set(2, 'b')], 'a: 1\nb: 2\n\n# foot\n'],
    [
      'entries in brackets go without the comments of others',
      'm: {\n  a: 1, # a\n  # about b\n  b: 2, # b\n  c: 3\n }\n',
      [unset('m', 'a'), unset('m', 'c')],
      'm: {\n  # about b\n  b: 2 # b\n }\n',
    ],
    ['`__proto__`', 'a: 1\n', [set(1, '__proto__', 'x')], 'a: 1\n__proto__:\n  x: 1\n'],
  ])('%s', (_name, before, edits, after) => {
    expect(edited(before, ...edits)).toBe(after)
  })

  test('setting a list keeps the text of the items that stay', () => {
    const text = 'env:\n  # one\n  - name: A   # first\n    value: "1"\n  # two\n  - {name: B, value: x}\n  - name: C\nend: 1\n'
    const items: Json[] = [{ name: 'C' }, { name: 'A', value: '1' }]
    expect(edited(text, set([...items.toReversed(), { name: 'D', value: 'z' }], 'env'))).toBe(
      'env:\n  # one\n  - name: A   # first\n    value: "1"\n  # two\n  - name: C\n  - name: D\n    value: z\nend: 1\n',
    )
  })

  test('JSON, pretty and in one line', () => {
    const value = { a: 1, spec: { l: [1, 2], e: {} } }
    expect(edited(JSON.stringify(value, null, 2), set(false, 'spec', 'x'), set({ y: [1] }, 'spec', 'e', 'z'))).toBe(
      JSON.stringify({ a: 1, spec: { l: [1, 2], e: { z: { y: [1] } }, x: false } }, null, 2),
    )
    expect(edited(JSON.stringify(value), set([2, 3], 'spec', 'l'))).toBe('{"a":1,"spec":{"l":[2, 3],"e":{}}}')
    expect(edited('{\n\t"a": 1\n}\n', set('x', 'b'))).toBe('{\n\t"a": 1,\n\t"b": "x"\n}\n')
  })

  test('an item of a List, a document of several; the others keep every byte', () => {
    const list = 'kind: List\nitems:\n- a: 1\n- a: 1\n---\na:   1\n'
    expect(editYaml(list, 0, 1, [set(2, 'a')])).toBe('kind: List\nitems:\n- a: 1\n- a: 2\n---\na:   1\n')
    expect(editYaml(list, 1, undefined, [set(2, 'b')])).toBe('kind: List\nitems:\n- a: 1\n- a: 1\n---\na:   1\nb: 2\n')
    expect(removeItem(list, 0, 0)).toBe('kind: List\nitems:\n- a: 1\n---\na:   1\n')
    expect(removeDocument(list, 0)).toBe('---\na:   1\n')
    expect(removeDocument(list, 1)).toBe('kind: List\nitems:\n- a: 1\n- a: 1\n')
    expect(appendDocument('a: 1', 'b: 2\n')).toBe('a: 1\n---\nb: 2\n')
  })
})

describe('anchors, aliases and merge keys', () => {
  test.each<[string, string, Edit[], string]>([
    ['through an alias: a copy is made', 'a: &x\n  b: 1\nc: *x # why\n', [set(2, 'c', 'b')], 'a: &x\n  b: 1\nc: # why\n  b: 2\n'],
    ['at the anchor: the alias keeps what it stood for', 'a: &x\n  b: 1\nc: *x\n', [set(2, 'a', 'b')], 'a: &x\n  b: 2\nc:\n  b: 1\n'],
    ['both alike: nothing is copied', 'a: &x\n  b: 1\nc: *x\n', [set(2, 'a', 'b'), set(2, 'c', 'b')], 'a: &x\n  b: 2\nc: *x\n'],
    ['an alias is exchanged', 'a: &x 1\nc: *x\n', [set(2, 'c')], 'a: &x 1\nc: 2\n'],
    ['an anchor goes: what it stood for stays', 'a: &x {b: 1}\nc: *x\nd: [*x]\n', [unset('a')], 'c:\n  b: 1\nd: [{b: 1}]\n'],
    [
      'a merged key is overridden',
      'a: &x\n  b: 1\nc:\n  <<: *x\n  d: 1\n',
      [set(2, 'c', 'b')],
      'a: &x\n  b: 1\nc:\n  <<: *x\n  d: 1\n  b: 2\n',
    ],
    [
      'below a merged key',
      'a: &x\n  b: {e: 1, f: 2}\nc:\n  <<: *x\n',
      [set(3, 'c', 'b', 'e')],
      'a: &x\n  b: {e: 1, f: 2}\nc:\n  <<: *x\n  b:\n    e: 3\n    f: 2\n',
    ],
    [
      'at the anchor: who merges it keeps its values',
      'a: &x\n  b: 1\nc:\n  <<: *x\n',
      [set(2, 'a', 'b')],
      'a: &x\n  b: 2\nc:\n  <<: *x\n  b: 1\n',
    ],
    [
      'a merged key goes: the rest is written out',
      'a: &x\n  b: 1\n  d: 2\nc:\n  <<: *x\n',
      [unset('c', 'b')],
      'a: &x\n  b: 1\n  d: 2\nc:\n  d: 2\n',
    ],
  ])('%s', (_name, before, edits, after) => {
    expect(edited(before, ...edits)).toBe(after)
  })
})

describe('what is refused', () => {
  test.each<[string, string, Edit[], RegExp]>([
    ['a Helm template', 'a: "{{ .Values.x }}"\n', [set(1, 'a')], /Helm template/],
    ['text that is no YAML', 'a: [\n', [set(1, 'a')], /no valid YAML/],
    ['a name that is not there', 'l:\n- name: a\n', [set(1, 'l', { name: 'b' }, 'x')], /no such item/],
    ['a parent that is text', 'a: x\n', [set(1, 'a', 'b')], /not an object/],
    ['the last key of a document', 'a: 1\n', [unset('a')], /as a whole/],
  ])('%s', (_name, text, edits, words) => {
    expect(() => edited(text, ...edits)).toThrow(YamlEditRefused)
    expect(() => edited(text, ...edits)).toThrow(words)
  })

  test('templates of other tools in text are no reason', () => {
    expect(edited('a: "{{ $labels.x }} is down"\nb: 1\n', set(2, 'b'))).toBe('a: "{{ $labels.x }} is down"\nb: 2\n')
  })

  test('a document that is not there', () => {
    expect(() => editYaml('a: 1\n', 1, undefined, [])).toThrow(/no document 2/)
  })
})

test('secret values are not shown, line for line', () => {
  const text = `kind: Secret\nmetadata:\n  annotations:\n    kubectl.kubernetes.io/last-applied-configuration: '{"x":1}'\ndata: {a: aGk=}\nstringData:\n  b: |\n    one\n    two\n---\nkind: List\nitems:\n- kind: Secret\n  data: {k: Zm9v}\n- kind: ConfigMap\n  data: {k: shown}\n---\nkind: EncryptionConfiguration\nresources:\n- providers:\n  - secretbox: {keys: [{name: k, secret: c2VjcmV0}]}\n---\nkind: Secret\ndata: [broken\n`
  const shown = redact(text)
  expect(shown).not.toMatch(/aGk=|one|two|Zm9v|c2VjcmV0|"x"|broken/)
  expect(shown).toContain('data: {k: shown}')
  expect(shown.split('\n').length).toBe(text.split('\n').length)
})

const corpora = new URL('../../../shared/corpora/', import.meta.url)
describe.skipIf(!existsSync(corpora))('manifests written by others (needs ../shared/corpora)', () => {
  test.each(globSync('**/*.yaml', { cwd: corpora }))('%s', (file) => {
    const text = readFileSync(new URL(file, corpora), 'utf8')
    for (const { document, item, value } of objectsIn(text)) {
      const podSpec = (['spec.template.spec', 'spec.jobTemplate.spec.template.spec', 'spec'] as const)
        .map((path) => path.split('.'))
        .find((path) =>
          Array.isArray(
            (
              path.reduce<unknown>((here, key) => (here as Record<string, unknown> | undefined)?.[key], value) as
                | { containers?: unknown }
                | undefined
            )?.containers,
          ),
        )
      if (podSpec === undefined) continue
      const containers = podSpec.reduce<unknown>((here, key) => (here as Record<string, unknown>)[key], value) as {
        containers: { name: string }[]
      }
      const edits: Edit[] = containers.containers.flatMap(({ name }) => [
        set(false, ...podSpec, 'containers', { name }, 'securityContext', 'privileged'),
        set(['ALL'], ...podSpec, 'containers', { name }, 'securityContext', 'capabilities', 'drop'),
      ])
      const result = editYaml(text, document, item, [
        ...edits,
        set({ type: 'RuntimeDefault' }, ...podSpec, 'securityContext', 'seccompProfile'),
      ])
      const comments = (of: string): number => of.split('\n').filter((line) => line.includes('#')).length
      expect(comments(result)).toBe(comments(text))
      const removed = diffLines(text, result)
        .filter((part) => part.removed)
        .reduce((sum, part) => sum + part.count!, 0)
      expect(removed).toBeLessThanOrEqual(2 * containers.containers.length + 1)
      expect(() => yamlValue(result.split(/^---/m)[0]!)).not.toThrow()
    }
  })
})

// Four times the items take four times as long, not sixteen: looked at one by one, these would take the better part of a minute.
test('a list of tens of thousands is no obstacle to a change beside it', { timeout: 15_000 }, () => {
  const list = Array.from({ length: 20_000 }, (_none, n) => `  - name: E${n}\n    value: v\n`).join('')
  const text = `spec:\n  hostPID: true # why\n  env:\n${list}`
  expect(edited(text, { set: ['spec', 'hostPID'], to: false })).toBe(text.replace('true # why', 'false # why'))
})
