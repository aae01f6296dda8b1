import { diffLines } from 'diff'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Edit, Json, Path } from '../../src/model/index.ts'
import { applyEdits } from '../../src/objects/path.ts'
import { yamlValue } from '../../src/objects/yaml-dialect.ts'
import { documentsIn } from '../../src/objects/yaml-documents.ts'
import { appendDocument, editYaml, removeDocument, removeItem, YamlEditRefused } from '../../src/objects/yaml-edit.ts'

interface Style {
  readonly step: number
  readonly listStep: number
  readonly flow: number
  readonly comments: boolean
  readonly crlf: boolean
  readonly end: boolean
  readonly quotes: boolean
}
const style: fc.Arbitrary<Style> = fc.record({
  step: fc.constantFrom(2, 4),
  listStep: fc.constantFrom(0, 2),
  flow: fc.constantFrom(0, 0.2),
  comments: fc.boolean(),
  crlf: fc.boolean(),
  end: fc.boolean(),
  quotes: fc.boolean(),
})

const key = fc.constantFrom('name', 'image', 'spec', 'env', 'ports', 'on', 'a.b/c', '1', 'x y', 'labels', '__proto__')
const scalar: fc.Arbitrary<Json> = fc.oneof(
  fc.constantFrom<Json>(
    'app',
    'yes',
    '012',
    '1_0',
    '',
    ' ',
    'a: b',
    'c # d',
    'two\nlines\n',
    'no end\nof line',
    '\n\n',
    '  lead\n x',
    '- x',
    '{{',
    '&a',
    'null',
    '12:30',
    '2026-01-01',
    "it's",
    '"',
    '0o7',
    '~',
    'tab\t',
  ),
  fc.string({ maxLength: 6 }),
  fc.string({ unit: 'binary', maxLength: 3 }),
  fc.integer(),
  fc.boolean(),
  fc.constant(null),
)
const { value } = fc.letrec<{ value: Json; map: Json }>((tie) => ({
  map: fc.dictionary(key, tie('value'), { maxKeys: 4, noNullPrototype: true }),
  value: fc.oneof({ depthSize: 'small', maxDepth: 4 }, scalar, fc.array(tie('value'), { maxLength: 4 }), tie('map')),
}))
const root = fc.dictionary(key, value, { minKeys: 1, maxKeys: 5, noNullPrototype: true })

/** A document as people write them: comments before entries and behind values, brackets here and there. */
function written(value: Json, style: Style, random: () => number): string {
  let comments = 0
  const comment = (): string => (style.comments && random() < 0.3 ? ` # behind ${++comments}` : '')
  const plain = (text: Json): string =>
    typeof text === 'string' &&
    !style.quotes &&
    /^[a-z]+$/.test(text) &&
    !['yes', 'on', 'null', 'no', 'off', 'y', 'n', 'true', 'false'].includes(text)
      ? text
      : JSON.stringify(text).replaceAll('\u007f', '\\x7f')
  const lines = (node: Json, column: number): string[] => {
    const entries = Array.isArray(node)
      ? node.map((item) => ['-', item] as const)
      : Object.entries(node as object).map(([name, item]) => [`${plain(name)}:`, item as Json] as const)
    return entries.flatMap(([head, item]) => {
      const before = style.comments && random() < 0.2 ? [`${' '.repeat(column)}# before ${++comments}`] : []
      const indent = ' '.repeat(column)
      const isEmpty = item === null || typeof item !== 'object' || Object.keys(item).length === 0
      if (item === null && random() < 0.5) return [...before, `${indent}${head}${comment()}`]
      if (typeof item === 'string' && /^[a-z]+(?:\n[a-z]+)+\n?$/.test(item) && random() < 0.7)
        return [
          ...before,
          `${indent}${head} |${item.endsWith('\n') ? '' : '-'}`,
          ...item
            .replace(/\n$/, '')
            .split('\n')
            .map((line) => `${indent}   ${line}`),
        ]
      if (isEmpty || random() < style.flow) return [...before, `${indent}${head} ${flow(item)}${comment()}`]
      if (head === '-' && random() < 0.8) {
        const [first, ...rest] = lines(item, column + 2)
        if (!first!.trimStart().startsWith('#')) return [...before, `${indent}- ${first!.trimStart()}`, ...rest]
        return [...before, `${indent}-`, first!, ...rest]
      }
      return [
        ...before,
        `${indent}${head}${comment()}`,
        ...lines(item, column + (head === '-' ? 2 : Array.isArray(item) ? style.listStep : style.step)),
      ]
    })
  }
  const flow = (node: Json): string => {
    if (node === null || typeof node !== 'object') return JSON.stringify(node).replaceAll('\u007f', '\\x7f')
    const inside = Array.isArray(node)
      ? node.map(flow)
      : Object.entries(node).map(([name, item]) => `${JSON.stringify(name)}: ${flow(item as Json)}`)
    return Array.isArray(node) ? `[${inside.join(', ')}]` : `{${inside.join(', ')}}`
  }
  const text = lines(value, 0).join('\n') + (style.end ? '\n' : '')
  return style.crlf ? text.replaceAll('\n', '\r\n') : text
}

function pathsIn(value: unknown, path: Path = []): Path[] {
  if (Array.isArray(value)) return [path, ...value.flatMap((item, index) => pathsIn(item, [...path, index]))]
  if (value !== null && typeof value === 'object')
    return [path, ...Object.entries(value).flatMap(([name, item]) => pathsIn(item, [...path, name]))]
  return [path]
}
const isMap = (value: unknown): boolean => value !== null && typeof value === 'object' && !Array.isArray(value)
const at = (root: unknown, path: Path): unknown =>
  path.reduce<unknown>((here, element) => (here as Record<string, unknown>)[element as string], root)

/** Edits that fit the value: they set, add, remove, lengthen and shorten. */
const editsFor = (root: Json, pick: (n: number) => number, values: readonly Json[]): Edit[] =>
  values.reduce<{ edits: Edit[]; now: Json }>(
    ({ edits, now }, to) => {
      const paths = pathsIn(now).slice(1)
      if (paths.length === 0) return { edits, now }
      const path = paths[pick(paths.length)]!
      const here = at(now, path)
      const kind = pick(5)
      const edit: Edit =
        kind === 0
          ? { unset: path }
          : kind === 1 && isMap(here)
            ? { set: [...path, `new${pick(3)}`, ...(pick(2) === 0 ? ['deep'] : [])], to }
            : kind === 2 && Array.isArray(here)
              ? { set: path, to: here.toSpliced(pick(here.length + 1), pick(2), to) }
              : { set: path, to }
      try {
        return { edits: [...edits, edit], now: applyEdits(now, [edit]) }
      } catch {
        return { edits, now }
      }
    },
    { edits: [], now: root },
  ).edits

const comments = (text: string): string[] =>
  text
    .split(/\r?\n/)
    .filter((line) => /^\s*# before/.test(line))
    .map((line) => line.trim())

describe('any edit of any document', () => {
  test('means what it says, and leaves the other documents and the line ends alone', () => {
    let edited = 0
    fc.assert(
      fc.property(
        root,
        style,
        fc.array(value, { minLength: 1, maxLength: 4 }),
        fc.infiniteStream(fc.nat()),
        (content, style, values, numbers) => {
          const next = (): number => numbers.next().value!
          const text = written(content, style, () => (next() % 100) / 100)
          const eol = style.crlf ? '\r\n' : '\n'
          fc.pre(JSON.stringify(yamlValue(text)) === JSON.stringify(content))
          const file = `# head${eol}---${eol}other: 1${eol}---${eol}${text}`
          const edits = editsFor(content, (n) => next() % n, values)
          let result: string
          try {
            result = editYaml(file, 1, undefined, edits)
          } catch (error) {
            // The only thing that may be refused here is to empty the document.
            if (error instanceof YamlEditRefused && Object.keys(applyEdits(content, edits)).length === 0) return
            throw error
          }
          edited++
          const [first, second] = [...documentsIn(result)].map((span) => result.slice(span.start, span.end))
          expect(first).toBe(`---${eol}other: 1${eol}`)
          expect(yamlValue(second!)).toEqual(applyEdits(content, edits))
          if (style.crlf) expect(result.replaceAll('\r\n', '')).not.toContain('\n')
          else expect(result).not.toContain('\r')
        },
      ),
      { numRuns: 1500 },
    )
    expect(edited).toBeGreaterThan(500)
  })

  test('setting one scalar changes its lines only; adding a key adds lines only; every comment stays', () => {
    fc.assert(
      fc.property(root, style, scalar, fc.infiniteStream(fc.nat()), (content, style, to, numbers) => {
        const next = (): number => numbers.next().value!
        const text = written(content, { ...style, flow: 0, end: true }, () => (next() % 100) / 100)
        fc.pre(JSON.stringify(yamlValue(text)) === JSON.stringify(content))
        const paths = pathsIn(content).slice(1)
        const path = paths[next() % paths.length]!
        const here = at(content, path)
        const adds = isMap(here)
        fc.pre(adds || here === null || typeof here !== 'object')
        const result = editYaml(text, 0, undefined, [{ set: adds ? [...path, 'added'] : path, to }])
        expect(comments(result)).toEqual(comments(text))
        const removed = diffLines(text, result)
          .filter((part) => part.removed)
          .reduce((sum, part) => sum + part.count!, 0)
        expect(removed).toBeLessThanOrEqual(adds ? (Object.keys(here as object).length === 0 ? 1 : 0) : String(here).split('\n').length + 1)
      }),
      { numRuns: 800 },
    )
  })

  test('JSON stays JSON', () => {
    fc.assert(
      fc.property(
        root,
        fc.constantFrom(0, 2),
        fc.array(value, { minLength: 1, maxLength: 3 }),
        fc.infiniteStream(fc.nat()),
        (content, step, values, numbers) => {
          const edits = editsFor(content, (n) => numbers.next().value! % n, values)
          const wanted = applyEdits(content, edits)
          fc.pre(Object.keys(wanted).length > 0)
          const text = JSON.stringify(content, null, step)
          fc.pre(!/[\ud800-\udfff\ufffe\uffff]/.test(text))
          expect(JSON.parse(editYaml(text, 0, undefined, edits))).toEqual(wanted)
        },
      ),
      { numRuns: 500 },
    )
  })

  test('the edit and its inverse in text give the bytes back for scalars in one line', () => {
    fc.assert(
      fc.property(root, style, fc.infiniteStream(fc.nat()), (content, style, numbers) => {
        const next = (): number => numbers.next().value!
        const text = written(content, { ...style, quotes: false }, () => (next() % 100) / 100)
        fc.pre(JSON.stringify(yamlValue(text)) === JSON.stringify(content))
        const result = editYaml(text, 0, undefined, [{ set: ['zz-new'], to: { a: [1] } }])
        expect(editYaml(result, 0, undefined, [{ unset: ['zz-new'] }])).toBe(text)
      }),
      { numRuns: 300 },
    )
  })

  test('documents and list items come and go', () => {
    fc.assert(
      fc.property(fc.array(root, { minLength: 2, maxLength: 4 }), style, fc.nat(), (contents, style, n) => {
        const eol = style.crlf ? '\r\n' : '\n'
        const documents = contents.map((content) => written(content, { ...style, end: true, comments: false }, () => 0.5))
        fc.pre(documents.every((text, index) => JSON.stringify(yamlValue(text)) === JSON.stringify(contents[index])))
        const file = documents.join(`---${eol}`)
        const index = n % contents.length
        const left = removeDocument(file, index)
        expect([...documentsIn(left)].map((span) => yamlValue(left.slice(span.start, span.end)))).toEqual(contents.toSpliced(index, 1))
        const more = appendDocument(file, documents[index]!)
        expect([...documentsIn(more)].map((span) => yamlValue(more.slice(span.start, span.end)))).toEqual([...contents, contents[index]])
        const list = written({ kind: 'List', items: contents }, style, () => 0.5)
        fc.pre(JSON.stringify(yamlValue(list)) === JSON.stringify({ kind: 'List', items: contents }))
        expect(yamlValue(removeItem(list, 0, index))).toEqual({ kind: 'List', items: contents.toSpliced(index, 1) })
      }),
      { numRuns: 200 },
    )
  })
})
