/** The sample cluster: embedded in the program, worked on as a copy in files, so that changes, undo and a restart are the real thing. */
import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { basename, dirname, join, relative, sep } from 'node:path'
import type { ClusterSource } from '../model/index.ts'
import { FILES } from '../sample-cluster/files.gen.ts'
import { manifestsSource, SourceProblem } from './manifests.ts'

/** In the working copy: which version of the sample it was made of. */
export const SAMPLE_MARKER = '.k8s-harden-sample'

/** A hash of all paths and texts: of two versions of the sample, and of a working copy and what it was made of. */
export const SAMPLE_VERSION = hashOf(Object.entries(FILES))

/**
 * Opens the sample in the directory `workingCopy`. A copy that is there is kept, with whatever was changed in it; one of another
 * version that nobody has changed is made anew. Throws SourceProblem where it cannot be written, or where the directory is no copy.
 */
export async function sampleSource(workingCopy: string): Promise<ClusterSource> {
  const found = await versionOf(workingCopy)
  if (found === undefined) await inWords(workingCopy, () => create(workingCopy))
  else if (found !== SAMPLE_VERSION && (await isUnchanged(workingCopy, found))) await inWords(workingCopy, () => replace(workingCopy))
  return manifestsSource(workingCopy, { kind: 'sample', name: 'sample' })
}

/** Throws away every change to the working copy, what was written into it included, and makes it as it was shipped. */
export async function resetSample(workingCopy: string): Promise<void> {
  const found = await versionOf(workingCopy)
  await inWords(workingCopy, () => (found === undefined ? create(workingCopy) : replace(workingCopy)))
}

/** Of the sample that the working copy was made of; undefined where there is no directory, or an empty one. */
async function versionOf(workingCopy: string): Promise<string | undefined> {
  try {
    return (await readFile(join(workingCopy, SAMPLE_MARKER), 'utf8')).trim()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw problemWith(workingCopy, error)
  }
  const entries = await readdir(workingCopy).catch((error: NodeJS.ErrnoException): string[] => {
    if (error.code === 'ENOENT') return []
    throw problemWith(workingCopy, error)
  })
  if (entries.length === 0) return undefined
  throw new SourceProblem(`${workingCopy} is not a working copy of the sample: it has no ${SAMPLE_MARKER}`, [
    'move that directory elsewhere and start again',
    `k8s-harden --manifests ${workingCopy}`,
  ])
}

/** Is every file as it was written, and none added (what a change puts into k8s-harden/ counts)? */
async function isUnchanged(workingCopy: string, version: string): Promise<boolean> {
  const entries = await readdir(workingCopy, { recursive: true, withFileTypes: true })
  if (entries.some((entry) => !entry.isFile() && !entry.isDirectory())) return false
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  const files = paths.filter((path) => path !== join(workingCopy, SAMPLE_MARKER))
  return (
    version ===
    hashOf(
      await Promise.all(
        files.map(async (path) => [relative(workingCopy, path).replaceAll(sep, '/'), await readFile(path, 'utf8')] as const),
      ),
    )
  )
}

function hashOf(files: readonly (readonly [path: string, text: string])[]): string {
  const hash = createHash('sha256')
  for (const [path, text] of files.toSorted(([a], [b]) => (a < b ? -1 : 1))) hash.update(`${path}\0${text}\0`)
  return hash.digest('hex')
}

/** Whole or not at all. */
async function create(workingCopy: string): Promise<void> {
  await moveIn(await written(workingCopy), workingCopy)
}

/** The new copy is complete before the old one goes. */
async function replace(workingCopy: string): Promise<void> {
  const made = await written(workingCopy)
  const old = `${made}.old`
  try {
    await rename(workingCopy, old).catch(unlessAbsent)
  } catch (error) {
    await rm(made, { recursive: true, force: true })
    throw error
  }
  await moveIn(made, workingCopy)
  await rm(old, { recursive: true, force: true })
}

/** Where another process was first, its copy is as good. */
async function moveIn(made: string, workingCopy: string): Promise<void> {
  try {
    await rename(made, workingCopy)
  } catch (error) {
    await rm(made, { recursive: true, force: true })
    if ((await versionOf(workingCopy)) === undefined) throw error
  }
}

function unlessAbsent(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error
}

/** A complete copy beside the place where it shall be. */
async function written(workingCopy: string): Promise<string> {
  await mkdir(dirname(workingCopy), { recursive: true, mode: 0o700 })
  const made = await mkdtemp(join(dirname(workingCopy), `.${basename(workingCopy)}-`))
  try {
    for (const [path, text] of Object.entries(FILES)) {
      await mkdir(dirname(join(made, path)), { recursive: true, mode: 0o700 })
      await writeFile(join(made, path), text, { mode: 0o600 })
    }
    await writeFile(join(made, SAMPLE_MARKER), `${SAMPLE_VERSION}\n`, { mode: 0o600 })
    return made
  } catch (error) {
    await rm(made, { recursive: true, force: true })
    throw error
  }
}

async function inWords(workingCopy: string, write: () => Promise<void>): Promise<void> {
  try {
    await write()
  } catch (error) {
    throw error instanceof SourceProblem ? error : problemWith(workingCopy, error)
  }
}

const WORDS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'not permitted',
  EROFS: 'the file system is read-only',
  ENOSPC: 'no space is left',
  ENOTDIR: 'part of that path is a file',
}

function problemWith(workingCopy: string, error: unknown): SourceProblem {
  const { code = '', message } = error as NodeJS.ErrnoException
  return new SourceProblem(`the sample is worked on as a copy in ${workingCopy}, which cannot be used: ${WORDS[code] ?? message}`, [
    'XDG_STATE_HOME=DIR k8s-harden --sample, with a directory that can be written',
  ])
}
