/** Tries each change on the server with dryRun=All and prepares what a commit will send, exactly. Changes nothing. */

import type { Answer, JsonPatch } from '../apiserver/client.ts'
import { METADATA_ONLY } from '../apiserver/metadata-only.ts'
import type { Change, Json, KubeObject, ObjectRef } from '../model/index.ts'
import { applyEdits, formatPath, valueAt } from '../objects/path.ts'
import { refOf, refText } from '../objects/ref.ts'
import { holds, isLeftOut, sameJson } from '../plan/canonical.ts'
import { WriteConflict, WriteRefused } from '../plan/writer.ts'
import { type Addresses, type ClusterApi, FIELD_MANAGER, isLostRace, refuser, words } from './cluster-api.ts'
import { holdsCredential, LAST_APPLIED, objectDiff, recreatable } from './cluster-object.ts'
import { type Entry, entriesOf, guardedPatch, isSecretCopy } from './cluster-patch.ts'
import { askingForExemption, exemption } from './cluster-pod-security.ts'
import { isOther, type Reader } from './cluster-read.ts'

export type Prepared =
  | { readonly is: 'edit'; readonly ref: ObjectRef; readonly patch: JsonPatch; readonly entries: readonly Entry[] }
  | { readonly is: 'create'; readonly ref: ObjectRef; readonly object: KubeObject; readonly made: KubeObject }
  | { readonly is: 'delete'; readonly ref: ObjectRef; readonly object: KubeObject }
  /** Fields that cannot be changed: the object is deleted and created again. */
  | { readonly is: 'replace'; readonly ref: ObjectRef; readonly object: KubeObject; readonly made: KubeObject }

/** The change cannot be made, for a reason that the cluster or this tool gives. */
export class Refusal extends Error {
  readonly by: string
  constructor(by: string, because: string) {
    super(because)
    this.by = by
  }
}

export class Rehearser {
  readonly #api: ClusterApi
  readonly #addresses: Addresses
  readonly #reader: Reader
  constructor(api: ClusterApi, addresses: Addresses, reader: Reader) {
    this.#api = api
    this.#addresses = addresses
    this.#reader = reader
  }

  async try(
    change: Change,
    inverse: readonly Change[],
  ): Promise<{ readonly prepared: Prepared; readonly diff: string; readonly warnings: readonly string[] }> {
    if (change.type === 'create') return this.#tryCreate(change.object)
    if (change.type === 'edit' || change.type === 'delete') {
      const live = await this.#reader.read(change.target)
      if (live === undefined) throw new Refusal('the cluster', `${refText(change.target)} is not there any more`)
      if (isOther(live, change.target))
        throw new Refusal('the cluster', `${refText(change.target)} was deleted and made again since it was scanned`)
      const moved = changedSincePlanned(live, inverse)
      if (moved !== undefined) throw new Refusal('the cluster', `${refText(change.target)} was changed since it was scanned, at ${moved}`)
      return change.type === 'edit' ? this.#tryEdit(live, change) : this.#tryDelete(live)
    }
    throw new Refusal('cluster', `a ${change.type} is not something to write into the cluster`)
  }

  async #tryEdit(live: KubeObject, change: Extract<Change, { type: 'edit' }>) {
    const ref = refOf(live)
    if (needsReplacing(live, change)) return this.#tryReplace(live, applied(live, change))
    if (
      live.kind === 'Secret' &&
      change.edits.some((edit) => ['data', 'stringData'].includes(String(('set' in edit ? edit.set : edit.unset)[0])))
    )
      throw new Refusal('k8s-harden', 'it does not write values of Secrets')
    applied(live, change)
    const patch = guardedPatch(live, change.edits, ref.uid)
    const answer = await this.#api.patch<KubeObject>(await this.#addresses.object(ref), patch, { ...REHEARSED, ...acceptFor(live.kind) })
    const answered = accepted(ref, answer)
    await this.#refuseExempt(live, change, answer)
    // Whatever else a server might send of a Secret is dropped here.
    const made = live.kind === 'Secret' ? { ...live, metadata: answered.metadata } : answered
    const entries = entriesOf(live, made, change.edits)
    refuseCredentials(
      ref,
      entries.map((entry) => [{ path: formatPath(entry.path), ...named(entry) }]),
    )
    // The server drops a field that it does not know, and says so in a warning.
    const unknown = change.edits.find((edit) => 'set' in edit && valueAt(made, edit.set) === undefined && !isLeftOut(edit.to))
    if (unknown !== undefined)
      throw new Refusal(
        'the API server',
        `it does not take ${formatPath('set' in unknown ? unknown.set : unknown.unset)}${answer.ok && answer.warnings.length > 0 ? `: ${answer.warnings.join('; ')}` : ''}`,
      )
    const bent = change.edits
      .filter((edit) => 'set' in edit && !holds(valueAt(made, edit.set), edit.to))
      .map((edit) => `the cluster changes ${formatPath('set' in edit ? edit.set : edit.unset)} to another value than planned`)
    const dropped = entries
      .filter((entry) => entry.dropped)
      .map(
        ({ path }) => `the value of ${formatPath(path)} is a copy of the Secret: it is removed for good, and undo does not bring it back`,
      )
    return {
      prepared: { is: 'edit', ref, patch, entries } as const,
      diff: objectDiff(refText(ref), live, made),
      warnings: [...warningsOf(answer), ...bent, ...dropped],
    }
  }

  /** Labels that the server says it will ignore are no remedy. */
  async #refuseExempt(live: KubeObject, change: Extract<Change, { type: 'edit' }>, answer: Answer<KubeObject>): Promise<void> {
    const asking = askingForExemption(live, change)
    const asked =
      asking === undefined
        ? answer
        : await this.#api.patch<KubeObject>(
            await this.#addresses.object(refOf(live)),
            guardedPatch(live, asking.edits, live.metadata.uid),
            REHEARSED,
          )
    const exempt = exemption(warningsOf(asked))
    if (exempt !== undefined) throw new Refusal('Pod Security admission', exempt)
  }

  async #tryCreate(object: KubeObject) {
    const ref = refOf(object)
    if (object.kind === 'Secret') refuseCredentials(ref, object)
    const answer = await this.#api.create<KubeObject>(await this.#addresses.collection(ref), object, REHEARSED)
    const made = accepted(ref, answer)
    return {
      prepared: { is: 'create', ref, object, made } as const,
      diff: objectDiff(refText(ref), undefined, made),
      warnings: warningsOf(answer),
    }
  }

  async #tryDelete(live: KubeObject) {
    const ref = refOf(live)
    const object = live.kind === 'Secret' ? await this.#tokenSecret(live) : recreatable(live)
    refuseCredentials(ref, object)
    const answer = await this.#api.delete(await this.#addresses.object(ref), { dryRun: true, preconditions: versionOf(live) })
    accepted(ref, answer)
    return {
      prepared: { is: 'delete', ref, object } as const,
      diff: objectDiff(refText(ref), object, undefined),
      warnings: warningsOf(answer),
    }
  }

  async #tryReplace(live: KubeObject, wanted: KubeObject) {
    const ref = refOf(live)
    const [object, made] = [recreatable(live), recreatable(wanted)]
    refuseCredentials(ref, object)
    const path = await this.#addresses.object(ref)
    const removal = await this.#api.delete(path, { dryRun: true, preconditions: { uid: live.metadata.uid } })
    accepted(ref, removal)
    // The name is still taken: admission is asked about the same object under another one.
    const { name, ...metadata } = made.metadata
    const answer = await this.#api.create<KubeObject>(
      await this.#addresses.collection(ref),
      { ...made, metadata: { ...metadata, generateName: `${name.slice(0, 50)}-` } },
      REHEARSED,
    )
    accepted(ref, answer)
    const warnings = [
      ...warningsOf(removal),
      ...warningsOf(answer),
      'these fields cannot be changed in place: the object is deleted and created again',
    ]
    return { prepared: { is: 'replace', ref, object, made } as const, diff: objectDiff(refText(ref), object, made), warnings }
  }

  /** A service account's token Secret can be made again without its value: the token controller fills it. Any other one could not. */
  async #tokenSecret(live: KubeObject): Promise<KubeObject> {
    const account = live.metadata.annotations?.['kubernetes.io/service-account.name']
    if (account === undefined) throw new Refusal('k8s-harden', 'it does not delete Secrets whose value it would have to keep for an undo')
    const { 'kubernetes.io/service-account.uid': _uid, [LAST_APPLIED]: _copy, ...annotations } = live.metadata.annotations ?? {}
    return {
      ...recreatable({ ...live, apiVersion: 'v1', kind: 'Secret', metadata: { ...live.metadata, annotations } }),
      type: 'kubernetes.io/service-account-token',
    } as KubeObject
  }
}

const REHEARSED = { dryRun: true, fieldManager: FIELD_MANAGER } as const
const versionOf = ({ metadata: { uid, resourceVersion } }: KubeObject) => ({ uid, resourceVersion })
const warningsOf = (answer: Answer<unknown>): readonly string[] => (answer.ok ? answer.warnings : [])
const acceptFor = (kind: string): { readonly accept?: string } => (kind === 'Secret' ? { accept: METADATA_ONLY } : {})

function accepted<T>(ref: ObjectRef, answer: Answer<T>): T {
  if (answer.ok) return answer.body
  if (isLostRace(answer.refusal) && answer.refusal.reason !== 'AlreadyExists')
    throw new WriteConflict(`${refText(ref)} changed while the change was being prepared`)
  throw new WriteRefused(refuser(answer.refusal), words(answer.refusal))
}

function applied(live: KubeObject, change: Extract<Change, { type: 'edit' }>): KubeObject {
  try {
    return applyEdits(live, change.edits)
  } catch (error) {
    throw new Refusal('the cluster', `${refText(change.target)} is not what it was: ${(error as Error).message}`)
  }
}

/** The plan that was approved starts from certain values, which its inverses name: from other ones it is another plan. */
function changedSincePlanned(live: KubeObject, inverse: readonly Change[]): string | undefined {
  for (const change of inverse) {
    if (change.type === 'edit' && sameTarget(change.target, live)) {
      const kept = change.edits.filter((edit) => !isSecretCopy(live.kind, 'set' in edit ? edit.set : edit.unset))
      const moved = kept.find((edit) =>
        'set' in edit ? !holds(valueAt(live, edit.set), edit.to) : valueAt(live, edit.unset) !== undefined,
      )
      if (moved !== undefined) return formatPath('set' in moved ? moved.set : moved.unset)
    }
    if (change.type === 'create' && sameTarget(refOf(change.object), live)) {
      const part = ['spec', 'rules', 'subjects', 'roleRef', 'webhooks'].find(
        (key) => !holds(valueAt(live, [key]), valueAt(change.object, [key])),
      )
      if (part !== undefined && valueAt(change.object, [part]) !== undefined) return part
    }
  }
  return undefined
}
const sameTarget = (ref: ObjectRef, live: KubeObject): boolean =>
  ref.kind === live.kind && ref.name === live.metadata.name && (ref.namespace ?? '') === (live.metadata.namespace ?? '')

/** A running pod's spec (but for its images) and a binding's role can only be changed by making the object anew. */
function needsReplacing(live: KubeObject, change: Extract<Change, { type: 'edit' }>): boolean {
  const after = applied(live, change) as KubeObject & { spec?: unknown; roleRef?: unknown }
  const before = live as typeof after
  if (live.kind === 'Pod')
    return !sameJson(before.spec, after.spec) && change.edits.some((edit) => !isImage('set' in edit ? edit.set : edit.unset))
  return live.kind.endsWith('Binding') && before.roleRef !== undefined && !sameJson(before.roleRef, after.roleRef)
}
const isImage = (path: readonly unknown[]): boolean =>
  path[0] === 'metadata' || (path.length === 4 && path[0] === 'spec' && path[3] === 'image')

/** The journal may not hold a credential, so what could not be taken back without one is not written. */
function refuseCredentials(ref: ObjectRef, record: unknown): void {
  if (holdsCredential(record as Json))
    throw new Refusal(
      'k8s-harden',
      `${refText(ref)} holds a credential in plain text there, which the journal must not keep: change it by hand`,
    )
}
/** An environment variable's value is judged by the variable's name, which is a part of its path. */
function named({ path, before, after }: Entry): Record<string, unknown> {
  const holder = path.findLast((element) => typeof element === 'object')
  return path.at(-1) === 'value' && typeof holder === 'object'
    ? { name: holder.name, value: before, was: { name: holder.name, value: after } }
    : { before, after }
}
