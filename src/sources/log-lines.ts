/** Line by line through logs of any size: files, directories of them, standard input, gzip or plain. */
import { createReadStream } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { constants, createGunzip } from 'node:zlib'

/** A log that says nothing: what is wrong with it, and what to give instead. */
export class LogProblem extends Error {
  readonly tryNext: readonly string[]
  constructor(message: string, tryNext: readonly string[]) {
    super(message)
    this.tryNext = tryNext
  }
}

/** What takes the lines. */
export interface LineTaker {
  /** Bytes of the longest line that is kept. */
  readonly longest: number
  /** Without its end; `whole`: it had one. */
  readonly line: (line: Buffer, whole: boolean) => void
  readonly tooLong: () => void
  /** The compression is damaged from here on. */
  broken(code: string): void
}

const CHUNK = 2 ** 18

/** `-` is `input`. Throws LogProblem where the file cannot be read. */
export async function readLines(file: string, input: Readable, taker: LineTaker): Promise<void> {
  try {
    await eachLine(file === '-' ? input : createReadStream(file, { highWaterMark: CHUNK }), taker)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === undefined || !/^(Z_|ERR_)/.test(code)) throw new LogProblem(`${file} cannot be read (${code ?? message})`, [])
    taker.broken(code)
  }
}

/** The file itself, or those of a directory whose names match `logs`. */
export async function logFiles(path: string, logs: RegExp): Promise<readonly string[]> {
  if (path === '-') return [path]
  const about = await stat(path).catch((error: NodeJS.ErrnoException) => {
    throw new LogProblem(`${path} cannot be read (${error.code ?? error.message})`, [])
  })
  if (!about.isDirectory()) return [path]
  const entries = await readdir(path, { withFileTypes: true })
  // Rotated logs have the time in their names: in this order the end of a watch comes after its start.
  return entries
    .filter((entry) => entry.isFile() && logs.test(entry.name))
    .map((entry) => join(path, entry.name))
    .sort()
}

/** Calls for each line without its end. Gzip is known by its first two bytes; a member that ends early gives what it holds. */
async function eachLine(input: Readable, { longest, line, tooLong }: LineTaker): Promise<void> {
  let rest: Buffer[] = []
  let length = 0
  const take = (piece: Buffer): void => {
    if (length > longest) tooLong()
    else if (length > 0) line(Buffer.concat([...rest, piece]), true)
    else line(piece, true)
    rest = []
    length = 0
  }
  for await (const chunk of await unpacked(input)) {
    let from = 0
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
      if (length > 0) take(chunk.subarray(from, end))
      else line(from === 0 && end === chunk.length ? chunk : chunk.subarray(from, end), true)
      from = end + 1
    }
    if (from === chunk.length) continue
    length += chunk.length - from
    if (length <= longest) rest.push(chunk.subarray(from))
    else rest = []
  }
  if (length > longest) tooLong()
  else if (length > 0) line(Buffer.concat(rest), false)
}

async function unpacked(input: Readable): Promise<AsyncIterable<Buffer>> {
  const chunks = input[Symbol.asyncIterator]() as AsyncIterator<Buffer>
  let first = Buffer.alloc(0)
  while (first.length < 2) {
    const { value, done } = await chunks.next()
    if (done === true) break
    first = first.length === 0 ? Buffer.from(value) : Buffer.concat([first, value])
  }
  const all = (async function* () {
    if (first.length > 0) yield first
    for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) yield next.value
  })()
  if (first[0] !== 0x1f || first[1] !== 0x8b) return all
  const gunzip = createGunzip({ chunkSize: CHUNK, finishFlush: constants.Z_SYNC_FLUSH })
  Readable.from(all, { objectMode: false, highWaterMark: CHUNK })
    .on('error', (error) => gunzip.destroy(error))
    .pipe(gunzip)
  return gunzip
}
