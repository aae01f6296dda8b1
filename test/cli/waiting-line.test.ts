import { expect, test } from 'vitest'
import { WaitingLine } from '../../src/cli/waiting-line.ts'

function lineOn(stream: { readonly isTTY?: boolean; readonly columns?: number }, terminal?: string) {
  let [written, clock] = ['', 0]
  const line = new WaitingLine({ ...stream, write: (text: string) => void (written += text) }, () => clock, terminal)
  return {
    show: (seconds: number, words: string) => {
      clock = seconds * 1000
      line.tell(words)
    },
    end: () => line.tell(undefined),
    written: () => written,
  }
}

test('on a terminal it changes in place, never wraps, and is gone when it is over', () => {
  const { show, end, written } = lineOn({ isTTY: true, columns: 20 })
  show(1, 'to come back (1 s)')
  show(2, 'the migration of secrets: running')
  expect(written()).toBe('\r\x1b[Kto come back (1 s)\r\x1b[Kthe migration of s~')
  end()
  end()
  expect(written().endsWith('s~\r\x1b[K')).toBe(true)
})

test.each([
  ['a pipe', {}, 'xterm'],
  ['a dumb terminal', { isTTY: true }, 'dumb'],
] as const)('on %s each thing is told once, and again after a while', (_, stream, terminal) => {
  const { show, end, written } = lineOn(stream, terminal)
  for (let second = 1; second <= 40; second++) show(second, `to come back (${second} s)`)
  show(41, 'the proof')
  end()
  show(42, 'to come back (1 s)')
  end()
  expect(written().split('\n')).toEqual([
    'to come back (1 s)',
    'to come back (16 s)',
    'to come back (31 s)',
    'the proof',
    'to come back (1 s)',
    '',
  ])
})
