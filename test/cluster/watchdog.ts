/**
 * Ends the programs of a test cluster when the test process dies, however it dies.
 *
 * The test process holds the other end of this program's stdin and writes one line per program it starts (`+pid`) and
 * per program that ended (`-pid`). The end of the input means that it is gone: kill what is left, remove the folder.
 */
import { rmSync } from 'node:fs'
import { createInterface } from 'node:readline'

const [dir] = process.argv.slice(2)
const pids = new Set<number>()

// Ctrl-C reaches the whole process group; this one must outlive it.
process.on('SIGINT', () => {})
process.on('SIGTERM', () => {})

for await (const line of createInterface({ input: process.stdin })) {
  const pid = Number(line.slice(1))
  if (line.startsWith('+')) pids.add(pid)
  else pids.delete(pid)
}

for (const pid of pids) {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It ended by itself in the meantime.
  }
}
if (dir) rmSync(dir, { recursive: true, force: true, maxRetries: 5 })
