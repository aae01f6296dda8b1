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
]
/** Says by its name label which admission plugins run; of its other labels nobody needs the thousands of combinations. */
const ADMISSION = 'apiserver_admission_controller_admission_duration_seconds_count'
const MOST_SAMPLES = 5_000

/** The families of `GET /metrics` that some control reads; the rest (megabytes of it) is passed over line by line. */
export const apiServerMetrics: Fact<'ApiServerMetrics'> = async ({ client, signal }) => {
  const samples: MetricSample[] = []
  const admission = new Map<string, number>()
  const answer = await client.stream(
    '/metrics',
    { accept: 'text/plain', signal, limitMs: 10_000, idleMs: 10_000, verb: 'get', resource: '/metrics' },
    (line) => {
      if (line.startsWith(ADMISSION)) {
        const sample = parseSample(line)
        const name = sample?.labels['name']
        if (sample !== undefined && name !== undefined) admission.set(name, (admission.get(name) ?? 0) + sample.value)
      } else if (samples.length < MOST_SAMPLES && FAMILIES.some((family) => line.startsWith(family))) {
        const sample = parseSample(line)
        // Buckets of histograms say nothing that their sums and counts do not.
        if (sample !== undefined && !sample.name.endsWith('_bucket')) samples.push(sample)
      }
      return undefined
    },
  )
  if (!answer.ok) return refusedPath('/metrics', answer.refusal)
  for (const [name, value] of admission) samples.push({ name: ADMISSION, labels: { name }, value })
  return { value: { samples } }
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
