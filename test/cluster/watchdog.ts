/**
 * Ends the programs of a test cluster when the test process dies, however it dies.
 *
 * The test process holds the other end of this program's stdin and writes one line per program it starts (`+pid`) and
 * per program that ended (`-pid`), and likewise per control group of a node (`+/path`, `-/path`). The end of the input
 * means that it is gone: kill what is left, remove the control groups and the folder.
 */
import { rmSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { removeCgroups } from './nodes/cgroups.ts'

const [dir] = process.argv.slice(2)
const pids = new Set<number>()
const cgroups = new Set<string>()

// Ctrl-C reaches the whole process group; this one must outlive it.
process.on('SIGINT', () => {})
process.on('SIGTERM', () => {})

for await (const line of createInterface({ input: process.stdin })) {
  const what = line.slice(1)
  if (what.startsWith('/')) line.startsWith('+') ? cgroups.add(what) : cgroups.delete(what)
  else if (line.startsWith('+')) pids.add(Number(what))
  else pids.delete(Number(what))
}

for (const pid of pids) {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It ended by itself in the meantime.
  }
}
// A node dies with its first process; its control groups are empty a moment later.
await removeCgroups([...cgroups]).catch((error) => console.error(error.message))
if (dir) rmSync(dir, { recursive: true, force: true, maxRetries: 5 })
