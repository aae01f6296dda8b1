import { existsSync, globSync, readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { stringify } from 'yaml'
import type { Path } from '../../src/model/index.ts'
import { refOf } from '../../src/objects/ref.ts'
import { yamlValue } from '../../src/objects/yaml-dialect.ts'
import { countLines, documentsIn } from '../../src/objects/yaml-documents.ts'
import { manifestsSource } from '../../src/sources/manifests.ts'
import { lineAt, placesIn } from '../../src/sources/manifests-lines.ts'
import { Outline, UNSURE } from '../../src/sources/manifests-outline.ts'
import { directoryOf, scan } from './manifests-helper.ts'

/** Every path of a value, and one beside each that is not there. */
function* pathsOf(value: unknown, path: Path = []): Generator<Path> {
  yield path
  yield [...path, 'not-there']
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) {
      yield* pathsOf(item, [...path, index])
      if (item !== null && typeof item === 'object' && 'name' in item && typeof item.name === 'string')
        yield* pathsOf(item, [...path, { name: item.name }])
    }
  } else if (value !== null && typeof value === 'object')
    for (const [key, inner] of Object.entries(value)) yield* pathsOf(inner, [...path, key])
}

/** How many paths the quick look found; throws where it says another line than the parser. */
function compare(text: string): number {
  let sure = 0
  for (const span of documentsIn(text)) {
    const document = text.slice(span.start, span.end)
    const places = placesIn(document, span.line)
    if (places === undefined) continue
    const outline = new Outline(text, span.start, span.end)
    for (const path of pathsOf(yamlValue(document))) {
      const offset = outline.find(path)
      if (offset === UNSURE) continue
      sure++
      const line = span.line + countLines(text, span.start, offset)
      if (line !== lineAt(places, path))
        throw new Error(`${JSON.stringify(path)}: line ${line}, but ${lineAt(places, path)} by the parser, in\n${text}`)
    }
  }
  return sure
}

const key = fc.oneof(
  fc.constantFrom('name', 'spec', 'a.b/c', 'x', 'y-z', 'containers', '"q', 'k: v', '#h', '<<x', '1'),
  // A merge key with a scalar is no YAML that Kubernetes accepts.
  fc.string({ maxLength: 4 }).filter((text) => text !== '<<'),
)
const scalar = fc.oneof(
  fc.constantFrom(
    'app',
    'two words',
    'a: b',
    '',
    '- x',
    'multi\nline\n',
    'x\n\n# no comment\ny',
    '  lead',
    'key: |\n  z\n',
    '&a',
    '*a',
    "it's",
  ),
  fc.string(),
  fc.integer(),
  fc.boolean(),
  fc.constant(null),
)
const document = fc.letrec<{ value: unknown; map: unknown }>((tie) => ({
  map: fc.dictionary(key, tie('value'), { maxKeys: 5 }),
  value: fc.oneof({ depthSize: 'small', withCrossShrink: true }, scalar, fc.array(tie('value'), { maxLength: 4 }), tie('map')),
})).map

describe('lines of paths', () => {
  test('what is found by indentation is what the parser finds', () => {
    fc.assert(
      fc.property(
        document,
        fc.constantFrom(2, 4),
        fc.boolean(),
        fc.boolean(),
        fc.constantFrom(0, 40),
        (value, indent, indentSeq, windows, lineWidth) => {
          const text = `# first\n---\nfirst: 1\n---\n${stringify(value, { indent, indentSeq, lineWidth, aliasDuplicateObjects: false, version: '1.1' })}`
          compare(windows ? text.replaceAll('\n', '\r\n') : text)
        },
      ),
      { numRuns: 400 },
    )
  })

  test('the quick look finds most paths of an ordinary manifest', () => {
    const text = stringify({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'a', labels: { 'app.kubernetes.io/name': 'a' } },
      spec: {
        containers: [
          { name: 'app', image: 'a:1' },
          { name: 'b', env: [{ name: 'A', value: 'x' }] },
        ],
      },
    })
    const paths = pathsOf(yamlValue(text)).toArray().length
    expect(compare(text)).toBeGreaterThan(paths / 2)
  })

  const corpora = new URL('../../../shared/corpora/', import.meta.url)
  test.skipIf(!existsSync(corpora))('manifests written by others (needs ../shared/corpora)', () => {
    const files = globSync('**/*.yaml', { cwd: corpora })
    expect(files.length).toBeGreaterThan(20)
    for (const file of files) compare(readFileSync(new URL(file, corpora), 'utf8'))
  })

  test('the deepest part that is written; merged keys and aliases where they are written', async () => {
    using directory = directoryOf({
      'a.yaml': `apiVersion: v1\nkind: Pod\nmetadata: &m\n  name: a\nspec:\n  containers:\n  - &c\n    name: one\n    securityContext: {privileged: true}\n  - <<: *c\n    name: "two"\n    image: x\n  - {name: three,\n     image: y}\n`,
    })
    const source = manifestsSource(directory.path)
    const pod = (await scan(source)).kinds.get('Pod')!.get('default/a')!
    const line = (...at: Path): number | undefined => source.locate!(refOf(pod), at)?.line
    expect(line()).toBe(1)
    expect(line('metadata', 'labels', 'x')).toBe(3)
    expect(line('spec', 'containers', { name: 'one' }, 'securityContext', 'privileged')).toBe(9)
    expect(line('spec', 'containers', { name: 'two' }, 'securityContext')).toBe(9)
    expect(line('spec', 'containers', 1, 'image')).toBe(12)
    expect(line('spec', 'containers', { name: 'three' }, 'image')).toBe(14)
    expect(line('spec', 'containers', { name: 'none' })).toBe(6)
  })

  test('items of a list, in YAML and in JSON', async () => {
    const items = [
      { apiVersion: 'v1', kind: 'Service', metadata: { name: 'a' } },
      { apiVersion: 'v1', kind: 'Service', metadata: { name: 'b' }, spec: { type: 'NodePort' } },
    ]
    using directory = directoryOf({
      'a.json': JSON.stringify({ apiVersion: 'v1', kind: 'List', items }, null, 1),
      'b.yaml': stringify({
        apiVersion: 'v1',
        kind: 'List',
        items: items.map((item) => ({ ...item, metadata: { ...item.metadata, namespace: 'shop' } })),
      }),
    })
    const source = manifestsSource(directory.path)
    const services = (await scan(source)).kinds.get('Service')!
    expect(source.locate!(refOf(services.get('default/b')!), ['spec', 'type'])).toEqual({ file: 'a.json', line: 19 })
    expect(source.locate!(refOf(services.get('shop/b')!), ['spec', 'type'])).toEqual({ file: 'b.yaml', line: 15 })
  })
})
