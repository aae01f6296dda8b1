/** Wire JSON in and out. What a server may refuse comes back as a value. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { KubeObject } from '../model/index.ts'
import { Connection, type Incoming, type Outgoing } from './connection.ts'
import type { Context } from './context.ts'
import { CredentialProblem } from './credentials.ts'
import { Gate } from './gate.ts'
import { readBeginning, readLines, readText } from './lines.ts'
import { type Asked, clean, type Refusal, refusalOfAnswer, refusalOfError } from './refusal.ts'
import {
  type Answer,
  type JsonPatch,
  type Page,
  pick,
  type ReadOptions,
  resourceIn,
  type WriteOptions,
  warningsIn,
  withQuery,
} from './request.ts'

export type { Answer, JsonPatch, Page, ReadOptions, WriteOptions } from './request.ts'
export { resourceIn } from './request.ts'

const LARGEST_BODY = 64 * 1024 * 1024
const PAGE = 500

export class ApiClient {
  readonly #connection: Connection
  /** Initial sets and pages: at most six at once. */
  readonly lists = new Gate(6)

  constructor(context: Context) {
    this.#connection = new Connection(context)
  }

  get context(): Context {
    return this.#connection.context
  }
  get server(): string {
    return this.#connection.server
  }
  /** On loopback bytes cost nothing, elsewhere they are asked for compressed. */
  get loopback(): boolean {
    return this.#connection.loopback
  }
  get requests(): number {
    return this.#connection.requests
  }
  get bytes(): number {
    return this.#connection.bytes
  }
  get connection(): Connection {
    return this.#connection
  }
  close(): void {
    this.#connection.close()
  }

  get<T = unknown>(path: string, options: ReadOptions = {}): Promise<Answer<T>> {
    return this.#json<T>(this.#reading(path, options), { verb: 'get', resource: resourceIn(path), ...pick(options) })
  }

  /** A body that is text and not JSON (`/metrics` and the like), of at most 64 MiB. */
  async text(path: string, options: ReadOptions = {}): Promise<Answer<string>> {
    return this.#ask(
      this.#reading(path, { accept: 'text/plain, */*', ...options }),
      { verb: 'get', resource: path, ...pick(options) },
      (incoming) => readText(incoming.stream, LARGEST_BODY),
    )
  }

  /** Any answer at all, with the first 64 KiB of its text; a refusal only where none came. */
  async probe(path: string, options: ReadOptions = {}): Promise<Answer<string>> {
    const asked = { verb: 'get', resource: path, ...pick(options) }
    try {
      const incoming = await this.#connection.send(this.#reading(path, options))
      return { ok: true, status: incoming.status, body: await readBeginning(incoming.stream, 64 * 1024), warnings: [] }
    } catch (error) {
      return this.#failed(error, options.signal, asked)
    }
  }

  /** Line by line as they arrive; `onLine` returns false to stop. The body of a good answer is true where the server ended the stream. */
  stream(path: string, options: ReadOptions, onLine: (line: string) => boolean | undefined, onOpen?: () => void): Promise<Answer<boolean>> {
    return this.#ask(this.#reading(path, options), { verb: 'watch', resource: resourceIn(path), ...pick(options) }, (incoming) => {
      onOpen?.()
      return readLines(incoming.stream, onLine)
    })
  }

  /** A whole list, page by page. The generator's result is the resourceVersion of the list, or the refusal that ended it. */
  async *pages(
    path: string,
    options: ReadOptions = {},
  ): AsyncGenerator<Page, { readonly ok: true; readonly resourceVersion: string } | { readonly ok: false; readonly refusal: Refusal }> {
    let next: string | undefined
    for (;;) {
      const answer: Answer<WireList> = await this.#json<WireList>(
        this.#reading(path, {
          limitMs: 60_000,
          ...options,
          query: { ...options.query, limit: PAGE, ...(next !== undefined && { continue: next }) },
        }),
        { verb: 'list', resource: resourceIn(path), ...pick(options) },
      )
      if (!answer.ok) return answer
      const { items, metadata = {}, apiVersion = '', kind = '' } = answer.body ?? {}
      if (!Array.isArray(items) && items !== null)
        return {
          ok: false,
          refusal: { kind: 'server', message: `the API server's answer to list ${resourceIn(path)} is no list`, ...pick(options) },
        }
      next = metadata.continue || undefined
      const resourceVersion = metadata.resourceVersion ?? ''
      yield { items: items ?? [], resourceVersion, apiVersion, kind, ...(next !== undefined && { continue: next }) }
      if (next === undefined) return { ok: true, resourceVersion }
    }
  }

  create<T = KubeObject>(path: string, object: unknown, options: WriteOptions = {}): Promise<Answer<T>> {
    return this.#write<T>('POST', path, object, { verb: 'create', ...options })
  }
  replace<T = KubeObject>(path: string, object: unknown, options: WriteOptions = {}): Promise<Answer<T>> {
    return this.#write<T>('PUT', path, object, { verb: 'update', ...options })
  }
  patch<T = KubeObject>(path: string, patch: JsonPatch, options: WriteOptions = {}): Promise<Answer<T>> {
    return this.#write<T>('PATCH', path, patch, { verb: 'patch', ...options }, 'application/json-patch+json')
  }
  /** RFC 7386. A `resourceVersion` in it that is no longer the object's is a 409. */
  mergePatch<T = KubeObject>(path: string, patch: unknown, options: WriteOptions = {}): Promise<Answer<T>> {
    return this.#write<T>('PATCH', path, patch, { verb: 'patch', ...options }, 'application/merge-patch+json')
  }
  /** `preconditions` guard against deleting another object of the same name, or a newer version of it. */
  delete<T = unknown>(
    path: string,
    options: WriteOptions & {
      readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string }
      readonly propagationPolicy?: 'Background' | 'Foreground' | 'Orphan'
    } = {},
  ): Promise<Answer<T>> {
    const { preconditions, propagationPolicy, ...rest } = options
    const body = {
      apiVersion: 'v1',
      kind: 'DeleteOptions',
      ...(preconditions && { preconditions }),
      ...(propagationPolicy && { propagationPolicy }),
      ...(rest.dryRun && { dryRun: ['All'] }),
    }
    return this.#write<T>('DELETE', path, body, { verb: 'delete', ...rest, fieldManager: undefined, fieldValidation: undefined })
  }
  /** A review: `SelfSubjectAccessReview` and its kin. Changes nothing. */
  review<T>(path: string, object: unknown, options: WriteOptions = {}): Promise<Answer<T>> {
    return this.#write<T>('POST', path, object, { verb: 'create', limitMs: 10_000, ...options })
  }

  #write<T>(method: string, path: string, object: unknown, options: WriteOptions, contentType = 'application/json'): Promise<Answer<T>> {
    const { dryRun, fieldManager, fieldValidation, signal, accept, limitMs = 40_000 } = options
    const query = { dryRun: dryRun ? 'All' : undefined, fieldManager, fieldValidation }
    return this.#json<T>(
      {
        method,
        path: withQuery(path, query),
        body: JSON.stringify(object),
        headers: { 'Content-Type': contentType, ...(accept !== undefined && { Accept: accept }) },
        answerMs: limitMs,
        idleMs: 20_000,
        ...(signal && { signal }),
      },
      { verb: options.verb, resource: options.resource ?? resourceIn(path) },
    )
  }

  #reading(path: string, { query, accept, signal, limitMs = 30_000, idleMs = 30_000, anonymous, compressed, lane }: ReadOptions): Outgoing {
    return {
      method: 'GET',
      path: withQuery(path, query),
      answerMs: limitMs,
      idleMs,
      ...(accept !== undefined && { headers: { Accept: accept } }),
      ...(signal && { signal }),
      ...(anonymous !== undefined && { anonymous }),
      ...(compressed !== undefined && { compressed }),
      ...(lane !== undefined && { lane }),
    }
  }

  #json<T>(outgoing: Outgoing, asked: Asked): Promise<Answer<T>> {
    return this.#ask(outgoing, asked, async (incoming) => {
      const text = await readText(incoming.stream, LARGEST_BODY)
      return (text === '' ? null : parsed(text)) as T
    })
  }

  /** Sends, waits out a 429, reads; every way it can fail becomes a refusal. Only an abort by the caller throws. */
  async #ask<T>(outgoing: Outgoing, asked: Asked, read: (incoming: Incoming) => Promise<T>): Promise<Answer<T>> {
    try {
      for (let tries = 1; ; tries++) {
        const incoming = await this.#connection.send(outgoing)
        if (incoming.status >= 200 && incoming.status < 300)
          return { ok: true, status: incoming.status, body: await read(incoming), warnings: warningsIn(incoming.headers) }
        const refusal = refusalOfAnswer(
          incoming.status,
          incoming.headers,
          await readText(incoming.stream, 1024 * 1024).catch(() => ''),
          asked,
        )
        // Priority and fairness turns requests away before they are carried out, so a write may be sent again too.
        if (incoming.status !== 429 || tries === 5) return { ok: false, refusal }
        await sleep(Math.min(10_000, 1000 * (refusal.retryAfterSeconds ?? 1)) + Math.random() * 250, undefined, {
          ...(outgoing.signal && { signal: outgoing.signal }),
        })
      }
    } catch (error) {
      return this.#failed(error, outgoing.signal, asked)
    }
  }

  #failed(error: unknown, signal: AbortSignal | undefined, asked: Asked): { readonly ok: false; readonly refusal: Refusal } {
    signal?.throwIfAborted()
    if (error instanceof NoJson)
      return {
        ok: false,
        refusal: { kind: 'server', message: `the answer of ${clean(this.server, 200)} is no JSON: is that an API server?`, ...asked },
      }
    if (error instanceof CredentialProblem) return { ok: false, refusal: { kind: 'unauthorized', message: error.message, ...asked } }
    return { ok: false, refusal: refusalOfError(error, this.server, asked) }
  }
}

interface WireList {
  readonly apiVersion?: string
  readonly kind?: string
  readonly items?: readonly unknown[] | null
  readonly metadata?: { readonly resourceVersion?: string; readonly continue?: string }
}

class NoJson extends Error {}
/** Without the parser's own message, which quotes the text. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new NoJson()
  }
}
