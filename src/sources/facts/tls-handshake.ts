import { isIP } from 'node:net'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import { clean } from '../../apiserver/refusal.ts'
import type { EndpointFact } from '../../model/index.ts'
import { FACT_MS } from './fact.ts'

export interface Handshake {
  readonly host: string
  readonly port: number
  readonly ca?: ConnectionOptions['ca']
  readonly servername?: string
}

/** One handshake as any client would make it, and one each with the protocols that are too old. No client certificate. Throws where there is no TLS. */
export async function handshake(to: Handshake, signal: AbortSignal): Promise<NonNullable<EndpointFact['tls']>> {
  const seen = await meet(to, {}, signal, (socket) => {
    const certificate = socket.getPeerX509Certificate()
    return {
      protocol: socket.getProtocol() ?? 'unknown',
      cipher: socket.getCipher()?.standardName ?? 'unknown',
      verified: socket.authorized,
      ...(socket.authorizationError != null && { problem: clean(problemOf(socket.authorizationError), 200) }),
      notBefore: isoOf(certificate?.validFrom),
      notAfter: isoOf(certificate?.validTo),
      names: namesIn(certificate?.subjectAltName),
    }
  })
  const [first, second] = await Promise.all([accepts('TLSv1', to, signal), accepts('TLSv1.1', to, signal)])
  return { ...seen, old: { TLSv1: first, 'TLSv1.1': second } }
}

/** True accepted, false refused by the other side's alert, undefined where it could not be tried: this side's library may not offer it. */
async function accepts(version: 'TLSv1' | 'TLSv1.1', to: Handshake, signal: AbortSignal): Promise<boolean | undefined> {
  try {
    return await meet(to, { minVersion: version, maxVersion: version, ciphers: 'DEFAULT:@SECLEVEL=0' }, signal, () => true)
  } catch (error) {
    return /ALERT|alert/.test(`${(error as NodeJS.ErrnoException).code} ${(error as Error).message}`) ? false : undefined
  }
}

function meet<T>(
  { host, port, ca, servername }: Handshake,
  more: ConnectionOptions,
  signal: AbortSignal,
  look: (socket: TLSSocket) => T,
): Promise<T> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted()
    const name = servername ?? (isIP(host) ? undefined : host)
    // Verification is what is looked at, so a failure must not end the handshake.
    const socket = connect({
      host,
      port,
      rejectUnauthorized: false,
      ALPNProtocols: ['http/1.1'],
      ...(ca !== undefined && { ca }),
      ...(name !== undefined && { servername: name }),
      ...more,
    })
    const finish = (settle: () => void) => {
      signal.removeEventListener('abort', abort)
      socket.destroy()
      settle()
    }
    const abort = () => finish(() => reject(signal.reason as Error))
    signal.addEventListener('abort', abort, { once: true })
    socket.setTimeout(FACT_MS, () => finish(() => reject(new Error('the TLS handshake took too long'))))
    socket.once('secureConnect', () => {
      try {
        const seen = look(socket)
        finish(() => resolve(seen))
      } catch (error) {
        finish(() => reject(error as Error))
      }
    })
    socket.on('error', (error) => finish(() => reject(error)))
    socket.once('close', () => finish(() => reject(new Error('the connection was closed during the TLS handshake'))))
  })
}

const problemOf = (error: unknown): string =>
  error instanceof Error ? ((error as NodeJS.ErrnoException).code ?? error.message) : String(error)
const isoOf = (date: string | undefined): string =>
  date === undefined || Number.isNaN(Date.parse(date)) ? '' : new Date(date).toISOString()

/** `DNS:kubernetes, IP Address:10.96.0.1` → names and addresses. */
const namesIn = (altNames: string | undefined): string[] =>
  (altNames ?? '')
    .split(', ')
    .map((one) => clean(one.replace(/^(DNS|IP Address|URI):/, ''), 253))
    .filter((one) => one !== '')
    .slice(0, 200)
