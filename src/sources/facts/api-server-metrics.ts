import type { MetricSample } from '../../model/index.ts'
import { type Fact, refusedPath } from './fact.ts'

const FAMILIES = [
  'apiserver_encryption_config_controller_',
  'apiserver_storage_transformation_operations_total',
  'apiserver_audit_',
  'apiserver_authorization_decisions_total',
  'apiserver_authentication_config_controller_',
  'apiserver_envelope_encryption_',
  'serviceaccount_',
  'apiserver_admission_webhook_fail_open_count',
  'process_start_time_seconds',
]
/** Summed up by these labels alone: of the others nobody needs the thousands of combinations. */
const SUMMED = new Map<string, readonly string[]>([
  // Says by its name label which admission plugins run.
  ['apiserver_admission_controller_admission_duration_seconds_count', ['name']],
  // What is asked for, and how much is sent: the size of an audit log (audit-forecast.ts).
  ['apiserver_request_total', ['verb', 'group', 'resource', 'subresource']],
  ['apiserver_request_body_size_bytes_sum', ['verb', 'group', 'resource']],
  ['apiserver_request_body_size_bytes_count', ['verb', 'group', 'resource']],
  ['apiserver_response_sizes_sum', ['verb', 'group', 'resource']],
  ['apiserver_response_sizes_count', ['verb', 'group', 'resource']],
])
const MOST_SAMPLES = 5_000

/** The families of `GET /metrics` that some control reads; the rest (megabytes of it) is passed over line by line. */
export const apiServerMetrics: Fact<'ApiServerMetrics'> = async ({ client, signal }) => {
  const samples: MetricSample[] = []
  const summed = new Map<string, MetricSample>()
  const answer = await client.stream(
    '/metrics',
    { accept: 'text/plain', signal, limitMs: 10_000, idleMs: 10_000, verb: 'get', resource: '/metrics' },
    (line) => {
      const kept = SUMMED.get(line.slice(0, line.indexOf('{')))
      if (kept !== undefined) {
        const sample = parseSample(line)
        if (sample !== undefined) add(summed, sample, kept)
      } else if (samples.length < MOST_SAMPLES && FAMILIES.some((family) => line.startsWith(family))) {
        const sample = parseSample(line)
        // Buckets of histograms say nothing that their sums and counts do not.
        if (sample !== undefined && !sample.name.endsWith('_bucket')) samples.push(sample)
      }
      return undefined
    },
  )
  if (!answer.ok) return refusedPath('/metrics', answer.refusal)
  return { value: { samples: [...samples, ...summed.values()], at: Date.now() } }
}

function add(summed: Map<string, MetricSample>, { name, labels, value }: MetricSample, kept: readonly string[]): void {
  const key = `${name} ${kept.map((label) => labels[label] ?? '').join(' ')}`
  const known = summed.get(key)
  if (known === undefined && summed.size >= MOST_SAMPLES) return
  const own = Object.fromEntries(kept.flatMap((label) => (labels[label] === undefined ? [] : [[label, labels[label]]])))
  summed.set(key, { name, labels: own, value: (known?.value ?? 0) + value })
}

/** One line of the Prometheus text format; undefined for comments and what is no sample. */
export function parseSample(line: string): MetricSample | undefined {
  const match = /^([A-Za-z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)(?:\s+-?\d+)?\s*$/.exec(line)
  if (match === null) return undefined
  const [, name = '', labels = '', number = ''] = match
  const value = number === '+Inf' ? Number.POSITIVE_INFINITY : number === '-Inf' ? Number.NEGATIVE_INFINITY : Number(number)
  if (Number.isNaN(value)) return undefined
  const pairs = [...labels.matchAll(/([A-Za-z_]\w*)="((?:[^"\\]|\\.)*)"/g)].map(([, key = '', text = '']): [string, string] => [
    key,
    text.replace(/\\(.)/g, (_all, escaped: string) => (escaped === 'n' ? '\n' : escaped)).slice(0, 500),
  ])
  return { name, labels: Object.fromEntries(pairs), value }
}
