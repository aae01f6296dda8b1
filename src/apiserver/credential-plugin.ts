/** Runs a credential plugin so that it can neither hang, nor wait for a person who is not there, nor flood the memory. */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'

/** Time for a plugin: where there is a screen, a person may be sent to a browser. */
export const PLUGIN_MS = process.stderr.isTTY ? 90_000 : 25_000
/** An ExecCredential is a few kilobytes. */
const MAX_OUTPUT = 1024 * 1024

/** As `spawn`. Its `error` event tells what went wrong here; `close` follows in any case. */
export function spawnPlugin(
  command: string,
  args: readonly string[] = [],
  options: SpawnOptions = {},
  milliseconds = PLUGIN_MS,
): ChildProcess {
  const child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
  const stop = (because: string): void => {
    child.emit('error', new Error(because))
    child.kill('SIGKILL')
    // Its own children may hold the pipes open.
    child.stdout?.destroy()
    child.stderr?.destroy()
  }
  const timer = setTimeout(() => stop(`it did not finish within ${milliseconds / 1000} s`), milliseconds)
  let size = 0
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (chunk: Buffer | string) => {
      size += chunk.length
      if (size > MAX_OUTPUT) stop(`it printed more than ${MAX_OUTPUT / 1024 / 1024} MiB`)
    })
  child.once('close', () => clearTimeout(timer))
  child.once('error', () => clearTimeout(timer))
  return child
}
