/** This machine, or a tree of files that is a node's root. */
import { createHash, randomBytes } from 'node:crypto'
import { constants, type Stats } from 'node:fs'
import { chmod, chown, copyFile, lstat, mkdir, open, readdir, readFile, rename, stat as statOf, unlink } from 'node:fs/promises'
import { dirname, join, normalize } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { execa } from 'execa'
import {
  type CommandResult,
  type Host,
  type HostCommand,
  HostConflict,
  HostRefused,
  HostUnreachable,
  type ReadFile,
  type Stat,
  type WriteOptions,
} from './host.ts'

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
    return unlessMissing(async () => statFrom(await lstat(this.#at(path))))
  }

  async read(path: string, limit = LIMIT): Promise<ReadFile | undefined> {
    return unlessMissing(async () => {
      const stat = statFrom(await statOf(this.#at(path)))
      if (stat.is !== 'file') throw new HostRefused(`${path} is no file`)
      if (stat.size > limit) throw new HostRefused(`${path} is larger than ${limit} bytes`)
      const bytes = await readFile(this.#at(path))
      return { text: bytes.toString('utf8'), sha256: sha256(bytes), stat }
    })
  }

  async list(path: string): Promise<readonly string[] | undefined> {
    return unlessMissing(async () => (await readdir(this.#at(path))).sort())
  }

  async write(path: string, text: string, { mode, uid, gid, expected }: WriteOptions): Promise<void> {
    await this.#expect(path, expected)
    const target = this.#at(path)
    const directory = dirname(target)
    await refusing(() => mkdir(directory, { recursive: true, mode: 0o700 }))
    const before = await this.stat(path)
    const beside = join(directory, `.k8s-harden-${randomBytes(6).toString('hex')}`)
    await refusing(async () => {
      const handle = await open(beside, constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY, 0o600)
      try {
        await handle.writeFile(text)
        await handle.chown(uid ?? before?.uid ?? process.getuid!(), gid ?? before?.gid ?? process.getgid!())
        await handle.chmod(mode)
        await handle.sync()
      } finally {
        await handle.close()
      }
      await rename(beside, target)
      await flush(directory)
    }).catch(async (error) => {
      await unlink(beside).catch(() => {})
      throw error
    })
  }

  async copy(from: string, to: string): Promise<void> {
    await refusing(async () => {
      await mkdir(dirname(this.#at(to)), { recursive: true, mode: 0o700 })
      const { mode, uid, gid } = await statOf(this.#at(from))
      await copyFile(this.#at(from), this.#at(to), constants.COPYFILE_EXCL)
      await chown(this.#at(to), uid, gid)
      await chmod(this.#at(to), mode & 0o7777)
      await flush(this.#at(to))
      await flush(dirname(this.#at(to)))
    })
  }

  async remove(path: string, expected: string): Promise<void> {
    if ((await this.read(path)) === undefined) return
    await this.#expect(path, expected)
    await refusing(() => unlink(this.#at(path)))
  }

  async run({ argv, timeoutMs, stdin, name }: HostCommand): Promise<CommandResult> {
    const [program = '', ...args] = argv
    const result = await execa(program, args, { reject: false, timeout: timeoutMs, ...(stdin === undefined ? {} : { input: stdin }) })
    if (result.timedOut) throw new HostUnreachable(`to ${name} took longer than ${timeoutMs / 1000} s`)
    if (result.exitCode === undefined) throw new HostRefused(`cannot ${name}: ${result.shortMessage ?? 'it did not start'}`)
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

  async #expect(path: string, expected: string | null): Promise<void> {
    const now = (await this.read(path))?.sha256 ?? null
    if (now !== expected) throw new HostConflict(`${path} ${now === null ? 'is not there' : 'was changed by somebody else'}`)
  }

  #at(path: string): string {
    if (!path.startsWith('/') || normalize(path) !== path || /[\0-\x1f\x7f]/.test(path))
      throw new Error(`${JSON.stringify(path)} is no plain absolute path`)
    return join(this.#root, path)
  }
}

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')

function statFrom(stats: Stats): Stat {
  const is = stats.isFile() ? 'file' : stats.isDirectory() ? 'directory' : stats.isSymbolicLink() ? 'link' : 'other'
  return { is, mode: stats.mode & 0o7777, uid: stats.uid, gid: stats.gid, size: stats.size }
}

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
    if (error instanceof HostRefused || error instanceof HostConflict) throw error
    if ((error as NodeJS.ErrnoException).code === undefined) throw error
    throw new HostRefused((error as Error).message, { cause: error })
  }
}
