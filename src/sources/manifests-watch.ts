import { watch } from 'chokidar'

/** How long the file system must be quiet before a change is read: an editor writes in several steps. */
const QUIET_MS = 30

/**
 * Yields the paths that were touched, in bursts, until aborted. The first burst is empty: it comes when the watch stands, so that
 * what changed before can be found by looking again.
 */
export async function* watchPath(path: string, signal: AbortSignal): AsyncGenerator<ReadonlySet<string>> {
  if (signal.aborted) return
  let touched = new Set<string>()
  let wake = (): void => {}
  let timer: NodeJS.Timeout | undefined
  let due = false
  const arise = (): void => {
    due = true
    wake()
  }
  const watcher = watch(path, { ignoreInitial: true, followSymlinks: false, ignored: /[\\/](?:node_modules|\.git|\.removed)(?:[\\/]|$)/ })
  watcher.on('all', (_event, at) => {
    touched.add(at)
    clearTimeout(timer)
    timer = setTimeout(arise, QUIET_MS)
  })
  watcher.on('ready', arise)
  // A file that cannot be watched is still found by looking, whenever another one changes.
  watcher.on('error', arise)
  signal.addEventListener('abort', arise, { once: true })
  try {
    while (true) {
      if (!due)
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      if (signal.aborted) return
      due = false
      const burst = touched
      touched = new Set()
      yield burst
    }
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', arise)
    await watcher.close()
  }
}
