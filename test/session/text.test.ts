import fc from 'fast-check'
import stringWidth from 'string-width'
import { describe, expect, test } from 'vitest'
import { diffRows, inColumns, lineText, prose, run } from '../../src/session/rows-line.ts'
import { cells, cut, fitted, sanitize, wrap } from '../../src/session/text.ts'

/** Anything a cluster may send: all of Unicode, with the dangerous parts far more often than chance would have it. */
const hostile = fc
  .array(
    fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string(),
      fc.constantFrom(
        '\x1b[2J',
        '\x1b]52;c;aGk=\x07',
        '\x1b]8;;http://evil\x1b\\x',
        '\x1b[8mhidden',
        '\x9b31m',
        '\u202e',
        '\u2066',
        '\u200b',
        '\u200d',
        '\ufeff',
        '\r',
        '\n',
        '\t',
        '\b',
        '\0',
        '\u0301'.repeat(30),
        '👨‍👩‍👧',
        '🇩🇪',
        '漢字',
        'é',
        '\ud800',
        '\u{e0041}',
        '\u3000',
        '\u2028',
      ),
    ),
  )
  .map((parts) => parts.join(''))

const FORBIDDEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u

describe('sanitize', () => {
  test('nothing that steers a terminal survives, whatever comes in', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        expect(sanitize(text)).not.toMatch(FORBIDDEN)
      }),
    )
  })
  test('a spoofed name looks spoofed', () => {
    expect(sanitize('nginx\x1b[8m-evil\x1b[0m')).toBe('nginx\\e[8m-evil\\e[0m')
    expect(sanitize('abc\u202egpj.exe')).toBe('abc\\u202egpj.exe')
    expect(sanitize('two\nlines\tand a tab')).toBe('two\\nlines\\tand a tab')
  })
  test('ordinary text of any script is left alone', () => {
    for (const text of ['Deployment shop/cart', 'größe', '漢字', 'पॉड', 'سلام', '👍']) expect(sanitize(text)).toBe(text)
  })
  test('is stable: a second time changes nothing', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        expect(sanitize(sanitize(text))).toBe(sanitize(text))
      }),
    )
  })
})

describe('widths', () => {
  test('fit takes exactly the columns it is given', () => {
    fc.assert(
      fc.property(hostile, fc.integer({ min: 0, max: 60 }), (text, width) => {
        expect(stringWidth(fitted(sanitize(text), width))).toBe(width)
      }),
    )
  })
  test('cut never exceeds, and says that it cut', () => {
    fc.assert(
      fc.property(hostile, fc.integer({ min: 1, max: 60 }), (text, width) => {
        const clean = sanitize(text)
        const kept = cut(clean, width)
        expect(cells(kept)).toBeLessThanOrEqual(width)
        if (kept !== clean) expect(kept.endsWith('~')).toBe(true)
      }),
    )
  })
  test('wrapped lines fit, and lose nothing but spaces', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.integer({ min: 4, max: 60 }), (text, width) => {
        const lines = wrap(text, width)
        for (const line of lines) expect(cells(line)).toBeLessThanOrEqual(width)
        expect(lines.join('').replaceAll(' ', '')).toBe(text.split(/\r?\n/).map(sanitize).join('').replaceAll(' ', ''))
      }),
    )
  })
  test('every kind of row is one line of at most the width asked for', () => {
    fc.assert(
      fc.property(hostile, hostile, fc.integer({ min: 10, max: 140 }), (a, b, width) => {
        const lines = [
          inColumns(width, [{ text: a, width: 8 }, { text: b, grow: true }, { text: a }]),
          run(width, [{ text: a, tone: 'fail' }, { text: b }]),
          ...[...prose(`${a} ${b}`, width), ...diffRows(`+${a}\n-${b}`)].map((row) => row.line(width, new Set())),
        ].map(lineText)
        for (const line of lines) {
          expect(stringWidth(line)).toBeLessThanOrEqual(width)
          expect(line).not.toMatch(FORBIDDEN)
        }
      }),
    )
  })
})
