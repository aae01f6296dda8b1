/** This machine, or a tree of files that is a node's root. */
import { createHash, randomBytes } from 'node:crypto'
import { constants, type Stats } from 'node:fs'
import { lstat, mkdir, open, readdir, readFile, rename, stat as statOf, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { execa } from 'execa'
import type { FileRights } from '../model/index.ts'
import {
  type CommandResult,
  conflict,
  expectRights,
  type Host,
  type HostCommand,
  HostConflict,
  HostRefused,
  HostUnreachable,
  type ReadFile,
  type Stat,
  type WriteOptions,
} from './host.ts'
import { insideRoot } from './inside-root.ts'
import { plainPath } from './plain-path.ts'

const LIMIT = 4 * 1024 * 1024

export class LocalHost implements Host {
  readonly carrier = 'local'
  readonly node: string
  readonly words: string
  readonly #root: string

  /** `root`: where the node's `/` is on this machine. */
  constructor(node: string, root = '/') {
    this.node = node
    this.words = root === '/' ? 'this machine' : `the files under ${root}`
    this.#root = root
  }

  async stat(path: string): Promise<Stat | undefined> {
    return unlessMissing(async () => this.#seen(await lstat(await this.#at(path))))
  }

  async read(path: string, limit = LIMIT): Promise<ReadFile | undefined> {
    return unlessMissing(async () => {
      const target = await this.#at(path, true)
      const stat = await this.#seen(await statOf(target))
      if (stat.is !== 'file') throw new HostRefused(`${path} is no file`)
      if (stat.size > limit) throw new HostRefused(`${path} is larger than ${limit} bytes`)
      const bytes = await readFile(target)
      return { text: bytes.toString('utf8'), sha256: sha256(bytes), stat }
    })
  }

  async list(path: string): Promise<readonly string[] | undefined> {
    return unlessMissing(async () => (await readdir(await this.#at(path, true))).sort())
  }

  async write(path: string, text: string, { mode, uid, gid, expected }: WriteOptions): Promise<void> {
    const before = await this.#expect(path, expected)
    await this.#place(path, expected, async (beside) => {
      const handle = await open(beside, constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY, 0o600)
      try {
        await handle.writeFile(text)
        await handle.chown(uid ?? before?.uid ?? process.getuid!(), gid ?? before?.gid ?? process.getgid!())
        await handle.chmod(mode)
        await handle.sync()
      } finally {
        await handle.close()
      }
    })
  }

  async copy(from: string, to: string): Promise<void> {
    await this.#expect(to, null)
    const source = await refusing(() => this.#at(from, true))
    await this.#place(to, null, async (beside) => {
      const { mode, uid, gid } = await statOf(source)
      const bytes = await readFile(source)
      const handle = await open(beside, constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY, 0o600)
      try {
        await handle.writeFile(bytes)
        await handle.chown(uid, gid)
        await handle.chmod(mode & 0o7777)
        await handle.sync()
      } finally {
        await handle.close()
      }
    })
  }

  async remove(path: string, expected: string): Promise<void> {
    if ((await this.stat(path)) === undefined) return
    await this.#expect(path, expected)
    await refusing(async () => {
      const target = await this.#at(path)
      await unlink(target)
      await flush(dirname(target))
    })
  }

  async permit(path: string, rights: FileRights, expected: FileRights): Promise<void> {
    expectRights(path, await this.stat(path), expected)
    await refusing(async () => {
      // What was opened is what is changed, whatever takes its name meanwhile.
      const handle = await open(await this.#at(path), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
      try {
        expectRights(path, await this.#seen(await handle.stat()), expected)
        if (rights.uid !== expected.uid || rights.gid !== expected.gid) await handle.chown(rights.uid, rights.gid)
        await handle.chmod(rights.mode)
        await handle.sync()
      } finally {
        await handle.close()
      }
    })
  }

  async run({ argv, timeoutMs, stdin, name }: HostCommand): Promise<CommandResult> {
    // Programs of a tree of files are run in it: those of this machine belong to another one.
    const [program, ...args] = this.#root === '/' ? ['env', ...argv] : ['chroot', this.#root, 'env', ...argv]
    const result = await execa(program!, args, {
      reject: false,
      timeout: timeoutMs,
      forceKillAfterDelay: 2000,
      detached: true,
      env: { LC_ALL: 'C' },
      ...(stdin === undefined ? { stdin: 'ignore' as const } : { input: stdin }),
    })
    if (result.timedOut) throw new HostUnreachable(`to ${name} took longer than ${timeoutMs / 1000} s`)
    if (result.exitCode === undefined) throw new HostRefused(`cannot ${name}: ${result.shortMessage ?? 'it did not start'}`)
    if ([125, 126, 127].includes(result.exitCode) && /^(env|chroot): /m.test(result.stderr))
      throw new HostRefused(`cannot ${name}: ${result.stderr.split('\n').at(-1)}`)
    return { exitCode: result.exitCode, stdout: result.stdout, stderr: result.stderr }
  }

  async *watch(path: string, signal: AbortSignal): AsyncIterable<string | undefined> {
    let last: string | undefined | null = null
    while (!signal.aborted) {
      const now = (await this.read(path))?.sha256
      if (now !== last) yield (last = now)
      await sleep(1000, undefined, { signal }).catch(() => {})
    }
  }

  async close(): Promise<void> {}

  /** What is there as expected, or a HostConflict. Through a link nothing is written: a rename would put a file in its place. */
  async #expect(path: string, expected: string | null): Promise<Stat | undefined> {
    const stat = await this.stat(path)
    if (stat?.is === 'link') throw new HostRefused(`${path} is a link, and is not written through: change what it leads to`)
    const now = stat === undefined ? undefined : (await this.read(path, Number.POSITIVE_INFINITY))?.sha256
    if ((now ?? null) !== expected) throw conflict(path, now, expected)
    return stat
  }

  /** Fills a file beside, under a name that nobody takes for his own, and renames it if the target still is what it was. */
  async #place(path: string, expected: string | null, fill: (beside: string) => Promise<void>): Promise<void> {
    await refusing(async () => {
      const target = await this.#at(path)
      const directory = dirname(target)
      await makeDirectory(directory)
      const beside = join(directory, `.k8s-harden-${randomBytes(6).toString('hex')}`)
      try {
        await fill(beside)
        await this.#expect(path, expected)
        await rename(beside, target)
      } catch (error) {
        await unlink(beside).catch(() => {})
        throw error
      }
      await flush(directory)
    })
  }

  async #at(path: string, follow = false): Promise<string> {
    plainPath(path)
    return this.#root === '/' ? path : insideRoot(this.#root, path, follow)
  }

  async #seen(stats: Stats): Promise<Stat> {
    const is = stats.isFile() ? 'file' : stats.isDirectory() ? 'directory' : stats.isSymbolicLink() ? 'link' : 'other'
    const [owner, group] = [await this.#nameOf('/etc/passwd', stats.uid), await this.#nameOf('/etc/group', stats.gid)]
    return {
      is,
      mode: stats.mode & 0o7777,
      uid: stats.uid,
      gid: stats.gid,
      ...(owner !== undefined && { owner }),
      ...(group !== undefined && { group }),
      size: stats.size,
    }
  }

  readonly #names = new Map<string, Promise<ReadonlyMap<number, string>>>()
  /** As the node's own lists have it. */
  async #nameOf(list: '/etc/passwd' | '/etc/group', id: number): Promise<string | undefined> {
    if (!this.#names.has(list))
      this.#names.set(
        list,
        this.#at(list, true).then(namesIn, () => new Map<number, string>()),
      )
    return (await this.#names.get(list)!).get(id)
  }
}

/** Not `recursive`, which on a file system that lets nobody make any (/proc) tries for ever. */
async function makeDirectory(path: string): Promise<void> {
  try {
    await mkdir(path, 0o700)
    await flush(dirname(path))
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EEXIST' && (await statOf(path)).isDirectory()) return
    if (code !== 'ENOENT' || dirname(path) === path || (await exists(dirname(path)))) throw error
    await makeDirectory(dirname(path))
    await makeDirectory(path)
  }
}
const exists = (path: string): Promise<boolean> =>
  lstat(path).then(
    () => true,
    () => false,
  )

async function namesIn(file: string): Promise<ReadonlyMap<number, string>> {
  const text = await readFile(file, 'utf8').catch(() => '')
  const lines = text.split('\n').map((line) => line.split(':'))
  return new Map(lines.flatMap(([name, , id]) => (name && id ? [[Number(id), name] as const] : [])).toReversed())
}

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')

async function flush(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

async function unlessMissing<T>(look: () => Promise<T>): Promise<T | undefined> {
  return refusing(look).catch((error) => {
    if (error instanceof HostRefused && ['ENOENT', 'ENOTDIR'].includes((error.cause as NodeJS.ErrnoException | undefined)?.code ?? ''))
      return undefined
    throw error
  })
}
async function refusing<T>(act: () => Promise<T>): Promise<T> {
  try {
    return await act()
  } catch (error) {
    if (error instanceof HostRefused || error instanceof HostConflict || error instanceof HostUnreachable) throw error
    if ((error as NodeJS.ErrnoException).code === undefined) throw error
    throw new HostRefused((error as Error).message, { cause: error })
  }
}
