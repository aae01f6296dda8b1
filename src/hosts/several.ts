/** Many files by two programs instead of three for each: every run is a process here, and a way to the node and back. */
import { createHash } from 'node:crypto'
import { FILE_COMMANDS as FILES } from './commands.ts'
import type { HostCommand, ReadFile, Several, Stat } from './host.ts'
import type { Ran } from './runner.ts'

/** Words of one command. */
const MOST = 200
/** Bytes of one file, and of all that are read at once. */
const SMALL = 256 * 1024
const TOGETHER = 2 * 1024 * 1024

/** S_IFMT of stat(2). */
const TYPES: ReadonlyMap<number, Stat['is']> = new Map([
  [0o100000, 'file'],
  [0o40000, 'directory'],
  [0o120000, 'link'],
])

/** A line of `FILE_COMMANDS.stat`; undefined where it is none. */
export function statIn(line: string): Stat | undefined {
  const [, raw, size, uid, gid, owner, group] = /^([0-9a-f]+) (\d+) (\d+) (\d+) (\S+) (\S+)$/.exec(line) ?? []
  if (raw === undefined) return undefined
  const bits = Number.parseInt(raw, 16)
  return {
    is: TYPES.get(bits & 0o170000) ?? 'other',
    mode: bits & 0o7777,
    uid: Number(uid),
    gid: Number(gid),
    ...(owner !== 'UNKNOWN' && { owner: owner! }),
    ...(group !== 'UNKNOWN' && { group: group! }),
    size: Number(size),
  }
}

/** `paths`: plain. `content`: of small files also what is in them. Throws what `run` throws. */
export async function several(
  run: (command: HostCommand, limit: number) => Promise<Ran>,
  paths: readonly string[],
  content: boolean,
): Promise<Several> {
  const stats = new Map<string, Stat | undefined>()
  const files = new Map<string, ReadFile>()
  const asked = [...new Set(paths)].filter((path) => !/[\n\\]/.test(path))
  for (let at = 0; at < asked.length; at += MOST) {
    const some = new Set(asked.slice(at, at + MOST))
    const { stdout, stderr } = await run(FILES.statSeveral([...some]), 64 * 1024 + 1024 * some.size)
    for (const line of stdout.toString('utf8').split('\n')) {
      const path = /^(?:\S+ ){6}(.*)$/.exec(line)?.[1]
      const stat = path === undefined ? undefined : statIn(line.slice(0, -path.length - 1))
      if (path !== undefined && some.has(path) && stat !== undefined) stats.set(path, stat)
    }
    const gone = new Set(
      stderr.split('\n').flatMap((line) => /^(?:\S*\/)?stat: .*?'(.*)': No such file or directory$/.exec(line.trim())?.[1] ?? []),
    )
    for (const path of some) if (!stats.has(path) && gone.has(path)) stats.set(path, undefined)
  }
  let batch: [string, Stat][] = []
  let bytes = 0
  const read = async () => {
    const [now, size] = [batch, bytes]
    batch = []
    bytes = 0
    if (now.length === 0) return
    const { exitCode, stdout } = await run(
      FILES.headSeveral(
        now.map(([path]) => path),
        SMALL + 1,
      ),
      TOGETHER + SMALL,
    )
    // Where one has become longer or shorter meanwhile, or may not be read, nobody knows where it ends.
    if (exitCode !== 0 || stdout.length !== size) return
    let from = 0
    for (const [path, stat] of now) {
      const part = stdout.subarray(from, (from += stat.size))
      files.set(path, { text: part.toString('utf8'), sha256: createHash('sha256').update(part).digest('hex'), stat })
    }
  }
  for (const [path, stat] of content ? stats : []) {
    if (stat?.is !== 'file' || stat.size > SMALL || stat.size === 0 || path.startsWith('/proc/')) continue
    if (bytes + stat.size > TOGETHER || batch.length === MOST) await read()
    batch.push([path, stat])
    bytes += stat.size
  }
  await read()
  return { stats, files }
}
