/** How a request is put, and how its answer is named. */
import type { IncomingHttpHeaders } from 'node:http'
import type { Json } from '../model/index.ts'
import { type Asked, clean, type Refusal } from './refusal.ts'

export type Answer<T> =
  | {
      readonly ok: true
      readonly status: number
      readonly body: T /** `Warning` headers of code 299, cleaned. */
      readonly warnings: readonly string[]
    }
  | { readonly ok: false; readonly refusal: Refusal }

export interface ReadOptions extends Asked {
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>
  readonly accept?: string
  readonly signal?: AbortSignal
  /** Time until the answer begins, and longest silence while it comes; milliseconds. */
  readonly limitMs?: number
  readonly idleMs?: number
  /** Send no credentials. */
  readonly anonymous?: boolean
  /** Take a compressed answer; the default off loopback. */
  readonly compressed?: boolean
  /** Over a connection that only requests with this number share. */
  readonly lane?: number
}
export interface WriteOptions extends Asked {
  readonly dryRun?: boolean
  readonly fieldManager?: string
  /** What shape the answer shall have: metadata only, for a Secret. */
  readonly accept?: string
  /** The server's default is Warn. */
  readonly fieldValidation?: 'Strict' | 'Warn' | 'Ignore'
  readonly signal?: AbortSignal
  readonly limitMs?: number
}
/** RFC 6902. */
export type JsonPatch = readonly (
  | { readonly op: 'add' | 'replace' | 'test'; readonly path: string; readonly value: Json }
  | { readonly op: 'remove'; readonly path: string }
  | { readonly op: 'move' | 'copy'; readonly from: string; readonly path: string }
)[]
export interface Page {
  readonly items: readonly unknown[]
  readonly resourceVersion: string
  readonly apiVersion: string
  readonly kind: string
  readonly continue?: string
}

export const pick = ({ verb, resource }: Asked): Asked => ({
  ...(verb !== undefined && { verb }),
  ...(resource !== undefined && { resource }),
})

export function withQuery(path: string, query: ReadOptions['query'] = {}): string {
  const pairs = Object.entries(query).filter((pair): pair is [string, string | number | boolean] => pair[1] !== undefined)
  if (pairs.length === 0) return path
  return `${path}${path.includes('?') ? '&' : '?'}${new URLSearchParams(pairs.map(([key, value]): [string, string] => [key, String(value)]))}`
}

/** What a path asks for, for a sentence: `/apis/apps/v1/namespaces/shop/deployments/cart` → `deployments "cart" in namespace "shop"`. */
export function resourceIn(path: string): string {
  const [plain = ''] = path.split('?')
  const match = /^\/(?:api\/v1|apis\/[^/]+\/[^/]+)(?:\/namespaces\/([^/]+)(?=\/))?\/([^/]+)(?:\/([^/]+))?(?:\/([^/]+))?/.exec(plain)
  if (match === null) return clean(plain, 120)
  const [, namespace, resource = '', name, subresource] = match
  const what = `${resource}${subresource === undefined ? '' : `/${subresource}`}${name === undefined ? '' : ` "${decodeURIComponent(name)}"`}`
  return clean(namespace === undefined ? what : `${what} in namespace "${namespace}"`, 200)
}

/** `299 - "text"`, possibly several in one header (RFC 7234). */
export function warningsIn(headers: IncomingHttpHeaders): string[] {
  const text = headers['warning']
  if (typeof text !== 'string') return []
  // Header bytes are UTF-8 that node hands on as Latin-1.
  return [
    ...Buffer.from(text, 'latin1')
      .toString('utf8')
      .matchAll(/299 \S+ "((?:[^"\\]|\\.)*)"/g),
  ].map(([, quoted = '']) => clean(quoted.replace(/\\(.)/g, '$1')))
}
