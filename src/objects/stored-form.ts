/** In what form etcd holds a resource: told by the API server's counters, and asked of etcd itself without any value leaving it. */
import type { MetricSample, StoredForm } from '../model/index.ts'

/** How often values were decoded (`from`) or encoded (`to`), by what they began with. Plain text is `''`. */
export interface Transformations {
  readonly byPrefix: ReadonlyMap<string, number>
  /** Without success: no provider could read them. */
  readonly failed: number
}

const FAMILY = 'apiserver_storage_transformation_operations_total'

/**
 * Counts of one resource (`secrets`, `widgets.example.com`) since the API server that answered was started. A value of a local key counts
 * twice: under its provider's prefix and under its key's name (`key-20261126:`). Plain text is labelled `identity` when read, nothing when written.
 */
export function transformations(samples: readonly MetricSample[], resource: string, direction: 'from' | 'to'): Transformations {
  const byPrefix = new Map<string, number>()
  let failed = 0
  for (const { name, labels, value } of samples) {
    if (name !== FAMILY || labels['resource'] !== resource || labels['transformation_type'] !== `${direction}_storage`) continue
    const prefix = labels['transformer_prefix'] ?? ''
    if ((labels['status'] ?? 'OK') !== 'OK') failed += value
    else byPrefix.set(prefix === 'identity' ? '' : prefix, (byPrefix.get(prefix === 'identity' ? '' : prefix) ?? 0) + value)
  }
  return { byPrefix, failed }
}

/** What came on top between two readings of the same API server. */
export function grown(before: Transformations, after: Transformations): Transformations {
  const byPrefix = [...after.byPrefix]
    .map(([prefix, count]): [string, number] => [prefix, count - (before.byPrefix.get(prefix) ?? 0)])
    .filter(([, count]) => count > 0)
  return { byPrefix: new Map(byPrefix), failed: after.failed - before.failed }
}

const KEY_FAMILY = 'apiserver_envelope_encryption_key_id_hash'
/** Of a KMS v2 provider: `k8s:enc:kms:v2:NAME:`. */
export const kmsName = (prefix: string): string | undefined => /^k8s:enc:kms:v2:(.+):$/.exec(prefix)?.[1]

/**
 * How often values were decoded, by the hash of the key's id (`sha256:…`), since the API server that answered was started; of all resources
 * that the provider encrypts.
 */
export function keysRead(samples: readonly MetricSample[], provider: string): ReadonlyMap<string, number> {
  const keys = new Map<string, number>()
  for (const { name, labels, value } of samples)
    if (name === `${KEY_FAMILY}_total` && labels['provider_name'] === provider && labels['transformation_type'] === 'from_storage')
      keys.set(labels['key_id_hash'] ?? '', value)
  return keys
}
/** The same of what came on top. */
export function keysGrown(before: ReadonlyMap<string, number>, after: ReadonlyMap<string, number>): Readonly<Record<string, number>> {
  return Object.fromEntries(
    [...after].map(([key, count]): [string, number] => [key, count - (before.get(key) ?? 0)]).filter(([, count]) => count > 0),
  )
}
/** The key that the KMS gave last when the API server asked, as it does once a minute: what is written now is encrypted with it. */
export function keyOfNow(samples: readonly MetricSample[], provider: string): string | undefined {
  const given = samples.filter(
    ({ name, labels }) => name === `${KEY_FAMILY}_status_last_timestamp_seconds` && labels['provider_name'] === provider,
  )
  return given.toSorted((a, b) => b.value - a.value)[0]?.labels['key_id_hash']
}

/** Those of a KMS with which something is encrypted still, beside the one that it gives now. */
export const olderKeys = ({ keys }: StoredForm): readonly string[] =>
  keys === undefined ? [] : Object.keys(keys.read).filter((key) => key !== keys.now)

/** The series that values with this beginning count under: `k8s:enc:secretbox:v1:key1:` is its provider's and its key's. */
export function seriesOf(prefix: string): readonly string[] {
  const local = /^(k8s:enc:(?:secretbox|aescbc|aesgcm):v1:)(.+:)$/.exec(prefix)
  return local === null ? [prefix] : [local[1]!, local[2]!]
}

/** Plain words for what values begin with: "plain text", "k8s:enc:secretbox:v1:key1:". */
export const prefixWords = (prefix: string): string => (prefix === '' ? 'plain text' : prefix)

/** What a value begins with, from the series it counts under: `k8s:enc:secretbox:v1:key1:`. Undefined where they are of several forms. */
export function prefixOfSeries(counts: Readonly<Record<string, number>>): string | undefined {
  const names = Object.keys(counts)
  const providers = names.filter((name) => name === '' || name.startsWith('k8s:enc:'))
  const keys = names.filter((name) => !providers.includes(name))
  if (providers.length !== 1 || keys.length > 1) return undefined
  return `${providers[0]}${keys[0] ?? ''}`
}

export type ReadProof =
  | { readonly is: 'proved' }
  /** Others are there, or cannot be read. */
  | { readonly is: 'refuted'; readonly because: string }
  /** Another API server answered a part of the reads. */
  | { readonly is: 'unknown'; readonly because: string }

/** Judges the counters after each of `objects` was read from etcd once. */
export function proofByReads({ byPrefix, failed }: Transformations, prefix: string, objects: number): ReadProof {
  if (failed > 0) return { is: 'refuted', because: `${failed} could not be decrypted by any provider` }
  const wanted = seriesOf(prefix)
  const others = [...byPrefix].filter(([series]) => !wanted.includes(series))
  if (others.length > 0)
    return { is: 'refuted', because: others.map(([series, count]) => `${count} are stored as ${prefixWords(series)}`).join(', ') }
  const seen = Math.min(...wanted.map((series) => byPrefix.get(series) ?? 0))
  return seen >= objects
    ? { is: 'proved' }
    : { is: 'unknown', because: `the API server that answered counted ${seen} of ${objects} reads: another one answered the rest` }
}

/** Where etcd holds a resource below the API server's prefix; undefined where that is no plain rule. */
export function storedUnder(resource: string): string | undefined {
  if (resource === 'secrets' || resource === 'configmaps') return `/${resource}/`
  const dot = resource.indexOf('.')
  const group = resource.slice(dot + 1)
  // Custom resources stand under group and plural; built-in groups each under names of their own.
  return dot > 0 && group.includes('.') && !group.endsWith('.k8s.io') ? `/${group}/${resource.slice(0, dot)}/` : undefined
}

const base64 = (text: string): string => btoa(text)
/** The first text after all that begin with `prefix`. */
const after = (prefix: string): string => prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1)

/**
 * A transaction of etcd's JSON gateway that changes nothing: does every value below `key` begin with `prefix`? etcd compares by itself and
 * answers with yes or no and the number of keys (api/etcdserverpb `Compare.range_end`), at one revision. `''`: does none begin with `k8s:enc:`?
 */
export function compareAll(key: string, prefix: string, plain: 'binary' | 'json' = 'binary'): string {
  const range = { key: base64(key), range_end: base64(after(key)) }
  const count = [{ request_range: { ...range, count_only: true } }]
  const bounds =
    prefix !== ''
      ? [
          ['GREATER', prefix],
          ['LESS', after(prefix)],
        ]
      : // Built-in kinds are stored as "k8s\0…", which sorts before "k8s:enc:"; custom resources as JSON, after it.
        plain === 'binary'
        ? [['LESS', 'k8s:enc:']]
        : [['GREATER', after('k8s:enc:')]]
  const compare = bounds.map(([result, value]) => ({ ...range, target: 'VALUE', result, value: base64(value!) }))
  return JSON.stringify({ compare, success: count, failure: count })
}

/** What etcd answered: whether all do, and how many keys there are. Undefined where it is no such answer. */
export function comparedAll(text: string): { readonly all: boolean; readonly keys: number } | undefined {
  let answer: { succeeded?: unknown; header?: unknown; responses?: readonly { response_range?: { count?: unknown } }[] } | null
  try {
    answer = JSON.parse(text)
  } catch {
    return undefined
  }
  const range = answer?.responses?.[0]?.response_range
  if (answer?.header === undefined || range === undefined) return undefined
  const keys = Number(range.count ?? 0)
  // A comparison with no key at all fails, and there is nothing in another form either.
  return Number.isInteger(keys) ? { all: answer.succeeded === true || keys === 0, keys } : undefined
}
