/**
 * Edits YAML in place: outside the lines that must change, every byte stays. The edits are turned into small operations on the
 * text, one at a time; the outcome is parsed and must equal what the edits mean, or nothing is changed.
 */
import type { Edit, Path } from '../model/index.ts'
import { applyEdits, valueAt } from './path.ts'
import { eventsOf, refuseBomb, valuesOf, YamlProblem, yamlValue } from './yaml-dialect.ts'
import { firstDifference, type Op, type Way } from './yaml-diff.ts'
import { type DocumentSpan, documentsIn } from './yaml-documents.ts'
import { layoutOf } from './yaml-layout.ts'
import { isBorrowed, placeAt, usedElsewhere, YamlEditRefused } from './yaml-place.ts'
import { operate, write } from './yaml-surgery.ts'
import { pairOf, resolved, treeOf, type YamlNode } from './yaml-tree.ts'

export { YamlEditRefused }

/** More operations than any hardening needs; each parses the document anew. */
const MAX_OPERATIONS = 2_000
const HELM = /\{\{-?\s*(?:if|else|end|range|with|include|template|define|toYaml|\.Values|\.Release|\.Chart|\.Capabilities|\/\*)/

/**
 * The text with `edits` made to one object of one document (0-based; `item`: index in a List). Paths are from the object's root.
 * Throws YamlEditRefused, with words for the operator, where that cannot be done safely.
 */
export function editYaml(text: string, document: number, item: number | undefined, edits: readonly Edit[]): string {
  const prefix: Path = item === undefined ? [] : ['items', item]
  const wanted = edits.map(
    (edit): Edit => ('set' in edit ? { set: [...prefix, ...edit.set], to: edit.to } : { unset: [...prefix, ...edit.unset] }),
  )
  return changeDocument(text, document, (value) => {
    if (item !== undefined && valueAt(value, prefix) === undefined) throw new YamlEditRefused(`the list has no item ${item + 1}`)
    return attempt(() => applyEdits(value, wanted))
  })
}

/** The text without one item of a List. */
export const removeItem = (text: string, document: number, item: number): string =>
  changeDocument(text, document, (value) => applyEdits(value, [{ unset: ['items', item] }]))

/** The text with one document made to hold `value`, by the smallest change found. */
export function changeDocument(text: string, document: number, change: (value: unknown) => unknown): string {
  const spans = [...documentsIn(text)]
  const span = spanOf(spans, document)
  const before = text.slice(span.start, span.end)
  const value = read(before)
  const target = change(value)
  const after = reshape(before, value, target)
  const result = text.slice(0, span.start) + after + text.slice(span.end)
  if (!isSameBut(text, spans, result, document)) throw new YamlEditRefused('the change would reach into another document of the file')
  return result
}

/**
 * The text without one document; its comments go with it. With `note`, an empty document with that comment stays in its place
 * unless it was the last one, so that the documents behind it keep their numbers.
 */
export function removeDocument(text: string, document: number, note?: string): string {
  const spans = [...documentsIn(text)]
  const span = spanOf(spans, document)
  const keepsPlace = note !== undefined && document < spans.length - 1
  const eol = text.includes('\r\n') ? '\r\n' : '\n'
  const result =
    text.slice(0, span.start) + (keepsPlace ? `--- # ${note.replaceAll(/[\x00-\x1f\x7f-\x9f]/g, ' ')}${eol}` : '') + text.slice(span.end)
  if ([...documentsIn(result)].length !== spans.length - (keepsPlace ? 0 : 1))
    throw new YamlEditRefused('the document cannot be taken out of the file')
  return result
}

/** The text with a document more at its end. */
export function appendDocument(text: string, document: string): string {
  if (text.trim() === '') return document
  const eol = text.includes('\r\n') ? '\r\n' : '\n'
  const marker = /^---\s/.test(document) ? '' : `---${eol}`
  return `${text}${text.endsWith('\n') ? '' : eol}${marker}${document}`
}

function spanOf(spans: readonly DocumentSpan[], document: number): DocumentSpan {
  const span = spans[document]
  if (span === undefined || span.blank) throw new YamlEditRefused(`the file has no document ${document + 1} any more`)
  return span
}

function read(text: string): unknown {
  if (HELM.test(text)) throw new YamlEditRefused('it is a Helm template: change the chart or its values instead')
  return attempt(() => yamlValue(text))
}

function attempt<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (error instanceof YamlProblem) throw new YamlEditRefused(`no valid YAML: ${error.message}`)
    if (error instanceof TypeError) throw new YamlEditRefused(error.message)
    throw error
  }
}

function reshape(text: string, value: unknown, target: unknown): string {
  let here = text
  let now = value
  for (let count = 0; count < MAX_OPERATIONS; count++) {
    const op = firstDifference(now, target)
    if (op === undefined) return here
    here = perform(here, now, target, op)
    now = attempt(() => {
      const [changed, ...more] = valuesOf(here)
      refuseBomb(changed)
      if (more.length > 0) throw new YamlEditRefused('the document would fall apart')
      return changed
    })
  }
  throw new YamlEditRefused('the change is too large, or the way the document is written does not allow it')
}

/** One operation; where it would reach what an alias or `<<` shares with others, a copy is made first. */
function perform(text: string, now: unknown, target: unknown, op: Op): string {
  const events = eventsOf(text)
  const root = treeOf(text, events)
  if (root === undefined) throw new YamlEditRefused('the document is empty')
  const layout = layoutOf(text, root)
  const place = placeAt(text, root, op.at)
  if (isBorrowed(place)) {
    const own = valueAt(target, place.at)
    if (place.through === 'alias') return perform(text, now, target, { do: 'replace', at: place.at, value: own })
    return perform(text, now, target, { do: 'insert-key', at: place.at.slice(0, -1), key: String(place.at.at(-1)), value: own })
  }
  const { node } = place
  if (op.do !== 'replace' && node.is === 'alias')
    return perform(text, now, target, { do: 'replace', at: op.at, value: valueAt(target, op.at) })
  const removed = removedBy(op, node)
  if (removed === 'borrowed') return perform(text, now, target, { do: 'replace', at: op.at, value: valueAt(target, op.at) })
  if (removed !== undefined) {
    const alias = usedElsewhere(text, root, removed)
    if (alias !== undefined) return write(text, alias, valueAt(now, wayTo(root, resolved(alias.node)!)), layout)
  }
  return op.do === 'replace' ? write(text, place, op.value, layout) : operate(text, place, op, layout)
}

/** What of the text goes with an operation. */
function removedBy(op: Op, node: YamlNode): YamlNode | 'borrowed' | undefined {
  if (op.do === 'replace') return node
  if (op.do === 'remove-key' && node.is === 'map') return pairOf(node, op.key)?.value ?? 'borrowed'
  if (op.do === 'remove-item' && node.is === 'list') return node.items[op.index]
  return undefined
}

/** How to get to a node by keys and indexes. */
function wayTo(root: YamlNode, wanted: YamlNode): Way {
  const search = (node: YamlNode, way: Way): Way | undefined => {
    if (node === wanted) return way
    if (node.is === 'list')
      for (const [index, item] of node.items.entries()) {
        const found = search(item, [...way, index])
        if (found !== undefined) return found
      }
    if (node.is === 'map')
      for (const { key, value } of node.pairs) {
        const found = key.is === 'scalar' && key.text !== '<<' ? search(value, [...way, key.text]) : undefined
        if (found !== undefined) return found
      }
    return undefined
  }
  const way = search(root, [])
  if (way === undefined) throw new YamlEditRefused('an anchor in it is used elsewhere in a way that cannot be kept')
  return way
}

function isSameBut(before: string, spans: readonly DocumentSpan[], after: string, document: number): boolean {
  const now = [...documentsIn(after)]
  return (
    now.length === spans.length &&
    now.every(
      (span, index) => index === document || after.slice(span.start, span.end) === before.slice(spans[index]!.start, spans[index]!.end),
    )
  )
}
