import { METADATA_LIST, METADATA_ONLY } from '../../apiserver/metadata-only.ts'
import type { Refusal } from '../../apiserver/refusal.ts'
import type { StoredForm } from '../../model/index.ts'
import { signsOfConfiguration } from '../../objects/encryption.ts'
import { grown, type Transformations, transformations } from '../../objects/stored-form.ts'
import { type StoredCounters, storedCounters } from '../stored-counters.ts'
import { type Asking, type Fact, type FactAnswer, refusedPath } from './fact.ts'

/** Objects read per resource, one after the other. */
const MOST = 200

interface Item {
  readonly metadata?: {
    readonly namespace?: string
    readonly name?: string
    readonly resourceVersion?: string
    readonly creationTimestamp?: string
    readonly managedFields?: readonly { readonly time?: string }[]
  }
}

/**
 * Reads metadata of all objects, or of the longest unwritten and some of the others, from etcd (a GET without resourceVersion never comes from the watch cache, lists do:
 * checked on v1.37.2) and looks at what the counters say of it. Asked only where the metrics show that something is encrypted.
 */
export const storedForm: Fact<'StoredForm'> = async (asking) => {
  const metrics = await asking.fact('ApiServerMetrics')
  if ('unread' in metrics) return metrics
  const { samples } = metrics.value
  const counted = (resource: string) =>
    (['from', 'to'] as const).flatMap((direction) => [...transformations(samples, resource, direction).byPrefix.keys()])
  // Counters are there only where the API server is given a configuration.
  const wanted = ['secrets', 'configmaps'].filter((resource) =>
    resource === 'secrets'
      ? counted(resource).length > 0 || signsOfConfiguration(samples, undefined).length > 0
      : counted(resource).some((prefix) => prefix.startsWith('k8s:enc:')),
  )
  const resources: StoredForm[] = []
  for (const resource of wanted) {
    const seen = await look(asking, resource)
    if ('unread' in seen) return seen
    if (seen.value !== undefined) resources.push(seen.value)
  }
  return { value: { resources } }
}

type Seen = { readonly value: StoredForm | undefined } | Extract<FactAnswer<'StoredForm'>, { unread: unknown }>

async function look({ client, signal }: Asking, resource: string): Promise<Seen> {
  const refused = (verb: string, { kind, message }: Refusal): Seen => ({
    unread:
      kind === 'forbidden'
        ? { why: 'forbidden', because: message, answer: `allow ${verb} on ${resource} in all namespaces` }
        : {
            why: 'unreachable',
            because: `${resource} could not be read: ${message}`,
            answer: 'check the connection to the API server and scan again',
          },
  })
  const items: Item[] = []
  const pages = client.pages(`/api/v1/${resource}`, { accept: METADATA_LIST, signal })
  for (let page = await pages.next(); ; page = await pages.next()) {
    if (page.done === true) {
      if (!page.value.ok) return refused('list', page.value.refusal)
      break
    }
    items.push(...(page.value.items as Item[]))
  }
  if (items.length === 0) return { value: undefined }
  items.sort((a, b) => Number(a.metadata?.resourceVersion) - Number(b.metadata?.resourceVersion))
  const some = chosen(items)
  const { creationTimestamp, managedFields = [] } = items.at(-1)?.metadata ?? {}
  const newestAt = [creationTimestamp, ...managedFields.map(({ time }) => time)]
    .filter((time) => time !== undefined)
    .sort()
    .at(-1)
  let doubt: string | undefined
  let problem: string | undefined

  const counters: StoredCounters[] = []
  for (const batch of [[], some, items.slice(-1)]) {
    for (const { metadata: { namespace = '', name = '' } = {} } of batch) {
      const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/${resource}/${encodeURIComponent(name)}`
      // One after the other, so that one kept connection leads to one API server.
      const answer = await client.get(path, { accept: METADATA_ONLY, signal })
      if (answer.ok || answer.refusal.status === 404) continue
      if (answer.refusal.kind === 'forbidden') return refused('get', answer.refusal)
      problem ??= answer.refusal.message
    }
    const now = await storedCounters(client, signal)
    if ('refusal' in now) return refusedPath('/metrics', now.refusal)
    counters.push(now)
  }
  const [before, between, after] = counters as [StoredCounters, StoredCounters, StoredCounters]
  const since = (from: StoredCounters, to: StoredCounters): Transformations =>
    grown(transformations(from.samples, resource, 'from'), transformations(to.samples, resource, 'from'))
  const [first, last] = [since(before, between), since(between, after)]
  const counted = [...first.byPrefix].reduce(
    (sum, [prefix, count]) => sum + (prefix === '' || prefix.startsWith('k8s:enc:') ? count : 0),
    0,
  )
  if (new Set(counters.map(({ process }) => process)).size > 1 || counted + first.failed < some.length)
    doubt = 'more than one API server answered, and each counts for itself'
  else if (first.failed === 0 && problem !== undefined) doubt = problem
  return {
    value: {
      resource,
      objects: items.length,
      looked: some.length,
      read: Object.fromEntries(first.byPrefix),
      newest: Object.fromEntries(last.byPrefix),
      ...(newestAt !== undefined && { newestAt }),
      failed: first.failed,
      ...(doubt !== undefined && { doubt }),
    },
  }
}

/** Of more than are read the first half is the oldest; the others are spread, because a configuration may have come and gone in between. */
function chosen(items: readonly Item[]): readonly Item[] {
  if (items.length <= MOST) return items
  const half = MOST / 2
  const rest = items.slice(half)
  return [...items.slice(0, half), ...Array.from({ length: half }, (_, index) => rest[Math.floor((index * rest.length) / half)]!)]
}
