import { METADATA_LIST, METADATA_ONLY } from '../../apiserver/metadata-only.ts'
import type { Refusal } from '../../apiserver/refusal.ts'
import type { StoredForm } from '../../model/index.ts'
import { signsOfConfiguration } from '../../objects/encryption.ts'
import { grown, keyOfNow, keysGrown, keysRead, kmsName, type Transformations, transformations } from '../../objects/stored-form.ts'
import { type StoredCounters, storedCounters } from '../stored-counters.ts'
import { type Asking, FACT_MS, type Fact, type FactAnswer, refusedPath } from './fact.ts'

/** Objects read per resource. */
const MOST = 200
/** Connections that they are read over. */
const AT_ONCE = 4
const READING_MS = 10_000
const LISTING_MS = 30_000

interface Item {
  readonly metadata?: {
    readonly namespace?: string
    readonly name?: string
    readonly resourceVersion?: string
    readonly creationTimestamp?: string
    readonly managedFields?: readonly { readonly time?: string }[]
  }
}
/** What is read of one resource, and how far that went. */
interface Batch {
  readonly resource: string
  /** In the order in which they were last written. */
  readonly items: readonly Item[]
  readonly some: readonly Item[]
  /** How many were decoded, by the process of the API server. */
  readonly decoded: Map<number | undefined, number>
  gone: number
  problem?: string
}
type Answer = FactAnswer<'StoredForm'>
type Unanswered = Extract<Answer, { unread: unknown }>

/**
 * Reads metadata of all objects, or of the longest unwritten and some of the others, from etcd (a GET without resourceVersion never comes from the watch cache, lists do:
 * checked on v1.37.2) and looks at what the counters say of it. Asked only where the metrics show that something is encrypted.
 */
export const storedForm: Fact<'StoredForm'> = async (asking) => {
  const metrics = await asking.fact('ApiServerMetrics')
  if ('unread' in metrics) return metrics
  const { samples } = metrics.value
  const prefixesOf = (resource: string) =>
    (['from', 'to'] as const).flatMap((direction) => [...transformations(samples, resource, direction).byPrefix.keys()])
  // Counters are there only where the API server is given a configuration.
  const wanted = ['secrets', 'configmaps'].filter((resource) =>
    resource === 'secrets'
      ? prefixesOf(resource).length > 0 || signsOfConfiguration(samples, undefined).length > 0
      : prefixesOf(resource).some((prefix) => prefix.startsWith('k8s:enc:')),
  )
  const batches: Batch[] = []
  for (const resource of wanted) {
    const items = await listed(asking, resource)
    if ('unread' in items) return items
    if (items.length > 0) batches.push({ resource, items, some: chosen(items), decoded: new Map(), gone: 0 })
  }
  return batches.length === 0 ? { value: { resources: [] } } : counted(asking, batches)
}

const refused = (resource: string, verb: string, { kind, message }: Refusal): Unanswered => ({
  unread:
    kind === 'forbidden'
      ? { why: 'forbidden', because: message, answer: `allow ${verb} on ${resource} in all namespaces` }
      : {
          why: 'unreachable',
          because: `${resource} could not be read: ${message}`,
          answer: 'check the connection to the API server and scan again',
        },
})

async function listed({ client, signal }: Asking, resource: string): Promise<readonly Item[] | Unanswered> {
  const items: Item[] = []
  const until = Date.now() + LISTING_MS
  const pages = client.pages(`/api/v1/${resource}`, { accept: METADATA_LIST, signal })
  for (;;) {
    const page = await pages.next()
    if (page.done === true) {
      if (!page.value.ok) return refused(resource, 'list', page.value.refusal)
      return items.sort((a, b) => Number(a.metadata?.resourceVersion) - Number(b.metadata?.resourceVersion))
    }
    items.push(...(page.value.items as Item[]))
    if (page.value.continue !== undefined && Date.now() > until)
      return refused(resource, 'list', { kind: 'timeout', message: `after ${LISTING_MS / 1000} s only ${items.length} were listed` })
  }
}

/**
 * Several connections at a time. A balancer may lead each to an API server of its own, and each API server counts for itself: so every
 * connection is asked before and after for the counters of whoever it leads to.
 */
async function counted({ client, signal }: Asking, batches: readonly Batch[]): Promise<Answer> {
  const read = async (batch: Batch, { metadata: { namespace = '', name = '' } = {} }: Item, lane: number, within: AbortSignal) => {
    const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/${batch.resource}/${encodeURIComponent(name)}`
    const answer = await client.get(path, { accept: METADATA_ONLY, signal: within, lane, limitMs: FACT_MS, idleMs: FACT_MS })
    if (answer.ok || answer.refusal.kind === 'server') batch.decoded.set(processes[lane], (batch.decoded.get(processes[lane]) ?? 0) + 1)
    if (answer.ok) return
    if (answer.refusal.kind === 'forbidden') throw new Unread(refused(batch.resource, 'get', answer.refusal))
    if (answer.refusal.status === 404) batch.gone++
    else batch.problem ??= answer.refusal.message
  }
  const counters = async (lane: number): Promise<StoredCounters> => {
    const now = await storedCounters(client, signal, lane)
    if ('refusal' in now) throw new Unread(refusedPath('/metrics', now.refusal))
    return now
  }
  const processes: (number | undefined)[] = []
  try {
    const first = await counters(0)
    // Where nothing tells API servers apart, one connection leads to one of them.
    const lanes = Array.from({ length: first.process === undefined ? 1 : AT_ONCE }, (_, lane) => lane)
    const before = [first, ...(await Promise.all(lanes.slice(1).map(counters)))]
    processes.push(...before.map(({ process }) => process))

    const limit = AbortSignal.timeout(READING_MS)
    const stop = new AbortController()
    const within = AbortSignal.any([signal, limit, stop.signal])
    const waiting = batches.flatMap((batch) => batch.some.map((item) => [batch, item] as const)).values()
    await Promise.all(
      lanes.map(async (lane) => {
        for (const [batch, item] of waiting) await read(batch, item, lane, within)
      }),
    ).catch((error: unknown) => {
      stop.abort()
      if (!limit.aborted || signal.aborted || error instanceof Unread) throw error
    })
    const between = await Promise.all(lanes.map(counters))
    for (const batch of batches) await read({ ...batch, decoded: new Map() }, batch.items.at(-1)!, 0, signal)
    const after = await counters(0)

    const changed = lanes.some((lane) => before[lane]!.process !== between[lane]!.process) || between[0]!.process !== after.process
    return { value: { resources: batches.map((batch) => formOf(batch, before, between, after, changed)) } }
  } catch (error) {
    if (error instanceof Unread) return error.answer
    throw error
  }
}

class Unread extends Error {
  readonly answer: Unanswered
  constructor(answer: Unanswered) {
    super(answer.unread.because)
    this.answer = answer
  }
}

function formOf(
  batch: Batch,
  before: readonly StoredCounters[],
  between: readonly StoredCounters[],
  after: StoredCounters,
  changed: boolean,
): StoredForm {
  const { resource, items, some, decoded, gone, problem } = batch
  const since = (from: StoredCounters, to: StoredCounters): Transformations =>
    grown(transformations(from.samples, resource, 'from'), transformations(to.samples, resource, 'from'))
  // Several connections to one API server show the same counters.
  const lanes = new Map(before.map(({ process }, lane) => [process, lane]))
  const read: Record<string, number> = {}
  let failed = 0
  let missed = changed
  for (const [process, lane] of lanes) {
    const seen = since(before[lane]!, between[lane]!)
    failed += seen.failed
    let count = seen.failed
    for (const [prefix, number] of seen.byPrefix) {
      read[prefix] = (read[prefix] ?? 0) + number
      if (prefix === '' || prefix.startsWith('k8s:enc:')) count += number
    }
    if (count < (decoded.get(process) ?? 0)) missed = true
  }
  const newest = Object.fromEntries(since(between[0]!, after).byPrefix)
  const [provider] = Object.keys({ ...newest, ...read }).flatMap((prefix) => kmsName(prefix) ?? [])
  const looked = [...decoded.values()].reduce((sum, count) => sum + count, 0)
  const wanted = some.length - gone
  const { creationTimestamp, managedFields = [] } = items.at(-1)?.metadata ?? {}
  const newestAt = [creationTimestamp, ...managedFields.map(({ time }) => time)]
    .filter((time) => time !== undefined)
    .sort()
    .at(-1)
  const doubt = missed
    ? 'more than one API server answered, and each counts for itself'
    : failed === 0 && problem !== undefined
      ? problem
      : looked < wanted
        ? `only ${looked} of the ${wanted} that were to be read could be in ${READING_MS / 1000} s`
        : undefined
  return {
    resource,
    objects: items.length - gone,
    looked,
    read,
    newest,
    ...(newestAt !== undefined && { newestAt }),
    failed,
    ...(provider !== undefined && { keys: keysOf(provider, [...lanes.values()], before, between) }),
    ...(doubt !== undefined && { doubt }),
  }
}

function keysOf(provider: string, lanes: readonly number[], before: readonly StoredCounters[], between: readonly StoredCounters[]) {
  const read: Record<string, number> = {}
  for (const lane of lanes) {
    const grown = keysGrown(keysRead(before[lane]!.samples, provider), keysRead(between[lane]!.samples, provider))
    for (const [key, count] of Object.entries(grown)) read[key] = (read[key] ?? 0) + count
  }
  // API servers that have not seen the same key yet: none is the one of now.
  const given = new Set(lanes.map((lane) => keyOfNow(between[lane]!.samples, provider)))
  return { read, now: given.size === 1 ? [...given][0] : undefined }
}

/** Of more than are read the first half is the oldest; the others are spread, because a configuration may have come and gone in between. */
function chosen(items: readonly Item[]): readonly Item[] {
  if (items.length <= MOST) return items
  const half = MOST / 2
  const rest = items.slice(half)
  return [...items.slice(0, half), ...Array.from({ length: half }, (_, index) => rest[Math.floor((index * rest.length) / half)]!)]
}
