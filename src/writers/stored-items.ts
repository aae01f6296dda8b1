/** What is stored of a resource: where it is served, and the metadata of each object. Never a value (safety law 9). */

import type { Answer, ApiClient } from '../apiserver/client.ts'
import { type Discovery, discover, isKept, pathOf, type ServedResource } from '../apiserver/discovery.ts'
import { METADATA_LIST, METADATA_ONLY } from '../apiserver/metadata-only.ts'
import { WriteRefused } from '../plan/writer.ts'
import { refuser, words } from './cluster-api.ts'

/** One resource as it is named in an EncryptionConfiguration, at the version that is asked for. */
export interface StoredResource {
  /** `secrets`, `widgets.example.com`. */
  readonly name: string
  readonly served: ServedResource
}
export interface StoredItem {
  readonly namespace?: string
  readonly name: string
  readonly uid: string
  readonly resourceVersion: string
}

export const pathOfItem = ({ served }: StoredResource, { namespace, name }: Pick<StoredItem, 'namespace' | 'name'>): string =>
  pathOf(served, namespace, name)
export const itemWords = ({ name }: StoredResource, item: Pick<StoredItem, 'namespace' | 'name'>): string =>
  `${name} ${item.namespace === undefined ? '' : `${item.namespace}/`}${item.name}`

/** The resources behind the names; wildcards (`*.apps`, `*.`, `*.*`) stand for all that this API server keeps itself. */
export async function storedResources(client: ApiClient, names: readonly string[]): Promise<readonly StoredResource[]> {
  const discovery = await discover(client)
  if (!('resources' in discovery)) throw new WriteRefused('the API server', words(discovery))
  const found = new Map<string, StoredResource>()
  const foreign = names.some((name) => name.startsWith('*.')) ? await foreignGroups(client) : new Set<string>()
  for (const name of names) for (const one of matching(discovery, name, foreign)) found.set(one.name, one)
  return [...found.values()]
}

/** Those that servers of their own answer for, and store. */
async function foreignGroups(client: ApiClient): Promise<ReadonlySet<string>> {
  interface ApiServices {
    readonly items?: readonly { readonly spec?: { readonly group?: string; readonly service?: unknown } }[]
  }
  const answer = await client.get<ApiServices>('/apis/apiregistration.k8s.io/v1/apiservices')
  if (!answer.ok) throw new WriteRefused(refuser(answer.refusal), words(answer.refusal))
  return new Set((answer.body.items ?? []).flatMap(({ spec }) => (spec?.service == null ? [] : [spec.group ?? ''])))
}

function matching(discovery: Discovery, name: string, foreign: ReadonlySet<string>): readonly StoredResource[] {
  const dot = name.indexOf('.')
  const [plural, group] = dot < 0 ? [name, ''] : [name.slice(0, dot), name.slice(dot + 1)]
  if (plural === '*') {
    const silent = [...discovery.silent]
    if (silent.length > 0 && group === '*')
      throw new WriteRefused('the API server', `what it serves of ${silent.join(', ')} is not known now`)
    return discovery.resources
      .filter((served) => (group === '*' || served.group === group) && !foreign.has(served.group) && isKept(served.verbs))
      .filter(({ group: of, plural: what }) => !(of === 'events.k8s.io' && what === 'events'))
      .map(({ group: of, plural: what }) => resourceOf(discovery.resource(of, what)!))
  }
  const served = discovery.resource(group, plural)
  if (served !== undefined) return [resourceOf(served)]
  if (discovery.isSilent(group)) throw new WriteRefused('the API server', `what it serves of ${group} is not known now`)
  // A kind that is not served any more has nothing that could be read or written.
  return []
}
const resourceOf = (served: ServedResource): StoredResource => ({
  name: served.group === '' ? served.plural : `${served.plural}.${served.group}`,
  served,
})

export interface PartialMetadata {
  readonly metadata?: { readonly namespace?: string; readonly name?: string; readonly uid?: string; readonly resourceVersion?: string }
}

/** Metadata of all objects, page by page, in the server's order. */
export async function storedItems(client: ApiClient, resource: StoredResource, signal?: AbortSignal): Promise<readonly StoredItem[]> {
  const items: StoredItem[] = []
  const pages = client.pages(pathOf(resource.served), { accept: METADATA_LIST, ...(signal && { signal }) })
  for (;;) {
    const { done, value } = await pages.next()
    if (done === true) {
      if (!value.ok) throw new WriteRefused(refuser(value.refusal), words(value.refusal))
      return items
    }
    for (const one of value.items) items.push(itemOf(one as PartialMetadata))
  }
}

/** One object's metadata, read from etcd itself: an answer without a resourceVersion in the request never comes from the watch cache. */
export const freshItem = (client: ApiClient, resource: StoredResource, item: StoredItem): Promise<Answer<PartialMetadata>> =>
  client.get<PartialMetadata>(pathOfItem(resource, item), { accept: METADATA_ONLY })

export function itemOf({ metadata = {} }: PartialMetadata): StoredItem {
  const { namespace, name = '', uid = '', resourceVersion = '' } = metadata
  return { ...(namespace !== undefined && { namespace }), name, uid, resourceVersion }
}
