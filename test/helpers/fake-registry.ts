/** A registry of a few dozen lines, on loopback: manifests and blobs as the distribution specification has them, and what goes wrong with them. */
import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'

export const digestOf = (text: string): string => `sha256:${createHash('sha256').update(text).digest('hex')}`
export const OCI = 'application/vnd.oci.image'
export const DOCKER = 'application/vnd.docker'

export interface AskedOfRegistry {
  readonly method: string
  /** With query. */
  readonly path: string
  readonly authorization: string | undefined
  readonly body: string
}
type Route = (response: ServerResponse, asked: AskedOfRegistry) => void

export class FakeRegistry {
  readonly asked: AskedOfRegistry[] = []
  /** By path; they go before what was put there. */
  readonly routes = new Map<string, Route>()
  /** `user:password` that the token endpoint wants; '' is anybody. Undefined: no token is asked for. */
  login: string | undefined
  /** What is asked for at once. */
  busiest = 0
  connections = 0
  #busy = 0
  readonly #content = new Map<string, { readonly type: string; readonly text: string }>()
  readonly #server

  private constructor(tls: { readonly cert: string; readonly key: string } | undefined) {
    const answer = (request: IncomingMessage, response: ServerResponse) => void this.#answer(request, response)
    this.#server = tls === undefined ? createServer(answer) : createTlsServer(tls, answer)
  }

  static async start(tls?: { readonly cert: string; readonly key: string }): Promise<FakeRegistry> {
    const registry = new FakeRegistry(tls)
    registry.#server.on('connection', () => registry.connections++)
    await new Promise<void>((resolve) => registry.#server.listen(0, '127.0.0.1', resolve))
    return registry
  }
  get host(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }
  async stop(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  /** Under its digest and, where one is given, a tag. Returns the digest. */
  manifest(repository: string, manifest: object, type: string, tag?: string): string {
    const text = JSON.stringify(manifest)
    for (const reference of [digestOf(text), tag ?? digestOf(text)])
      this.#content.set(`/v2/${repository}/manifests/${reference}`, { type, text })
    return digestOf(text)
  }
  blob(repository: string, text: string, digest = digestOf(text)): string {
    this.#content.set(`/v2/${repository}/blobs/${digest}`, { type: 'application/octet-stream', text })
    return digest
  }
  /** An image for one platform. `config`: the whole configuration, or its text. Returns the manifest's digest. */
  image(repository: string, tag: string | undefined, config: object | string, kind = OCI): string {
    const text = typeof config === 'string' ? config : JSON.stringify(config)
    const [mediaType, type] =
      kind === OCI
        ? [`${OCI}.config.v1+json`, `${OCI}.manifest.v1+json`]
        : [`${DOCKER}.container.image.v1+json`, `${DOCKER}.distribution.manifest.v2+json`]
    const digest = this.blob(repository, text)
    return this.manifest(repository, { schemaVersion: 2, config: { mediaType, digest, size: text.length }, layers: [] }, type, tag)
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.busiest = Math.max(this.busiest, ++this.#busy)
    response.once('close', () => this.#busy--)
    let body = ''
    for await (const piece of request) body += piece
    const { url: path = '', method = '' } = request
    const { authorization } = request.headers
    const asked = { method, path, authorization, body }
    this.asked.push(asked)
    const route = this.routes.get(path) ?? this.routes.get(path.split('?')[0]!)
    if (route !== undefined) return route(response, asked)
    if (path.startsWith('/token')) return this.#token(response, asked)
    if (this.login !== undefined && authorization !== `Bearer token-for-${path.split('/')[2]}`) {
      const realm = `Bearer realm="http://${this.host}/token",service="fake registry",scope="ignored"`
      return void response.writeHead(401, { 'www-authenticate': realm }).end('{}')
    }
    const found = this.#content.get(path)
    if (found === undefined) return void response.writeHead(404).end('{"errors":[]}')
    response.writeHead(200, { 'content-type': found.type }).end(found.text)
  }

  #token(response: ServerResponse, { path, authorization, method, body }: AskedOfRegistry): void {
    const query = method === 'POST' ? new URLSearchParams(body) : new URL(path, 'http://a').searchParams
    const [, repository] = query.get('scope')!.split(':')
    const isRight =
      this.login === '' ||
      authorization === `Basic ${Buffer.from(this.login!).toString('base64')}` ||
      query.get('refresh_token') === this.login
    if (!isRight || query.get('service') !== 'fake registry') return void response.writeHead(401).end()
    response.writeHead(200).end(JSON.stringify({ token: `token-for-${repository}` }))
  }
}
