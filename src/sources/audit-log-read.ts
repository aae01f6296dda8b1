/** Reads audit logs of any size: line by line, gzip or plain, with no more in memory than what was learned. */
import { createReadStream } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { constants, createGunzip } from 'node:zlib'
import type { ObservedRequests } from '../model/index.ts'
import { AuditLearner } from '../objects/audit-learn.ts'
import { AuditLogProblem, AuditLogTally, LONGEST_LINE } from './audit-log-tally.ts'

const CHUNK = 2 ** 18

/** `paths`: files, directories (their logs), `-` for `input`. What could not be read is among the doubts; nothing readable at all throws. */
export async function readAuditLogs(paths: readonly string[], input: Readable = process.stdin): Promise<ObservedRequests> {
  const learner = new AuditLearner()
  const tally = new AuditLogTally(learner)
  const files = (await Promise.all(paths.map(filesIn))).flat()
  if (files.length === 0)
    throw new AuditLogProblem(`${paths.join(', ')} holds no *.log, *.json, *.jsonl or *.gz`, ['name the files themselves'])
  for (const file of files) {
    tally.start(file)
    try {
      await eachLine(file === '-' ? input : createReadStream(file, { highWaterMark: CHUNK }), tally)
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException
      if (code === undefined || !/^(Z_|ERR_)/.test(code)) throw new AuditLogProblem(`${file} cannot be read (${code ?? message})`, [])
      tally.broken(code)
    }
    tally.end()
  }
  if (tally.events === 0) throw tally.whyNothing(paths)
  return learner.result(paths, tally.doubts())
}

const LOGS = /\.(log|json|jsonl|gz)$/
async function filesIn(path: string): Promise<readonly string[]> {
  if (path === '-') return [path]
  const about = await stat(path).catch((error: NodeJS.ErrnoException) => {
    throw new AuditLogProblem(`${path} cannot be read (${error.code ?? error.message})`, [])
  })
  if (!about.isDirectory()) return [path]
  const entries = await readdir(path, { withFileTypes: true })
  // Rotated logs have the time in their names: in this order the end of a watch comes after its start.
  return entries
    .filter((entry) => entry.isFile() && LOGS.test(entry.name))
    .map((entry) => join(path, entry.name))
    .sort()
}

/** Calls for each line without its end. Gzip is known by its first two bytes; a member that ends early gives what it holds. */
async function eachLine(input: Readable, { line, tooLong }: Pick<AuditLogTally, 'line' | 'tooLong'>): Promise<void> {
  let rest: Buffer[] = []
  let length = 0
  const take = (piece: Buffer): void => {
    if (length > LONGEST_LINE) tooLong()
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
    if (length <= LONGEST_LINE) rest.push(chunk.subarray(from))
    else rest = []
  }
  if (length > LONGEST_LINE) tooLong()
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
