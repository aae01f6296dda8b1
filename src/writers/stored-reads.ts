/** What rests on the API server's counters of what it decodes: objects are read from etcd, their metadata only, and the counters compared. */

import { setTimeout as sleep } from 'node:timers/promises'
import type { ApiClient } from '../apiserver/client.ts'
import { METADATA_ONLY } from '../apiserver/metadata-only.ts'
import { grown, keysGrown, keysRead, proofByReads, type ReadProof, type Transformations, transformations } from '../objects/stored-form.ts'
import { storedCounters } from '../sources/stored-counters.ts'
import { pathOfItem, type StoredItem, type StoredResource } from './stored-items.ts'

export interface Reading {
  readonly client: ApiClient
  readonly resource: StoredResource
  readonly items: readonly StoredItem[]
  readonly tell?: (done: number) => void
  readonly signal?: AbortSignal
}
export interface Decoded {
  readonly counted: Transformations
  /** By the hash of the key's id, where they are a KMS's. */
  readonly keys: (provider: string) => Readonly<Record<string, number>>
  /** Objects that were there and answered. */
  readonly read: number
  /** The API server that answered is given an EncryptionConfiguration, as far as its metrics tell. */
  readonly configured: boolean
}

/** Milliseconds before each look: right after a write, the watch cache decodes what was there before it too, and is counted. */
const WAITS = [250, 2000, 2000]

/** Whether each object is stored under the prefix. What else was decoded at the same time is waited for by trying again. */
export async function proveByReads(reading: Reading, prefix: string): Promise<ReadProof> {
  return readUntil<ReadProof>(
    reading,
    ({ counted, read }) => proofByReads(counted, prefix, read),
    ({ is }) => is === 'proved',
  )
}

/** Reads everything, again and again, until what the counters say is settled; the last thing they said otherwise. */
export async function readUntil<T>(
  reading: Reading,
  judge: (decoded: Decoded) => T,
  isSettled: (verdict: T) => boolean,
): Promise<T | Exclude<ReadProof, { is: 'proved' }>> {
  let verdict: T | Exclude<ReadProof, { is: 'proved' }> = { is: 'unknown', because: 'nothing was read' }
  for (const wait of WAITS) {
    await sleep(wait)
    const decoded = await readOnce(reading)
    if ('counted' in decoded) {
      const judged = judge(decoded)
      if (isSettled(judged)) return judged
      verdict = judged
    } else verdict = decoded
    if (reading.signal?.aborted === true) return verdict
  }
  return verdict
}

/**
 * One after the other over one connection: the API server that counts is the one that reads. A GET without resourceVersion never comes
 * from the watch cache, a list may.
 */
async function readOnce({ client, resource, items, tell, signal }: Reading): Promise<Decoded | Exclude<ReadProof, { is: 'proved' }>> {
  const before = await storedCounters(client, signal)
  if ('refusal' in before) return { is: 'unknown', because: '/metrics may not be read' }
  let read = 0
  for (const [index, item] of items.entries()) {
    if (signal?.aborted === true) return { is: 'unknown', because: 'it was interrupted' }
    const answer = await client.get(pathOfItem(resource, item), { accept: METADATA_ONLY, ...(signal && { signal }) })
    if (answer.ok) read++
    else if (answer.refusal.status !== 404)
      return answer.refusal.kind === 'server'
        ? { is: 'refuted', because: `one cannot be read: ${answer.refusal.message}` }
        : { is: 'unknown', because: answer.refusal.message }
    if (index % 500 === 499) tell?.(index + 1)
  }
  const after = await storedCounters(client, signal)
  if ('refusal' in after || after.process !== before.process)
    return { is: 'unknown', because: 'the counters before and after are of two API servers, or of one that was restarted' }
  const counted = grown(transformations(before.samples, resource.name, 'from'), transformations(after.samples, resource.name, 'from'))
  const keys = (provider: string) => keysGrown(keysRead(before.samples, provider), keysRead(after.samples, provider))
  return { counted, keys, read, configured: after.configured }
}
