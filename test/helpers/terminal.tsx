/** The wizard in a fake terminal of a chosen size: keys in, frames out, time under control. */
import { EventEmitter } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { render } from 'ink'
import type { ReactNode } from 'react'
import { grant } from '../../src/session/approve.ts'
import type { Clock, Desk, SourceChoice } from '../../src/session/ports.ts'
import { createStore, type Store } from '../../src/session/store.ts'
import { App } from '../../views/app.tsx'

class FakeStdout extends EventEmitter {
  frame = ''
  columns: number
  rows: number
  readonly isTTY = true
  constructor(columns: number, rows: number) {
    super()
    this.columns = columns
    this.rows = rows
  }
  write = (frame: string, ...rest: readonly unknown[]): boolean => {
    // Ink writes a lone line break when it unmounts; modes are no frames.
    if (frame.trim() !== '' && !frame.startsWith('\x1b[?')) this.frame = frame
    const done = rest.at(-1)
    if (typeof done === 'function') done()
    return true
  }
}
class FakeStdin extends EventEmitter {
  readonly isTTY = true
  #data: string | null = null
  send(data: string): void {
    this.#data = data
    this.emit('readable')
  }
  read = (): string | null => {
    const data = this.#data
    this.#data = null
    return data
  }
  setEncoding(): void {}
  setRawMode(): void {}
  resume(): void {}
  pause(): void {}
  ref(): void {}
  unref(): void {}
}

/** Time stands still until it is told to go on. Waits for the next turn, and between two publications, are real but short. */
export class FakeClock implements Clock {
  #now = Date.parse('2026-11-23T10:15:00Z')
  readonly #waiting = new Set<{ readonly at: number; readonly then: () => void }>()
  now(): number {
    return this.#now
  }
  after(ms: number, then: () => void): () => void {
    if (ms <= 100) {
      const timer = setTimeout(then, 0)
      return () => clearTimeout(timer)
    }
    const entry = { at: this.#now + ms, then }
    this.#waiting.add(entry)
    return () => void this.#waiting.delete(entry)
  }
  get waiting(): number {
    return this.#waiting.size
  }
  pass(ms: number): void {
    this.#now += ms
    for (const entry of [...this.#waiting].sort((a, b) => a.at - b.at)) {
      if (entry.at <= this.#now && this.#waiting.delete(entry)) entry.then()
    }
  }
}

const NAMED: Readonly<Record<string, string>> = {
  enter: '\r',
  esc: '\x1b',
  up: '\x1b[A',
  down: '\x1b[B',
  right: '\x1b[C',
  left: '\x1b[D',
  pageup: '\x1b[5~',
  pagedown: '\x1b[6~',
  home: '\x1b[H',
  end: '\x1b[F',
  tab: '\t',
  'shift-tab': '\x1b[Z',
  space: ' ',
  backspace: '\x7f',
  'ctrl-c': '\x03',
  'ctrl-d': '\x04',
  'ctrl-u': '\x15',
}
export const keyBytes = (key: string): string => NAMED[key] ?? key
export const pasteBytes = (text: string): string => `\x1b[200~${text}\x1b[201~`

export interface Terminal {
  /** The lines on the screen. */
  frame(): string
  lines(): string[]
  press(...keys: readonly string[]): Promise<void>
  /** Raw input, as one read. */
  send(data: string): Promise<void>
  /** Waits for the text, or for a condition on the frame; fails with the frame. */
  until(what: string | RegExp | ((frame: string) => boolean)): Promise<void>
  resize(columns: number, rows: number): Promise<void>
  readonly exited: Promise<unknown>
  close(): void
}

function mount(tree: ReactNode, columns: number, rows: number): Terminal {
  const stdout = new FakeStdout(columns, rows)
  const stdin = new FakeStdin()
  const app = render(tree, {
    stdout: stdout as never,
    stdin: stdin as never,
    stderr: new FakeStdout(columns, rows) as never,
    debug: true,
    interactive: true,
    exitOnCtrlC: false,
    patchConsole: false,
  })
  const frame = (): string => stdout.frame
  const flush = async (): Promise<void> => {
    for (let turn = 0; turn < 3; turn++) await sleep(0)
  }
  const send = async (data: string): Promise<void> => {
    stdin.send(data)
    // A lone escape waits for the rest of a sequence.
    await (data.endsWith('\x1b') ? sleep(30) : flush())
    await flush()
  }
  const terminal: Terminal = {
    frame,
    lines: () => frame().split('\n'),
    send,
    press: async (...keys) => {
      for (const key of keys) await send(keyBytes(key))
    },
    async until(what) {
      const holds = (): boolean =>
        typeof what === 'function' ? what(frame()) : typeof what === 'string' ? frame().includes(what) : what.test(frame())
      for (let turn = 0; turn < 500 && !holds(); turn++) await sleep(4)
      if (!holds()) throw new Error(`never on the screen: ${String(what)}\n${frame()}`)
    },
    async resize(width, height) {
      stdout.columns = width
      stdout.rows = height
      stdout.emit('resize')
      await flush()
    },
    exited: app.waitUntilExit(),
    close: () => app.unmount(),
  }
  return terminal
}

export interface WizardTerminal extends Terminal {
  readonly store: Store
  readonly clock: FakeClock
}

/** The whole wizard over the given desk. */
export async function wizardIn(
  desk: Desk,
  { columns = 80, rows = 24, choice }: { readonly columns?: number; readonly rows?: number; readonly choice?: SourceChoice } = {},
): Promise<WizardTerminal> {
  const clock = new FakeClock()
  const store = createStore({ desk, clock, grant, size: { columns, rows } })
  const terminal = mount(<App store={store} />, columns, rows)
  store.start(choice)
  await store.settled()
  if (choice !== undefined) await terminal.until((frame) => frame.includes('Overview') || frame.includes('Could not open'))
  return {
    ...terminal,
    store,
    clock,
    close() {
      store.close()
      terminal.close()
    },
  }
}

/** Exactly as wide and as high as the terminal, whatever is shown. */
export function misfits(terminal: Pick<Terminal, 'lines'>, columns: number, rows: number, width: (text: string) => number): string[] {
  const lines = terminal.lines()
  return [
    ...(lines.length === rows ? [] : [`${lines.length} lines instead of ${rows}`]),
    ...lines.filter((line) => width(line) > columns).map((line) => `${width(line)} columns: ${line}`),
  ]
}
