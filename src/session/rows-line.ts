/** What a screen is made of: rows, each one line high, cut before they are drawn. */
import type { FindingId } from '../model/index.ts'
import { cells, cut, fitted, sanitize, wrap } from './text.ts'

/** What a piece of text means; views/theme.ts says how that looks. Never the only carrier of the meaning. */
export type Tone =
  | 'plain'
  | 'dim'
  | 'title'
  | 'critical'
  | 'high'
  | 'medium'
  | 'low'
  | 'info'
  | 'ok'
  | 'fail'
  | 'unknown'
  | 'add'
  | 'remove'
  | 'key'
export interface Segment {
  readonly text: string
  readonly tone?: Tone
}
export type Line = readonly Segment[]

/** A row with a key can be selected. `line` is pure, and called for visible rows only; `marked`: what the operator chose so far. */
export interface Row {
  readonly key?: string
  readonly line: (width: number, marked: ReadonlySet<FindingId>) => Line
}

/** A column of a line: `width` fixed, or `grow`: takes what is left. */
export interface Cell extends Segment {
  readonly width?: number
  readonly grow?: true
}

/** Cells side by side, one space between them, exactly `width` columns in all. Everything is sanitized here, so no row can forget it. */
export function inColumns(width: number, columns: readonly Cell[]): Line {
  const segments: Segment[] = []
  const fixed = columns.reduce((sum, cell) => sum + (cell.grow ? 0 : (cell.width ?? cells(sanitize(cell.text)))), 0) + columns.length - 1
  let left = width
  for (const [index, cell] of columns.entries()) {
    const text = sanitize(cell.text)
    const wanted = cell.grow ? Math.max(0, width - fixed) : (cell.width ?? cells(text))
    const last = index === columns.length - 1
    const room = last ? left : Math.min(left, wanted)
    if (room > 0) segments.push(segment(fitted(text, room), cell.tone))
    left -= Math.max(0, room)
    if (!last && left > 0) {
      segments.push({ text: ' ' })
      left--
    }
  }
  if (left > 0) segments.push({ text: ' '.repeat(left) })
  return segments
}
const segment = (text: string, tone: Tone | undefined): Segment => (tone === undefined ? { text } : { text, tone })

/** Pieces one after the other, cut at `width` and padded to it. */
export function run(width: number, pieces: readonly Segment[]): Line {
  const segments: Segment[] = []
  let left = width
  for (const piece of pieces) {
    const text = cut(sanitize(piece.text), left)
    if (text === '') continue
    segments.push(segment(text, piece.tone))
    left -= cells(text)
  }
  if (left > 0) segments.push({ text: ' '.repeat(left) })
  return segments
}

export const lineText = (line: Line): string => line.map((piece) => piece.text).join('')

// ── rows of running text ───────────────────────────────────────────────────────────────────────
export const blank: Row = { line: (width) => run(width, []) }
export const heading = (text: string): Row => ({ line: (width) => run(width, [{ text, tone: 'title' }]) })
export const row = (...pieces: readonly Segment[]): Row => ({ line: (width) => run(width, pieces) })
export const choice = (key: string, line: Row['line']): Row => ({ key, line })

/** A paragraph wrapped to `width`, indented. */
export const prose = (
  text: string,
  width: number,
  { indent = 2, tone, mark = '' }: { indent?: number; tone?: Tone; mark?: string } = {},
): Row[] =>
  wrap(text, width - indent - mark.length).map((part, index) =>
    row({ text: ' '.repeat(indent) + (index === 0 ? mark : ' '.repeat(mark.length)) + part, ...(tone && { tone }) }),
  )

/**
 * Columns, and a text beside them that goes on below itself, over `most` lines; what is still left is cut. Only the first row can be
 * selected.
 */
export function beside(
  before: readonly Cell[],
  text: string,
  width: number,
  { key, tone, after = [], most = Infinity }: { key?: string; tone?: Tone; after?: readonly Cell[]; most?: number } = {},
): Row[] {
  const room = (cells: readonly Cell[]): number => cells.reduce((sum, cell) => sum + (cell.width ?? cell.text.length) + 1, 0)
  const [indent, end] = [room(before), room(after)]
  const lines = wrap(text, width - indent - end)
  const shown = lines.length > most ? [...lines.slice(0, most - 1), lines.slice(most - 1).join(' ')] : lines
  return shown.map((line, index) => ({
    ...(index === 0 && key !== undefined && { key }),
    line: (w) =>
      inColumns(w, [
        ...(index === 0 ? before : [{ text: '', width: indent - 1 }]),
        { text: line, grow: true, ...(tone && { tone }) },
        ...(index === 0 ? after : [{ text: '', width: end - 1 }].slice(0, after.length)),
      ]),
  }))
}

/** A unified diff; lines are cut, not wrapped, so that the first column stays what it says. */
export const diffRows = (diff: string): Row[] =>
  diff
    .replace(/\n$/, '')
    .split('\n')
    .filter((text) => !/^(=+|Index: )/.test(text))
    .map((text) => row({ text: `  ${text.replaceAll('\t', '  ').replace(/\r$/, '')}`, tone: diffTone(text) }))
function diffTone(text: string): Tone {
  if (text.startsWith('+++') || text.startsWith('---') || text.startsWith('@@')) return 'dim'
  return text.startsWith('+') ? 'add' : text.startsWith('-') ? 'remove' : 'plain'
}
