/** Sends a prepared write and makes of the answer what happened: done, lost race, refused, or not known. */

import { setTimeout as sleep } from 'node:timers/promises'
import type { JsonPatch } from '../apiserver/client.ts'
import { METADATA_ONLY } from '../apiserver/metadata-only.ts'
import type { Refusal } from '../apiserver/refusal.ts'
import type { KubeObject, ObjectRef } from '../model/index.ts'
import { refText } from '../objects/ref.ts'
import { holds } from '../plan/canonical.ts'
import { WriteConflict, WriteRefused, WriteUncertain } from '../plan/writer.ts'
import { type ClusterApi, FIELD_MANAGER, isLostAnswer, isLostRace, refuser, words } from './cluster-api.ts'
import { recreatable } from './cluster-object.ts'

/** True once the server shows the write; asked when an answer was lost on the way. */
type IsDone = () => Promise<boolean>

export class Sender {
  readonly #api: ClusterApi
  constructor(api: ClusterApi) {
    this.#api = api
  }

  async patch(ref: ObjectRef, path: string, patch: JsonPatch, isDone: IsDone, { dryRun = false } = {}): Promise<readonly string[]> {
    const accept = ref.kind === 'Secret' ? { accept: METADATA_ONLY } : {}
    const answer = await this.#api.patch(path, patch, { ...OURS, dryRun, ...accept })
    return answer.ok ? answer.warnings : this.#failed(ref, answer.refusal, isDone)
  }

  async create(ref: ObjectRef, path: string, object: KubeObject, isDone: IsDone, dryRun = false): Promise<readonly string[]> {
    const answer = await this.#api.create(path, object, { ...OURS, dryRun })
    return answer.ok ? answer.warnings : this.#failed(ref, answer.refusal, isDone)
  }

  /** Deletes what the caller has seen and nothing newer: status updates do not count, anything else does. */
  async remove(ref: ObjectRef, path: string, seen: KubeObject, uid: string | undefined, dryRun = false): Promise<void> {
    for (let tries = 0; tries < 5; tries++) {
      const live = await this.#api.get<KubeObject>(path, ref.kind === 'Secret' ? { accept: METADATA_ONLY } : {})
      if (!live.ok) {
        if (live.refusal.status === 404) return
        throw new WriteRefused(refuser(live.refusal), words(live.refusal))
      }
      const { metadata } = live.body
      if (uid !== undefined && metadata.uid !== uid) throw new WriteConflict(`${refText(ref)} was deleted and made again since`)
      if (ref.kind !== 'Secret' && !holds(recreatable(live.body), seen)) throw new WriteConflict(`${refText(ref)} was changed since`)
      const preconditions = { uid: metadata.uid, resourceVersion: metadata.resourceVersion }
      const answer = await this.#api.delete(path, { dryRun, preconditions, propagationPolicy: 'Background' })
      if (answer.ok || answer.refusal.status === 404) return
      if (answer.refusal.kind !== 'conflict') {
        await this.#failed(ref, answer.refusal, () => this.#isGone(path))
        return
      }
    }
    throw new WriteConflict(`${refText(ref)} keeps changing`)
  }

  /** A pod takes its time to stop. */
  async untilGone(ref: ObjectRef, path: string, limitMs = 150_000): Promise<void> {
    const deadline = performance.now() + limitMs
    while (!(await this.#isGone(path))) {
      if (performance.now() > deadline) throw new WriteUncertain(`${refText(ref)} was told to go and is still there`)
      await sleep(200)
    }
  }

  async #isGone(path: string): Promise<boolean> {
    const answer = await this.#api.get(path, { accept: METADATA_ONLY })
    return !answer.ok && answer.refusal.status === 404
  }

  async #failed(ref: ObjectRef, refusal: Refusal, isDone: IsDone): Promise<readonly string[]> {
    if (refusal.reason === 'AlreadyExists') throw new WriteConflict(`${refText(ref)} was made by somebody else since`)
    if (isLostRace(refusal)) throw new WriteConflict(`${refText(ref)} was changed since it was shown: nothing was overwritten`)
    if (!isLostAnswer(refusal)) throw new WriteRefused(refuser(refusal), words(refusal))
    let done: boolean
    try {
      done = await isDone()
    } catch {
      throw new WriteUncertain(`${words(refusal)}; whether ${refText(ref)} was written is not known`)
    }
    if (done) return ['the answer to the write was lost, but the write is there']
    throw new WriteRefused('the way to the API server', words(refusal))
  }
}

const OURS = { fieldManager: FIELD_MANAGER } as const
