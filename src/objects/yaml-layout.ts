/** How a document is laid out, and how a new value is written so that it fits in. */
import { DUMP_SCHEMA, defineScalarTag, dump, NOT_RESOLVED } from 'js-yaml'
import type { KubeObject } from '../model/index.ts'
import { withReasons } from './policy-evidence.ts'
import { KUBERNETES_YAML, yamlValue } from './yaml-dialect.ts'
import { columnOf } from './yaml-lines.ts'
import type { YamlNode } from './yaml-tree.ts'

export interface Layout {
  readonly eol: string
  /** Columns by which a mapping is indented below its key. */
  readonly step: number
  /** The same for a list: often 0. */
  readonly listStep: number
  /** All is written as JSON. */
  readonly json: boolean
}

export function layoutOf(text: string, root: YamlNode): Layout {
  const json = root.is === 'map' && root.flow && root.pairs.every(({ key }) => key.is === 'scalar' && key.style === 'double')
  const steps: { step?: number; listStep?: number } = {}
  if (!json) findSteps(text, root, steps)
  const step = json ? (/^\s*\{\r?\n([ \t]+)"/.exec(text)?.[1]?.length ?? 0) : (steps.step ?? 2)
  return { eol: text.includes('\r\n') ? '\r\n' : '\n', step, listStep: steps.listStep ?? step, json }
}

function findSteps(text: string, node: YamlNode, found: { step?: number; listStep?: number }): void {
  if (found.step !== undefined && found.listStep !== undefined) return
  if (node.is === 'list') for (const item of node.items) findSteps(text, item, found)
  if (node.is !== 'map' || node.flow) return
  for (const { key, value } of node.pairs) {
    if ((value.is === 'map' || value.is === 'list') && !value.flow) {
      const step = columnOf(text, value.start) - columnOf(text, key.outer)
      if (value.is === 'map') found.step ??= step
      else found.listStep ??= step
    }
    findSteps(text, value, found)
  }
}

/** A value as it follows its key or its dash: what stands in that line, and the lines below it. */
export interface Written {
  readonly inline: string
  readonly lines: readonly string[]
}

/** A number without a digit before its exponent, which it is to no standard, but to some readers. */
const exponentTag = defineScalarTag<number>('tag:yaml.org,2002:exponent', {
  implicit: true,
  implicitFirstChars: [...'+-.eE'],
  resolve: (source) => (/^[-+]?\.?[eE][-+]?\d+$/.test(source) ? 0 : NOT_RESOLVED),
  identify: () => false,
})
/** Quotes whatever YAML 1.1, YAML 1.2, go-yaml or the readers of others would take for something else than text. */
const CAREFUL = DUMP_SCHEMA.withTags([...KUBERNETES_YAML.tags.filter((tag) => tag.tagName.endsWith(':bool')), exponentTag])

function dumped(value: unknown, layout: Layout): string[] {
  const text = dump(value, {
    schema: CAREFUL,
    noRefs: true,
    lineWidth: -1,
    indent: Math.max(layout.step, 2),
    seqNoIndent: layout.listStep === 0,
    quoteStyle: 'double',
  })
  return text.replace(/\n$/, '').split('\n')
}

/** `column`: where the key or the dash stands; `gap`: from the dash to what follows it. */
export function writeBlock(
  value: unknown,
  layout: Layout,
  column: number,
  owner: { readonly is: 'key' } | { readonly is: 'dash'; readonly gap: number },
): Written {
  const isCollection = value !== null && typeof value === 'object' && Object.keys(value).length > 0
  if (!isCollection) return writeScalar(value, layout, owner.is === 'key' ? column + layout.step : column + 1 + owner.gap)
  const below = owner.is === 'dash' ? column + 1 + owner.gap : column + (Array.isArray(value) ? layout.listStep : layout.step)
  const lines = dumped(value, layout).map((line) => (line === '' ? '' : ' '.repeat(below) + line))
  return owner.is === 'dash' ? { inline: lines[0]!.trimStart(), lines: lines.slice(1) } : { inline: '', lines }
}

function writeScalar(value: unknown, layout: Layout, below: number): Written {
  if (typeof value !== 'string') return { inline: JSON.stringify(value), lines: [] }
  if (!value.includes('\n')) return { inline: scalarText(value), lines: [] }
  const [header, ...content] = dumped({ a: value }, layout)
  // A header with an indentation indicator would have to be reckoned anew.
  if (!/^a: \|[-+]?$/.test(header!)) return { inline: JSON.stringify(value), lines: [] }
  const indent = Math.max(layout.step, 2)
  return { inline: header!.slice(3), lines: content.map((line) => (line === '' ? '' : ' '.repeat(below) + line.slice(indent))) }
}

/** A text in one line, quoted where it must be. */
export function scalarText(value: string): string {
  const plain = dumped(value, { eol: '\n', step: 2, listStep: 2, json: false })
  const text = plain.length === 1 ? plain[0]! : JSON.stringify(value)
  return safely(() => yamlValue(`a: ${text} # c`)) === value ? text : JSON.stringify(value)
}
function safely(read: () => unknown): unknown {
  try {
    return (read() as { a?: unknown }).a
  } catch {
    return undefined
  }
}

/** A value inside brackets; `indent` is that of the line it stands in. */
export function writeFlow(value: unknown, layout: Layout, indent = ''): string {
  if (layout.json) return JSON.stringify(value, null, layout.step).replaceAll('\n', `${layout.eol}${indent}`)
  if (typeof value === 'string') return /^[\w./-]+$/.test(value) ? scalarText(value) : JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map((item) => writeFlow(item, layout)).join(', ')}]`
  if (value !== null && typeof value === 'object')
    return `{${Object.entries(value)
      .map(([key, inner]) => `${writeFlowKey(key, layout)}: ${writeFlow(inner, layout)}`)
      .join(', ')}}`
  return JSON.stringify(value)
}
export const writeFlowKey = (key: string, layout: Layout): string =>
  layout.json || !/^[\w./-]+$/.test(key) ? JSON.stringify(key) : scalarText(key)
export const writeKey = (key: string): string => (/^[\w./-]+$/.test(key) ? scalarText(key) : JSON.stringify(key))

/** A new document: two spaces, no anchors. */
export function documentText(value: unknown): string {
  const lines = dumped(value, { eol: '\n', step: 2, listStep: 2, json: false })
  return `${(isObject(value) ? withReasons(value, lines) : lines).join('\n')}\n`
}
const isObject = (value: unknown): value is KubeObject => (value as Partial<KubeObject> | null)?.metadata !== undefined
