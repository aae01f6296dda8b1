/** EncryptionConfiguration: who encrypts Secrets on their way to etcd, and with what keys. Key bytes never leave this file. */
import type { ConfigFile, MetricSample, Path } from '../model/index.ts'
import { covers } from './encryption-forms.ts'
import { isPlaceholder, type KeyLook, keyBytes, keyLook } from './key-stand-in.ts'

export type ProviderKind = 'kms-v2' | 'kms-v1' | 'secretbox' | 'aescbc' | 'aesgcm' | 'identity' | 'none'
export interface EncryptionKey {
  readonly name: string
  /** Of the decoded key; undefined where it is no base64, or a placeholder that a template fills in. */
  readonly bytes: number | undefined
  readonly placeholder: boolean
  /** As far as its bytes can be seen. */
  readonly look: KeyLook
}
export interface EncryptionProvider {
  readonly kind: ProviderKind
  /** Of a kms provider. */
  readonly name?: string
  readonly keys: readonly EncryptionKey[]
  readonly at: Path
}
/** One entry of `resources`: the first that covers a resource decides, and its first provider writes. */
export interface EncryptionRule {
  readonly resources: readonly string[]
  readonly providers: readonly EncryptionProvider[]
  readonly at: Path
}

type Fields = Readonly<Record<string, unknown>>
const fieldsOf = (value: unknown): Fields => (value !== null && typeof value === 'object' && !Array.isArray(value) ? (value as Fields) : {})
const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])

export function encryptionRules(configuration: ConfigFile): readonly EncryptionRule[] {
  return listOf(configuration['resources']).map((entry, index): EncryptionRule => {
    const { resources, providers } = fieldsOf(entry)
    const at: Path = ['resources', index]
    return {
      at,
      resources: listOf(resources).map(String),
      providers: listOf(providers).map((provider, position) => providerOf(fieldsOf(provider), [...at, 'providers', position])),
    }
  })
}

/** The rule that decides for core Secrets: `secrets`, all of the core group (`*.`) or everything (`*.*`), first match. */
export const ruleForSecrets = (rules: readonly EncryptionRule[]): EncryptionRule | undefined =>
  rules.find((rule) => rule.resources.some((name) => covers(name, 'secrets')))

function providerOf(provider: Fields, at: Path): EncryptionProvider {
  if (provider['kms'] !== undefined) {
    const { apiVersion, name } = fieldsOf(provider['kms'])
    const kind = apiVersion === 'v2' ? 'kms-v2' : 'kms-v1'
    return { kind, keys: [], at: [...at, 'kms'], ...(typeof name === 'string' && { name }) }
  }
  for (const kind of ['secretbox', 'aescbc', 'aesgcm'] as const) {
    if (provider[kind] !== undefined)
      return { kind, keys: listOf(fieldsOf(provider[kind])['keys']).map((key) => keyOf(fieldsOf(key))), at: [...at, kind] }
  }
  return 'identity' in provider ? { kind: 'identity', keys: [], at: [...at, 'identity'] } : { kind: 'none', keys: [], at }
}

function keyOf(key: Fields): EncryptionKey {
  const name = String(key['name'] ?? '')
  const secret = typeof key['secret'] === 'string' ? key['secret'].trim() : ''
  if (isPlaceholder(secret)) return { name, bytes: undefined, placeholder: true, look: 'random' }
  const bytes = keyBytes(secret)
  return { name, bytes: bytes?.length, placeholder: false, look: bytes === undefined ? 'random' : keyLook(bytes) }
}

/** Which provider wrote, by the prefix on what it writes; '' is identity. Undefined for a prefix that is no provider's (a key's name). */
export function providerOfPrefix(prefix: string): ProviderKind | undefined {
  if (prefix === '') return 'identity'
  const [, kind, version] = /^k8s:enc:([a-z]+):(v\d+):/.exec(prefix) ?? []
  if (kind === 'kms') return version === 'v2' ? 'kms-v2' : 'kms-v1'
  return kind === 'secretbox' || kind === 'aescbc' || kind === 'aesgcm' ? kind : undefined
}

/** Providers that wrote Secrets since the API server that answered was started. Empty says nothing: counters exist from the first write on. */
export function writersOfSecrets(samples: readonly MetricSample[]): ReadonlySet<ProviderKind> {
  const writes = samples.filter(
    ({ name, labels, value }) =>
      name === 'apiserver_storage_transformation_operations_total' &&
      labels['resource'] === 'secrets' &&
      labels['transformation_type'] === 'to_storage' &&
      (labels['status'] ?? 'OK') === 'OK' &&
      value > 0,
  )
  return new Set(writes.flatMap(({ labels }) => providerOfPrefix(labels['transformer_prefix'] ?? '') ?? []))
}

/**
 * Whether the API server that answered has read any Secret in plain text since it was started; it reads all of them then, into its
 * cache. Undefined where it counted no encrypted read either: nothing is known.
 */
export function plainReadsOfSecrets(samples: readonly MetricSample[]): boolean | undefined {
  const reads = samples.filter(
    ({ name, labels, value }) =>
      name === 'apiserver_storage_transformation_operations_total' &&
      labels['resource'] === 'secrets' &&
      labels['transformation_type'] === 'from_storage' &&
      value > 0,
  )
  if (reads.some(({ labels }) => labels['transformer_prefix'] === 'identity')) return true
  return reads.some(({ labels }) => labels['transformer_prefix']?.startsWith('k8s:enc:')) ? false : undefined
}

/** Signs that some encryption configuration is loaded, whatever it says; each in words, for evidence. */
export function signsOfConfiguration(
  samples: readonly MetricSample[] | undefined,
  checks: readonly string[] | undefined,
): readonly string[] {
  const signs: string[] = []
  if (samples?.some((sample) => sample.name === 'apiserver_encryption_config_controller_last_config_info'))
    signs.push('metric apiserver_encryption_config_controller_last_config_info')
  if (
    samples?.some(
      (sample) =>
        sample.name === 'apiserver_encryption_config_controller_automatic_reloads_total' &&
        sample.labels['status'] === 'success' &&
        sample.value > 0,
    )
  )
    signs.push('metric apiserver_encryption_config_controller_automatic_reloads_total')
  const check = checks?.find((name) =>
    /^(kms-provider-\d+|kms-providers|poststarthook\/start-encryption-provider-config-automatic-reload)$/.test(name),
  )
  if (check !== undefined) signs.push(`health check ${check}`)
  return signs
}
