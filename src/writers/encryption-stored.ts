/** With which providers and keys the stored values are encrypted: every object is read from etcd, and the API server's counters say by what. */
import type { ApiClient } from '../apiserver/client.ts'
import { discover, pathOf } from '../apiserver/discovery.ts'
import type { MetricSample } from '../model/index.ts'
import { covers } from '../objects/encryption-forms.ts'

const OPERATIONS = 'apiserver_storage_transformation_operations_total'
const METADATA = 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json'
/** Reads at a time. */
const WIDTH = 4

/** `no`: nothing is stored with any of the prefixes. Otherwise what is, or why it cannot be told; each one clause. */
export type Stored = 'no' | { readonly stored: string } | { readonly unseen: string }

/** Reads every object of the entries (`secrets`, `*.apps`) by name: only a GET without resourceVersion is sure to reach etcd, a list is not. */
export async function storedWith(
  client: ApiClient,
  samplesNow: () => Promise<readonly MetricSample[] | undefined>,
  entries: readonly string[],
  prefixes: readonly string[],
  tell: (words: string) => void,
): Promise<Stored> {
  const served = await discover(client)
  if (!('resources' in served)) return { unseen: `what the API server serves is not known: ${served.message}` }
  if (served.silent.size > 0 && entries.some((entry) => entry.startsWith('*.'))) return { unseen: 'not all API groups answer' }
  const plurals = new Map(
    served.resources
      .filter(({ verbs }) => verbs.includes('list') && verbs.includes('get'))
      .map((one) => [one.group === '' ? one.plural : `${one.plural}.${one.group}`, one] as const)
      .filter(([name]) => entries.some((entry) => covers(entry, name)) && name !== 'events.events.k8s.io'),
  )
  for (const [name, resource] of plurals) {
    const before = await samplesNow()
    if (before === undefined) return { unseen: 'the counters of the API server cannot be read' }
    let count = 0
    const pages = client.pages(pathOf(resource), { accept: METADATA })
    for (;;) {
      const page = await pages.next()
      if (page.done) {
        if (!page.value.ok) return { unseen: `${name} cannot be listed: ${page.value.refusal.message}` }
        break
      }
      const items = page.value.items as readonly { readonly metadata: { readonly name: string; readonly namespace?: string } }[]
      for (let at = 0; at < items.length; at += WIDTH) {
        const answers = await Promise.all(
          items.slice(at, at + WIDTH).map(({ metadata }) => client.get(pathOf(resource, metadata.namespace, metadata.name))),
        )
        for (const answer of answers) {
          if (answer.ok) count++
          else if (answer.refusal.kind !== 'not-found') return { stored: `something of ${name} cannot be read: ${answer.refusal.message}` }
        }
        tell(`${name} to be looked at (${count})`)
      }
    }
    const after = await samplesNow()
    if (after === undefined || startOf(after) !== startOf(before)) return { unseen: 'the API server was restarted meanwhile' }
    const answer = judge(name, count, prefixes, (prefix) => reads(after, name, prefix) - reads(before, name, prefix), after)
    if (answer !== 'no') return answer
  }
  return 'no'
}

function judge(
  name: string,
  count: number,
  prefixes: readonly string[],
  read: (prefix: (text: string) => boolean) => number,
  after: readonly MetricSample[],
): Stored {
  for (const prefix of prefixes) {
    const counter = counterOf(prefix)
    if (read((text) => text === counter) > 0)
      return { stored: `some of ${name} ${prefix === '' ? 'is stored in plain text' : `is encrypted with ${prefix}`}` }
  }
  // Without a configuration nothing is counted, and nothing encrypted could have been read.
  const configured = after.some(
    (sample) => sample.name === OPERATIONS || sample.name.startsWith('apiserver_encryption_config_controller_last'),
  )
  const seen = read((text) => text === 'identity' || text.startsWith('k8s:enc:'))
  if (seen >= count || (!configured && !prefixes.includes(''))) return 'no'
  return { unseen: `the counters show ${seen} of ${count} reads of ${name}: another API server answered` }
}

/** Reads are counted by the provider's prefix, and once more by the key's; plain text as `identity`. */
const counterOf = (prefix: string): string =>
  prefix === '' ? 'identity' : (/^k8s:enc:(?!kms)[a-z]+:v\d+:(.+)$/.exec(prefix)?.[1] ?? prefix)
const reads = (samples: readonly MetricSample[], resource: string, is: (prefix: string) => boolean): number =>
  samples
    .filter(
      ({ name, labels }) =>
        name === OPERATIONS &&
        labels['transformation_type'] === 'from_storage' &&
        (labels['resource'] ?? resource) === resource &&
        is(labels['transformer_prefix'] ?? ''),
    )
    .reduce((sum, { value }) => sum + value, 0)
const startOf = (samples: readonly MetricSample[]): number | undefined =>
  samples.find(({ name }) => name === 'process_start_time_seconds')?.value
