/** GET from one registry: https (or loopback), a token where it asks for one, redirects that stay safe, limits on bytes and time. */
import { isIP } from 'node:net'
import { clean } from '../../apiserver/refusal.ts'
import { ImageProblem } from './image-settings.ts'
import { basic, type Challenge, challengeIn, type RegistryLogin } from './registry-access.ts'

export const MANIFEST_BYTES = 4 * 2 ** 20
const TOKEN_BYTES = 256 * 1024
const MOST_REDIRECTS = 5

export interface Wanted {
  readonly accept: string
  /** Most bytes of the body. */
  readonly limit: number
  readonly signal: AbortSignal
}
interface Received {
  readonly body: Buffer
  /** Media type, without parameters. */
  readonly type: string
}

/** `requestMs`: for each request, its body included. Every failure is an ImageProblem whose words may be shown. */
export class Registry {
  readonly #host: string
  readonly #login: RegistryLogin | undefined
  readonly #requestMs: number
  readonly #isLoopback: boolean
  #base: Promise<string> | undefined
  /** By repository: a token is good for one. */
  readonly #authorization = new Map<string, string>()

  constructor(host: string, login: RegistryLogin | undefined, requestMs: number) {
    this.#host = host === 'docker.io' ? 'registry-1.docker.io' : host
    this.#login = login
    this.#requestMs = requestMs
    this.#isLoopback = isLoopbackHost(new URL(`https://${this.#host}`).hostname)
  }

  /** `path` below the repository: `manifests/latest`, `blobs/sha256:…`. */
  async get(repository: string, path: string, wanted: Wanted): Promise<Received> {
    const base = await (this.#base ??= this.#findBase(wanted.signal))
    const url = new URL(`${base}/v2/${repository}/${path}`)
    const headers = { accept: wanted.accept }
    const known = this.#authorization.get(repository)
    let answer = await this.#fetch(url, { ...headers, ...(known !== undefined && { authorization: known }) }, wanted.signal)
    // Where a redirect led may not ask for the registry's password.
    if (answer.status === 401 && new URL(answer.url).origin === url.origin) {
      const challenge = challengeIn(answer.headers.get('www-authenticate'))
      await drop(answer)
      const authorization = await this.#authorize(challenge, repository, wanted.signal)
      this.#authorization.set(repository, authorization)
      answer = await this.#fetch(url, { ...headers, authorization }, wanted.signal)
    }
    if (!answer.ok) {
      await drop(answer)
      throw new ImageProblem(sentence(answer.status, path.startsWith('manifests/')))
    }
    const type = (answer.headers.get('content-type') ?? '').split(';')[0]!.trim().toLowerCase()
    return { body: await bodyOf(answer, wanted.limit), type }
  }

  /** A registry on this very machine may speak plain http; any other that does is not asked. */
  async #findBase(signal: AbortSignal): Promise<string> {
    if (!this.#isLoopback) return `https://${this.#host}`
    try {
      await drop(await this.#fetch(new URL(`https://${this.#host}/v2/`), {}, signal))
      return `https://${this.#host}`
    } catch {
      return `http://${this.#host}`
    }
  }

  async #authorize(challenge: Challenge | undefined, repository: string, signal: AbortSignal): Promise<string> {
    const login = this.#login
    if (login?.registryToken !== undefined) return `Bearer ${login.registryToken}`
    if (challenge?.scheme === 'basic') {
      if (login?.password === undefined) throw new ImageProblem('the registry wants a login (401): docker login')
      return basic(login)
    }
    if (challenge?.realm === undefined || !URL.canParse(challenge.realm)) throw new ImageProblem('the registry refused (401)')
    const url = new URL(challenge.realm)
    const about = new URLSearchParams({
      ...(challenge.service !== undefined && { service: challenge.service }),
      scope: `repository:${repository}:pull`,
    })
    const answer = await this.#token(url, about, signal)
    if (!answer.ok) {
      await drop(answer)
      throw new ImageProblem(`the registry gave no token to read it (${answer.status})${login === undefined ? ': docker login' : ''}`)
    }
    const { token, access_token } = tokensIn(await bodyOf(answer, TOKEN_BYTES))
    const found = [token, access_token].find((one): one is string => typeof one === 'string' && /^[\x21-\x7e]{1,65536}$/.test(one))
    if (found === undefined) throw new ImageProblem('the registry gave no token to read it')
    return `Bearer ${found}`
  }

  /** Docker's two ways: GET, with the password where there is one; POST for a refresh token. */
  #token(url: URL, about: URLSearchParams, signal: AbortSignal): Promise<Response> {
    const { identityToken, password } = this.#login ?? {}
    if (identityToken !== undefined) {
      const body = new URLSearchParams({
        ...Object.fromEntries(about),
        grant_type: 'refresh_token',
        client_id: 'k8s-harden',
        refresh_token: identityToken,
      })
      return this.#fetch(url, {}, signal, body)
    }
    for (const [name, value] of about) url.searchParams.set(name, value)
    return this.#fetch(url, password === undefined ? {} : { authorization: basic(this.#login!) }, signal)
  }

  /** Redirects are followed by hand: only to where the registry itself may be, and credentials stay with the host that asked for them. */
  async #fetch(url: URL, headers: Record<string, string>, signal: AbortSignal, body?: URLSearchParams): Promise<Response> {
    const limited = AbortSignal.any([signal, AbortSignal.timeout(this.#requestMs)])
    let at = url
    for (let hop = 0; hop <= MOST_REDIRECTS; hop++) {
      this.#mayAsk(at)
      const { authorization, ...open } = headers
      const sent = {
        ...open,
        ...(authorization !== undefined && at.origin === url.origin && { authorization }),
        'user-agent': 'k8s-harden',
      }
      const answer = await this.#once(at, { redirect: 'manual', signal: limited, headers: sent, ...(body && { method: 'POST', body }) })
      const location = answer.headers.get('location')
      if (![301, 302, 303, 307, 308].includes(answer.status) || location === null) return answer
      await drop(answer)
      if (body !== undefined || !URL.canParse(location, at.href))
        throw new ImageProblem('the registry sent us somewhere else (a redirect that is not followed)')
      at = new URL(location, at)
    }
    throw new ImageProblem('the registry sends us round in circles (redirects)')
  }

  async #once(url: URL, init: RequestInit): Promise<Response> {
    try {
      return await fetch(url, init)
    } catch (error) {
      throw new ImageProblem(wordsOf(error, this.#requestMs), true)
    }
  }

  #mayAsk(url: URL): void {
    const isPlainHere = url.protocol === 'http:' && this.#isLoopback && isLoopbackHost(url.hostname)
    if ((url.protocol !== 'https:' && !isPlainHere) || url.username !== '' || url.password !== '')
      throw new ImageProblem('the registry sent us to an address without https, which is not asked')
  }
}

/** By address, and by the one name that every resolver knows. */
const isLoopbackHost = (host: string): boolean => {
  const plain = host.replace(/^\[|\]$/g, '').toLowerCase()
  return plain === 'localhost' || plain === '::1' || (isIP(plain) === 4 && plain.startsWith('127.'))
}

const drop = async (answer: Response): Promise<void> => answer.body?.cancel().catch(() => undefined)

async function bodyOf(answer: Response, limit: number): Promise<Buffer> {
  const tooLarge = () => new ImageProblem(`the registry sent more than ${limit / 2 ** 20} MB`)
  const pieces: Uint8Array[] = []
  let size = 0
  try {
    for await (const piece of answer.body ?? []) {
      if ((size += piece.length) > limit) throw tooLarge()
      pieces.push(piece)
    }
  } catch (error) {
    throw error instanceof ImageProblem ? error : new ImageProblem(wordsOf(error))
  }
  return Buffer.concat(pieces)
}

function tokensIn(body: Buffer): { readonly token?: unknown; readonly access_token?: unknown } {
  try {
    return (JSON.parse(body.toString('utf8')) as object | null) ?? {}
  } catch {
    return {}
  }
}

function sentence(status: number, isManifest: boolean): string {
  if (status === 401 || status === 403) return `the registry refused (${status})`
  if (status === 404) return isManifest ? 'the registry has no such image (404)' : 'the registry has lost its configuration (404)'
  if (status === 429) return 'the registry asks to come back later (429)'
  return status >= 500 ? `the registry failed (${status})` : `the registry did not hand it out (${status})`
}

const NETWORK: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there (connection refused)',
  ENOTFOUND: 'its host name is not known to DNS',
  EAI_AGAIN: 'DNS does not answer',
}

function wordsOf(error: unknown, limitMs?: number): string {
  const { name, message, cause } = error as Error & { cause?: NodeJS.ErrnoException }
  if (name === 'TimeoutError') return `the registry did not answer in time${limitMs === undefined ? '' : ` (${limitMs / 1000} s)`}`
  if (name === 'AbortError') return 'not asked: the scan was stopped'
  return `the registry cannot be reached: ${NETWORK[cause?.code ?? ''] ?? clean(cause?.message ?? message, 200)}`
}
