/** One small change to the text of a document, with nothing else touched. Whether the outcome is right is checked by yaml-edit.ts. */
import type { Op } from './yaml-diff.ts'
import { type Layout, type Written, writeBlock, writeFlow, writeFlowKey, writeKey } from './yaml-layout.ts'
import { columnOf, isAlone, lineEnd, lineStart, nextLine } from './yaml-lines.ts'
import { keyStart, type Place, pairEnd, YamlEditRefused } from './yaml-place.ts'
import { dashesOf, type ListNode, type MapNode, pairOf, type YamlNode } from './yaml-tree.ts'

const itemEnds = (text: string, list: ListNode): number[] =>
  dashesOf(text, list).map((dash, index) => Math.max(dash + 1, list.items[index]!.end))

/** The text with the value of a place exchanged. */
export function write(text: string, place: Place, value: unknown, layout: Layout): string {
  const { node, from } = place
  if (place.owner === 'root') throw new YamlEditRefused('the document as a whole cannot be replaced')
  if (place.owner === 'flow') return writeInFlow(text, place, value, layout)
  const written = writeBlock(
    value,
    layout,
    place.column,
    place.owner === 'key' ? { is: 'key' } : { is: 'dash', gap: gapBehind(text, from) },
  )
  const begin = node.outer < 0 || !Number.isFinite(node.outer) ? from : node.outer
  const isBlockScalar = node.is === 'scalar' && node.style === 'block'
  if (isBlockScalar || begin <= lineEnd(text, from)) return exchange(text, from, Math.max(from, node.end), isBlockScalar, written, layout)
  const between = text.slice(lineEnd(text, from), lineStart(text, begin)).replace(/\r?\n$/, '')
  const swallows = /^[|>]/.test(written.inline)
  const rest = text.slice(lineEnd(text, node.end))
  return (
    text.slice(0, from) +
    inlined(written) +
    text.slice(from, lineEnd(text, from)) +
    below(written, layout) +
    (swallows ? '' : rest === '' ? between.trimEnd() : between) +
    rest
  )
}

/** The old value begins in the line of its key or dash; a comment behind it stays there. */
function exchange(text: string, from: number, end: number, isBlockScalar: boolean, written: Written, layout: Layout): string {
  const header = text.slice(from, lineEnd(text, from))
  const tail = isBlockScalar ? (/[ \t]+#.*$/.exec(header)?.[0] ?? '') : text.slice(end, lineEnd(text, end))
  return text.slice(0, from) + inlined(written) + tail + below(written, layout) + text.slice(lineEnd(text, end))
}

const inlined = ({ inline }: Written): string => (inline === '' ? '' : ` ${inline}`)
const below = ({ lines }: Written, { eol }: Layout): string => lines.map((line) => eol + line).join('')
const gapBehind = (text: string, from: number): number => /^( *)[^ \r\n#]/.exec(text.slice(from, from + 40))?.[1]?.length || 1

function writeInFlow(text: string, { node, from }: Place, value: unknown, layout: Layout): string {
  const isEmpty = node.outer < 0 || !Number.isFinite(node.outer)
  const begin = isEmpty ? from : node.outer
  const end = Math.max(begin, node.end)
  const colon = isEmpty && text[begin - 1] !== ':' ? ':' : ''
  return `${text.slice(0, begin)}${colon}${isEmpty ? ' ' : ''}${writeFlow(value, layout, indentOf(text, begin))}${text.slice(end)}`
}
const indentOf = (text: string, at: number): string => /^[ \t]*/.exec(text.slice(lineStart(text, at), at))![0]

export function operate(text: string, place: Place, op: Exclude<Op, { do: 'replace' }>, layout: Layout): string {
  const { node } = place
  const inBrackets = place.owner === 'flow' || layout.json
  if (node.is === 'map' && (op.do === 'insert-key' || op.do === 'remove-key')) {
    if (op.do === 'insert-key') {
      if (node.pairs.length === 0 && (!inBrackets || layout.json) && place.owner !== 'root')
        return write(text, place, { [op.key]: op.value }, layout)
      return node.flow
        ? insertInFlow(
            text,
            node,
            node.pairs.length,
            (indent) => `${writeFlowKey(op.key, layout)}: ${writeFlow(op.value, layout, indent)}`,
            layout,
          )
        : insertKey(text, node, op.key, op.value, layout)
    }
    if (node.pairs.length === 1) return write(text, place, {}, layout)
    return node.flow ? removeFromFlow(text, node, node.pairs.indexOf(pairOf(node, op.key)!)) : removeKey(text, node, op.key)
  }
  if (node.is === 'list' && (op.do === 'insert-item' || op.do === 'remove-item')) {
    if (op.do === 'insert-item') {
      if (node.items.length === 0 && (!inBrackets || layout.json)) return write(text, place, [op.value], layout)
      return node.flow
        ? insertInFlow(text, node, op.index, (indent) => writeFlow(op.value, layout, indent), layout)
        : insertItem(text, node, op.index, op.value, layout)
    }
    if (node.items.length === 1) return write(text, place, [], layout)
    return node.flow ? removeFromFlow(text, node, op.index) : removeItem(text, node, op.index)
  }
  throw new YamlEditRefused('the document is not written as expected')
}

function insertKey(text: string, map: MapNode, key: string, value: unknown, layout: Layout): string {
  const column = columnOf(text, keyStart(text, map.pairs[0]!.key))
  const end = map.pairs.reduce((furthest, pair) => Math.max(furthest, pairEnd(text, pair, false)), 0)
  const written = writeBlock(value, layout, column, { is: 'key' })
  return insertAfterLine(
    text,
    behindComments(text, end, column),
    `${' '.repeat(column)}${writeKey(key)}:${inlined(written)}${below(written, layout)}`,
    layout,
  )
}

/** Comments below an entry in this column that are indented like it or deeper, and deeper than what follows them, are about what is above. */
function behindComments(text: string, at: number, column: number): number {
  const comments: { readonly line: number; readonly indent: number }[] = []
  let next = -1
  for (let line = nextLine(text, at); line < text.length; line = nextLine(text, line)) {
    const [, { length: indent }, words] = /^([ \t]*)(.*)/.exec(text.slice(line, lineEnd(text, line))) as unknown as [string, string, string]
    if (words === '' && column > 0) continue
    // Apart from the last entry of a document stand notes about the file.
    if (words === '' || (words.startsWith('#') && indent < column)) break
    if (!words.startsWith('#')) {
      if (!/^(?:---|\.\.\.)(?:\s|$)/.test(words)) next = indent
      break
    }
    comments.push({ line, indent })
  }
  const foreign = comments.findIndex(({ indent }) => indent <= next)
  return (foreign < 0 ? comments : comments.slice(0, foreign)).at(-1)?.line ?? at
}

function insertAfterLine(text: string, at: number, lines: string, { eol }: Layout): string {
  const end = lineEnd(text, at)
  return text.slice(0, end) + eol + lines + text.slice(end)
}

function endsInBlockScalar(node: YamlNode | undefined): boolean {
  if (node?.is === 'map') return endsInBlockScalar(node.pairs.at(-1)?.value)
  if (node?.is === 'list') return endsInBlockScalar(node.items.at(-1))
  return node?.is === 'scalar' && node.style === 'block'
}

function removeKey(text: string, map: MapNode, key: string): string {
  const pair = pairOf(map, key)!
  const begin = keyStart(text, pair.key)
  const end = pairEnd(text, pair, false)
  if (isAlone(text, begin)) {
    // A block scalar above would take comments that are left over for text of its own.
    const above = map.pairs[map.pairs.indexOf(pair) - 1]?.value
    return withoutLines(text, begin, endsInBlockScalar(above) ? behindComments(text, end, columnOf(text, begin) + 1) : end)
  }
  const next = map.pairs
    .map((other) => keyStart(text, other.key))
    .filter((outer) => outer > begin)
    .sort((a, b) => a - b)[0]!
  // The first key stands behind a dash: the next one takes its place, unless a comment stands between them.
  const between = text.slice(lineEnd(text, end), next)
  return /^\s*$/.test(between) ? text.slice(0, begin) + text.slice(next) : text.slice(0, begin).trimEnd() + between + text.slice(next)
}

const isBlankLine = (text: string, start: number): boolean => start >= 0 && text.slice(start, lineEnd(text, start)).trim() === ''

function withoutLines(text: string, begin: number, end: number): string {
  const start = lineStart(text, begin)
  let next = nextLine(text, end)
  // Between two gaps one goes too; a block scalar that keeps its end would take it for its own.
  if (isBlankLine(text, lineStart(text, start - 1))) while (next < text.length && isBlankLine(text, next)) next = nextLine(text, next)
  if (next === text.length && text.at(-1) !== '\n') return text.slice(0, start).replace(/\r?\n$/, '')
  return text.slice(0, start) + text.slice(next)
}

function insertItem(text: string, list: ListNode, index: number, value: unknown, layout: Layout): string {
  const dashes = dashesOf(text, list)
  const column = columnOf(text, dashes[0]!)
  const gap = gapBehind(text, dashes[0]! + 1)
  const written = writeBlock(value, layout, column, { is: 'dash', gap })
  const item = `-${written.inline === '' ? '' : ' '.repeat(gap) + written.inline}${below(written, layout)}`
  if (index > 0)
    return insertAfterLine(text, behindComments(text, itemEnds(text, list)[index - 1]!, column), ' '.repeat(column) + item, layout)
  const first = dashes[0]!
  return text.slice(0, first) + item + layout.eol + ' '.repeat(column) + text.slice(first)
}

function removeItem(text: string, list: ListNode, index: number): string {
  const dashes = dashesOf(text, list)
  const dash = dashes[index]!
  if (isAlone(text, dash)) return withoutLines(text, dash, itemEnds(text, list)[index]!)
  return text.slice(0, dash) + text.slice(dashes[index + 1]!)
}

interface Span {
  readonly begin: number
  readonly end: number
}
const spansOf = (text: string, node: MapNode | ListNode): Span[] =>
  node.is === 'map'
    ? node.pairs.map((pair) => ({ begin: keyStart(text, pair.key), end: pairEnd(text, pair, true) }))
    : node.items.map((item) => ({ begin: item.outer, end: item.end }))

function insertInFlow(text: string, node: MapNode | ListNode, index: number, writer: (indent: string) => string, { eol }: Layout): string {
  const spans = spansOf(text, node)
  const last = spans.at(-1)
  if (last === undefined) return text.slice(0, node.start + 1) + writer('') + text.slice(node.start + 1)
  const indent = indentOf(text, last.begin)
  const onOwnLine = text.slice(lineStart(text, last.begin), last.begin) === indent
  const separator = onOwnLine ? `,${eol}${indent}` : ', '
  const next = spans[index]
  if (next !== undefined) return text.slice(0, next.begin) + writer(onOwnLine ? indent : '') + separator + text.slice(next.begin)
  return text.slice(0, last.end) + separator + writer(onOwnLine ? indent : '') + text.slice(last.end)
}

function removeFromFlow(text: string, node: MapNode | ListNode, index: number): string {
  const spans = spansOf(text, node)
  const [{ begin, end }, next] = [spans[index]!, spans[index + 1]]
  if (next !== undefined) {
    const hasOwnLines = isAlone(text, begin) && /^\s*,[ \t]*(?:#.*)?$/.test(text.slice(end, lineEnd(text, end)))
    return hasOwnLines ? withoutLines(text, begin, end) : text.slice(0, begin) + text.slice(next.begin)
  }
  // Only the comma goes with a last entry, not the comment behind it.
  const before = spans[index - 1]!.end
  const between = text.slice(before, begin).replace(/^((?:\s|(?<=\s)#[^\n]*\n)*),/, '$1')
  const isBare = !between.includes('#') || /^[ \t]*\r?\n/.test(text.slice(end))
  return text.slice(0, before) + (isBare ? between.trimEnd() : between) + text.slice(end)
}
