/** Reads live objects: absent only where the server says that this very object is not there. */
import { METADATA_ONLY } from '../apiserver/metadata-only.ts'
import type { KubeObject, ObjectRef } from '../model/index.ts'
import { refText } from '../objects/ref.ts'
import { WriteConflict, WriteRefused } from '../plan/writer.ts'
import { type Addresses, type ClusterApi, refuser, words } from './cluster-api.ts'

export class Reader {
  readonly #api: ClusterApi
  readonly #addresses: Addresses
  constructor(api: ClusterApi, addresses: Addresses) {
    this.#api = api
    this.#addresses = addresses
  }

  /** Of a Secret only its metadata. Throws where there is no answer: that is never "absent". */
  async read(ref: ObjectRef): Promise<KubeObject | undefined> {
    const answer = await this.#api.get<KubeObject>(
      await this.#addresses.object(ref),
      ref.kind === 'Secret' ? { accept: METADATA_ONLY } : {},
    )
    if (answer.ok) return ref.kind === 'Secret' ? { ...answer.body, apiVersion: 'v1', kind: 'Secret' } : answer.body
    const { status, reason, said = '' } = answer.refusal
    // A kind that is not served any more gives a 404 too.
    if (status === 404 && reason === 'NotFound' && !said.includes('could not find the requested resource')) return undefined
    throw new WriteRefused(refuser(answer.refusal), words(answer.refusal))
  }

  async mustRead(ref: ObjectRef): Promise<KubeObject> {
    const live = await this.read(ref)
    if (live === undefined) throw new WriteConflict(`${refText(ref)} is not there any more`)
    return live
  }
}

/** Another object of the same name. */
export const isOther = (live: KubeObject, ref: ObjectRef): boolean => ref.uid !== undefined && live.metadata.uid !== ref.uid
