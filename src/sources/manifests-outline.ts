/**
 * Finds where a path is written by indentation alone, in YAML in plain block style, without parsing it: a scan that asks for the
 * line of every finding would otherwise build a tree of every document. Says so when it is not sure; never guesses.
 */
import type { Path, PathElement } from '../model/index.ts'

export const UNSURE = -1
const SPACE = 0x20
const DASH = 0x2d
const HASH = 0x23
const COLON = 0x3a

/** A block of the text: from the line that begins at `start` up to `end`, its entries in column `column`. */
interface Block {
  readonly start: number
  readonly end: number
  readonly column: number
  readonly list: boolean /** Where the first entry stands, if not behind indentation (`- name: …`). */
  readonly first: number
}

/** Offset in `text` of the deepest part of `path` that is written in the document between `start` and `end`, or UNSURE. */
export function outlineOffset(text: string, start: number, end: number, path: Path): number {
  let block = blockFrom(text, afterMarker(text, start, end), end, 0)
  if (block === undefined || block === UNSURE || block.list) return UNSURE
  let offset = block.first
  for (const [depth, element] of path.entries()) {
    const found: Entry | undefined | typeof UNSURE = block.list
      ? itemAt(text, block, element)
      : typeof element === 'string'
        ? keyAt(text, block, element)
        : UNSURE
    if (found === UNSURE) return UNSURE
    if (found === undefined) return offset
    offset = found.at
    if (depth === path.length - 1) return offset
    const inner = inside(text, found)
    if (inner === UNSURE) return UNSURE
    if (inner === undefined) return offset
    block = inner
  }
  return offset
}

/** A key or an item: where it stands, where its value begins, and where the next entry of its block begins. */
interface Entry {
  readonly at: number
  readonly value: number
  readonly end: number
  readonly column: number
  readonly list: boolean
}

function afterMarker(text: string, start: number, end: number): number {
  if (text.charCodeAt(start) === 0xfeff) return start + 1
  if (!text.startsWith('---', start)) return start
  const line = lineEnd(text, start, end)
  // Anything but a comment behind the marker is for the parser to understand.
  return /^---[ \t\r]*(?:#.*)?$/.test(text.slice(start, line)) ? Math.min(line + 1, end) : end
}

function lineEnd(text: string, at: number, end: number): number {
  const newline = text.indexOf('\n', at)
  return newline < 0 || newline > end ? end : newline
}

/** First column that is no space; UNSURE at a tab. The line is passed over (undefined) when it is blank or a comment. */
function indentOf(text: string, at: number, line: number): number | undefined {
  let here = at
  while (here < line && text.charCodeAt(here) === SPACE) here++
  const code = text.charCodeAt(here)
  if (here >= line || code === 0x0d || code === HASH) return undefined
  return code === 0x09 ? UNSURE : here - at
}

/** The block that begins with the next line that says something, if that is indented by at least `least`. */
function blockFrom(text: string, start: number, end: number, least: number): Block | undefined | typeof UNSURE {
  for (let at = start; at < end; ) {
    const line = lineEnd(text, at, end)
    const column = indentOf(text, at, line)
    if (column === UNSURE) return UNSURE
    if (column !== undefined) {
      if (column < least) return undefined
      return { start: at, end, column, list: isDash(text, at + column), first: at + column }
    }
    at = line + 1
  }
  return undefined
}

const isDash = (text: string, at: number): boolean => text.charCodeAt(at) === DASH && isGap(text.charCodeAt(at + 1))
const isGap = (code: number): boolean => Number.isNaN(code) || code === SPACE || code === 0x0a || code === 0x0d

/** Offsets of the entries of a block, in order; UNSURE where a line does not fit in. */
function* entriesOf(text: string, block: Block): Generator<number> {
  yield block.first
  for (let at = lineEnd(text, block.first, block.end) + 1; at < block.end; ) {
    const line = lineEnd(text, at, block.end)
    const column = indentOf(text, at, line)
    if (column === UNSURE) return yield UNSURE
    if (column !== undefined && column <= block.column) {
      if (column < block.column) return yield UNSURE
      // A list may stand in the column of its key.
      if (block.list || !isDash(text, at + column)) yield at + column
    }
    at = line + 1
  }
}

function keyAt(text: string, block: Block, key: string): Entry | undefined | typeof UNSURE {
  let found: { at: number; value: number } | undefined
  let end = block.end
  let open = false
  for (const at of entriesOf(text, block)) {
    if (at === UNSURE) return UNSURE
    if (open) {
      end = at
      open = false
    }
    const colon = plainKeyEnd(text, at, block.end)
    if (colon === UNSURE) return UNSURE
    if (colon - at === key.length && text.startsWith(key, at)) {
      found = { at, value: colon + 1 }
      end = block.end
      open = true
    }
  }
  return found === undefined
    ? undefined
    : { ...found, end: end === block.end ? end : lineStart(text, end), column: block.column, list: false }
}

const lineStart = (text: string, at: number): number => text.lastIndexOf('\n', at - 1) + 1

/** Where the colon behind a plain key stands. Quoted keys, merge keys, anchors and the like are UNSURE. */
function plainKeyEnd(text: string, at: number, end: number): number {
  const first = text.charCodeAt(at)
  const isPlain = (first >= 0x61 && first <= 0x7a) || (first >= 0x41 && first <= 0x5a) || (first >= 0x30 && first <= 0x39) || first === 0x5f
  if (!isPlain) return UNSURE
  for (let here = at + 1; here < end; here++) {
    const code = text.charCodeAt(here)
    if (code === COLON && isGap(text.charCodeAt(here + 1))) return here
    // Word characters, `.`, `/`, `-`, `_`: what a key of Kubernetes is made of.
    const isKey = (code >= 0x61 && code <= 0x7a) || (code >= 0x2d && code <= 0x39) || (code >= 0x41 && code <= 0x5a) || code === 0x5f
    if (!isKey) return UNSURE
  }
  return UNSURE
}

function itemAt(text: string, block: Block, element: PathElement): Entry | undefined | typeof UNSURE {
  if (typeof element === 'string') return UNSURE
  const dashes: number[] = []
  for (const at of entriesOf(text, block)) {
    if (at === UNSURE || !isDash(text, at)) return UNSURE
    dashes.push(at)
  }
  const entry = (index: number): Entry => {
    const dash = dashes[index]!
    const next = dashes[index + 1]
    return { at: dash, value: dash + 1, end: next === undefined ? block.end : lineStart(text, next), column: block.column, list: true }
  }
  if (typeof element === 'number') return element < dashes.length ? itemContent(text, entry(element)) : undefined
  for (const index of dashes.keys()) {
    const named = isNamed(text, entry(index), element.name)
    if (named === UNSURE) return UNSURE
    if (named === true) return itemContent(text, entry(index))
  }
  return undefined
}

/** An item is where its content begins. */
function itemContent(text: string, entry: Entry): Entry | typeof UNSURE {
  const at = contentAt(text, entry)
  return at === undefined ? UNSURE : { ...entry, at }
}

function contentAt(text: string, entry: Entry): number | undefined {
  let here = entry.value
  while (here < entry.end && text.charCodeAt(here) === SPACE) here++
  const code = text.charCodeAt(here)
  const isPlain = (code >= 0x61 && code <= 0x7a) || (code >= 0x41 && code <= 0x5a) || (code >= 0x30 && code <= 0x39)
  return here < entry.end && isPlain ? here : undefined
}

function isNamed(text: string, item: Entry, name: string): boolean | typeof UNSURE {
  const inner = inside(text, item)
  if (inner === UNSURE || inner === undefined || inner.list) return UNSURE
  const key = keyAt(text, inner, 'name')
  if (key === UNSURE) return UNSURE
  if (key === undefined) return false
  const written = text.slice(key.value, lineEnd(text, key.value, key.end))
  const value = /^ +(?:([\w./-]+)|"([\w./-]+)"|'([\w./-]+)')[ \t]*(?: #.*)?\r?$/.exec(written)
  // The text of a plain value may go on in the next line.
  if (value === null || !isBlank(text, lineEnd(text, key.value, key.end), key.end)) return UNSURE
  return (value[1] ?? value[2] ?? value[3]) === name
}

const isBlank = (text: string, start: number, end: number): boolean => blockFrom(text, Math.min(start + 1, end), end, 0) === undefined

/** The block that is an entry's value; undefined where the value is a scalar. */
function inside(text: string, entry: Entry): Block | undefined | typeof UNSURE {
  const line = lineEnd(text, entry.value, entry.end)
  let here = entry.value
  while (here < line && text.charCodeAt(here) === SPACE) here++
  const code = text.charCodeAt(here)
  if (here >= line || code === 0x0d || code === HASH) {
    const block = blockFrom(text, line + 1, entry.end, 0)
    if (block === undefined || block === UNSURE) return block
    if (block.column > entry.column) return isCollection(text, block) ? block : UNSURE
    return block.list && !entry.list && block.column === entry.column ? block : UNSURE
  }
  // `- name: …`: a block that begins in the middle of its first line.
  if (!entry.list) return UNSURE
  const block: Block = { start: here, end: entry.end, column: here - lineStart(text, here), list: isDash(text, here), first: here }
  return isCollection(text, block) ? block : UNSURE
}

const isCollection = (text: string, block: Block): boolean =>
  block.list || plainKeyEnd(text, block.first, lineEnd(text, block.first, block.end) + 1) !== UNSURE
