/** Changes live objects: rehearsed on the server, guarded against whoever else writes, taken back exactly. */
import type { Approval, Json, KubeObject, ObjectRef, Rehearsal, RehearsalResult, Step, Written } from '../model/index.ts'
import { formatPath } from '../objects/path.ts'
import { refOf, refText } from '../objects/ref.ts'
import { holds, sameJson } from '../plan/canonical.ts'
import { isInTemplate } from '../plan/rollout-watch.ts'
import { type Committed, requireApproval, WriteConflict, WriteRefused, type Writer, type WrittenState } from '../plan/writer.ts'
import { Addresses, type ClusterApi, FIELD_MANAGER } from './cluster-api.ts'
import { recreatable } from './cluster-object.ts'
import { writersOf } from './cluster-owner.ts'
import { changedSince, type Entry, editsBack, guardedPatch, standing, valuesOf } from './cluster-patch.ts'
import { contradiction } from './cluster-pod-security.ts'
import { isOther, Reader } from './cluster-read.ts'
import { type Prepared, Refusal, Rehearser } from './cluster-rehearse.ts'
import { Sender } from './cluster-send.ts'
import { outlasting } from './policy-lag.ts'
import { freeStuckPods, revisionOf } from './stuck-pods.ts'

/** What `Written.undo` says, enough to take the write back after a restart. */
type Undo =
  | { readonly is: 'edit'; readonly entries: readonly Entry[] }
  | { readonly is: 'create'; readonly made: KubeObject }
  | { readonly is: 'delete'; readonly object: KubeObject }
  | { readonly is: 'replace'; readonly object: KubeObject; readonly made: KubeObject }

export class ClusterWriter implements Writer {
  readonly name = 'cluster'
  readonly #api: ClusterApi
  readonly #addresses: Addresses
  readonly #reader: Reader
  readonly #rehearser: Rehearser
  readonly #send: Sender

  constructor(api: ClusterApi) {
    this.#api = api
    this.#addresses = new Addresses(api)
    this.#reader = new Reader(api, this.#addresses)
    this.#rehearser = new Rehearser(api, this.#addresses, this.#reader)
    this.#send = new Sender(api)
  }

  async rehearse(step: Step): Promise<RehearsalResult> {
    try {
      const prepared: Prepared[] = []
      const diffs: string[] = []
      const warnings: string[] = []
      for (const change of step.changes) {
        const tried = await this.#rehearser.try(change, step.inverse)
        prepared.push(tried.prepared)
        diffs.push(tried.diff)
        warnings.push(...tried.warnings)
      }
      const surprise = contradiction(step, warnings)
      if (surprise !== undefined) return { ok: false, refusedBy: 'Pod Security admission', because: surprise }
      return { ok: true, rehearsal: { step: step.id, diff: diffs.join(''), warnings: [...new Set(warnings)], writer: this.name, prepared } }
    } catch (error) {
      if (error instanceof Refusal) return { ok: false, refusedBy: error.by, because: error.message }
      if (error instanceof WriteRefused) return { ok: false, refusedBy: error.refusedBy, because: error.message }
      if (error instanceof WriteConflict) return { ok: false, refusedBy: 'the cluster', because: error.message }
      throw error
    }
  }

  async intent(rehearsal: Rehearsal): Promise<readonly Written[]> {
    return (rehearsal.prepared as readonly Prepared[]).map(writtenOf)
  }

  async commit(rehearsal: Rehearsal, _written: readonly Written[], approval: Approval): Promise<Committed> {
    requireApproval(approval, rehearsal)
    const warnings: string[] = []
    for (const prepared of rehearsal.prepared as readonly Prepared[]) {
      const { ref } = prepared
      const path = await this.#addresses.object(ref)
      switch (prepared.is) {
        case 'edit':
          warnings.push(
            ...(await this.#send.patch(
              ref,
              path,
              prepared.patch,
              async () => standing(await this.#reader.mustRead(ref), prepared.entries) === 'after',
            )),
          )
          break
        case 'create':
          warnings.push(...(await this.#create(prepared.object)))
          break
        case 'delete':
          await this.#send.remove(ref, path, prepared.object, ref.uid)
          break
        case 'replace':
          warnings.push(...(await this.#replace(ref, path, prepared.object, prepared.made, ref.uid)))
      }
    }
    return { warnings }
  }

  async state(written: Written): Promise<WrittenState> {
    const undo = written.undo as unknown as Undo
    const live = await this.#reader.read(written.target)
    switch (undo.is) {
      case 'edit':
        if (live === undefined) return 'gone'
        return isOther(live, written.target) ? 'other' : standing(live, undo.entries)
      case 'create':
        if (live === undefined) return 'before'
        return holds(recreatable(live), undo.made) ? 'after' : 'other'
      case 'delete':
        if (live === undefined) return 'after'
        // Once taken back it has another uid. Of a Secret no more than that it is there may be known.
        return !isOther(live, written.target) || live.kind === 'Secret' || holds(recreatable(live), undo.object) ? 'before' : 'other'
      case 'replace':
        if (live === undefined) return 'gone'
        if (live.metadata.uid === written.target.uid || sameJson(recreatable(live), undo.object)) return 'before'
        return holds(recreatable(live), undo.made) ? 'after' : holds(recreatable(live), undo.object) ? 'before' : 'other'
    }
  }

  async undo(written: readonly Written[], dryRun = false): Promise<void> {
    const open: { readonly entry: Written; readonly state: WrittenState }[] = []
    for (const entry of written.toReversed()) {
      const state = await this.state(entry)
      // A replacement that was interrupted in the middle leaves nothing: the old object is put back.
      const halfDone = state === 'gone' && (entry.undo as unknown as Undo).is === 'replace'
      if (state === 'other' || (state === 'gone' && !halfDone)) throw new WriteConflict(await this.#conflict(entry, state))
      if (state !== 'before') open.push({ entry, state })
    }
    const isThere = async (ref: ObjectRef): Promise<boolean> => (await this.#reader.read(ref)) !== undefined
    for (const { entry, state } of open) await outlasting(() => this.#takeBack(entry, state, dryRun), isThere)
  }

  async #takeBack(written: Written, state: WrittenState, dryRun: boolean): Promise<void> {
    const undo = written.undo as unknown as Undo
    const { target } = written
    const path = await this.#addresses.object(target)
    if (undo.is === 'edit') {
      const live = await this.#reader.mustRead(target)
      const edits = editsBack(live, undo.entries)
      const patch = guardedPatch(live, edits, target.uid)
      await this.#send.patch(target, path, patch, async () => standing(await this.#reader.mustRead(target), undo.entries) === 'before', {
        dryRun,
      })
      const undone = edits.some((edit) => isInTemplate('set' in edit ? edit.set : edit.unset)) ? revisionOf(live) : undefined
      if (undone !== undefined && !dryRun) await freeStuckPods(this.#api, target, path, undone)
    } else if (undo.is === 'delete') await this.#create(undo.object, dryRun)
    else if (undo.is === 'create') await this.#send.remove(target, path, undo.made, undefined, dryRun)
    else if (state === 'gone') await this.#create(undo.object, dryRun)
    else if (!dryRun) await this.#replace(target, path, undo.made, undo.object, undefined)
  }

  async #create(object: KubeObject, dryRun = false): Promise<readonly string[]> {
    const ref = refOf(object)
    return this.#send.create(
      ref,
      await this.#addresses.collection(ref),
      object,
      async () => {
        const live = await this.#reader.read(ref)
        return live !== undefined && holds(recreatable(live), object)
      },
      dryRun,
    )
  }

  async #replace(ref: ObjectRef, path: string, old: KubeObject, made: KubeObject, uid: string | undefined): Promise<readonly string[]> {
    await this.#send.remove(ref, path, old, uid)
    await this.#send.untilGone(ref, path)
    try {
      return await this.#create(made)
    } catch (error) {
      // Nothing may be lost between the two: what was there is put back before the refusal is told.
      if (error instanceof WriteRefused) await this.#create(old)
      throw error
    }
  }

  async #conflict({ target, undo }: Written, state: WrittenState): Promise<string> {
    if (state === 'gone') return `${refText(target)} was deleted since: there is nothing to take the change back from`
    const live = await this.#reader.read(target)
    const how = undo as unknown as Undo
    if (live === undefined || how.is !== 'edit')
      return `${refText(target)} was changed since by ${writersOf(live, [['spec'], ['rules'], ['subjects']], FIELD_MANAGER)}: taking our change back would overwrite that`
    if (isOther(live, target)) return `${refText(target)} was deleted and made again since: it is not the object we changed`
    const changed = changedSince(live, how.entries)
    return `${refText(target)} was changed since by ${writersOf(live, changed, FIELD_MANAGER)} at ${changed.map(formatPath).join(', ')}: taking our change back would overwrite that`
  }
}

const json = (value: unknown): Json => JSON.parse(JSON.stringify(value)) as Json

function writtenOf(prepared: Prepared): Written {
  const target = prepared.ref
  switch (prepared.is) {
    case 'edit': {
      const { entries } = prepared
      return { target, before: valuesOf(entries, 'before'), after: valuesOf(entries, 'after'), undo: json({ is: 'edit', entries }) }
    }
    case 'create':
      return { target, before: null, after: json(prepared.object), undo: json({ is: 'create', made: recreatable(prepared.made) }) }
    case 'delete':
      return { target, before: json(prepared.object), after: null, undo: json({ is: 'delete', object: prepared.object }) }
    case 'replace': {
      const { object, made } = prepared
      return { target, before: json(object), after: json(made), undo: json({ is: 'replace', object, made }) }
    }
  }
}
