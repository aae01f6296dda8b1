/** An API server of which only `pods/exec` is there: the websocket protocol of the kubelet, and what goes wrong with it on command. */
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'
import { ApiClient } from '../../src/apiserver/client.ts'

export interface Asked {
  readonly path: string
  readonly argv: readonly string[]
  readonly query: URLSearchParams
  readonly authorization: string | undefined
  readonly offered: readonly string[]
}
/** What the program does with its standard input once that has ended; for one that has none, at once. */
export type Program = (say: Say, stdin: Buffer) => void
export interface Say {
  out(text: string | Buffer): void
  err(text: string): void
  status(status: object): void
  cut(): void
}
export const success = { metadata: {}, status: 'Success' }
export const exitCode = (code: number) => ({
  metadata: {},
  status: 'Failure',
  reason: 'NonZeroExitCode',
  message: `command terminated with non-zero exit code: exit status ${code}`,
  details: { causes: [{ reason: 'ExitCode', message: String(code) }] },
})

export class ExecServer {
  speaks: readonly string[] = ['v5.channel.k8s.io', 'v4.channel.k8s.io']
  program: Program = (say) => say.status(success)
  /** Answers the handshake instead: the whole HTTP answer. */
  refuse: string | undefined
  /** Says nothing at all to a handshake. */
  silent = false
  readonly asked: Asked[] = []
  readonly #server: Server = createServer()
  readonly #raw = new Set<Duplex>()
  readonly #sockets = new WebSocketServer({
    noServer: true,
    handleProtocols: (offered) => this.speaks.find((one) => offered.has(one)) ?? false,
  })

  static async start(): Promise<ExecServer> {
    const server = new ExecServer()
    server.#server.on('upgrade', (request, socket, head) => server.#upgrade(request, socket, head))
    await new Promise<void>((resolve) => server.#server.listen(0, '127.0.0.1', resolve))
    return server
  }
  client(token?: string): ApiClient {
    const server = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
    const user = token === undefined ? {} : { token }
    return new ApiClient({ name: 'exec', server, cluster: { server }, user, userName: '', files: [] })
  }
  async stop(): Promise<void> {
    for (const socket of this.#raw) socket.destroy()
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    this.#raw.add(socket)
    socket.on('error', () => {})
    const url = new URL(request.url ?? '/', 'http://x')
    const offered = (request.headers['sec-websocket-protocol'] ?? '').split(/, */)
    const { authorization } = request.headers
    this.asked.push({ path: url.pathname, argv: url.searchParams.getAll('command'), query: url.searchParams, authorization, offered })
    if (this.silent) return
    if (this.refuse !== undefined) return void socket.end(this.refuse)
    // As the kubelet's: a bare 403 where it speaks none of what is offered.
    if (!offered.some((one) => this.speaks.includes(one))) return void socket.end('HTTP/1.1 403 Forbidden\r\nConnection: close\r\n\r\n')
    this.#sockets.handleUpgrade(request, socket, head, (opened) => this.#run(opened, url.searchParams))
  }

  #run(socket: WebSocket, query: URLSearchParams): void {
    const frame = (channel: number, content: string | Buffer) => socket.send(Buffer.concat([Buffer.of(channel), Buffer.from(content)]))
    const say: Say = {
      out: (text) => frame(1, text),
      err: (text) => frame(2, text),
      status: (status) => {
        frame(3, JSON.stringify(status))
        socket.close(1000)
      },
      cut: () => socket.terminate(),
    }
    if (query.get('stdin') !== 'true') return void this.program(say, Buffer.alloc(0))
    const got: Buffer[] = []
    // With v4 nobody says the end; `head -c N` in the container counts.
    const argv = query.getAll('command')
    const wanted = argv[0] === 'sh' && argv[2]?.includes('head -c') ? Number(argv[4]) : Number.POSITIVE_INFINITY
    socket.on('message', (data: Buffer) => {
      if (data[0] === 0) got.push(data.subarray(1))
      const all = Buffer.concat(got)
      const closed = socket.protocol === 'v5.channel.k8s.io' && data[0] === 255 && data[1] === 0
      if (closed || all.length >= wanted) this.program(say, all)
    })
  }
}

/** An answer to a handshake, with a Status as Kubernetes gives it. */
export function refusing(code: number, reason: string, message: string): string {
  const body = JSON.stringify({ kind: 'Status', apiVersion: 'v1', status: 'Failure', code, reason, message })
  return `HTTP/1.1 ${code} ${reason}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`
}
