/** Where the documents of a YAML stream begin and end. Split as kubectl does, by line, so that one malformed document costs only itself. */

export interface DocumentSpan {
  /** 0-based; comments before the first `---` are no document. */
  readonly index: number
  /** Offset of the `---` line, or of the text's start. */
  readonly start: number
  readonly end: number
  /** 1-based line of `start`. */
  readonly line: number
  /** Nothing but blank lines and comments. */
  readonly blank: boolean
}

export function* documentsIn(text: string): Generator<DocumentSpan> {
  let index = 0
  let start = 0
  let line = 1
  while (start < text.length) {
    let end = nextSeparator(text, start)
    // Directives belong to the document that follows them.
    if (isPreamble(text, start, end) && end < text.length) end = nextSeparator(text, end)
    const blank = isBlank(text, start, end)
    if (!blank || startsWithSeparator(text, start)) yield { index: index++, start, end, line, blank }
    line += countLines(text, start, end)
    start = end
  }
}

const startsWithSeparator = (text: string, at: number): boolean => text.startsWith('---', at) && isLineEnd(text.charCodeAt(at + 3))
const isLineEnd = (code: number): boolean => Number.isNaN(code) || code === 0x0a || code === 0x0d || code === 0x20 || code === 0x09

function nextSeparator(text: string, from: number): number {
  for (let at = text.indexOf('\n---', from); at >= 0; at = text.indexOf('\n---', at + 1)) {
    if (isLineEnd(text.charCodeAt(at + 4))) return at + 1
  }
  return text.length
}

/** Lines that hold neither a comment nor nothing; a leading `---` line is looked behind. */
function* contentLines(text: string, start: number, end: number): Generator<number> {
  let at = startsWithSeparator(text, start) ? start + 3 : text.charCodeAt(start) === 0xfeff ? start + 1 : start
  while (at < end) {
    while (at < end && isLineEnd(text.charCodeAt(at))) at++
    if (at >= end) return
    if (text.charCodeAt(at) !== 0x23) yield at
    const newline = text.indexOf('\n', at)
    at = newline < 0 ? end : newline + 1
  }
}

const isBlank = (text: string, start: number, end: number): boolean => contentLines(text, start, end).next().done === true

function isPreamble(text: string, start: number, end: number): boolean {
  if (startsWithSeparator(text, start)) return false
  let directives = 0
  for (const at of contentLines(text, start, end)) {
    if (text.charCodeAt(at) !== 0x25) return false
    directives++
  }
  return directives > 0
}

/** Line feeds in `text` between two offsets. */
export function countLines(text: string, start: number, end: number): number {
  let lines = 0
  for (let at = text.indexOf('\n', start); at >= 0 && at < end; at = text.indexOf('\n', at + 1)) lines++
  return lines
}
