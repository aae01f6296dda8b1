/** A step carried out on the texts of files, in memory. */
import type { Change, Edit, Json, KubeObject, ObjectRef, Path, Step } from '../model/index.ts'
import { firstMissing, valueAt } from '../objects/path.ts'
import { refText } from '../objects/ref.ts'
import { appendDocument, editYaml, removeDocument, removeItem } from '../objects/yaml-edit.ts'
import { findObject, type Spot } from '../objects/yaml-find.ts'
import { documentText } from '../objects/yaml-layout.ts'
import { editsBetween } from '../plan/merge.ts'
import { WriteConflict, WriteRefused } from '../plan/writer.ts'
import { type Kustomize, kustomizeOf } from '../sources/kustomize.ts'
import { type FileState, OUTPUT } from './manifests-disk.ts'
import { checkBuild, sharesOf } from './manifests-overlay.ts'
import { isListed, listingOf, refOfKustomization, withoutResource, withResource } from './manifests-resources.ts'

/** A value that a step sets or takes away; absent `before` or `after`: not there. */
export interface Entry {
  readonly path: Path
  readonly before?: Json
  readonly after?: Json
}
/** What happened to one object of a file, enough to take it back when the file has changed elsewhere since. */
export type Deed =
  | {
      readonly did: 'edit'
      readonly target: ObjectRef
      readonly entries: readonly Entry[] /** The values are secret and were left out. */
      readonly sealed?: true
    }
  | {
      readonly did: 'delete'
      readonly target: ObjectRef /** The text that went; absent where it may not be kept. */
      readonly text?: string
    }
  | { readonly did: 'make'; readonly target: ObjectRef }
  /** A kustomization names a new file. */
  | { readonly did: 'list'; readonly target: ObjectRef; readonly file: string }

export interface Draft {
  readonly file: string
  readonly before: FileState | undefined
  text: string
  mode: number
  /** How many keys are to be drawn when it is written. */
  secretKeys: number
  readonly deeds: Deed[]
}

export type Read = (file: string) => Promise<FileState | undefined>

export class Drafts {
  readonly all = new Map<string, Draft>()
  /** What the operator must see to. */
  readonly notes: string[] = []
  readonly #read: Read
  readonly #files: () => Promise<readonly string[]>
  /** `files`: names of all that was scanned. */
  constructor(read: Read, files: () => Promise<readonly string[]>) {
    this.#read = read
    this.#files = files
  }

  async take(step: Step): Promise<void> {
    for (const change of step.changes) await this.#take(change, step)
  }

  async #take(change: Change, step: Step): Promise<void> {
    switch (change.type) {
      case 'edit':
        return this.#edit(change.target, change.edits)
      case 'delete':
        return this.#delete(change.target)
      case 'create':
        return this.#create(change.object, step)
      case 'file':
        return this.#file(change)
      case 'command':
        throw new WriteRefused('the manifests', 'a command cannot be run on files')
    }
  }

  async #edit(target: ObjectRef, edits: readonly Edit[]): Promise<void> {
    // Of encryption keys only their length is known here: what was seen of them must never be written back.
    if (edits.some((edit) => 'set' in edit && holdsKeys(target, edit.set, edit.to)))
      throw new WriteRefused('the manifests', `${refText(target)} holds keys, which are never read: change it by hand`)
    if (target.build === undefined) return this.#editFile(target, edits)
    const { value } = spotOf(await this.#holding(target), target)
    for (const { patch, edits: own } of sharesOf(await this.#kustomize(), target, value, edits)) await this.#editFile(patch ?? target, own)
    checkBuild(await this.#kustomize(), target, spotOf(await this.#holding(target), target).value, edits)
  }

  async #editFile(target: ObjectRef, edits: readonly Edit[]): Promise<void> {
    const draft = await this.#holding(target)
    const spot = spotOf(draft, target)
    const after = editYaml(draft.text, spot.document, spot.item, edits)
    const changed = findObject(after, { ...target, document: spot.document, ...(spot.item !== undefined && { item: spot.item }) })
    if (changed === undefined) throw new WriteRefused('the manifests', `${refText(target)} would no longer be found after the change`)
    draft.text = after
    const entries = entriesBetween(spot.value, changed.value)
    const sealed = entries.some(({ path, before, after }) => holdsKeys(target, path, before) || holdsKeys(target, path, after))
    draft.deeds.push(sealed ? { did: 'edit', target, entries: [], sealed } : { did: 'edit', target, entries })
  }

  /** As they are, with what was drafted so far. */
  async #kustomize(): Promise<Kustomize> {
    return kustomizeOf(await this.#files(), async (file) => this.all.get(file)?.text ?? (await this.#read(file))?.text)
  }

  async #delete(target: ObjectRef): Promise<void> {
    if (target.build !== undefined)
      throw new WriteRefused(
        'the manifests',
        `${refText(target)} is built by ${target.build} from what others may build on: take it out there`,
      )
    const draft = await this.#holding(target)
    const { document, item, span } = spotOf(draft, target)
    const text = draft.text.slice(span.start, span.end)
    const note = `${refText(target)} was removed by k8s-harden`
    draft.text = item === undefined ? removeDocument(draft.text, document, note) : removeItem(draft.text, document, item)
    // A kustomization may name the file, so it stays.
    if (draft.text.trim() === '') draft.text = `# ${note.replaceAll(/[^\x20-\x7e]/g, ' ')}\n`
    draft.deeds.push({ did: 'delete', target, ...(item === undefined && { text }) })
  }

  async #create(object: KubeObject, step: Step): Promise<void> {
    const { kind, metadata } = object
    const base = `${OUTPUT}/${[kind, metadata.namespace, metadata.name]
      .filter((part) => part !== undefined)
      .map(fileWord)
      .join('-')}`
    let draft = await this.#draft(`${base}.yaml`)
    for (let n = 2; draft.before !== undefined || draft.deeds.length > 0; n++) draft = await this.#draft(`${base}-${n}.yaml`)
    draft.text = `# ${step.title.replaceAll(/[^\x20-\x7e]/g, ' ')}\n${documentText(object)}`
    draft.deeds.push({
      did: 'make',
      target: {
        apiVersion: object.apiVersion,
        kind,
        ...(metadata.namespace !== undefined && { namespace: metadata.namespace }),
        name: metadata.name,
      },
    })
    await this.#list(draft.file, object)
  }

  /** Among kustomizations a new file counts only where one names it. */
  async #list(file: string, object: KubeObject): Promise<void> {
    const listing = listingOf(await this.#kustomize(), file, object)
    if (listing === undefined) return
    if ('words' in listing) this.notes.push(listing.words)
    else {
      const draft = await this.#draft(listing.kustomization.file)
      draft.text = withResource(draft.text, file)
      draft.deeds.push({ did: 'list', target: refOfKustomization(listing.kustomization), file })
    }
  }

  async #file(change: Extract<Change, { type: 'file' }>): Promise<void> {
    const name = change.name
      .split('/')
      .map((part) => part.replaceAll(/[^\w.-]/g, '-'))
      .filter((part) => !/^\.*$/.test(part))
      .join('/')
    const draft = await this.#draft(`${OUTPUT}/${name}`)
    draft.text = change.text.text
    draft.secretKeys = change.text.secretKeys ?? 0
    draft.mode = draft.secretKeys > 0 ? 0o600 : change.mode & 0o777
    draft.deeds.push({ did: 'make', target: { apiVersion: 'k8s-harden/v1', kind: 'File', name: change.name } })
    if (change.runbook.length === 0) return
    const runbook = await this.#draft(`${OUTPUT}/${name}.runbook.md`)
    runbook.text = runbookText(change)
    runbook.deeds.push({ did: 'make', target: { apiVersion: 'k8s-harden/v1', kind: 'File', name: `${change.name}.runbook.md` } })
  }

  async #holding(target: ObjectRef): Promise<Draft> {
    if (target.file === undefined) throw new WriteRefused('the manifests', `${refText(target)} did not come from a file`)
    const draft = await this.#draft(target.file)
    if (draft.before === undefined && draft.deeds.length === 0) throw new WriteConflict(`${target.file} is not there any more`)
    return draft
  }

  async #draft(file: string): Promise<Draft> {
    let draft = this.all.get(file)
    if (draft === undefined) {
      const before = await this.#read(file)
      draft = { file, before, text: before?.text ?? '', mode: before?.mode ?? 0o644, secretKeys: 0, deeds: [] }
      this.all.set(file, draft)
    }
    return draft
  }
}

function spotOf({ text, file }: Draft, target: ObjectRef): Spot {
  const spot = findObject(text, target)
  if (spot === undefined) throw new WriteConflict(`${refText(target)} is not in ${file} any more`)
  return spot
}

/** Does a value at this path of this object hold a key or a secret value? */
function holdsKeys(target: ObjectRef, path: Path, value: unknown): boolean {
  if (target.kind === 'Secret') return path[0] === 'data' || path[0] === 'stringData'
  if (target.kind !== 'EncryptionConfiguration' || value === undefined) return false
  return path.includes('secret') || /"secret":/.test(JSON.stringify(value))
}

const fileWord = (text: string): string =>
  text
    .toLowerCase()
    .replaceAll(/[^a-z0-9.-]+/g, '-')
    .replaceAll(/^[.-]+|[.-]+$/g, '') || 'x'

export function entriesBetween(before: unknown, after: unknown): Entry[] {
  return editsBetween(before, after).map((edit) => {
    const path = 'set' in edit ? edit.set : edit.unset
    const at = firstMissing(before, path) ?? path
    const [old, now] = [valueAt(before, at), valueAt(after, at)]
    return { path: at, ...(old !== undefined && { before: old as Json }), ...(now !== undefined && { after: now as Json }) }
  })
}

/** The text after a deed was taken back in it. Throws WriteConflict where what it did is not there any more. */
export function takeBack(text: string, file: string, deed: Deed): string {
  if (deed.did === 'list') return withoutResource(text, deed.file)
  if (deed.did === 'edit' && deed.sealed !== true) {
    const spot = findObject(text, deed.target)
    if (spot === undefined) throw new WriteConflict(`${refText(deed.target)} is not in ${file} any more`)
    const changed = deed.entries.find(({ path, after }) => !holds(spot.value, path, after))
    if (changed !== undefined)
      throw new WriteConflict(`${refText(deed.target)} in ${file} was changed since: ${changed.path.join('.')} is not what was written`)
    return editYaml(
      text,
      spot.document,
      spot.item,
      deed.entries.toReversed().map(({ path, before }): Edit => (before === undefined ? { unset: path } : { set: path, to: before })),
    )
  }
  if (deed.did === 'delete' && deed.text !== undefined) return appendDocument(text, deed.text)
  throw new WriteConflict(`${file} was changed since: it is left as it is`)
}

const holds = (root: unknown, path: Path, value: Json | undefined): boolean =>
  editsBetween({ v: valueAt(root, path) }, { v: value }).length === 0

/** Is what a deed did still there, or what was there before it? */
export function standingOf(text: string, deed: Deed): 'before' | 'after' | 'other' {
  if (deed.did === 'list') return isListed(text, deed.file) ? 'after' : 'before'
  const spot = findObject(text, deed.target)
  if (deed.did === 'delete') return spot === undefined ? 'after' : 'before'
  if (deed.did === 'make' || deed.sealed === true) return 'other'
  if (spot === undefined) return 'other'
  if (deed.entries.every(({ path, after }) => holds(spot.value, path, after))) return 'after'
  return deed.entries.every(({ path, before }) => holds(spot.value, path, before)) ? 'before' : 'other'
}

function runbookText({ name, runbook, rollback }: Extract<Change, { type: 'file' }>): string {
  const numbered = (lines: readonly string[]): string => lines.map((line, index) => `${index + 1}. ${line}`).join('\n')
  return `# What to do with ${name}\n\n${numbered(runbook)}\n${rollback.length === 0 ? '' : `\n## The way back\n\n${numbered(rollback)}\n`}`
}
