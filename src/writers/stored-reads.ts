/** The proof that rests on the API server's counters of what it decodes. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { ApiClient } from '../apiserver/client.ts'
import { grown, proofByReads, type ReadProof, transformations } from '../objects/stored-form.ts'
import { storedCounters } from '../sources/stored-counters.ts'
import { METADATA_ONLY } from './cluster-api.ts'
import { pathOfItem, type StoredItem, type StoredResource } from './stored-items.ts'

/**
 * Reads every object once more from etcd, its metadata only, one after the other over one connection, and looks at what the counters
 * of the API server that answered say of it. What its watch cache still had to decode is waited for by trying again.
 */
export async function proveByReads(
  client: ApiClient,
  resource: StoredResource,
  items: readonly StoredItem[],
  prefix: string,
  tell: (done: number) => void = () => {},
  signal: AbortSignal = new AbortController().signal,
): Promise<ReadProof> {
  let proof: ReadProof = { is: 'unknown', because: 'nothing was read' }
  for (let tries = 0; tries < 3; tries++) {
    await sleep(tries === 0 ? 250 : 2000)
    proof = await readOnce(client, resource, items, prefix, tell, signal)
    if (proof.is === 'proved' || signal.aborted) return proof
  }
  return proof
}

async function readOnce(
  client: ApiClient,
  resource: StoredResource,
  items: readonly StoredItem[],
  prefix: string,
  tell: (done: number) => void,
  signal: AbortSignal,
): Promise<ReadProof> {
  const before = await storedCounters(client)
  if ('refusal' in before) return { is: 'unknown', because: '/metrics may not be read' }
  let read = 0
  for (const [index, item] of items.entries()) {
    if (signal.aborted) return { is: 'unknown', because: 'it was interrupted' }
    const answer = await client.get(pathOfItem(resource, item), { accept: METADATA_ONLY })
    if (answer.ok) read++
    else if (answer.refusal.status !== 404)
      return answer.refusal.kind === 'server'
        ? { is: 'refuted', because: `one cannot be read: ${answer.refusal.message}` }
        : { is: 'unknown', because: answer.refusal.message }
    if (index % 500 === 499) tell(index + 1)
  }
  const after = await storedCounters(client)
  if ('refusal' in after || after.process !== before.process)
    return { is: 'unknown', because: 'the counters before and after are of two API servers' }
  return proofByReads(
    grown(transformations(before.samples, resource.name, 'from'), transformations(after.samples, resource.name, 'from')),
    prefix,
    read,
  )
}
