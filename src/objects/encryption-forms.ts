/** How values are stored: the prefix that each provider and key writes, which of them a configuration reads, and which it writes. */
import type { EncryptionStageProvider, EncryptionStageRule } from '../model/index.ts'

/** One provider with one key. */
export type EncryptionForm = EncryptionStageProvider
export const PLAIN: EncryptionForm = { kind: 'identity' }

/** What every value stored in this form begins with; '' is plain text. Of several keys the first one's. */
export function prefixOf(form: EncryptionForm): string {
  if (form.kind === 'identity') return ''
  return form.kind === 'kms' ? `k8s:enc:kms:${form.apiVersion}:${form.name}:` : `k8s:enc:${form.kind}:v1:${form.keys[0]}:`
}

/** Providers taken apart: one for each key, in the order in which they are tried. */
export const formsOf = (providers: readonly EncryptionStageProvider[]): readonly EncryptionForm[] =>
  providers.flatMap((provider): readonly EncryptionForm[] =>
    'keys' in provider ? provider.keys.map((key) => ({ kind: provider.kind, keys: [key] })) : [provider],
  )

/** Put together again: neighbours of one kind share a provider; a form that is there already is not repeated. */
export function providersOf(forms: readonly EncryptionForm[]): readonly EncryptionStageProvider[] {
  const seen = new Set<string>()
  const providers: EncryptionStageProvider[] = []
  for (const form of forms) {
    if (seen.has(prefixOf(form))) continue
    seen.add(prefixOf(form))
    const last = providers.at(-1)
    if ('keys' in form && last !== undefined && 'keys' in last && last.kind === form.kind)
      providers[providers.length - 1] = { ...last, keys: [...last.keys, ...form.keys] }
    else providers.push(form)
  }
  return providers
}

/** `*.*` covers all, `*.apps` a group, `*.` the core group; `events` stands for those of events.k8s.io too, and `secrets.` for `secrets`. */
export function covers(written: string, resource: string): boolean {
  const entry = written.startsWith('*') ? written : written.replace(/\.$/, '')
  const [name, group] = [resource, entry].map((text) => text.slice(text.indexOf('.') + 1 || text.length))
  if (entry === resource || entry === '*.*') return true
  if (entry.startsWith('*.')) return group === name
  return entry === 'events' && resource === 'events.events.k8s.io'
}

/** The rule that decides: the first that covers it. -1: none does, and it is stored in plain text. */
export const decidingRule = (rules: readonly EncryptionStageRule[], resource: string): number =>
  rules.findIndex((rule) => rule.resources.some((entry) => covers(entry, resource)))

export function formsFor(rules: readonly EncryptionStageRule[], resource: string): readonly EncryptionForm[] {
  const rule = rules[decidingRule(rules, resource)]
  return rule === undefined ? [PLAIN] : formsOf(rule.providers)
}

/** The prefix that an API server with these rules writes. */
export const writes = (rules: readonly EncryptionStageRule[], resource: string): string => prefixOf(formsFor(rules, resource)[0] ?? PLAIN)

/** The prefixes that it can read. */
export const reads = (rules: readonly EncryptionStageRule[], resource: string): ReadonlySet<string> =>
  new Set(formsFor(rules, resource).map(prefixOf))

type Fields = Readonly<Record<string, unknown>>
const fieldsOf = (value: unknown): Fields => (value !== null && typeof value === 'object' && !Array.isArray(value) ? (value as Fields) : {})
const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])

/** The rules of an EncryptionConfiguration, keys by name only. A string says why it cannot be understood. */
export function stageRules(configuration: unknown): readonly EncryptionStageRule[] | string {
  const rules: EncryptionStageRule[] = []
  for (const entry of listOf(fieldsOf(configuration)['resources'])) {
    const providers: EncryptionStageProvider[] = []
    for (const provider of listOf(fieldsOf(entry)['providers'])) {
      const read = stageProvider(fieldsOf(provider))
      if (typeof read === 'string') return read
      providers.push(read)
    }
    if (providers.length === 0) return 'an entry of resources has no providers'
    rules.push({ resources: listOf(fieldsOf(entry)['resources']).map(String), providers })
  }
  return rules
}

function stageProvider(provider: Fields): EncryptionStageProvider | string {
  if ('identity' in provider) return PLAIN
  for (const kind of ['secretbox', 'aescbc', 'aesgcm'] as const) {
    const keys = listOf(fieldsOf(provider[kind])['keys']).map((key) => String(fieldsOf(key)['name'] ?? ''))
    if (provider[kind] !== undefined)
      return keys.length > 0 && new Set(keys).size === keys.length && !keys.includes('')
        ? { kind, keys }
        : `the keys of ${kind} have no names of their own`
  }
  const { name, endpoint, apiVersion, timeout, cachesize } = fieldsOf(provider['kms'])
  if (typeof name !== 'string' || typeof endpoint !== 'string') return 'a provider is none of identity, secretbox, aescbc, aesgcm, kms'
  return {
    kind: 'kms',
    apiVersion: apiVersion === 'v2' ? 'v2' : 'v1',
    name,
    endpoint,
    ...(typeof timeout === 'string' && { timeout }),
    ...(typeof cachesize === 'number' && { cachesize }),
  }
}
