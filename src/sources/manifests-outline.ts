/**
 * Finds where a path is written by indentation alone, in YAML in plain block style, without parsing it: a scan that asks for the
 * line of every finding would otherwise build a tree of every document. Says so when it is not sure; never guesses.
 */
import type { Path, PathElement } from '../model/index.ts'

export const UNSURE = -1
type Unsure = typeof UNSURE
const SPACE = 0x20
const DASH = 0x2d
const HASH = 0x23
const COLON = 0x3a

/** What a line begins with, where it is neither the offset of a colon behind a plain key nor blank. */
const OTHER = -1
const ITEM = -2

/** The lines of a document that say something: where each begins and in which column, and what with. */
interface Lines {
  readonly offsets: Int32Array
  readonly columns: Int32Array
  /** Offset of the colon behind a plain key; ITEM for a dash; OTHER. */
  readonly heads: Int32Array
}
/** Entries in one column, in the lines from `from` to before `to`; the first may stand in the middle of its line (`- name: …`). */
interface Block {
  readonly from: number
  readonly to: number
  readonly column: number
  readonly first: number
  readonly head: number
  /** What was found in it. */
  readonly found: Map<string | number, Found>
}
type Found = { readonly at: number; readonly inner: Block | undefined | Unsure } | undefined | Unsure
/** A key or an item: where it stands, where its value begins, and the lines from its own to before the next entry. */
interface Entry {
  readonly at: number
  readonly value: number
  readonly line: number
  readonly to: number
  readonly column: number
  readonly item: boolean
}

export class Outline {
  readonly #text: string
  readonly #end: number
  readonly #lines: Lines | undefined
  readonly #root: Block | undefined

  /** Of the document between two offsets of `text`. */
  constructor(text: string, start: number, end: number) {
    this.#text = text
    this.#end = end
    this.#lines = linesOf(text, start, end)
    const { offsets = [], columns = [], heads = [] } = this.#lines ?? {}
    if (offsets.length > 0 && heads[0]! >= 0)
      this.#root = { from: 0, to: offsets.length, column: columns[0]!, first: offsets[0]!, head: heads[0]!, found: new Map() }
  }

  /** Offset of the deepest part of `path` that is written, or UNSURE. */
  find(path: Path): number {
    const lines = this.#lines
    let block = this.#root
    if (lines === undefined || block === undefined) return UNSURE
    let offset = block.first
    for (const [depth, element] of path.entries()) {
      const found = this.#found(lines, block, element)
      if (found === UNSURE) return UNSURE
      if (found === undefined) return offset
      offset = found.at
      if (depth === path.length - 1) return offset
      if (found.inner === UNSURE) return UNSURE
      if (found.inner === undefined) return offset
      block = found.inner
    }
    return offset
  }

  /** Looked for once: most paths in a document begin alike. */
  #found(lines: Lines, block: Block, element: PathElement): Found {
    const key = typeof element === 'object' ? `\0${element.name}` : element
    let found = block.found.get(key)
    if (found === undefined && !block.found.has(key)) {
      const entry = block.head === ITEM ? this.#item(lines, block, element) : this.#key(lines, block, element)
      found = entry === undefined || entry === UNSURE ? entry : { at: entry.at, inner: this.#inside(lines, entry) }
      block.found.set(key, found)
    }
    return found
  }

  #key({ offsets, columns, heads }: Lines, block: Block, element: PathElement): Entry | undefined | Unsure {
    if (typeof element !== 'string') return UNSURE
    const { from, to, column } = block
    let found = -1
    let next = to
    for (let line = from; line < to; line++) {
      const isFirst = line === from
      if (!isFirst && columns[line]! > column) continue
      const head = isFirst ? block.head : heads[line]!
      // A list may stand in the column of its key.
      if (head === ITEM && !isFirst && columns[line] === column) continue
      if (head < 0 || (!isFirst && columns[line]! < column)) return UNSURE
      if (found >= 0 && next === to) next = line
      const at = isFirst ? block.first : offsets[line]!
      if (head - at === element.length && this.#text.startsWith(element, at)) {
        found = line
        next = to
      }
    }
    if (found < 0) return undefined
    const isFirst = found === from
    return {
      at: isFirst ? block.first : offsets[found]!,
      value: (isFirst ? block.head : heads[found]!) + 1,
      line: found,
      to: next,
      column,
      item: false,
    }
  }

  #item(lines: Lines, block: Block, element: PathElement): Entry | undefined | Unsure {
    if (typeof element === 'string') return UNSURE
    const { offsets, columns, heads } = lines
    let index = -1
    for (let line = block.from; line < block.to; ) {
      const isFirst = line === block.from
      if (!isFirst && (columns[line] !== block.column || heads[line] !== ITEM)) return UNSURE
      let next = line + 1
      while (next < block.to && columns[next]! > block.column) next++
      index++
      const dash = isFirst ? block.first : offsets[line]!
      const entry: Entry = { at: dash, value: dash + 1, line, to: next, column: block.column, item: true }
      const wanted = typeof element === 'number' ? index === element : this.#isNamed(lines, entry, element.name)
      if (wanted === UNSURE) return UNSURE
      if (wanted) return this.#content(entry)
      line = next
    }
    return undefined
  }

  /** An item is where its content begins. */
  #content(entry: Entry): Entry | Unsure {
    let at = entry.value
    while (this.#text.charCodeAt(at) === SPACE) at++
    return at < this.#end && isWord(this.#text.charCodeAt(at)) ? { ...entry, at } : UNSURE
  }

  #isNamed(lines: Lines, item: Entry, name: string): boolean | Unsure {
    const inner = this.#inside(lines, item)
    if (inner === UNSURE || inner === undefined || inner.head === ITEM) return UNSURE
    const key = this.#key(lines, inner, 'name')
    if (key === UNSURE) return UNSURE
    if (key === undefined) return false
    // The text of a plain value may go on in the next line.
    if (key.to > key.line + 1) return UNSURE
    const value = NAME.exec(this.#text.slice(key.value, lineEnd(this.#text, key.value, this.#end)))
    return value === null ? UNSURE : (value[1] ?? value[2] ?? value[3]) === name
  }

  /** The block that is an entry's value; undefined where there is none. */
  #inside({ offsets, columns, heads }: Lines, entry: Entry): Block | undefined | Unsure {
    let here = entry.value
    while (this.#text.charCodeAt(here) === SPACE) here++
    const code = this.#text.charCodeAt(here)
    if (here >= this.#end || code === 0x0a || code === 0x0d || code === HASH) {
      const from = entry.line + 1
      if (from >= entry.to) return undefined
      const [column, head] = [columns[from]!, heads[from]!]
      const fits = column > entry.column ? head !== OTHER : head === ITEM && !entry.item && column === entry.column
      return fits ? { from, to: entry.to, column, first: offsets[from]!, head, found: new Map() } : UNSURE
    }
    // `- name: …`: a block that begins in the middle of its first line.
    if (!entry.item) return UNSURE
    const head = headAt(this.#text, here, lineEnd(this.#text, here, this.#end))
    const column = entry.column + here - (entry.value - 1)
    return head === OTHER ? UNSURE : { from: entry.line, to: entry.to, column, first: here, head, found: new Map() }
  }
}

const NAME = /^ +(?:([\w./-]+)|"([\w./-]+)"|'([\w./-]+)')[ \t]*(?: #.*)?\r?$/
/** Behind `---` only a comment may stand; anything else is for the parser to understand. */
const MARKER = /^---[ \t\r]*(?:#.*)?$/

function linesOf(text: string, start: number, end: number): Lines | undefined {
  const [offsets, columns, heads]: [number[], number[], number[]] = [[], [], []]
  let at = text.charCodeAt(start) === 0xfeff ? start + 1 : start
  if (text.startsWith('---', at)) {
    const line = lineEnd(text, at, end)
    if (!MARKER.test(text.slice(at, line))) return undefined
    at = line + 1
  }
  for (let line = at; at < end; at = line + 1) {
    line = lineEnd(text, at, end)
    let here = at
    while (here < line && text.charCodeAt(here) === SPACE) here++
    const code = text.charCodeAt(here)
    if (here >= line || code === 0x0d || code === HASH) continue
    if (code === 0x09) return undefined
    offsets.push(here)
    columns.push(here - at)
    heads.push(headAt(text, here, line))
  }
  return { offsets: Int32Array.from(offsets), columns: Int32Array.from(columns), heads: Int32Array.from(heads) }
}

function lineEnd(text: string, at: number, end: number): number {
  const newline = text.indexOf('\n', at)
  return newline < 0 || newline > end ? end : newline
}

/** Quoted keys, merge keys, anchors, brackets and the like are OTHER. */
function headAt(text: string, at: number, line: number): number {
  const first = text.charCodeAt(at)
  if (first === DASH) return isGap(text.charCodeAt(at + 1)) || at + 1 >= line ? ITEM : OTHER
  if (!isWord(first) && first !== 0x5f) return OTHER
  for (let here = at + 1; here < line; here++) {
    const code = text.charCodeAt(here)
    if (code === COLON && (here + 1 >= line || isGap(text.charCodeAt(here + 1)))) return here
    // Word characters, `.`, `/`, `-`: what a key of Kubernetes is made of.
    if (!isWord(code) && code !== 0x5f && code !== DASH && code !== 0x2e && code !== 0x2f) return OTHER
  }
  return OTHER
}

const isGap = (code: number): boolean => Number.isNaN(code) || code === SPACE || code === 0x0a || code === 0x0d
const isWord = (code: number): boolean => (code >= 0x61 && code <= 0x7a) || (code >= 0x41 && code <= 0x5a) || (code >= 0x30 && code <= 0x39)
