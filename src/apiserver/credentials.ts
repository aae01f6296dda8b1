/** Who we are to the API server. */
import { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { Agent } from 'node:http'
import type { RequestOptions } from 'node:https'
import { getCACertificates, rootCertificates } from 'node:tls'
import type { Context } from './context.ts'
import { PLUGIN_MS } from './credential-plugin.ts'
import type { KubeConfig } from './kube-config.ts'
import { clean } from './refusal.ts'

export interface Tls {
  readonly ca?: RequestOptions['ca']
  readonly cert?: RequestOptions['cert']
  readonly key?: RequestOptions['key']
  readonly passphrase?: string
  readonly rejectUnauthorized?: boolean
  readonly servername?: string
}
export type Headers = Readonly<Record<string, string | readonly string[]>>
export interface Access {
  readonly tls: Tls
  readonly headers: Headers /** Where the kubeconfig names a proxy. */
  readonly agent?: Agent
}

/** The operator's way in does not work: a plugin that fails, a key file that is missing. */
export class CredentialProblem extends Error {
  override readonly name = 'CredentialProblem'
}

const FRESH_MS = 20_000
/** The plugin's own limit comes first; this one is for the network of an auth provider. */
const ASKING_MS = PLUGIN_MS + 2_000

/** Credentials of one context. Asked anew every 20 s, so that rotated files and expiring tokens are picked up; the parts that cost are cached by client-node. */
export class Credentials {
  readonly #context: Context
  #config: Promise<KubeConfig> | undefined
  #access: Promise<Access> | undefined
  #until = 0

  constructor(context: Context) {
    this.#context = context
  }

  /** Throws CredentialProblem. */
  current(): Promise<Access> {
    if (this.#access === undefined || Date.now() > this.#until) {
      this.#until = Date.now() + FRESH_MS
      const access = this.#ask()
      this.#access = access
      access.catch(() => {
        if (this.#access === access) this.#access = undefined
      })
    }
    return this.#access
  }

  /** After a 401: forget cached tokens and run plugins again. `refused` is what was not accepted; others may have renewed it already. */
  async renew(refused: Access): Promise<Access> {
    if ((await this.current()) === refused) {
      this.#config = undefined
      this.#access = undefined
    }
    return this.current()
  }

  /** After a 401 that nothing helped: a client certificate whose time is over, in words; the server itself says no more than "Unauthorized". */
  whyRefused({ tls: { cert } }: Access): CredentialProblem | undefined {
    const end = cert === undefined ? undefined : endOf(cert)
    if (end === undefined || end.getTime() > Date.now()) return undefined
    return new CredentialProblem(
      `the client certificate of user "${clean(this.#context.userName, 120)}" expired on ${end.toISOString().slice(0, 10)}`,
    )
  }

  async #ask(): Promise<Access> {
    const { user, cluster } = this.#context
    const options: RequestOptions = {}
    try {
      // Loaded when a cluster is connected to, not at start: it is the largest library of all.
      this.#config ??= import('./kube-config.ts').then(({ kubeConfigOf }) => kubeConfigOf(this.#context))
      const config = await this.#config
      await within(ASKING_MS, config.applyToHTTPSOptions(options))
    } catch (error) {
      this.#config = undefined
      throw new CredentialProblem(explain(error, this.#context))
    }
    const headers: Record<string, string | readonly string[]> = { ...(options.headers as Record<string, string>), ...impersonation(user) }
    if (user.tokenFile !== undefined && headers['Authorization'] === undefined)
      headers['Authorization'] = `Bearer ${await tokenIn(user.tokenFile)}`
    if (typeof options.auth === 'string') headers['Authorization'] = `Basic ${Buffer.from(options.auth).toString('base64')}`
    const ca = options.ca ?? (cluster['insecure-skip-tls-verify'] === true ? undefined : trustedByThisMachine())
    return {
      headers,
      tls: {
        ...(ca !== undefined && { ca }),
        ...(options.cert !== undefined && { cert: options.cert }),
        ...(options.key !== undefined && { key: options.key }),
        ...(options.passphrase !== undefined && { passphrase: options.passphrase }),
        // Always said outright: an environment variable must not turn verification off.
        rejectUnauthorized: cluster['insecure-skip-tls-verify'] !== true,
        ...(cluster['tls-server-name'] !== undefined && { servername: cluster['tls-server-name'] }),
      },
      ...(cluster['proxy-url'] && { agent: options.agent as Agent }),
    }
  }
}

/** client-node forgets groups, uid and extra of an impersonation; acting with other rights than the operator's choice would be wrong. */
function impersonation(user: Context['user']): Headers {
  const extra = Object.entries(user['as-user-extra'] ?? {}).map(
    ([name, values]) => [`Impersonate-Extra-${encodeURIComponent(name)}`, values] as const,
  )
  return {
    ...(user.as !== undefined && { 'Impersonate-User': user.as }),
    ...(user['as-uid'] !== undefined && { 'Impersonate-Uid': user['as-uid'] }),
    ...(user['as-groups'] !== undefined && { 'Impersonate-Group': user['as-groups'] }),
    ...Object.fromEntries(extra),
  }
}

function endOf(certificate: NonNullable<Tls['cert']>): Date | undefined {
  try {
    return new Date(new X509Certificate([certificate].flat()[0] as string | Buffer).validTo)
  } catch {
    return undefined
  }
}

function within<T>(milliseconds: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`it did not finish within ${milliseconds / 1000} s`)), milliseconds)
  })
  return Promise.race([work, late]).finally(() => clearTimeout(timer))
}

async function tokenIn(file: string): Promise<string> {
  try {
    return (await readFile(file, 'utf8')).trim()
  } catch (error) {
    throw new CredentialProblem(`the token file ${clean(file, 300)} cannot be read: ${clean((error as Error).message, 200)}`)
  }
}

/** Without a CA in the kubeconfig the machine's own trust decides, as for kubectl. */
function trustedByThisMachine(): string[] {
  return [...rootCertificates, ...(getCACertificates?.('system') ?? [])]
}

function explain(error: unknown, { user, userName }: Context): string {
  const { code, message = String(error) } = error as NodeJS.ErrnoException
  const command = user.exec?.command
  if (command === undefined) return `the credentials of user "${clean(userName, 120)}" cannot be used: ${clean(message, 300)}`
  if (code === 'ENOENT')
    return `the credential plugin "${clean(command, 200)}" is not installed${user.exec?.installHint === undefined ? '' : `: ${clean(user.exec.installHint, 300)}`}`
  return `the credential plugin "${clean(command, 200)}" failed: ${clean(message, 300) || 'it said nothing'}`
}
