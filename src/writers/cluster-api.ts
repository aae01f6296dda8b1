/** What the cluster writer needs of the API server: four verbs, addresses of objects, and refusals in words. */

import type { Answer, ApiClient } from '../apiserver/client.ts'
import type { Refusal } from '../apiserver/refusal.ts'
import type { ObjectRef } from '../model/index.ts'
import { kindFor, served } from '../objects/served.ts'
import { WriteRefused } from '../plan/writer.ts'

export const FIELD_MANAGER = 'k8s-harden'

/** The part of the client that writing needs. */
export type ClusterApi = Pick<ApiClient, 'get' | 'create' | 'patch' | 'delete' | 'review'>

interface ResourceList {
  readonly resources?: readonly { readonly name: string; readonly kind: string; readonly namespaced: boolean }[]
}
interface Place {
  readonly plural: string
  readonly namespaced: boolean
}

/** Finds where objects are served; kinds that no control reads are asked of discovery, once. */
export class Addresses {
  readonly #api: ClusterApi
  readonly #asked = new Map<string, Promise<Answer<ResourceList>>>()

  constructor(api: ClusterApi) {
    this.#api = api
  }

  async collection(ref: Pick<ObjectRef, 'apiVersion' | 'kind' | 'namespace'>): Promise<string> {
    const { plural, namespaced } = await this.#place(ref)
    const root = ref.apiVersion.includes('/') ? `/apis/${ref.apiVersion}` : `/api/${ref.apiVersion}`
    if (!namespaced) return `${root}/${plural}`
    return `${root}/namespaces/${encodeURIComponent(ref.namespace ?? 'default')}/${plural}`
  }

  async object(ref: ObjectRef): Promise<string> {
    return `${await this.collection(ref)}/${encodeURIComponent(ref.name)}`
  }

  async #place({ apiVersion, kind }: Pick<ObjectRef, 'apiVersion' | 'kind'>): Promise<Place> {
    const known = kindFor(apiVersion, kind)
    if (known !== undefined && served(known).standing !== 'file') return served(known)
    const root = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`
    let asked = this.#asked.get(root)
    if (asked === undefined) this.#asked.set(root, (asked = this.#api.get<ResourceList>(root)))
    const answer = await asked
    if (!answer.ok) throw new WriteRefused(refuser(answer.refusal), words(answer.refusal))
    const resource = answer.body.resources?.find((one) => one.kind === kind && !one.name.includes('/'))
    if (resource === undefined) throw new WriteRefused('the API server', `it does not serve ${kind} of ${apiVersion}`)
    return { plural: resource.name, namespaced: resource.namespaced }
  }
}

/** Who said no: an admission webhook, a policy, Pod Security, or the server itself. */
export function refuser({ said = '' }: Refusal): string {
  const webhook = said.match(/admission webhook "([^"]+)"/)?.[1]
  if (webhook !== undefined) return `admission webhook ${webhook}`
  const policy = said.match(/ValidatingAdmissionPolicy '([^']+)'/)?.[1]
  if (policy !== undefined) return `admission policy ${policy}`
  return /violates PodSecurity/.test(said) ? 'Pod Security admission' : 'the API server'
}

/**
 * A 403 without its own words would not say which permission is missing. A refused patch quotes the whole object back, which may hold
 * credentials: that part is left out.
 */
export const words = (refusal: Refusal): string =>
  (refusal.kind === 'forbidden' && refusal.said !== undefined ? `${refusal.message}: ${refusal.said}` : refusal.message).replace(
    /Invalid value: "\{.*/s,
    'Invalid value: the object as it would be',
  )

/** A failed `test` comes back as a 422 that names no object and no field (checked on v1.37.2). */
export const isLostRace = (refusal: Refusal): boolean =>
  refusal.kind === 'conflict' ||
  (refusal.status === 422 &&
    (refusal.causes ?? []).length === 0 &&
    /due to an error in our request|testing value|test failed/i.test(refusal.said ?? refusal.message))

/** The answer may have been lost after the write was done. */
export const isLostAnswer = ({ kind }: Refusal): boolean =>
  kind === 'timeout' || kind === 'unreachable' || kind === 'server' || kind === 'tls'
