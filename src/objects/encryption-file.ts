/** The text of an EncryptionConfiguration, with its keys. Whoever calls this holds secrets in memory. */
import type { EncryptionStageProvider, EncryptionStageRule } from '../model/index.ts'
import { YamlProblem } from './yaml-dialect.ts'
import { changeDocument, YamlEditRefused } from './yaml-edit.ts'
import { fileValue, repeatedKey } from './yaml-file.ts'
import { redact } from './yaml-redact.ts'
import { kubernetesYaml } from './yaml-write.ts'

/** Base64 by `secretbox/key-1`. */
export type EncryptionKeys = ReadonlyMap<string, string>
export const keyId = (kind: string, name: string): string => `${kind}/${name}`

const HEADER = '# The first provider writes; the others can only read. Keep this file 0600, owned by root, the same on every API server.\n'
const AES_SIZES: Readonly<Record<string, readonly number[]>> = { secretbox: [32], aescbc: [16, 24, 32], aesgcm: [16, 24, 32] }

type Fields = Readonly<Record<string, unknown>>
const fieldsOf = (value: unknown): Fields => (value !== null && typeof value === 'object' && !Array.isArray(value) ? (value as Fields) : {})
const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])

/** The object in a file; a string says why there is none. */
export function configurationIn(text: string): Fields | string {
  try {
    const value = fieldsOf(fileValue(text))
    if (value['kind'] !== 'EncryptionConfiguration') return 'it is no EncryptionConfiguration'
    const repeated = repeatedKey(text)
    return repeated === undefined ? value : `the key ${repeated} stands in it twice, which API servers refuse`
  } catch (error) {
    if (error instanceof YamlProblem) return 'it is no YAML'
    throw error
  }
}

/** Told by its text: it may be written as JSON, or be no YAML that is understood. */
export const isEncryptionFile = (text: string | undefined): boolean =>
  text?.includes('EncryptionConfiguration') === true &&
  (/^kind:\s*["']?EncryptionConfiguration\b/m.test(text) || typeof configurationIn(text) !== 'string')

export function keysIn(configuration: Fields): EncryptionKeys {
  const keys = new Map<string, string>()
  for (const entry of listOf(configuration['resources']))
    for (const provider of listOf(fieldsOf(entry)['providers']))
      for (const [kind, body] of Object.entries(fieldsOf(provider)))
        for (const key of listOf(fieldsOf(body)['keys'])) {
          const { name, secret } = fieldsOf(key)
          keys.set(keyId(kind, String(name)), typeof secret === 'string' ? secret.trim() : '')
        }
  return keys
}

/** What is wrong with it: an API server that is given it would not start, or go on with its old one. */
export function faultsOf(rules: readonly EncryptionStageRule[], keys: EncryptionKeys): readonly string[] {
  const faults: string[] = []
  if (rules.length === 0) faults.push('it covers no resource')
  const plugins = rules.flatMap(({ providers }) => providers.flatMap((provider) => (provider.kind === 'kms' ? [provider] : [])))
  for (const { resources, providers } of rules) {
    if (resources.length === 0 || providers.length === 0) faults.push('an entry names no resources or no providers')
    for (const name of resources)
      if (!/^(\*\.\*|\*\.[a-z0-9.-]*|[a-z0-9-]+(\.[a-z0-9.-]+)?)$/.test(name) || /\.(events\.k8s\.io|extensions)$/.test(name))
        faults.push(`"${name}" is no resource that can be encrypted`)
    for (const provider of providers)
      if ('keys' in provider) for (const name of provider.keys) faults.push(...keyFaults(provider.kind, name, keys))
  }
  for (const { name, endpoint, apiVersion } of plugins) {
    if (!endpoint.startsWith('unix://')) faults.push(`the endpoint of kms ${name} is no unix socket`)
    if (name === '' || (apiVersion === 'v2' && name.includes(':'))) faults.push(`"${name}" cannot be the name of a kms provider`)
    if (plugins.filter((other) => other.name === name).length > 1) faults.push(`kms ${name} stands there twice`)
  }
  return [...new Set(faults)]
}

function keyFaults(kind: string, name: string, keys: EncryptionKeys): readonly string[] {
  const secret = keys.get(keyId(kind, name))
  if (name === '' || name.includes(':')) return [`"${name}" cannot be the name of a key`]
  if (secret === undefined) return [`key ${name} of ${kind} is on no node`]
  const bytes = Buffer.from(secret, 'base64')
  if (bytes.toString('base64').replace(/=+$/, '') !== secret.replace(/=+$/, '')) return [`key ${name} of ${kind} is no base64`]
  return AES_SIZES[kind]!.includes(bytes.length)
    ? []
    : [`key ${name} of ${kind} has ${bytes.length} bytes, not ${AES_SIZES[kind]!.join(' or ')}`]
}

/** The file as it is to be. Comments and order of the one that is there stay as far as they can; `lost` where they could not. */
export function configurationText(
  before: string | undefined,
  rules: readonly EncryptionStageRule[],
  keys: EncryptionKeys,
): { readonly text: string; readonly lost: boolean } {
  const value = {
    apiVersion: 'apiserver.config.k8s.io/v1',
    kind: 'EncryptionConfiguration',
    resources: rules.map((rule) => entryOf(rule, keys)),
  }
  const anew = HEADER + kubernetesYaml(value)
  if (before === undefined) return { text: anew, lost: false }
  try {
    const text = changeDocument(before, 0, (now) => ({ ...fieldsOf(now), resources: value.resources }))
    return { text, lost: false }
  } catch (error) {
    if (!(error instanceof YamlEditRefused)) throw error
    return { text: anew, lost: before.includes('#') }
  }
}

const entryOf = ({ resources, providers }: EncryptionStageRule, keys: EncryptionKeys) => ({
  resources: [...resources],
  providers: providers.map((provider) => providerOf(provider, keys)),
})
function providerOf(provider: EncryptionStageProvider, keys: EncryptionKeys): Record<string, unknown> {
  if (provider.kind === 'identity') return { identity: {} }
  if (provider.kind !== 'kms')
    return { [provider.kind]: { keys: provider.keys.map((name) => ({ name, secret: keys.get(keyId(provider.kind, name)) ?? '' })) } }
  const { kind: _kind, ...plugin } = provider
  return { kms: plugin }
}

/** The text as it may be shown: each key by its name and length. */
export function shownConfiguration(text: string | undefined): string {
  if (text === undefined) return ''
  const configuration = configurationIn(text)
  if (typeof configuration === 'string') return redact(text)
  let shown = text
  const keys = [...keysIn(configuration)].filter(([, secret]) => secret.length > 0)
  for (const [id, secret] of keys.toSorted((a, b) => b[1].length - a[1].length))
    shown = shown.replaceAll(secret, `‹key ${id.slice(id.indexOf('/') + 1)}: ${Buffer.from(secret, 'base64').length} bytes›`)
  // Written in a way that hides it from a plain search: folded, escaped.
  const left = keysIn(fieldsOf(configurationIn(shown)))
  const bare = shown.replace(/[\s"'\\]/g, '')
  return keys.some(([, secret]) => bare.includes(secret) || [...left.values()].includes(secret)) ? redact(text) : shown
}
