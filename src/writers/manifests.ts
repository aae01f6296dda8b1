/** Changes manifests in place: rehearsed in memory, written atomically, guarded by what the files were, taken back byte for byte. */
import { randomBytes } from 'node:crypto'
import { createTwoFilesPatch } from 'diff'
import type { Approval, Json, Rehearsal, RehearsalResult, Step, Written } from '../model/index.ts'
import { formatPath } from '../objects/path.ts'
import { YamlEditRefused } from '../objects/yaml-edit.ts'
import { redact } from '../objects/yaml-redact.ts'
import { fillKeys, objectInFile } from '../plan/file-text.ts'
import { kindOf } from '../plan/objects-by-ref.ts'
import { type Committed, requireApproval, WriteConflict, WriteRefused, type Writer, type WrittenState } from '../plan/writer.ts'
import { Disk, type FileWrite, REMOVED, sha256 } from './manifests-disk.ts'
import { type Deed, type Draft, Drafts, standingOf, takeBack } from './manifests-draft.ts'
import { stateOf, type Undo, undoOf, unspliced } from './manifests-undo.ts'

interface Prepared {
  readonly drafts: readonly Draft[]
}

export class ManifestsWriter implements Writer {
  readonly name = 'manifests'
  readonly #disk: Disk
  /** What is to be written, keys filled in: between intent and commit only, and never anywhere else. */
  readonly #drawn = new WeakMap<Rehearsal, readonly FileWrite[]>()

  /** `path`: the directory or the file that was scanned. New files go to `k8s-harden/` in that directory. */
  constructor(path: string) {
    this.#disk = new Disk(path)
  }

  async rehearse(step: Step): Promise<RehearsalResult> {
    try {
      const drafts = new Drafts(
        (file) => this.#disk.read(file),
        () => this.#disk.files(),
      )
      await drafts.take(step)
      const changed = drafts.all
        .values()
        .filter(({ before, text }) => before?.text !== text)
        .toArray()
      return {
        ok: true,
        rehearsal: {
          step: step.id,
          diff: changed.map(diffOf).join(''),
          warnings: [...warningsFor(step), ...drafts.notes],
          writer: this.name,
          prepared: { drafts: changed } satisfies Prepared,
        },
      }
    } catch (error) {
      if (error instanceof YamlEditRefused) return { ok: false, refusedBy: 'the manifests', because: error.message }
      if (error instanceof WriteRefused) return { ok: false, refusedBy: error.refusedBy, because: error.message }
      if (error instanceof WriteConflict) return { ok: false, refusedBy: 'the manifests', because: error.message }
      throw error
    }
  }

  async intent(rehearsal: Rehearsal): Promise<readonly Written[]> {
    const { drafts } = rehearsal.prepared as Prepared
    const writes: FileWrite[] = []
    const written = drafts.map((draft): Written => {
      const keys = Array.from({ length: draft.secretKeys }, () => randomBytes(32).toString('base64'))
      const after = fillKeys(draft.text, (n) => keys[n - 1] ?? '')
      const undo = undoOf(draft, after)
      if (undo.kept !== undefined) writes.push({ file: undo.kept, before: undefined, after: draft.before!.text, mode: 0o600 })
      writes.push({ file: draft.file, before: draft.before?.text, after, mode: draft.mode })
      return {
        target: { ...draft.deeds[0]!.target, file: draft.file },
        before: valuesOf(draft, 'before'),
        after: valuesOf(draft, 'after'),
        undo: undo as unknown as Json,
      }
    })
    this.#drawn.set(rehearsal, writes)
    return written
  }

  async commit(rehearsal: Rehearsal, _written: readonly Written[], approval: Approval): Promise<Committed> {
    requireApproval(approval, rehearsal)
    const writes = this.#drawn.get(rehearsal)
    if (writes === undefined) throw new Error('commit without intent')
    await this.#disk.write(await this.#withoutKept(writes))
    const placed = (rehearsal.prepared as Prepared).drafts.filter((draft) => isPlaced(draft))
    return { warnings: [], ...(placed.length > 0 && { files: placed.map(({ file }) => file) }) }
  }

  /** The same old text may have been kept before. */
  async #withoutKept(writes: readonly FileWrite[]): Promise<FileWrite[]> {
    const needed: FileWrite[] = []
    for (const write of writes)
      if (!write.file.startsWith(`${REMOVED}/`) || (await this.#disk.read(write.file))?.text !== write.after) needed.push(write)
    return needed
  }

  async state(written: Written): Promise<WrittenState> {
    const undo = written.undo as unknown as Undo
    const now = await this.#disk.read(undo.file)
    if (now === undefined) return undo.before === null ? 'before' : 'gone'
    return stateOf(now.text, undo)
  }

  async undo(written: readonly Written[], dryRun = false): Promise<void> {
    const texts = new Map<string, { readonly before: string | undefined; text: string | undefined; mode: number }>()
    for (const { undo: json } of written.toReversed()) {
      const undo = json as unknown as Undo
      let file = texts.get(undo.file)
      if (file === undefined) {
        const now = await this.#disk.read(undo.file)
        texts.set(undo.file, (file = { before: now?.text, text: now?.text, mode: now?.mode ?? undo.mode }))
      }
      file.text = await this.#undone(file.text, undo)
    }
    if (dryRun) return
    const writes = texts
      .entries()
      .filter(([, { before, text }]) => before !== text)
      .map(([file, { before, text, mode }]): FileWrite => ({ file, before, after: text, mode }))
      .toArray()
    await this.#disk.write(writes)
    for (const { undo: json } of written) await this.#dropKept(json as unknown as Undo)
  }

  /** The old bytes where the file is as we left it; else only our own values are taken back. */
  async #undone(now: string | undefined, undo: Undo): Promise<string | undefined> {
    if (now === undefined) {
      if (undo.before === null) return undefined
      throw new WriteConflict(`${undo.file} is not there any more`)
    }
    const hash = sha256(now)
    if (hash === undo.before) return now
    if (hash === undo.after) return undo.before === null ? undefined : await this.#oldText(now, undo)
    if (undo.before === null) throw new WriteConflict(`${undo.file} was changed since: it is left as it is`)
    try {
      return undo.deeds
        .toReversed()
        .reduce((text, deed) => (standingOf(text, deed) === 'before' ? text : takeBack(text, undo.file, deed)), now)
    } catch (error) {
      if (error instanceof YamlEditRefused) throw new WriteConflict(`${undo.file} was changed since: ${error.message}`)
      throw error
    }
  }

  async #oldText(now: string, undo: Undo): Promise<string> {
    const old = undo.kept === undefined ? unspliced(now, undo.splices ?? []) : (await this.#disk.read(undo.kept))?.text
    if (old === undefined || sha256(old) !== undo.before)
      throw new WriteConflict(`what ${undo.file} was before is not there any more${undo.kept === undefined ? '' : ` (${undo.kept})`}`)
    return old
  }

  async #dropKept({ kept }: Undo): Promise<void> {
    const state = kept === undefined ? undefined : await this.#disk.read(kept)
    if (kept !== undefined && state !== undefined)
      await this.#disk.write([{ file: kept, before: state.text, after: undefined, mode: state.mode }])
  }
}

const valuesOf = ({ deeds, before, text, secretKeys }: Draft, side: 'before' | 'after'): Json => {
  const edits = deeds.flatMap((deed) => (deed.did === 'edit' ? deed.entries : []))
  if (edits.length > 0) return Object.fromEntries(edits.map((entry) => [formatPath(entry.path), entry[side] ?? null]))
  if (side === 'before') return before === undefined ? null : { text: redact(deletedText(deeds) ?? before.text) }
  return deeds[0]!.did === 'delete' ? null : secretKeys > 0 ? { secret: true } : { text: redact(text) }
}
const deletedText = (deeds: readonly Deed[]): string | undefined =>
  deeds.map((deed) => (deed.did === 'delete' ? deed.text : undefined)).find((text) => text !== undefined)

/** A file that the scan does not read: whether it helps is not to be seen here. */
const isPlaced = ({ file, text, secretKeys, deeds }: Draft): boolean => {
  if (deeds[0]!.target.kind !== 'File' || file.endsWith('.runbook.md')) return false
  const object = objectInFile(file, { text, secretKeys })
  return object === undefined || kindOf(object) === undefined
}

const KEY = '‹32 random bytes, base64, drawn when the file is written›'
function diffOf({ file, before, text, mode, secretKeys }: Draft): string {
  const after = redact(fillKeys(text, () => 'A')).split('\n')
  const named = text
    .split('\n')
    .map((line, index) => (/\{\{key \d+\}\}/.test(line) ? line.replaceAll(/\{\{key \d+\}\}/g, KEY) : after[index]!))
    .join('\n')
  const patch = createTwoFilesPatch(
    before === undefined ? 'absent' : `a/${file}`,
    `b/${file}`,
    redact(before?.text ?? ''),
    named,
    '',
    secretKeys > 0 ? `mode ${mode.toString(8).padStart(4, '0')}` : '',
    { context: 3 },
  )
  return patch.slice(patch.indexOf('---'))
}

function warningsFor(step: Step): string[] {
  const owned =
    step.managedBy === ''
      ? []
      : [`${step.managedBy} renders this object: take the change into its source as well, or the next rendering drops it`]
  return owned
}
