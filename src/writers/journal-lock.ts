/** One apply or undo at a time per target: two would each take the other's writes for changes by somebody else. */
import { createHash, randomBytes } from 'node:crypto'
import { link, mkdir, readFile, rename, unlink, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'

interface Holder {
  readonly pid: number
  readonly host: string
  readonly token: string
  readonly since: string
}

/** Somebody else is at it. */
export class TargetBusy extends Error {
  override readonly name = 'TargetBusy'
}

/** Where locks and journals are kept nothing can be written, so nothing is begun. */
export class StateUnwritable extends Error {
  override readonly name = 'StateUnwritable'
  constructor(directory: string, { message }: Error) {
    super(`${directory}, where journals are kept, cannot be written, and without one nothing is changed: ${message}`)
  }
}

/** Takes the lock of a target (a server's URL, a path), or throws `TargetBusy`. A lock whose process died is taken over. Returns the release. */
export async function lockTarget(directory: string, target: string, now = new Date()): Promise<() => Promise<void>> {
  const locks = join(directory, 'locks')
  const file = join(locks, `${createHash('sha256').update(target).digest('hex').slice(0, 24)}.lock`)
  const holder: Holder = { pid: process.pid, host: hostname(), token: randomBytes(8).toString('hex'), since: now.toISOString() }
  const own = `${file}.${holder.token}`
  try {
    await mkdir(locks, { recursive: true, mode: 0o700 })
    await writeFile(own, JSON.stringify(holder), { mode: 0o600, flag: 'wx' })
  } catch (error) {
    await unlink(own).catch(() => {})
    throw new StateUnwritable(directory, error as Error)
  }
  try {
    for (let tries = 0; tries < 10; tries++) {
      // A link to a whole file appears at once and only where there is none: no reader ever sees half a lock.
      if (await linked(own, file)) return () => release(file, holder.token)
      const other = await holderOf(file)
      if (other !== undefined && isAlive(other))
        throw new TargetBusy(
          `another k8s-harden (process ${other.pid}${other.host === hostname() ? '' : ` on ${other.host}`}, since ${other.since}) is changing ${target}`,
        )
      await setAside(file, other)
    }
    throw new TargetBusy(`the lock of ${target} changes hands too fast`)
  } finally {
    await unlink(own).catch(() => {})
  }
}

async function linked(own: string, file: string): Promise<boolean> {
  try {
    await link(own, file)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

async function holderOf(file: string): Promise<Holder | undefined> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Holder
  } catch {
    return undefined
  }
}

function isAlive({ pid, host }: Holder): boolean {
  // Of a process on another machine (a shared home directory) nothing can be known.
  if (host !== hostname()) return true
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** Moves a dead lock away; had another process been faster, the living lock that was moved instead is put back. */
async function setAside(file: string, dead: Holder | undefined): Promise<void> {
  const aside = `${file}.dead-${randomBytes(4).toString('hex')}`
  try {
    await rename(file, aside)
  } catch {
    return
  }
  const moved = await holderOf(aside)
  if (moved !== undefined && moved.token !== dead?.token) await linked(aside, file)
  await unlink(aside).catch(() => {})
}

async function release(file: string, token: string): Promise<void> {
  if ((await holderOf(file))?.token === token) await unlink(file).catch(() => {})
}
