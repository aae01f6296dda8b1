import { stringify } from 'yaml'
import type { FileText, KubeObject } from '../model/index.ts'
import { fieldsIn } from '../objects/yaml-file.ts'
import { CONFLICT, mergeThree } from './merge.ts'

/** Two findings that write one file: the same text, or two YAML mappings that do not contradict each other. Undefined: they do. */
export function mergeTexts(ours: FileText, theirs: FileText): FileText | undefined {
  if (ours.text === theirs.text) return ours
  const [a, b] = [fieldsIn(ours.text), fieldsIn(theirs.text)]
  if (a === undefined || b === undefined) return undefined
  const merged = mergeThree(undefined, a, b)
  if (merged === CONFLICT || namesIssuerTwice(merged)) return undefined
  const secretKeys = Math.max(ours.secretKeys ?? 0, theirs.secretKeys ?? 0)
  return { text: leadingComment(ours.text) + stringify(merged, QUOTED), ...(secretKeys > 0 && { secretKeys }) }
}

/** Two findings that differ about one issuer (AuthenticationConfiguration `jwt[].issuer.url`): the API server would not start. */
function namesIssuerTwice(merged: unknown): boolean {
  const { kind, jwt } = merged as { readonly kind?: unknown; readonly jwt?: readonly { readonly issuer?: { readonly url?: unknown } }[] }
  if (kind !== 'AuthenticationConfiguration' || !Array.isArray(jwt)) return false
  const urls = jwt.map((one: { readonly issuer?: { readonly url?: unknown } }) => one.issuer?.url)
  return new Set(urls).size < urls.length
}

/** Kubernetes reads YAML 1.1, where a plain `y` or `0o7` is no text. */
const QUOTED = { lineWidth: 0, defaultStringType: 'QUOTE_DOUBLE', defaultKeyType: 'PLAIN' } as const

/** The text with each `{{key N}}` (N from 1) replaced. */
export const fillKeys = (text: string, key: (n: number) => string): string =>
  text.replace(/\{\{key (\d+)\}\}/g, (_match, n: string) => key(Number(n)))

/** A fixed stand-in for a 32-byte key, for where no real one may be drawn: never written anywhere. Not guessable by its looks, since controls judge that. */
const SAMPLE_KEY = 'p0vyN3Jt8bQzLkUe6XhR2mWcYs5fGaD9oIiVTEr1qBw='

/** The Kubernetes object that a file holds, if it holds one. It is named after the file, as objects read from files of the control plane are. */
export function objectInFile(name: string, text: FileText): KubeObject | undefined {
  const content = fieldsIn(fillKeys(text.text, () => SAMPLE_KEY))
  if (typeof content?.['apiVersion'] !== 'string' || typeof content['kind'] !== 'string') return undefined
  const metadata = content['metadata'] !== null && typeof content['metadata'] === 'object' ? content['metadata'] : {}
  return { ...content, metadata: { ...metadata, name: name.slice(name.lastIndexOf('/') + 1) } } as KubeObject
}

const leadingComment = (text: string): string => text.match(/^(?:[ \t]*#[^\n]*\n|\s*\n)*/)?.[0] ?? ''
