import type { TextProps } from 'ink'
import type { Tone } from '../src/session/rows-line.ts'

/** The sixteen colours of the terminal's own theme. Colour never says anything that a word does not. */
export const THEME: Readonly<Record<Tone, Pick<TextProps, 'color' | 'bold' | 'dimColor'>>> = {
  plain: {},
  dim: { dimColor: true },
  title: { bold: true },
  key: { color: 'cyan', bold: true },
  critical: { color: 'red', bold: true },
  high: { color: 'red' },
  medium: { color: 'yellow' },
  low: { color: 'cyan' },
  info: { color: 'blue' },
  ok: { color: 'green' },
  fail: { color: 'red', bold: true },
  unknown: { color: 'magenta' },
  add: { color: 'green' },
  remove: { color: 'red' },
}
