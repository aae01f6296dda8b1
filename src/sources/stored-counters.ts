/** The API server's counters of what it decodes from etcd and encodes for it. */
import type { ApiClient } from '../apiserver/client.ts'
import type { Refusal } from '../apiserver/refusal.ts'
import type { MetricSample } from '../model/index.ts'
import { parseSample } from './facts/api-server-metrics.ts'

export interface StoredCounters {
  readonly samples: readonly MetricSample[]
  /** When the process that answered was started: tells API servers behind one address apart. */
  readonly process: number | undefined
  /** It shows counters of decoding, or a configuration that was loaded: it is given one. False says nothing before 1.34 while nothing was decoded. */
  readonly configured: boolean
}

/** `lane`: of the connection, whose API server is the one that is asked. */
export async function storedCounters(
  client: ApiClient,
  signal?: AbortSignal,
  lane?: number,
): Promise<StoredCounters | { readonly refusal: Refusal }> {
  const samples: MetricSample[] = []
  let process: number | undefined
  let configured = false
  const options = { accept: 'text/plain', verb: 'get', resource: '/metrics', lane, ...(signal && { signal }) }
  const answer = await client.stream('/metrics', options, (line) => {
    if (line.startsWith('process_start_time_seconds')) process = parseSample(line)?.value
    if (line.startsWith('apiserver_encryption_config_controller_')) configured = true
    const isKey = line.startsWith('apiserver_envelope_encryption_key_id_hash_')
    if (!isKey && !line.startsWith('apiserver_storage_transformation_operations_total{')) return undefined
    configured = true
    const sample = parseSample(line)
    if (sample !== undefined) samples.push(sample)
    return undefined
  })
  return answer.ok ? { samples, process, configured } : { refusal: answer.refusal }
}
