import { EXIT } from './exit-codes.ts'

/** Of a command that changes something: whoever listens goes away, and that is an interruption too. */
let hangUp: (() => void) | undefined

/**
 * Turns SIGINT and SIGTERM into an abort, once; a second one ends the process at once. `say`: of a command that changes something, which
 * first finishes what is under way or puts it back: told so once, and held to also when its terminal or the reader of its output goes away.
 */
export function interruptible(say?: (words: string) => void): { readonly signal: AbortSignal; readonly interrupted: () => boolean } {
  const controller = new AbortController()
  let interrupted = false
  const stop = () => {
    if (interrupted) process.exit(EXIT.interrupted)
    interrupt()
  }
  const interrupt = () => {
    if (interrupted) return
    interrupted = true
    controller.abort()
    say?.(
      'k8s-harden: interrupted: the step under way is finished or put back first, and nothing new is begun; once more ends at once, and "k8s-harden undo" then takes it back\n',
    )
  }
  process.on('SIGINT', stop)
  process.on('SIGTERM', stop)
  if (say !== undefined) process.on('SIGHUP', (hangUp = interrupt))
  return { signal: controller.signal, interrupted: () => interrupted }
}

/** `k8s-harden scan | head`, or a terminal that was closed: that is no fault, and nothing in a change that is under way either. */
export function outputGone(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE' && error.code !== 'EIO') throw error
  if (hangUp === undefined) process.exit(EXIT.clean)
  hangUp()
}
