/** The terminal, taken before anything heavy is loaded and given back whatever happens. No import here may load Ink. */
import type { ReadStream, WriteStream } from 'node:tty'

const ENTER = '\x1b[?1049h\x1b[2J\x1b[H\x1b[?25l'
/** Bracketed paste off, colours off, cursor on, ordinary screen. */
const LEAVE = '\x1b[?2004l\x1b[0m\x1b[?25h\x1b[?1049l'
const HOME = '\x1b[H'

const SIGNALS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const

export interface Terminal {
  /** From now on signals are told to `handle` with the exit code they stand for; before, they end the program at once. */
  onSignal(handle: (code: number) => void): void
  /** Goes back to the shell until the program is continued. The screen is then empty and has to be drawn again. */
  suspend(): Promise<void>
  /** Gives the terminal back, once; later calls do nothing. */
  restore(): void
}
export interface Streams {
  readonly stdin: Pick<ReadStream, 'setRawMode'>
  readonly stdout: Pick<WriteStream, 'write' | 'on'>
}

/**
 * Takes the screen at once: raw mode first, so that what is typed meanwhile is not echoed, then the alternate screen with the cursor at
 * its top, since Ink draws where the cursor is. `banner`: one line to look at until the first frame.
 */
export function takeTerminal(banner: string, { stdin, stdout }: Streams = process): Terminal {
  let taken = true
  let handler: ((code: number) => void) | undefined
  const restore = (): void => {
    if (!taken) return
    taken = false
    try {
      stdin.setRawMode(false)
      stdout.write(LEAVE)
    } catch {
      // The terminal is gone; there is nothing to give back.
    }
    process.off('exit', restore)
    process.off('uncaughtExceptionMonitor', restore)
    for (const [signal, listener] of listeners) process.off(signal, listener)
  }
  const listeners = Object.entries(SIGNALS).map(
    ([signal, code]) =>
      [
        signal as keyof typeof SIGNALS,
        () => {
          if (handler !== undefined) return handler(code)
          restore()
          process.exit(code)
        },
      ] as const,
  )

  process.on('exit', restore)
  // Before the stack is printed, or it is lost with the alternate screen.
  process.on('uncaughtExceptionMonitor', restore)
  for (const [signal, listener] of listeners) process.on(signal, listener)
  // A terminal that was closed answers every write with EIO; SIGHUP tells of it.
  stdout.on('error', () => {})
  stdin.setRawMode(true)
  stdout.write(`${ENTER}${banner}${HOME}`)
  return {
    onSignal(handle) {
      handler = handle
    },
    suspend: () =>
      new Promise((resolve) => {
        const back = (): void => {
          clearTimeout(notStopped)
          process.off('SIGCONT', back)
          stdout.write(ENTER)
          resolve()
        }
        process.on('SIGCONT', back)
        // Without job control (no shell above) the signal is ignored: then nobody would ever continue us. The timer also keeps the process alive.
        const notStopped = setTimeout(back, 500)
        stdout.write('\x1b[?25h')
        process.kill(process.pid, 'SIGTSTP')
      }),
    restore,
  }
}
