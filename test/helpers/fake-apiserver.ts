/**
 * An API server of a few dozen lines, on loopback: list with pages, watch, streamed lists, and everything that goes wrong with
 * them on command. It speaks the wire format only; what it stores is what a test put there.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer, type ServerOptions } from 'node:https'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import type { Context } from '../../src/apiserver/context.ts'

export interface FakeObject {
  apiVersion?: string
  kind?: string
  metadata: { name: string; namespace?: string; resourceVersion?: string; [field: string]: unknown }
  [field: string]: unknown
}
interface Change {
  readonly version: number
  readonly collection: string
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'
  readonly object: FakeObject
}
interface Watcher {
  readonly collection: string
  readonly matches: (object: FakeObject) => boolean
  readonly partial: boolean
  readonly response: ServerResponse
}
export interface Asked {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: IncomingMessage['headers']
  readonly body: string
}
export type Route = (asked: Asked, response: ServerResponse) => void

export class FakeApiServer {
  /** `served` as in 1.34; `refused` with 422, as before 1.27; `silent`: a watch that knows nothing of initial events. */
  streamedLists: 'served' | 'refused' | 'silent' = 'served'
  /** Collections (`/api/v1/pods`) that answer 403, by verb. */
  readonly forbidden = new Map<string, ReadonlySet<string>>()
  /** Answers for other paths; `METHOD /path`, or `/path` for GET. */
  readonly routes = new Map<string, Route>()
  /** Everything that was asked. */
  readonly asked: Asked[] = []
  /** How many requests to answer with 429 first. */
  throttle = 0
  /** Kinds of collections, for lists: `/api/v1/pods` → v1, Pod. */
  readonly kinds = new Map<string, { apiVersion: string; kind: string }>()
  /** Milliseconds before an answer to a request for a collection. */
  delay = 0
  #version = 100
  #compacted = 0
  readonly #objects = new Map<string, Map<string, FakeObject>>()
  readonly #history: Change[] = []
  readonly #watchers = new Set<Watcher>()
  readonly #continues = new Map<string, { readonly version: number; readonly items: FakeObject[] }>()
  readonly #server: Server

  private constructor(tls?: ServerOptions) {
    const answer = (request: IncomingMessage, response: ServerResponse) => void this.#receive(request, response)
    this.#server = tls === undefined ? createServer(answer) : createTlsServer(tls, answer)
    this.routes.set('/version', (_asked, response) =>
      json(response, 200, { gitVersion: 'v1.37.2', major: '1', minor: '37', platform: 'linux/amd64' }),
    )
    this.routes.set('/api', (_asked, response) => json(response, 200, { kind: 'APIGroupDiscoveryList', items: [] }))
    this.routes.set('/apis', (_asked, response) => json(response, 200, { kind: 'APIGroupDiscoveryList', items: [] }))
  }

  static async start(tls?: ServerOptions): Promise<FakeApiServer> {
    const fake = new FakeApiServer(tls)
    await new Promise<void>((resolve) => fake.#server.listen(0, '127.0.0.1', resolve))
    return fake
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }
  get url(): string {
    return `${'setSecureContext' in this.#server ? 'https' : 'http'}://127.0.0.1:${this.port}`
  }
  get watchers(): number {
    return this.#watchers.size
  }

  context(more: Partial<Context> = {}): Context {
    return { name: 'fake', server: this.url, cluster: { server: this.url }, user: {}, userName: '', files: [], ...more }
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  // ── what a cluster's clients do ──────────────────────────────────────────────────────────────

  put(collection: string, object: FakeObject): void {
    const stored = this.#stored(collection)
    const key = keyOf(object)
    const version = ++this.#version
    const written = { ...object, metadata: { uid: `uid-${key}`, ...object.metadata, resourceVersion: String(version) } }
    this.#tell({ version, collection, type: stored.has(key) ? 'MODIFIED' : 'ADDED', object: written })
    stored.set(key, written)
  }

  remove(collection: string, key: string): void {
    const object = this.#stored(collection).get(key)
    if (object === undefined) return
    const version = ++this.#version
    this.#stored(collection).delete(key)
    this.#tell({
      version,
      collection,
      type: 'DELETED',
      object: { ...object, metadata: { ...object.metadata, resourceVersion: String(version) } },
    })
  }

  all(collection: string): ReadonlyMap<string, FakeObject> {
    return this.#stored(collection)
  }

  bookmark(): void {
    for (const watcher of this.#watchers)
      this.#write(watcher, { type: 'BOOKMARK', object: { metadata: { resourceVersion: String(this.#version) } } })
  }

  // ── what goes wrong ──────────────────────────────────────────────────────────────────────────

  /** Forgets all history: every version up to now is expired, continue tokens included. */
  compact(): void {
    this.#compacted = this.#version
  }

  /** Cuts every watch, in the middle of a line where `rest` says with what to end. */
  cut(rest = ''): void {
    for (const watcher of this.#watchers) {
      if (rest !== '') watcher.response.write(rest)
      watcher.response.socket?.destroySoon()
    }
    this.#watchers.clear()
  }

  /** Sends raw text on every watch. */
  say(text: string): void {
    for (const { response } of this.#watchers) response.write(text)
  }
  error(code: number): void {
    this.say(`${JSON.stringify({ type: 'ERROR', object: status(code, 'said so') })}\n`)
  }

  // ── wire ─────────────────────────────────────────────────────────────────────────────────────

  async #receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', this.url)
    let body = ''
    for await (const chunk of request) body += chunk
    const asked: Asked = { method: request.method ?? 'GET', path: url.pathname, query: url.searchParams, headers: request.headers, body }
    this.asked.push(asked)
    if (this.throttle > 0) {
      this.throttle--
      response.setHeader('Retry-After', '0')
      return void json(response, 429, status(429, 'too many requests'))
    }
    const route = this.routes.get(asked.method === 'GET' ? asked.path : `${asked.method} ${asked.path}`)
    if (route !== undefined) return route(asked, response)
    if (this.delay > 0) await new Promise((resolve) => setTimeout(resolve, this.delay))
    this.#collection(asked, response)
  }

  #collection({ path, query, headers }: Asked, response: ServerResponse): void {
    const scoped = /^(\/api\/v1|\/apis\/[^/]+\/[^/]+)\/namespaces\/([^/]+)\/([^/]+)$/.exec(path)
    const collection = scoped === null ? path : `${scoped[1]}/${scoped[3]}`
    const namespace = scoped?.[2]
    const verb = query.has('watch') ? 'watch' : 'list'
    const named = /^\/api\/v1\/namespaces\/([^/]+)$/.exec(path)
    if (named !== null) {
      const found = this.#stored('/api/v1/namespaces').get(named[1]!)
      return void (found === undefined
        ? json(response, 404, status(404, 'not found'))
        : json(response, 200, { apiVersion: 'v1', kind: 'Namespace', ...found }))
    }
    if (this.forbidden.get(path)?.has(verb) || this.forbidden.get(collection)?.has(verb))
      return void json(response, 403, status(403, `User "tester" cannot ${verb} resource`))
    if (!this.kinds.has(collection) && !this.#objects.has(collection))
      return void json(response, 404, status(404, 'the server could not find the requested resource'))
    const select = selector(query.get('fieldSelector') ?? '')
    const matches = (object: FakeObject) => (namespace === undefined || object.metadata.namespace === namespace) && select(object)
    const partial = (headers.accept ?? '').includes('PartialObjectMetadata')
    if (verb === 'watch') this.#watch({ collection, matches, partial, response }, query)
    else this.#list({ collection, matches, partial, response }, query, headers)
  }

  #list({ collection, matches, partial, response }: Watcher, query: URLSearchParams, headers: Asked['headers']): void {
    const token = query.get('continue')
    const begun =
      token === null
        ? { version: this.#version, items: [...this.#stored(collection).values()].filter(matches) }
        : this.#continues.get(token)
    if (begun === undefined || (token !== null && begun.version < this.#compacted))
      return void json(response, 410, { ...status(410, 'The provided continue parameter is too old'), reason: 'Expired' })
    const limit = Number(query.get('limit') ?? '0') || begun.items.length
    const rest = begun.items.slice(limit)
    const next = rest.length === 0 ? undefined : `token-${Math.random()}`
    if (next !== undefined) this.#continues.set(next, { version: begun.version, items: rest })
    const { apiVersion, kind } = this.kinds.get(collection) ?? { apiVersion: 'v1', kind: 'Thing' }
    const items = begun.items.slice(0, limit).map((object) => (partial ? onlyMetadata(object) : object))
    json(
      response,
      200,
      {
        apiVersion: partial ? 'meta.k8s.io/v1' : apiVersion,
        kind: partial ? 'PartialObjectMetadataList' : `${kind}List`,
        metadata: {
          resourceVersion: String(begun.version),
          ...(next !== undefined && { continue: next, remainingItemCount: rest.length }),
        },
        items,
      },
      headers['accept-encoding'] === 'gzip',
    )
  }

  #watch(watcher: Watcher, query: URLSearchParams): void {
    const { collection, matches, response } = watcher
    const streamed = query.get('sendInitialEvents') === 'true'
    if (streamed && this.streamedLists === 'refused')
      return void json(response, 422, { ...status(422, 'sendInitialEvents: Forbidden'), reason: 'Invalid' })
    response.writeHead(200, { 'Content-Type': 'application/json' })
    response.flushHeaders()
    if (streamed && this.streamedLists === 'silent') return
    const from = Number(query.get('resourceVersion') ?? '0')
    if (!streamed && from < this.#compacted)
      return void response.end(
        `${JSON.stringify({ type: 'ERROR', object: { ...status(410, 'too old resource version'), reason: 'Expired' } })}\n`,
      )
    response.once('close', () => this.#watchers.delete(watcher))
    if (streamed) {
      for (const object of this.#stored(collection).values()) if (matches(object)) this.#write(watcher, { type: 'ADDED', object })
      this.#write(watcher, {
        type: 'BOOKMARK',
        object: { metadata: { resourceVersion: String(this.#version), annotations: { 'k8s.io/initial-events-end': 'true' } } },
      })
    } else
      for (const change of this.#history)
        if (change.version > from && change.collection === collection && matches(change.object)) this.#write(watcher, change)
    this.#watchers.add(watcher)
  }

  #tell(change: Change): void {
    this.#history.push(change)
    for (const watcher of this.#watchers)
      if (watcher.collection === change.collection && watcher.matches(change.object)) this.#write(watcher, change)
  }

  #write({ response, partial, collection }: Watcher, { type, object }: { readonly type: string; readonly object: object }): void {
    const whole = type === 'BOOKMARK' ? object : { ...this.kinds.get(collection), ...object }
    const line = `${JSON.stringify({ type, object: partial && type !== 'BOOKMARK' ? onlyMetadata(whole as FakeObject) : whole })}\n`
    // In two pieces, since a network does not keep lines together.
    response.write(line.slice(0, line.length >> 1))
    response.write(line.slice(line.length >> 1))
  }

  #stored(collection: string): Map<string, FakeObject> {
    let stored = this.#objects.get(collection)
    if (stored === undefined) this.#objects.set(collection, (stored = new Map()))
    return stored
  }
}

export const status = (code: number, message: string) => ({
  kind: 'Status',
  apiVersion: 'v1',
  status: 'Failure',
  code,
  message,
  ...(code === 403 && { reason: 'Forbidden' }),
})

export function json(response: ServerResponse, code: number, body: unknown, zip = false): void {
  const text = JSON.stringify(body)
  response
    .writeHead(code, { 'Content-Type': 'application/json', ...(zip && { 'Content-Encoding': 'gzip' }) })
    .end(zip ? gzipSync(text) : text)
}

const keyOf = ({ metadata: { namespace, name } }: FakeObject): string => (namespace === undefined ? name : `${namespace}/${name}`)
const onlyMetadata = ({ metadata }: FakeObject) => ({ apiVersion: 'meta.k8s.io/v1', kind: 'PartialObjectMetadata', metadata })

function selector(text: string): (object: FakeObject) => boolean {
  const tests = text
    .split(',')
    .filter(Boolean)
    .map((term) => {
      const [, field = '', operator, value = ''] = /^(.*?)(!=|=)(.*)$/.exec(term) ?? []
      const read = (object: FakeObject) => String(field === 'metadata.name' ? object.metadata.name : (object[field] ?? ''))
      return (object: FakeObject) => (read(object) === value) === (operator === '=')
    })
  return (object) => tests.every((test) => test(object))
}
