/** A program in a real pseudo-terminal, with a real emulator reading its screen. */
import { setTimeout as sleep } from 'node:timers/promises'
import xterm from '@xterm/headless'

/** Native and optional: where it cannot be loaded, tests that need it are skipped by name. */
export const pty = await import('@lydell/node-pty').catch(() => undefined)

export interface PtyOptions {
  readonly columns?: number
  readonly rows?: number
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
}

export class PtyProgram {
  readonly #process: import('@lydell/node-pty').IPty
  readonly #terminal: xterm.Terminal
  #written = Promise.resolve()
  #exit: number | undefined
  /** Everything it wrote, escape sequences included. */
  output = ''
  readonly exited: Promise<number>

  constructor(file: string, args: readonly string[], { columns = 80, rows = 24, env = {}, cwd }: PtyOptions = {}) {
    if (pty === undefined) throw new Error('no pseudo-terminal on this machine')
    this.#terminal = new xterm.Terminal({ cols: columns, rows, allowProposedApi: true })
    this.#process = pty.spawn(file, [...args], {
      cols: columns,
      rows,
      name: 'xterm-256color',
      env: { PATH: process.env['PATH'] ?? '', TERM: 'xterm-256color', HOME: '/nonexistent', ...env },
      ...(cwd !== undefined && { cwd }),
    })
    this.#process.onData((data) => {
      this.output += data
      this.#written = this.#written.then(() => new Promise<void>((resolve) => this.#terminal.write(data, resolve)))
    })
    this.exited = new Promise((resolve) =>
      this.#process.onExit(({ exitCode }) => {
        this.#exit = exitCode
        resolve(exitCode)
      }),
    )
  }

  /** The visible lines, without trailing spaces. */
  lines(): string[] {
    const { active } = this.#terminal.buffer
    return Array.from(
      { length: this.#terminal.rows },
      (_, row) => active.getLine(active.baseY + row)?.translateToString(true, 0, this.#terminal.cols) ?? '',
    )
  }
  screen(): string {
    return this.lines().join('\n')
  }
  get isAlternate(): boolean {
    return this.#terminal.buffer.active.type === 'alternate'
  }
  get cursor(): { readonly x: number; readonly y: number } {
    return { x: this.#terminal.buffer.active.cursorX, y: this.#terminal.buffer.active.cursorY }
  }

  /** Waits until the screen holds the text, or fails with the screen. Also when the program has ended. */
  async until(what: string | RegExp | ((screen: string) => boolean), seconds = 30): Promise<void> {
    const holds = (): boolean => {
      const screen = this.screen()
      return typeof what === 'function' ? what(screen) : typeof what === 'string' ? screen.includes(what) : what.test(screen)
    }
    for (const end = performance.now() + seconds * 1000; performance.now() < end; await sleep(15)) {
      await this.#written
      if (holds()) return
      if (this.#exit !== undefined) {
        await sleep(50)
        await this.#written
        if (holds()) return
        break
      }
    }
    throw new Error(
      `never on the screen: ${String(what)}${this.#exit === undefined ? '' : ` (it ended with ${this.#exit})`}\n${this.screen()}`,
    )
  }

  send(data: string): void {
    this.#process.write(data)
  }
  resize(columns: number, rows: number): void {
    this.#terminal.resize(columns, rows)
    this.#process.resize(columns, rows)
  }
  /** Ends it, where a test failed before it ended by itself. */
  dispose(): void {
    if (this.#exit === undefined) this.#process.kill('SIGKILL')
    this.#terminal.dispose()
  }
}
