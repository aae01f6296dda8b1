import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { printable } from '../../src/objects/display.ts'

describe('text from outside, made safe to show', () => {
  test.each([
    ['plain', 'plain'],
    ['größe 漢字 🙂', 'größe 漢字 🙂'],
    ['two\nlines\r\nand\ttabs', 'two\\nlines\\nand tabs'],
    ['\u001b[31mred\u001b[0m', 'red'],
    ['a\u001b]52;c;aGVsbG8=\u0007b', 'ab'],
    ['a\u001b]8;;https://evil.example\u001b\\link\u001b]8;;\u001b\\b', 'alinkb'],
    ['a\u009b2Jb\u009d0;title\u009cc', 'abc'],
    ['open\u001b]0;never closed', 'open'],
    ['safe\u202egnp.exe\u2066x\u200b', 'safegnp.exex'],
    ['\ufeffbom\u0000nul\u007fdel', 'bomnuldel'],
    ['lone \ud800 surrogate', 'lone  surrogate'],
  ])('%j', (given, shown) => expect(printable(given)).toBe(shown))

  test('whatever is given, nothing that moves a cursor or hides text is left, and a second time changes nothing', () => {
    const nasty = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom('\u001b[', '\u001b]', '\u009b', '\u202e', '\u200d', '\n', '\u0007', ';', 'm', '\\'),
    )
    fc.assert(
      fc.property(fc.array(nasty, { maxLength: 12 }), (parts) => {
        const shown = printable(parts.join(''))
        expect(shown).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/)
        expect(printable(shown)).toBe(shown)
      }),
      { numRuns: 2000 },
    )
  })
})
