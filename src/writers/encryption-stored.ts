/** With which providers and keys the stored values are encrypted: every object is read from etcd, and the API server's counters say by what. */
import type { ApiClient } from '../apiserver/client.ts'
import { seriesOf } from '../objects/stored-form.ts'
import { WriteRefused } from '../plan/writer.ts'
import { storedItems, storedResources } from './stored-items.ts'
import { type Decoded, readUntil } from './stored-reads.ts'

/** `no`: nothing is stored with any of the prefixes. Otherwise what is, or why it cannot be told; each one clause. */
export type Stored = 'no' | { readonly stored: string } | { readonly unseen: string }

/** `entries`: of an EncryptionConfiguration (`secrets`, `*.apps`). `prefixesOf`: those that are looked for, by resource. */
export async function storedWith(
  client: ApiClient,
  entries: readonly string[],
  prefixesOf: (resource: string) => readonly string[],
  { tell, signal }: { readonly tell: (words: string) => void; readonly signal: AbortSignal },
): Promise<Stored> {
  try {
    for (const resource of await storedResources(client, entries)) {
      const prefixes = prefixesOf(resource.name)
      if (prefixes.length === 0) continue
      const items = await storedItems(client, resource, signal)
      if (items.length === 0) continue
      tell(`a look at what is stored of ${resource.name} (${items.length})`)
      const said = (done: number) => tell(`a look at what is stored of ${resource.name}: ${done} of ${items.length}`)
      const verdict = await readUntil<Stored>(
        { client, resource, items, tell: said, signal },
        (decoded) => judge(resource.name, prefixes, decoded),
        (one) => one === 'no',
      )
      if (verdict === 'no') continue
      if (!('is' in verdict)) return verdict
      return verdict.is === 'refuted' ? { stored: `of ${resource.name}, ${verdict.because}` } : { unseen: verdict.because }
    }
    return 'no'
  } catch (error) {
    if (error instanceof WriteRefused) return { unseen: error.message }
    throw error
  }
}

function judge(name: string, prefixes: readonly string[], { counted: { byPrefix, failed }, read, configured }: Decoded): Stored {
  if (failed > 0) return { stored: `${failed} of ${name} could not be decrypted by any provider` }
  for (const prefix of prefixes)
    if (seriesOf(prefix).every((series) => (byPrefix.get(series) ?? 0) > 0))
      return { stored: `some of ${name} ${prefix === '' ? 'is stored in plain text' : `is encrypted with ${prefix}`}` }
  // Without a configuration nothing is counted, and nothing encrypted could have been read.
  if (!configured && !prefixes.includes('')) return 'no'
  const seen = [...byPrefix].reduce((sum, [series, count]) => sum + (series === '' || series.startsWith('k8s:enc:') ? count : 0), 0)
  if (seen >= read) return 'no'
  return { unseen: `the counters show ${seen} of ${read} reads of ${name}: another API server answered` }
}
