/** The files below one directory: read, written atomically, and only if they are still what they were. Never a byte outside of it. */
import { createHash, randomBytes } from 'node:crypto'
import { link, lstat, mkdir, open, readFile, realpath, rename, rmdir, stat, unlink } from 'node:fs/promises'
import { basename, dirname, join, relative, resolve, sep } from 'node:path'
import { WriteConflict, WriteRefused } from '../plan/writer.ts'
import { decode, type Encoding, EncodingProblem, encode } from '../sources/manifests-encoding.ts'
import { findFiles } from '../sources/manifests-files.ts'

/** Where new files go, below the directory of the manifests. */
export const OUTPUT = 'k8s-harden'
/** Where what was removed is kept when it may not go into the journal. */
export const REMOVED = `${OUTPUT}/.removed`

export interface FileState {
  readonly text: string
  /** UTF-8 where absent. */
  readonly encoding?: Encoding
  readonly mode: number
}
/** What a file is to become; `undefined`: it is not there. */
export interface FileWrite {
  readonly file: string
  readonly before: string | undefined
  readonly after: string | undefined
  readonly mode: number
}

export const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')

export class Disk {
  readonly #path: string
  #root: string | undefined

  /** `path`: the directory or the one file that was scanned. */
  constructor(path: string) {
    this.#path = resolve(path)
  }

  /** The directory that names are relative to. */
  async root(): Promise<string> {
    return (this.#root ??= await realpath((await stat(this.#path)).isDirectory() ? this.#path : dirname(this.#path)))
  }

  /** Names of the manifests, as the scan finds them. */
  async files(): Promise<readonly string[]> {
    return (await findFiles(this.#path)).files.map(({ file }) => file)
  }

  /** The text of a file, undefined where there is none. Throws WriteRefused for what cannot be edited as text. */
  async read(file: string): Promise<FileState | undefined> {
    const path = await this.#real(file)
    try {
      const info = await stat(path)
      if (!info.isFile()) throw new WriteRefused('the file system', `${file} is not a plain file`)
      return { ...decode(await readFile(path)), mode: info.mode & 0o7777 }
    } catch (error) {
      if (error instanceof EncodingProblem) throw new WriteRefused('the file system', `${file} ${error.message}`)
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw refusal(file, error)
    }
  }

  /** All or, where one of them is not what it was, none. */
  async write(writes: readonly FileWrite[]): Promise<void> {
    const encodings = new Map<string, Encoding>()
    for (const write of writes) encodings.set(write.file, await this.#guard(write))
    for (const write of writes) {
      try {
        if (write.after === undefined) await this.#remove(write.file)
        else await this.#replace(write, encode({ text: write.after, encoding: encodings.get(write.file)! }))
      } catch (error) {
        throw refusal(write.file, error)
      }
    }
  }

  /** Returns what the file is written in, and stays written in. */
  async #guard({ file, before }: FileWrite): Promise<Encoding> {
    const now = await this.read(file)
    if (now?.text === before) return now?.encoding ?? 'utf-8'
    throw new WriteConflict(
      before === undefined
        ? `${file} was made by somebody else since`
        : now === undefined
          ? `${file} is not there any more`
          : `${file} was changed since: nothing was written`,
    )
  }

  async #replace({ file, before, mode }: FileWrite, after: Uint8Array): Promise<void> {
    const path = await this.#real(file)
    await mkdir(dirname(path), { recursive: true, ...(file.startsWith(`${REMOVED}/`) && { mode: 0o700 }) })
    await this.#real(file)
    const draft = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}.tmp`)
    try {
      const handle = await open(draft, 'wx', mode)
      try {
        await handle.writeFile(after)
        await handle.chmod(mode)
        await handle.sync()
      } finally {
        await handle.close()
      }
      if (before === undefined) await this.#claim(draft, path, file)
      else await rename(draft, path)
      await syncDirectory(dirname(path))
    } finally {
      await unlink(draft).catch(() => {})
    }
  }

  /** A new file takes its name only if nobody has it. */
  async #claim(draft: string, path: string, file: string): Promise<void> {
    try {
      await link(draft, path)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'EEXIST') throw new WriteConflict(`${file} was made by somebody else since`)
      if (code !== 'EPERM' && code !== 'ENOTSUP' && code !== 'EOPNOTSUPP') throw error
      await rename(draft, path)
    }
  }

  async #remove(file: string): Promise<void> {
    const path = await this.#real(file)
    await unlink(path)
    await syncDirectory(dirname(path))
    // Our own directories go when they are empty.
    for (let directory = dirname(file); directory === OUTPUT || directory.startsWith(`${OUTPUT}/`); directory = dirname(directory)) {
      if (
        !(await rmdir(join(await this.root(), directory)).then(
          () => true,
          () => false,
        ))
      )
        return
    }
  }

  /** The absolute path; a link is followed, but not out of the root. */
  async #real(file: string): Promise<string> {
    const root = await this.root()
    const path = resolve(root, file)
    if (file === '-' || !isInside(root, path) || /[\x00-\x1f\x7f]/.test(file))
      throw new WriteRefused('the file system', `${JSON.stringify(file)} is not a file in the directory`)
    const real = await realpath(path).catch(async () => {
      if (
        await lstat(path).then(
          (info) => info.isSymbolicLink(),
          () => false,
        )
      )
        throw new WriteRefused('the file system', `${file} is a link to nothing`)
      return join(await nearest(dirname(path), root), relative(await existing(dirname(path), root), path))
    })
    if (!isInside(root, real)) throw new WriteRefused('the file system', `${file} leads out of the directory`)
    return real
  }
}

/** The deepest directory on the way that is there already. */
async function existing(directory: string, root: string): Promise<string> {
  for (let here = directory; here !== root && isInside(root, here); here = dirname(here))
    if (
      await stat(here).then(
        (info) => info.isDirectory(),
        () => false,
      )
    )
      return here
  return root
}
const nearest = async (directory: string, root: string): Promise<string> => realpath(await existing(directory, root))

function isInside(root: string, path: string): boolean {
  const way = relative(root, path)
  return way !== '' && way !== '..' && !way.startsWith(`..${sep}`) && resolve(root, way) === path
}

function refusal(file: string, error: unknown): Error {
  if (error instanceof WriteRefused || error instanceof WriteConflict) return error
  const { code, message } = error as NodeJS.ErrnoException
  const words: Readonly<Record<string, string>> = {
    EACCES: 'permission denied',
    EPERM: 'not permitted',
    EROFS: 'the file system is read-only',
    ENOSPC: 'no space left',
    ENOTDIR: 'a part of its path is a file',
  }
  return new WriteRefused('the file system', `${file}: ${code === undefined ? message : (words[code] ?? code)}`)
}

/** Makes a new name survive a crash; not every file system can. */
async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r').catch(() => undefined)
  await handle?.sync().catch(() => {})
  await handle?.close()
}
