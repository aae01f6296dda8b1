/** What the API server, or the way to it, may well answer: a value, never an exception. */
import type { IncomingHttpHeaders } from 'node:http'

export type RefusalKind =
  | 'forbidden'
  | 'not-found'
  | 'conflict'
  | 'gone'
  | 'invalid'
  | 'unauthorized'
  | 'throttled'
  | 'server'
  | 'unreachable'
  | 'tls'
  | 'timeout'
export interface Refusal {
  readonly kind: RefusalKind
  readonly status?: number
  /** One clear sentence without final stop; safe to print: no control characters, at most 500 characters of the server's own words. */
  readonly message: string
  readonly verb?: string
  readonly resource?: string
  /** `Status.reason`, such as `AlreadyExists`, `NotFound`, `Expired`. */
  readonly reason?: string
  /** The server's own words, cleaned. */
  readonly said?: string
  /** `Status.details.causes`, cleaned: which field an admission plugin or validation objected to. */
  readonly causes?: readonly { readonly field: string; readonly message: string }[]
  readonly retryAfterSeconds?: number
}
export interface Asked {
  readonly verb?: string
  readonly resource?: string
}

/** Raised once, when a source cannot be read at all; what happens later is a Refusal. */
export class CannotConnect extends Error {
  override readonly name = 'CannotConnect'
  readonly refusal: Refusal
  readonly tryNext: readonly string[]
  constructor(refusal: Refusal, tryNext: readonly string[]) {
    super(refusal.message)
    this.refusal = refusal
    this.tryNext = tryNext
  }
}

/** A server's words made safe to show: one line, no control or direction characters, cut. */
export function clean(text: unknown, limit = 500): string {
  const plain = String(text)
    .slice(0, limit * 4)
    .replace(/\u001b\[[0-9;?]*[ -/]*[@-~]/g, '')
    .replace(/[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]+/g, ' ')
    .trim()
  return plain.length > limit ? `${plain.slice(0, limit - 1)}…` : plain
}

/** From an answer with a status of 400 or more. `body` is whatever came, a Status object or a proxy's HTML page. */
export function refusalOfAnswer(status: number, headers: IncomingHttpHeaders, body: string, asked: Asked = {}): Refusal {
  const stated = statusIn(body)
  // An HTML page of a proxy in between says less than its status code.
  const said = clean(stated?.message ?? (/^\s*</.test(body) ? '' : body))
  const retryAfter = Number(headers['retry-after'] ?? stated?.details?.retryAfterSeconds)
  return {
    kind: kindOf(status, stated?.reason),
    status,
    message: sentence(status, said, asked),
    ...asked,
    ...(typeof stated?.reason === 'string' && { reason: clean(stated.reason, 80) }),
    ...(said !== '' && { said }),
    ...(Array.isArray(stated?.details?.causes) && {
      causes: stated.details.causes
        .slice(0, 50)
        .map((cause) => ({ field: clean(cause?.field ?? '', 200), message: clean(cause?.message ?? '') })),
    }),
    ...(Number.isFinite(retryAfter) && { retryAfterSeconds: Math.max(0, retryAfter) }),
  }
}

interface WireStatus {
  readonly kind?: string
  readonly code?: number
  readonly message?: string
  readonly reason?: string
  readonly details?: {
    readonly retryAfterSeconds?: number
    readonly causes?: readonly ({ readonly field?: string; readonly message?: string } | null)[]
  }
}

/** From an ERROR event of a watch, whose object is a Status. */
export function refusalOfStatus(object: unknown, asked: Asked = {}): Refusal {
  const code = typeof (object as WireStatus | null)?.code === 'number' ? (object as { code: number }).code : 500
  return refusalOfAnswer(code, {}, JSON.stringify(object ?? {}), asked)
}

function statusIn(body: string): WireStatus | undefined {
  try {
    const parsed = JSON.parse(body) as WireStatus | null
    return parsed !== null && typeof parsed === 'object' && parsed.kind === 'Status' ? parsed : undefined
  } catch {
    return undefined
  }
}

function kindOf(status: number, reason: string | undefined): RefusalKind {
  switch (status) {
    case 401:
      return 'unauthorized'
    case 403:
      return 'forbidden'
    case 404:
    case 405:
    case 406:
      return 'not-found'
    case 409:
      return 'conflict'
    case 410:
      return 'gone'
    case 429:
      return 'throttled'
    case 504:
      return 'timeout'
  }
  if (reason === 'Expired' || reason === 'Gone') return 'gone'
  return status >= 500 ? 'server' : 'invalid'
}

const SAYS: Readonly<Record<number, string>> = {
  401: 'did not accept the credentials (401)',
  403: 'refused to {ask} (403)',
  404: 'does not know what was asked for: {ask} (404)',
  405: 'does not serve this verb: {ask} (405)',
  406: 'does not offer the format asked for: {ask} (406)',
  409: 'found a conflict on {ask} (409)',
  410: 'no longer has that version (410)',
  422: 'found the object invalid (422)',
  429: 'is overloaded and asked to come back later (429)',
}

function sentence(status: number, said: string, { verb, resource }: Asked): string {
  const ask = [verb, resource].filter(Boolean).join(' ') || 'answer'
  const known = SAYS[status] ?? (status >= 500 ? `failed (${status})` : `refused the request (${status})`)
  // The 403's own text repeats user, verb and resource: the sentence has what matters, `said` keeps the rest.
  return `the API server ${known.replace('{ask}', ask)}${said === '' || status === 403 ? '' : `: ${said}`}`
}

const TLS_PROBLEMS: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'its certificate has expired',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet: check the clock of this machine',
  DEPTH_ZERO_SELF_SIGNED_CERT: "its certificate is self-signed and not the kubeconfig's CA",
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate was issued by a CA the kubeconfig does not name',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate was issued by a CA the kubeconfig does not name',
  UNABLE_TO_GET_ISSUER_CERT: 'its certificate was issued by a CA the kubeconfig does not name',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'its certificate was issued by a CA the kubeconfig does not name',
  CERT_SIGNATURE_FAILURE: 'its certificate was issued by a CA the kubeconfig does not name',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another host name',
  ERR_TLS_CERT_SIGNATURE_ALGORITHM_UNSUPPORTED: 'its certificate has a signature this TLS library does not accept',
}
const NETWORK_PROBLEMS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there (connection refused)',
  ENOTFOUND: 'its host name is not known to DNS',
  EAI_AGAIN: 'DNS does not answer',
  ECONNRESET: 'the connection was cut',
  EPIPE: 'the connection was cut',
  EHOSTUNREACH: 'there is no route to it',
  ENETUNREACH: 'the network is unreachable',
  EADDRNOTAVAIL: 'there is no route to it',
}

/** From an exception on the way: DNS, TCP, TLS, a proxy, our own time limits. `server` is the URL asked. */
export function refusalOfError(error: unknown, server: string, asked: Asked = {}): Refusal {
  const { code = '', message = '' } = error instanceof Error ? (error as NodeJS.ErrnoException) : { message: String(error) }
  const base = { ...asked, ...(message !== '' && { said: clean(message) }) }
  if (error instanceof TimeLimit || code === 'ETIMEDOUT' || code === 'ERR_SOCKET_CONNECTION_TIMEOUT') {
    return {
      kind: 'timeout',
      message: `the API server at ${clean(server, 200)} did not answer in time${error instanceof TimeLimit ? ` (${error.seconds} s)` : ''}`,
      ...base,
    }
  }
  const tls = TLS_PROBLEMS[code]
  if (tls !== undefined)
    return {
      kind: 'tls',
      message: `the API server at ${clean(server, 200)} cannot be trusted: ${tls}${code === 'ERR_TLS_CERT_ALTNAME_INVALID' ? ` (${clean(message, 200)})` : ''}`,
      ...base,
    }
  if (code.startsWith('ERR_SSL') || code.startsWith('ERR_TLS') || code === 'EPROTO' || code.startsWith('ERR_OSSL')) {
    return { kind: 'tls', message: `no TLS connection with the API server at ${clean(server, 200)}: ${clean(message, 200)}`, ...base }
  }
  const why = NETWORK_PROBLEMS[code] ?? (clean(message, 200) || 'the connection failed')
  return { kind: 'unreachable', message: `the API server at ${clean(server, 200)} cannot be reached: ${why}`, ...base }
}

/** Our own time limit was reached. */
export class TimeLimit extends Error {
  override readonly name = 'TimeLimit'
  readonly seconds: number
  constructor(milliseconds: number) {
    super(`no answer within ${milliseconds / 1000} s`)
    this.seconds = milliseconds / 1000
  }
}
