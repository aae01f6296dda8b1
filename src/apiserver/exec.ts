/** Runs a program in a container through the API server (`pods/exec`, websocket protocols v5 and v4 of KEP-4006). */
import type { IncomingMessage } from 'node:http'
import type { WebSocket } from 'ws'
import type { ApiClient } from './client.ts'
import type { Connection } from './connection.ts'
import { CredentialProblem } from './credentials.ts'
import { readBeginning } from './lines.ts'
import { type Asked, clean, type Refusal, refusalOfAnswer, refusalOfError, refusalOfStatus, TimeLimit } from './refusal.ts'

export interface ExecRequest {
  readonly namespace: string
  readonly pod: string
  readonly container: string
  readonly argv: readonly string[]
  /** Whole; the program sees its end. None: it has no standard input. */
  readonly stdin?: Buffer
  /** Milliseconds from the first byte sent to the exit code. */
  readonly timeoutMs: number
  /** Bytes of output, of both kinds together; more is a refusal. */
  readonly limit: number
  readonly signal?: AbortSignal
}
export type ExecAnswer =
  | { readonly ok: true; readonly exitCode: number; readonly stdout: Buffer; readonly stderr: Buffer }
  | {
      readonly ok: false
      readonly refusal: Refusal
      /** The program may have run, in part or in whole. */
      readonly begun: boolean
    }

const V5 = 'v5.channel.k8s.io'
const V4 = 'v4.channel.k8s.io'
const [STDIN, STDOUT, STDERR, STATUS, CLOSE] = [0, 1, 2, 3, 255]
const CHUNK = 32 * 1024

/** API servers (before 1.30, or with a proxy of their own in front) that turned v5 down. */
const onlyV4 = new WeakSet<ApiClient>()

/**
 * Every way it can fail is a refusal; a connection that ends without an exit code is one too, never success. Only an abort by the caller
 * throws. Needs `create` and `get` on pods/exec.
 *
 * With standard input the container needs a `sh`: containerd takes it away as soon as the program closes its output, as `dd of=FILE` does at
 * once, so that a shell around it keeps that open. Before v5 the end of standard input cannot be said either, short of cutting the
 * connection and losing the exit code; then `head` hands on as many bytes as there are.
 */
export async function execInPod(client: ApiClient, request: ExecRequest): Promise<ExecAnswer> {
  request.signal?.throwIfAborted()
  if (request.stdin === undefined) return attempt(client.connection, request, [V5, V4])
  if (!onlyV4.has(client)) {
    const answer = await attempt(client.connection, { ...request, argv: ['sh', '-c', '"$@"; exit $?', 'sh', ...request.argv] }, [V5])
    if (answer.ok || answer.refusal.reason !== NOT_SPOKEN) return answer
    onlyV4.add(client)
  }
  const counted = ['sh', '-c', 'n=$1; shift; head -c "$n" | "$@"; exit $?', 'sh', String(request.stdin.length), ...request.argv]
  return attempt(client.connection, { ...request, argv: counted }, [V4])
}

/** Not a word of the API: a handshake that something other than Kubernetes turned down. */
const NOT_SPOKEN = 'ProtocolNotSpoken'

async function attempt(connection: Connection, request: ExecRequest, protocols: readonly string[]): Promise<ExecAnswer> {
  const asked = { verb: 'create', resource: `pods/exec "${request.pod}" in namespace "${request.namespace}"` }
  try {
    let access = await connection.identity()
    // A person may have been sent to a browser first.
    const deadline = Date.now() + request.timeoutMs
    for (let renewed = false; ; renewed = true) {
      const opened = await open(connection, access, { ...request, timeoutMs: Math.max(1, deadline - Date.now()) }, protocols, asked)
      if ('answer' in opened) return await opened.answer
      if (opened.refusal.kind !== 'unauthorized' || renewed) return { ok: false, refusal: opened.refusal, begun: false }
      access = await connection.identity(access)
    }
  } catch (error) {
    request.signal?.throwIfAborted()
    if (error instanceof CredentialProblem)
      return { ok: false, refusal: { kind: 'unauthorized', message: error.message, ...asked }, begun: false }
    return { ok: false, refusal: refusalOfError(error, connection.server, asked), begun: false }
  }
}

type Access = Awaited<ReturnType<Connection['identity']>>

async function open(
  connection: Connection,
  { tls, headers, agent }: Access,
  request: ExecRequest,
  protocols: readonly string[],
  asked: Asked,
): Promise<{ readonly answer: Promise<ExecAnswer> } | { readonly refusal: Refusal }> {
  const { namespace, pod, container, argv, stdin, timeoutMs, signal } = request
  // Loaded when it is first needed, not at every start.
  const { WebSocket } = await import('ws')
  const query = new URLSearchParams([
    ['container', container],
    ['stdin', String(stdin !== undefined)],
    ['stdout', 'true'],
    ['stderr', 'true'],
    ...argv.map((word): [string, string] => ['command', word]),
  ])
  const base = connection.server.replace(/^http/, 'ws').replace(/\/$/, '')
  const at = `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/${encodeURIComponent(pod)}/exec`
  connection.requests++
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`${base}${at}?${query}`, [...protocols], {
      ...tls,
      headers: { 'User-Agent': 'k8s-harden', ...(headers as Record<string, string>) },
      ...(agent !== undefined && { agent }),
      perMessageDeflate: false,
      followRedirects: false,
    })
    const settle = (act: () => void): void => {
      clearTimeout(tooSlow)
      signal?.removeEventListener('abort', aborted)
      act()
    }
    const aborted = (): void => {
      settle(() => reject(signal?.reason))
      socket.terminate()
    }
    const tooSlow = setTimeout(() => {
      settle(() => reject(new TimeLimit(timeoutMs)))
      socket.terminate()
    }, timeoutMs)
    signal?.addEventListener('abort', aborted, { once: true })
    // Listened to at once: the first output may have come with the handshake.
    socket.once('open', () => settle(() => resolve({ answer: converse(socket, request, asked) })))
    socket.on('error', (error) => settle(() => (handshake(error) ? resolve({ refusal: notSpoken(connection, asked) }) : reject(error))))
    socket.once('unexpected-response', (sent, response: IncomingMessage) =>
      settle(() => {
        response.setTimeout(10_000, () => response.destroy())
        refusalOf(response, connection, asked)
          .then(resolve, reject)
          .finally(() => sent.destroy())
      }),
    )
  })
}

/** Of the websocket library itself: what came is no websocket, or none that speaks the protocols offered. */
const handshake = ({ message }: Error): boolean =>
  /^(Server sent (no|an invalid) subprotocol|Invalid (Sec-WebSocket-Accept|Upgrade) header)/.test(message)

const notSpoken = (connection: Connection, asked: Asked, status?: number): Refusal => ({
  kind: 'server',
  ...(status !== undefined && { status }),
  message: `programs cannot be run in pods through ${clean(connection.server, 200)}: a server or proxy on the way turns websockets down${status === undefined ? '' : ` (${status})`}`,
  reason: NOT_SPOKEN,
  ...asked,
})

async function refusalOf(response: IncomingMessage, connection: Connection, asked: Asked): Promise<{ readonly refusal: Refusal }> {
  const text = await readBeginning(response, 64 * 1024).catch(() => '')
  const status = response.statusCode ?? 0
  const refusal = refusalOfAnswer(status, response.headers, text, asked)
  // Authorization, validation and the kubelet answer with a Status; the handshake of an older one with a bare 400 or 403.
  return { refusal: refusal.reason !== undefined || [401, 404, 429].includes(status) ? refusal : notSpoken(connection, asked, status) }
}

interface WireStatus {
  readonly status?: string
  readonly reason?: string
  readonly details?: { readonly causes?: readonly { readonly reason?: string; readonly message?: string }[] }
}

function converse(socket: WebSocket, { stdin, timeoutMs, limit, signal, pod }: ExecRequest, asked: Asked): Promise<ExecAnswer> {
  return new Promise((resolve, reject) => {
    const said: { [channel: number]: Buffer[] } = { [STDOUT]: [], [STDERR]: [] }
    let size = 0
    let over = false
    const finish = (act: () => void): void => {
      if (over) return
      over = true
      clearTimeout(tooSlow)
      signal?.removeEventListener('abort', aborted)
      act()
      socket.terminate()
    }
    const refuse = (refusal: Refusal): void => finish(() => resolve({ ok: false, refusal: { ...refusal, ...asked }, begun: true }))
    const aborted = (): void => finish(() => reject(signal?.reason))
    const tooSlow = setTimeout(
      () => refuse({ kind: 'timeout', message: `the program in pod ${clean(pod, 120)} did not end within ${timeoutMs / 1000} s` }),
      timeoutMs,
    )
    signal?.addEventListener('abort', aborted, { once: true })
    const cut = (why: string): void =>
      refuse({
        kind: 'unreachable',
        message: `the connection with pod ${clean(pod, 120)} was cut before its program said how it ended${why === '' ? '' : `: ${clean(why, 200)}`}`,
      })

    socket.on('message', (data, binary) => {
      const bytes = Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data as Buffer)
      const channel = bytes[0]
      if (!binary || channel === undefined) return
      if (channel === STATUS) {
        const ended = exitCodeIn(bytes.subarray(1), asked)
        if (typeof ended !== 'number') return refuse(ended)
        return finish(() =>
          resolve({ ok: true, exitCode: ended, stdout: Buffer.concat(said[STDOUT]!), stderr: Buffer.concat(said[STDERR]!) }),
        )
      }
      size += bytes.length - 1
      if (size > limit)
        return refuse({
          kind: 'invalid',
          message: `the program in pod ${clean(pod, 120)} printed more than ${limit} bytes`,
          reason: 'TooLarge',
        })
      said[channel]?.push(bytes.subarray(1))
    })
    socket.once('close', (_code, reason) => cut(reason.toString('utf8')))
    socket.on('error', ({ message }) => cut(message))
    if (stdin !== undefined) send(socket, stdin).catch((error: Error) => cut(error.message))
  })
}

async function send(socket: WebSocket, stdin: Buffer): Promise<void> {
  const frame = (channel: number, bytes: Uint8Array): Promise<void> =>
    new Promise((resolve, reject) =>
      socket.send(Buffer.concat([Buffer.of(channel), bytes]), { binary: true }, (error) => (error ? reject(error) : resolve())),
    )
  for (let at = 0; at < stdin.length; at += CHUNK) await frame(STDIN, stdin.subarray(at, at + CHUNK))
  if (socket.protocol === V5) await frame(CLOSE, Buffer.of(STDIN))
}

/** The Status on channel 3: success, the exit code of a program that failed, or why none was run. */
function exitCodeIn(bytes: Buffer, asked: Asked): number | Refusal {
  let status: WireStatus
  try {
    status = JSON.parse(bytes.toString('utf8')) as WireStatus
  } catch {
    return { kind: 'server', message: 'how the program ended was said in a way that is not understood' }
  }
  if (status?.status === 'Success') return 0
  const code = status?.details?.causes?.find(({ reason }) => reason === 'ExitCode')?.message
  if (status?.reason === 'NonZeroExitCode' && code !== undefined && /^[1-9]\d{0,2}$/.test(code)) return Number(code)
  return refusalOfStatus({ kind: 'Status', ...status }, asked)
}
