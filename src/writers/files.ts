/** Files for the operator to place, and commands to run: written into a directory, never anywhere else (safety laws 9 and 10). */
import { createHash, randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { lstat, mkdir, open, readFile, realpath, unlink } from 'node:fs/promises'
import { dirname, join, relative, resolve, sep } from 'node:path'
import type { Approval, Change, Json, Rehearsal, RehearsalResult, Step, Written } from '../model/index.ts'
import { fillKeys } from '../plan/file-text.ts'
import { type Committed, requireApproval, WriteConflict, type Writer, type WrittenState } from '../plan/writer.ts'

/** `text` may hold `{{key N}}`; then the file is secret: 0600, and neither shown nor journalled. */
export interface PlacedFile {
  readonly name: string
  readonly text: string
  readonly mode: number
  readonly secretKeys: number
  /** The file of the same step whose keys it has too. */
  readonly keysOf?: string
}
interface Prepared {
  readonly files: readonly PlacedFile[]
  readonly commands: readonly string[]
}
interface Undo {
  readonly is: 'placed'
  readonly path: string
  readonly sha256: string
}

export interface FilesWriterOptions {
  readonly directory: string
  /** Patch files for objects that others own. Absent: such steps are refused. */
  readonly patchesOf?: (
    step: Step,
  ) => readonly { readonly name: string; readonly text: string }[] | Promise<readonly { readonly name: string; readonly text: string }[]>
}

export class FilesWriter implements Writer {
  readonly name = 'files'
  readonly #options: FilesWriterOptions
  /** What is to be written, keys filled in: between intent and commit only, and never anywhere else. */
  readonly #drawn = new WeakMap<Rehearsal, readonly { readonly file: PlacedFile; readonly path: string; readonly content: string }[]>()

  constructor(options: FilesWriterOptions) {
    this.#options = options
  }

  async rehearse(step: Step): Promise<RehearsalResult> {
    try {
      const prepared = await this.#prepare(step)
      for (const file of prepared.files)
        if (await exists(this.#pathOf(file.name)))
          return refused(
            `${join(this.#options.directory, file.name)} is there already: move it away, or choose another directory with --out`,
          )
      const diff = [...prepared.files.map(shown), ...prepared.commands.map((command) => `${command}\n`)].join('\n')
      return {
        ok: true,
        rehearsal: { step: step.id, diff, warnings: warningsFor(step, this.#options.directory), writer: this.name, prepared },
      }
    } catch (error) {
      return refused(error instanceof Error ? error.message : String(error))
    }
  }

  async intent(rehearsal: Rehearsal): Promise<readonly Written[]> {
    const { files } = rehearsal.prepared as Prepared
    const drawnFor = new Map<string, readonly string[]>()
    const drawn = files.map((file) => {
      const keys = drawnFor.get(file.keysOf ?? '') ?? Array.from({ length: file.secretKeys }, () => randomBytes(32).toString('base64'))
      drawnFor.set(file.name, keys)
      return { file, path: this.#pathOf(file.name), content: fillKeys(file.text, (n) => keys[n - 1] ?? '') }
    })
    this.#drawn.set(rehearsal, drawn)
    return drawn.map(
      ({ file, path, content }): Written => ({
        target: { apiVersion: 'k8s-harden/v1', kind: 'File', name: file.name, file: path },
        before: null,
        after: file.secretKeys > 0 ? { mode: file.mode.toString(8), secret: true } : { mode: file.mode.toString(8), text: content },
        undo: { is: 'placed', path, sha256: sha256(content) } satisfies Undo as unknown as Json,
      }),
    )
  }

  async commit(rehearsal: Rehearsal, _written: readonly Written[], approval: Approval): Promise<Committed> {
    requireApproval(approval, rehearsal)
    const drawn = this.#drawn.get(rehearsal) ?? []
    for (const { file, path, content } of drawn) await this.#write(path, content, file.secretKeys > 0 ? 0o600 : file.mode & 0o777)
    return { warnings: [], files: [...drawn.map(({ path }) => path), ...(rehearsal.prepared as Prepared).commands] }
  }

  async state(written: Written): Promise<WrittenState> {
    const { path, sha256: hash } = written.undo as unknown as Undo
    try {
      return sha256(await readFile(path, 'utf8')) === hash ? 'after' : 'other'
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 'before'
      throw error
    }
  }

  async undo(written: readonly Written[], dryRun = false): Promise<void> {
    const states = await Promise.all(written.map((one) => this.state(one)))
    const changed = written.find((_one, index) => states[index] === 'other')
    if (changed !== undefined) throw new WriteConflict(`${(changed.undo as unknown as Undo).path} was changed since: it is left as it is`)
    if (dryRun) return
    for (const [index, one] of [...written.entries()].reverse())
      if (states[index] === 'after') await unlink((one.undo as unknown as Undo).path)
  }

  async #prepare(step: Step): Promise<Prepared> {
    const objects = step.changes.filter((change) => change.type === 'edit' || change.type === 'create' || change.type === 'delete')
    const patches = objects.length === 0 ? [] : await this.#options.patchesOf?.(step)
    if (patches === undefined) throw new Error('there is no way here to write a patch file for it')
    const files = step.changes.flatMap((change) => (change.type === 'file' ? filesOf(change) : []))
    const commands = step.changes.flatMap((change) =>
      change.type === 'command'
        ? [
            `run in ${change.where}: ${change.argv.map(quoted).join(' ')}`,
            ...(change.undo === undefined ? [] : [`to take it back: ${change.undo.map(quoted).join(' ')}`]),
          ]
        : [],
    )
    const all = [...patches.map((patch): PlacedFile => ({ ...patch, mode: 0o644, secretKeys: 0 })), ...files]
    for (const file of all) this.#pathOf(file.name)
    return { files: all, commands }
  }

  /** Absolute, and inside the directory whatever the name says. */
  #pathOf(name: string): string {
    const root = resolve(this.#options.directory)
    const path = resolve(root, name)
    const inside = relative(root, path)
    if (inside === '' || inside.startsWith('..') || resolve(root, inside) !== path || /[\0-\x1f\x7f]/.test(name))
      throw new Error(`${JSON.stringify(name)} is not a name inside the output directory`)
    return path
  }

  async #write(path: string, content: string, mode: number): Promise<void> {
    await mkdir(this.#options.directory, { recursive: true, mode: 0o700 })
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    // A link inside the directory must not lead out of it.
    const [root, parent] = [await realpath(this.#options.directory), await realpath(dirname(path))]
    if (parent !== root && !parent.startsWith(`${root}${sep}`)) throw new WriteConflict(`${path} leads out of the output directory`)
    const handle = await open(path, constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY | constants.O_NOFOLLOW, mode).catch(
      (error: NodeJS.ErrnoException) => {
        if (error.code === 'EEXIST' || error.code === 'ELOOP') throw new WriteConflict(`${path} was made by somebody else since`)
        throw error
      },
    )
    try {
      await handle.writeFile(content)
      await handle.chmod(mode)
      await handle.sync()
    } finally {
      await handle.close()
    }
  }
}

const refused = (because: string): RehearsalResult => ({ ok: false, refusedBy: 'the output directory', because })
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')
const exists = (path: string): Promise<boolean> =>
  lstat(path).then(
    () => true,
    () => false,
  )

function filesOf({ name, text, mode, later, runbook, rollback }: Extract<Change, { type: 'file' }>): PlacedFile[] {
  const steps = (lines: readonly string[]) => lines.map((line, index) => `${index + 1}. ${line}`).join('\n')
  const words = `# What to do with ${name}\n\n${steps(runbook)}\n${rollback.length === 0 ? '' : `\n## The way back\n\n${steps(rollback)}\n`}`
  return [
    { name, text: text.text, mode, secretKeys: text.secretKeys ?? 0 },
    ...(later === undefined ? [] : [{ ...later, mode, secretKeys: text.secretKeys ?? 0, keysOf: name }]),
    ...(runbook.length === 0 ? [] : [{ name: `${name}.runbook.md`, text: words, mode: 0o644, secretKeys: 0 }]),
  ]
}

function shown({ name, text, secretKeys }: PlacedFile): string {
  const lines = fillKeys(text, (n) => `‹key ${n}: 32 random bytes, drawn when the file is written›`).split('\n')
  if (lines.at(-1) === '') lines.pop()
  return `--- absent\n+++ ${name}${secretKeys > 0 ? ' (mode 0600)' : ''}\n@@ -0,0 +1,${lines.length} @@\n${lines.map((line) => `+${line}`).join('\n')}\n`
}

function warningsFor(step: Step, directory: string): string[] {
  if (step.managedBy === '') return []
  return [
    `${step.managedBy} owns this object and would put a live change back: the patch is written to ${directory} for you to take into its source`,
  ]
}

/** For a POSIX shell. */
const quoted = (argument: string): string => (/^[\w@%+=:,./-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", `'\\''`)}'`)
