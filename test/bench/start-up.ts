import { spawn } from '@lydell/node-pty'

/** Milliseconds from spawn to the first byte painted, and to the first frame that shows the practices. In a real pseudo-terminal. */
export function firstFrame(command: string, args: readonly string[]): Promise<{ readonly paintMs: number; readonly frameMs: number }> {
  return new Promise((resolve, reject) => {
    const started = performance.now()
    const terminal = spawn(command, [...args], {
      cols: 120,
      rows: 40,
      env: { ...process.env, TERM: 'xterm-256color', CI: '' } as Record<string, string>,
    })
    let paintMs = 0
    let text = ''
    const tooLong = setTimeout(() => {
      terminal.kill('SIGTERM')
      reject(new Error(`no frame after 20 s: ${text.slice(0, 400)}`))
    }, 20_000)
    terminal.onData((chunk) => {
      paintMs ||= performance.now() - started
      text += chunk
      if (!text.includes('Role-based')) return
      clearTimeout(tooLong)
      const frameMs = performance.now() - started
      terminal.onExit(() => resolve({ paintMs, frameMs }))
      terminal.write('q')
      setTimeout(() => terminal.kill('SIGTERM'), 1500).unref()
      text = ''
    })
  })
}
