import type { Key } from 'ink'

/** One key press: its name in the table of keys, and the text it would type. */
export interface KeyPress {
  readonly name: string
  readonly text?: string
}

const NAMED: readonly (readonly [keyof Key, string])[] = [
  ['upArrow', 'up'],
  ['downArrow', 'down'],
  ['leftArrow', 'left'],
  ['rightArrow', 'right'],
  ['pageUp', 'pageup'],
  ['pageDown', 'pagedown'],
  ['home', 'home'],
  ['end', 'end'],
  ['backspace', 'backspace'],
  ['delete', 'delete'],
]
const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' })

/** Splits what arrived in one read (`jjj`, `y\r`) into key presses: Ink hands over letters in chunks. */
export function keyPresses(input: string, key: Key): KeyPress[] {
  for (const [flag, name] of NAMED) if (key[flag] === true) return [{ name }]
  if (key.tab) return [{ name: key.shift ? 'shift-tab' : 'tab' }]
  if (key.return) return [{ name: 'enter' }]
  if (key.escape) return [{ name: 'esc' }]
  if (key.ctrl) return input === '' ? [] : [{ name: `ctrl-${input === ' ' ? 'space' : input.toLowerCase()}` }]
  // Escape and a letter in one read come as meta: the letter must not act as if pressed alone.
  if (key.meta || key.super || key.hyper) return []
  return [...graphemes.segment(input)].flatMap(({ segment }) => fromText(segment))
}

function fromText(text: string): KeyPress[] {
  if (text === '\r' || text === '\n' || text === '\r\n') return [{ name: 'enter' }]
  if (text === '\t') return [{ name: 'tab' }]
  if (text === '\x1b') return [{ name: 'esc' }]
  if (text === '\x7f' || text === '\b') return [{ name: 'backspace' }]
  const code = text.charCodeAt(0)
  if (code < 0x20) return [{ name: `ctrl-${String.fromCharCode(code + 0x60)}` }]
  return [{ name: text === ' ' ? 'space' : text, text }]
}
