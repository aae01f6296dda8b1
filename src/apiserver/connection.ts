/** Bytes to and from one API server: agents, credentials, time limits, compression, counters. Knows nothing of Kubernetes objects. */
import http, { type IncomingHttpHeaders, type IncomingMessage } from 'node:http'
import https from 'node:https'
import { isIP } from 'node:net'
import type { Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import type { Context } from './context.ts'
import { type Access, Credentials } from './credentials.ts'
import { TimeLimit } from './refusal.ts'

export interface Outgoing {
  readonly method: string
  /** Absolute, with query. */
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  /** Until the answer begins. */
  readonly answerMs: number
  /** Longest silence while it comes. */
  readonly idleMs: number
  readonly signal?: AbortSignal
  /** Present no credentials at all, whatever the kubeconfig holds. */
  readonly anonymous?: boolean
  readonly compressed?: boolean
  /** Requests of one lane share one connection of their own, one after the other: as a rule they come to one API server, also behind a balancer. */
  readonly lane?: number
}
export interface Incoming {
  readonly status: number
  readonly headers: IncomingHttpHeaders /** Decompressed. */
  readonly stream: Readable
}

const USER_AGENT = 'k8s-harden'

export class Connection {
  readonly server: string
  readonly context: Context
  /** Requests sent and body bytes received on the wire, for the benchmark. */
  requests = 0
  bytes = 0
  readonly loopback: boolean
  readonly #credentials: Credentials
  readonly #base: URL
  readonly #nobody: Credentials
  #pools: readonly Pool[] = []

  constructor(context: Context) {
    this.context = context
    this.server = context.server
    this.#base = new URL(context.server)
    this.loopback = isLoopback(this.#base.hostname)
    this.#credentials = new Credentials(context)
    this.#nobody = new Credentials({ ...context, user: {}, userName: '' })
  }

  /** One answer, whatever its status, its body still to be read. A 401 is tried once more with renewed credentials. */
  async send(outgoing: Outgoing): Promise<Incoming> {
    if (outgoing.anonymous === true) return this.#once(outgoing, await this.#nobody.current())
    const access = await this.#credentials.current()
    const answer = await this.#once(outgoing, access)
    if (answer.status !== 401) return answer
    const renewed = await this.#credentials.renew(access)
    let last = answer
    if (!sameAccess(access, renewed)) {
      answer.stream.destroy()
      last = await this.#once(outgoing, renewed)
    }
    const problem = last.status === 401 ? this.#credentials.whyRefused(renewed) : undefined
    if (problem === undefined) return last
    last.stream.destroy()
    throw problem
  }

  /** Whom to trust in a handshake with this server; nobody's identity. */
  async trust(): Promise<Pick<Access['tls'], 'ca' | 'servername'>> {
    const { tls } = await this.#nobody.current()
    return { ca: tls.ca, servername: tls.servername }
  }

  /** Our identity, for a connection that is no exchange of request and answer; `refused`: it was not accepted (401), so another one if there is. */
  async identity(refused?: Access): Promise<Access> {
    return refused === undefined ? this.#credentials.current() : this.#credentials.renew(refused)
  }

  close(): void {
    for (const { reused, fresh, lanes } of this.#pools) for (const agent of [reused, fresh, ...lanes.values()]) agent.destroy()
  }

  async #once(outgoing: Outgoing, access: Access): Promise<Incoming> {
    const safe = outgoing.method === 'GET'
    try {
      return await this.#exchange(outgoing, access)
    } catch (error) {
      // An idle connection may have been closed by the other side just now: reading again is harmless.
      if (safe && (error as { staleSocket?: boolean }).staleSocket === true && outgoing.signal?.aborted !== true)
        return this.#exchange(outgoing, access)
      throw error
    }
  }

  #exchange(outgoing: Outgoing, access: Access): Promise<Incoming> {
    const { method, path, body, signal } = outgoing
    const secure = this.#base.protocol === 'https:'
    this.requests++
    return new Promise((resolve, reject) => {
      const request = (secure ? https : http).request({
        method,
        protocol: this.#base.protocol,
        hostname: this.#base.hostname.replace(/^\[|\]$/g, ''),
        port: this.#base.port || (secure ? 443 : 80),
        path: this.#base.pathname.replace(/\/$/, '') + path,
        headers: {
          'User-Agent': USER_AGENT,
          Accept: 'application/json',
          ...(!this.loopback && outgoing.compressed !== false && { 'Accept-Encoding': 'gzip' }),
          ...(body !== undefined && { 'Content-Type': 'application/json', 'Content-Length': String(Buffer.byteLength(body)) }),
          ...(access.headers as Record<string, string | string[]>),
          ...outgoing.headers,
        },
        ...access.tls,
        agent: agentIn(this.#poolFor(access), method, outgoing.lane),
        ...(signal !== undefined && { signal }),
      })
      const tooSlow = setTimeout(() => request.destroy(new TimeLimit(outgoing.answerMs)), outgoing.answerMs)
      request.on('error', (error) => {
        clearTimeout(tooSlow)
        reject(
          request.reusedSocket && (error as NodeJS.ErrnoException).code === 'ECONNRESET'
            ? Object.assign(error, { staleSocket: true })
            : error,
        )
      })
      request.once('response', (response) => {
        clearTimeout(tooSlow)
        resolve({ status: response.statusCode ?? 0, headers: response.headers, stream: this.#body(response, outgoing.idleMs) })
      })
      request.end(body)
    })
  }

  #body(response: IncomingMessage, idleMs: number): Readable {
    response.setTimeout(idleMs, () => response.destroy(new TimeLimit(idleMs)))
    response.on('data', (chunk: Buffer) => {
      this.bytes += chunk.length
    })
    // The counter must not start the flow before the reader is there: readers resume.
    response.pause()
    if (response.headers['content-encoding'] !== 'gzip') return response
    const unzipped = createGunzip()
    response.once('error', (error) => unzipped.destroy(error))
    response.once('aborted', () => unzipped.destroy(new Error('the connection was cut')))
    unzipped.once('close', () => response.destroy())
    return response.pipe(unzipped)
  }

  /** Reads share connections; a write takes a new one, so that a connection closed under it is never mistaken for a lost answer. */
  #poolFor(access: Access): Pool {
    let pool = this.#pools.find((one) => one.of === access || sameTls(one.of, access))
    if (pool === undefined) this.#pools = [...this.#pools, (pool = poolOf(access, this.#base.protocol === 'https:'))]
    return pool
  }
}

interface Pool {
  readonly of: Access
  readonly reused: http.Agent
  readonly fresh: http.Agent
  readonly lanes: Map<number, http.Agent>
}

function agentIn({ of, reused, fresh, lanes }: Pool, method: string, lane: number | undefined): http.Agent {
  if (method !== 'GET') return fresh
  // A proxy's agent makes its connections by itself.
  if (lane === undefined || of.agent !== undefined) return reused
  let agent = lanes.get(lane)
  if (agent === undefined) {
    agent = new (reused.constructor as typeof http.Agent)({ keepAlive: true, maxSockets: 1 })
    lanes.set(lane, agent)
  }
  return agent
}

function poolOf(access: Access, secure: boolean): Pool {
  if (access.agent !== undefined) {
    const proxied = Object.assign(access.agent, { keepAlive: true })
    return { of: access, reused: proxied, fresh: proxied, lanes: new Map() }
  }
  const kind = secure ? https.Agent : http.Agent
  return { of: access, reused: new kind({ keepAlive: true, maxFreeSockets: 16 }), fresh: new kind({ keepAlive: false }), lanes: new Map() }
}

const asText = (value: unknown): string =>
  JSON.stringify(value, (_key, part: unknown) => (part instanceof Uint8Array ? Buffer.from(part).toString('latin1') : part)) ?? ''
const sameTls = (a: Access, b: Access): boolean => asText(a.tls) === asText(b.tls)
const sameAccess = (a: Access, b: Access): boolean => sameTls(a, b) && asText(a.headers) === asText(b.headers)

export function isLoopback(host: string): boolean {
  const plain = host.replace(/^\[|\]$/g, '').toLowerCase()
  return plain === 'localhost' || plain.endsWith('.localhost') || plain === '::1' || (isIP(plain) === 4 && plain.startsWith('127.'))
}
