/** The journal on disk: one file a run, one JSON line an event, on the disk before the write it speaks of. */
import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { chmod, type FileHandle, mkdir, open, readdir, readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import type { JournalHeader, JournalLine, RunId } from '../model/index.ts'
import { type Journal, type RecordedRun, recordedRun } from '../plan/journal.ts'

/** `$XDG_STATE_HOME/k8s-harden`; a relative XDG path is ignored, as its specification asks. */
export function stateDirectory(env: Readonly<Record<string, string | undefined>> = process.env, home = homedir()): string {
  const base = env['XDG_STATE_HOME']
  return join(base?.startsWith('/') ? base : join(home, '.local', 'state'), 'k8s-harden')
}

/** Sorts by time, and cannot meet another one of the same second. */
export const newRunId = (now: Date): RunId => `${now.toISOString().replace(/[-:]|\.\d+/g, '')}-${randomBytes(3).toString('hex')}` as RunId
const isRunId = (text: string): boolean => /^\d{8}T\d{6}Z-[0-9a-f]{6}$/.test(text)

/** In the middle of a run. What is in the journal is on the disk, the intent of a step before the step. */
export class JournalBroken extends Error {
  override readonly name = 'JournalBroken'
}

export class FileJournal implements Journal {
  readonly file: string
  readonly #handle: FileHandle
  /** Lines are written one after the other, whoever asks. */
  #last: Promise<void> = Promise.resolve()

  private constructor(file: string, handle: FileHandle) {
    this.file = file
    this.#handle = handle
  }

  /** A new run. The directory entry is on the disk too when this resolves. */
  static async begin(directory: string, header: JournalHeader): Promise<FileJournal> {
    const runs = join(directory, 'runs')
    await privateDirectory(runs)
    const file = join(runs, `${header.run}.jsonl`)
    const journal = new FileJournal(
      file,
      await open(file, constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY | constants.O_APPEND, 0o600),
    )
    await journal.append({ is: 'run', header })
    for (const made of [runs, directory, dirname(directory)]) await syncDirectory(made)
    return journal
  }

  /** Goes on with a run of the past, after a line that a crash may have torn. */
  static async resume(directory: string, run: RunId): Promise<FileJournal> {
    if (!isRunId(run)) throw new Error(`${run} is not a run`)
    const file = join(directory, 'runs', `${run}.jsonl`)
    const text = await readFile(file)
    const handle = await open(file, constants.O_WRONLY | constants.O_APPEND)
    const journal = new FileJournal(file, handle)
    if (text.length > 0 && text.at(-1) !== 0x0a) await journal.#write('\n')
    return journal
  }

  append(line: JournalLine): Promise<void> {
    return this.#write(`${JSON.stringify(line)}\n`)
  }

  #write(text: string): Promise<void> {
    const write = this.#last
      .then(async () => {
        await this.#handle.appendFile(text)
        await this.#handle.datasync()
      })
      .catch((error: Error) => {
        throw new JournalBroken(
          `${this.file} cannot be written any more (${error.message}), so the run was broken off: make room, and "k8s-harden undo" or apply settles what was under way`,
        )
      })
    // A failed write is told to whoever asked for it, not to the next one.
    this.#last = write.catch(() => {})
    return write
  }

  async close(): Promise<void> {
    await this.#last
    await this.#handle.close()
  }
}

async function privateDirectory(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 })
  for (const directory of [dirname(path), path]) await chmod(directory, 0o700)
}

async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, constants.O_RDONLY)
  try {
    await handle.sync()
  } catch (error) {
    // Some file systems cannot sync a directory; their journal is as good as they are.
    if (!['EINVAL', 'EPERM', 'ENOTSUP'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
  } finally {
    await handle.close()
  }
}

/** A line that a crash tore, or that is not ours, is passed over: what it would have said never came true. */
export function linesIn(text: string): JournalLine[] {
  const whole = text.slice(0, text.lastIndexOf('\n') + 1)
  return whole.split('\n').flatMap((line) => {
    try {
      const parsed = JSON.parse(line) as JournalLine | null
      return typeof parsed?.is === 'string' ? [parsed] : []
    } catch {
      return []
    }
  })
}

/** All runs, latest first. A file without a whole header is no run: nothing can have been written yet. */
export async function readRuns(directory: string): Promise<readonly RecordedRun[]> {
  const names = await readdir(join(directory, 'runs')).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw error
  })
  const files = names.filter((name) => name.endsWith('.jsonl') && isRunId(name.slice(0, -'.jsonl'.length)))
  const runs = await Promise.all(files.map(async (name) => recordedRun(linesIn(await readFile(join(directory, 'runs', name), 'utf8')))))
  // Of runs begun in one second only the header tells which came first; the rest of their names is chance.
  return runs
    .filter((run) => run !== undefined)
    .sort((a, b) => (a.header.time < b.header.time ? 1 : a.header.time > b.header.time ? -1 : 0))
}
