/** Turns SIGINT and SIGTERM into an abort, once; a second SIGINT ends the process at once. */
export function interruptible(): { readonly signal: AbortSignal; readonly interrupted: () => boolean } {
  const controller = new AbortController()
  let interrupted = false
  const stop = () => {
    if (interrupted) process.exit(130)
    interrupted = true
    controller.abort()
  }
  process.on('SIGINT', stop)
  process.on('SIGTERM', stop)
  return { signal: controller.signal, interrupted: () => interrupted }
}
