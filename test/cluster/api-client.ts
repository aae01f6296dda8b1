import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { Agent, request as httpsRequest } from 'node:https'
import { createInterface } from 'node:readline'
import type { KeyPair } from './certificates.ts'

/** An answer of the API server, whatever its status. */
export interface ApiResponse {
  readonly status: number
  readonly text: string
  /** The texts of its `Warning` headers. */
  readonly warnings: readonly string[]
}

export interface ApiRequest {
  /** An object is sent as JSON, a string as it is. */
  readonly body?: unknown
  readonly contentType?: string
  readonly accept?: string
}

/** Raw requests to the test API server over kept-alive connections. */
export interface ApiClient {
  /** Any answer, also a refusal. */
  request(method: string, path: string, options?: ApiRequest): Promise<ApiResponse>
  /** The parsed body of a GET that must succeed. */
  get<T>(path: string): Promise<T>
  /** The parsed body of a POST that must succeed. */
  create<T>(path: string, object: unknown): Promise<T>
  /** The lines of a streaming answer such as a watch; leaving the loop closes it. */
  lines(path: string): AsyncIterable<string>
  close(): void
}

/** Opens a client that authenticates with a client certificate. */
export function openApiClient(url: string, ca: string, identity: KeyPair): ApiClient {
  const tls = { ca, cert: identity.certificate, key: identity.key }
  const agent = new Agent({ ...tls, keepAlive: true, maxSockets: 32 })

  async function send(method: string, path: string, { body, contentType, accept }: ApiRequest = {}): Promise<IncomingMessage> {
    const payload = body === undefined || typeof body === 'string' ? body : JSON.stringify(body)
    const headers = { accept: accept ?? 'application/json', 'content-type': contentType ?? 'application/json' }
    const outgoing = httpsRequest(new URL(path, url), { method, agent, headers }).end(payload)
    const [response] = (await once(outgoing, 'response')) as [IncomingMessage]
    return response
  }

  async function request(method: string, path: string, options?: ApiRequest): Promise<ApiResponse> {
    const response = await send(method, path, options)
    response.setEncoding('utf8')
    let text = ''
    for await (const chunk of response) text += chunk
    return { status: response.statusCode ?? 0, text, warnings: warningsOf(response) }
  }

  async function expectOk<T>(method: string, path: string, body?: unknown): Promise<T> {
    const { status, text } = await request(method, path, { body })
    if (status >= 400) throw new Error(`${method} ${path}: ${status} ${text}`)
    return JSON.parse(text) as T
  }

  return {
    request,
    get: (path) => expectOk('GET', path),
    create: (path, object) => expectOk('POST', path, object),
    async *lines(path) {
      const response = await send('GET', path)
      try {
        yield* createInterface({ input: response })
      } finally {
        response.destroy()
      }
    },
    close: () => agent.destroy(),
  }
}

/** `299 - "text"` with its quotes escaped, one header each (RFC 9111 5.5). */
const warningsOf = ({ headersDistinct }: IncomingMessage): readonly string[] =>
  (headersDistinct['warning'] ?? []).map((value) => value.slice(value.indexOf('"') + 1, value.lastIndexOf('"')).replace(/\\(.)/g, '$1'))
