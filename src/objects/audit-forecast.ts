/**
 * How large an audit log becomes under a policy, from what the API server counts of its requests (k8s.io/apiserver
 * pkg/endpoints/metrics). The counters do not say who asked, so where a policy looks at that the answer is a range.
 */
import type { Facts, MetricSample } from '../model/index.ts'
import { type AuditLevel, type AuditPolicy, type AuditRequest, auditDecision, loggedStages } from './audit-policy.ts'

export interface Range {
  readonly low: number
  readonly high: number
}
export interface AuditForecast {
  /** Since the API server started: what the counters span. */
  readonly seconds: number
  readonly requestsPerSecond: number
  readonly eventsPerSecond: Range
  /** Of the log of the API server that answered. */
  readonly bytesPerHour: Range
}
export type Metrics = Facts['ApiServerMetrics']

/**
 * Bytes of an event without its bodies: measured under v1.37 are 850 to 970 for users and the API server, 1,120 for other components, and
 * 1,340 for service accounts, whose tokens name their pod.
 */
const EVENT: Range = { low: 900, high: 1_300 }
/** Of a body that nothing was counted of. */
const BODY = 1_200
/** Components send protobuf, which is longer as the JSON of the log; patches are JSON already. Measured: 1.1 to 2.2. */
const AS_JSON: Range = { low: 1.1, high: 2.2 }
const SAME: Range = { low: 1, high: 1 }

const VERBS: Readonly<Record<string, readonly string[]>> = {
  GET: ['get'],
  HEAD: ['get'],
  LIST: ['list'],
  WATCH: ['watch'],
  WATCHLIST: ['watch'],
  POST: ['create'],
  PUT: ['update'],
  PATCH: ['patch'],
  APPLY: ['patch'],
  DELETE: ['delete'],
  DELETECOLLECTION: ['deletecollection'],
  CONNECT: ['create', 'get'],
}
const AUTHENTICATED = 'system:authenticated'
/** Who may be behind a request that was counted. */
const ACTORS: readonly { readonly user: string; readonly groups: readonly string[]; readonly only?: RegExp }[] = [
  { user: 'k8s-harden:somebody', groups: [AUTHENTICATED] },
  { user: 'system:serviceaccount:somewhere:somebody', groups: ['system:serviceaccounts', AUTHENTICATED] },
  {
    user: 'system:serviceaccount:kube-system:somebody',
    groups: ['system:serviceaccounts', 'system:serviceaccounts:kube-system', AUTHENTICATED],
  },
  { user: 'system:kube-controller-manager', groups: [AUTHENTICATED] },
  { user: 'system:kube-scheduler', groups: [AUTHENTICATED] },
  { user: 'system:apiserver', groups: ['system:masters', AUTHENTICATED] },
  { user: 'system:kube-proxy', groups: [AUTHENTICATED], only: /^(endpoints|endpointslices|services|nodes)$/ },
  {
    user: 'system:node:somewhere',
    groups: ['system:nodes', AUTHENTICATED],
    only: /^(nodes|pods|leases|events|secrets|configmaps|serviceaccounts|services|tokenreviews|csinodes|csidrivers|runtimeclasses)$/,
  },
]

/** Undefined where requests are not counted, or for less than a minute. */
export function auditForecast(metrics: Metrics, policy: AuditPolicy, now: number): AuditForecast | undefined {
  const seconds = secondsCounted(metrics, now)
  if (seconds === undefined) return undefined
  const bodies = means(metrics.samples, 'apiserver_request_body_size_bytes')
  const answers = means(metrics.samples, 'apiserver_response_sizes')
  let [requests, events, bytes] = [0, NONE, NONE]
  for (const { labels, value } of metrics.samples.filter(({ name }) => name === 'apiserver_request_total')) {
    requests += value
    const cases = requestsBehind(labels).map((request): readonly [events: number, bytes: Range] => {
      const decision = auditDecision(policy, request)
      const { length } = loggedStages(decision, request)
      const verb = request.verb
      const about = `${verb} ${labels['group'] ?? ''}/${labels['resource'] ?? ''}`
      const one = eventSize(
        decision.level,
        verb,
        bodies.get(about),
        answers.get(`${(labels['verb'] ?? '').toLowerCase()}${about.slice(verb.length)}`),
      )
      return [length, times(one, length)]
    })
    events = plus(events, times(spanOf(cases.map(([count]) => ({ low: count, high: count }))), value))
    bytes = plus(bytes, times(spanOf(cases.map(([, size]) => size)), value))
  }
  if (requests === 0) return undefined
  return {
    seconds,
    requestsPerSecond: requests / seconds,
    eventsPerSecond: times(events, 1 / seconds),
    bytesPerHour: times(bytes, 3600 / seconds),
  }
}

/** What is logged now, whatever the policy says: the API server counts its events. Undefined where it logs nothing. */
export function auditMeasured(metrics: Metrics, now: number): AuditForecast | undefined {
  const seconds = secondsCounted(metrics, now)
  const total = (name: string, level?: string): number =>
    metrics.samples
      .filter((sample) => sample.name === name && (level === undefined || sample.labels['level'] === level))
      .reduce((sum, { value }) => sum + value, 0)
  const events = total('apiserver_audit_event_total')
  if (seconds === undefined || events === 0) return undefined
  const levels = (['Metadata', 'Request', 'RequestResponse'] as const).map(
    (level) => [level, total('apiserver_audit_level_total', level)] as const,
  )
  const judged = levels.reduce((sum, [, count]) => sum + count, 0)
  const body = meanOf(metrics.samples, 'apiserver_request_body_size_bytes')
  // Reads are at level Request as well under some policies, and have no body: no more have one than were counted.
  let bodies = total('apiserver_request_body_size_bytes_count') || judged
  const size = levels.reduce((sum, [level, count]) => {
    const sending = level === 'Metadata' ? 0 : Math.min(count, bodies)
    bodies -= sending
    const all = plus(times(eventSize(level, 'update', body), sending), times(eventSize(level, 'get'), count - sending))
    return plus(sum, times(all, 1 / judged))
  }, NONE)
  return {
    seconds,
    requestsPerSecond: total('apiserver_request_total') / seconds,
    eventsPerSecond: { low: events / seconds, high: events / seconds },
    bytesPerHour: times(judged === 0 ? EVENT : size, (events * 3600) / seconds),
  }
}

function secondsCounted({ samples, at }: Metrics, now: number): number | undefined {
  const started = samples.find(({ name }) => name === 'process_start_time_seconds')?.value
  const seconds = started === undefined ? undefined : (at ?? now) / 1000 - started
  return seconds !== undefined && seconds >= 60 ? seconds : undefined
}

function requestsBehind({ verb = '', group = '', resource = '', subresource = '' }: MetricSample['labels']): readonly AuditRequest[] {
  if (resource === '') {
    const path = subresource.startsWith('/') ? subresource : `/${subresource}`
    return ACTORS.slice(0, 1).map(({ user, groups }) => ({ user, groups, verb: verb.toLowerCase(), path }))
  }
  return ACTORS.filter(({ only }) => only === undefined || only.test(resource)).flatMap(({ user, groups }) =>
    ['somewhere', 'kube-system'].flatMap((namespace) =>
      (VERBS[verb] ?? [verb.toLowerCase()]).map((one) => ({
        user,
        groups,
        verb: one,
        resource: { group, resource, namespace, ...(subresource !== '' && { subresource }) },
      })),
    ),
  )
}

function eventSize(level: AuditLevel, verb: string, body?: number, answer?: number): Range {
  if (level === 'None') return NONE
  const sends = ['create', 'update', 'patch'].includes(verb)
  const sent = sends && level !== 'Metadata' ? times(verb === 'patch' ? SAME : AS_JSON, body ?? BODY) : NONE
  // What is answered to a write is about what was sent, with what the API server adds.
  const answered = level === 'RequestResponse' ? times(AS_JSON, answer ?? (sends ? (body ?? BODY) * 1.5 : BODY)) : NONE
  return plus(plus(EVENT, sent), answered)
}

/** By verb and resource, of a histogram's sum and count. */
function means(samples: readonly MetricSample[], name: string): ReadonlyMap<string, number> {
  const sums = new Map<string, number>()
  const counts = new Map<string, number>()
  for (const sample of samples) {
    const into = sample.name === `${name}_sum` ? sums : sample.name === `${name}_count` ? counts : undefined
    const key = `${(sample.labels['verb'] ?? '').toLowerCase()} ${sample.labels['group'] ?? ''}/${sample.labels['resource'] ?? ''}`
    into?.set(key, (into.get(key) ?? 0) + sample.value)
  }
  return new Map([...sums].flatMap(([key, sum]) => ((counts.get(key) ?? 0) > 0 ? [[key, sum / counts.get(key)!] as const] : [])))
}

function meanOf(samples: readonly MetricSample[], name: string): number | undefined {
  const total = (suffix: string) => samples.reduce((sum, sample) => (sample.name === `${name}_${suffix}` ? sum + sample.value : sum), 0)
  return total('count') === 0 ? undefined : total('sum') / total('count')
}

const NONE: Range = { low: 0, high: 0 }
const plus = (a: Range, b: Range): Range => ({ low: a.low + b.low, high: a.high + b.high })
const times = ({ low, high }: Range, factor: number | Range): Range =>
  typeof factor === 'number' ? { low: low * factor, high: high * factor } : { low: low * factor.low, high: high * factor.high }
const spanOf = (ranges: readonly Range[]): Range => ({
  low: Math.min(...ranges.map(({ low }) => low)),
  high: Math.max(...ranges.map(({ high }) => high)),
})
