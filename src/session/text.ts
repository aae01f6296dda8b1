/** Text for a terminal: what came from a cluster is hostile until it went through here (safety law 10). */
import stringWidth from 'string-width'

const PLAIN = /^[\x20-\x7e]*$/
// Control, format (bidi, zero-width), surrogate, private and unassigned characters, line separators, everything a terminal may leave out.
const UNSAFE = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu
const SPACES = /\p{Zs}/gu
const STACKED_MARKS = /(\p{M}{3})\p{M}+/gu
const LEADING_MARK = /^\p{M}+/u
const NAMED: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t', '\x1b': '\\e', '\0': '\\0' }

const visible = (character: string): string => NAMED[character] ?? `\\u${character.codePointAt(0)!.toString(16).padStart(4, '0')}`

/**
 * One line of harmless text: whatever could move the cursor, colour, hide, link or reorder is shown as an escape (`\n`, `\e`, `\u202e`),
 * so that a spoofed name looks spoofed. Runs of combining marks are cut.
 */
export function sanitize(text: string): string {
  if (PLAIN.test(text)) return text
  return text
    .replace(UNSAFE, visible)
    .replace(SPACES, ' ')
    .replace(STACKED_MARKS, '$1')
    .replace(LEADING_MARK, (marks) => [...marks].map(visible).join(''))
}

/** How many columns of a terminal the text takes. */
export const cells = (text: string): number => (PLAIN.test(text) ? text.length : stringWidth(text))

const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' })
export const eachGrapheme = (text: string): string[] =>
  PLAIN.test(text) ? [...text] : [...graphemes.segment(text)].map((part) => part.segment)

/** As much of the text as `width` columns hold; what is cut off is marked with `~`. Not padded. */
export function cut(text: string, width: number): string {
  if (width <= 0) return ''
  if (cells(text) <= width) return text
  if (PLAIN.test(text)) return `${text.slice(0, width - 1)}~`
  let kept = ''
  for (const grapheme of eachGrapheme(text)) {
    if (cells(kept + grapheme) > width - 1) break
    kept += grapheme
  }
  return `${kept}~`
}

/** As much of both ends as `width` columns hold, `kept` of them for the end: names that begin alike are told apart by how they end. */
export function cutMiddle(text: string, width: number, kept = Math.floor((width - 1) / 2)): string {
  if (cells(text) <= width) return text
  return PLAIN.test(text) && kept > 2 && kept < width - 1 ? `${text.slice(0, width - 1 - kept)}~${text.slice(-kept)}` : cut(text, width)
}

/** Exactly `width` columns: cut or padded with spaces. */
export function fitted(text: string, width: number): string {
  const kept = cut(text, width)
  return kept + ' '.repeat(Math.max(0, width - cells(kept)))
}

/** Lines of at most `width` columns, broken at spaces where there are some. Line breaks of the text are kept; the rest is sanitized. */
export function wrap(text: string, width: number): string[] {
  return text.split(/\r?\n/).flatMap((paragraph) => wrapLine(sanitize(paragraph), Math.max(1, width)))
}

function wrapLine(text: string, width: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    const longer = line === '' ? word : `${line} ${word}`
    if (cells(longer) <= width) {
      line = longer
      continue
    }
    if (line !== '') lines.push(line)
    const pieces = breakWord(word, width)
    lines.push(...pieces.slice(0, -1))
    line = pieces.at(-1) ?? ''
  }
  return [...lines, line]
}

function breakWord(word: string, width: number): string[] {
  if (cells(word) <= width) return [word]
  const pieces: string[] = []
  let piece = ''
  for (const grapheme of eachGrapheme(word)) {
    if (piece !== '' && cells(piece + grapheme) > width) {
      pieces.push(piece)
      piece = ''
    }
    piece += grapheme
  }
  return [...pieces, piece]
}

/** `1 finding`, `2 findings`, `3 policies`. */
export const count = (number: number, one: string, many = `${one}s`): string => `${number} ${number === 1 ? one : many}`

/** A clause as a sentence. */
export const sentence = (clause: string): string => `${clause.charAt(0).toUpperCase()}${clause.slice(1)}.`
