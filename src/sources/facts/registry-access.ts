/** Who we are to a registry: nobody, or what the operator's docker config.json holds for exactly that registry. No helper is run. */
import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'

export interface RegistryLogin {
  readonly user?: string
  readonly password?: string
  /** An OAuth2 refresh token, in the place of a password. */
  readonly identityToken?: string
  /** Sent as it is. */
  readonly registryToken?: string
}
export type Logins = ReadonlyMap<string, RegistryLogin>

/** `auths` of `$DOCKER_CONFIG/config.json` or `~/.docker/config.json`, by host; empty where there is none or it cannot be read. */
export async function dockerLogins(env: NodeJS.ProcessEnv = process.env): Promise<Logins> {
  const directory = env['DOCKER_CONFIG'] || join(env['HOME'] || homedir(), '.docker')
  const text = await readFile(join(directory, 'config.json'), 'utf8').catch(() => '{}')
  return loginsIn(text)
}

export function loginsIn(text: string): Logins {
  const logins = new Map<string, RegistryLogin>()
  let auths: unknown
  try {
    auths = (JSON.parse(text) as { auths?: unknown } | null)?.auths
  } catch {
    return logins
  }
  if (auths === null || typeof auths !== 'object') return logins
  for (const [key, entry] of Object.entries(auths)) {
    const login = entry !== null && typeof entry === 'object' ? loginOf(entry as Record<string, unknown>) : undefined
    if (login !== undefined) logins.set(hostOf(key), login)
  }
  return logins
}

/** docker login writes `https://index.docker.io/v1/` for Docker Hub and the bare host for all others. */
const hostOf = (key: string): string => {
  const host = key
    .replace(/^https?:\/\//, '')
    .replace(/\/.*$/, '')
    .toLowerCase()
  return host === 'index.docker.io' || host === 'registry-1.docker.io' ? 'docker.io' : host
}

function loginOf(entry: Record<string, unknown>): RegistryLogin | undefined {
  const text = (field: string): string | undefined => {
    const value = entry[field]
    return typeof value === 'string' && value !== '' ? value : undefined
  }
  const pair = Buffer.from(text('auth') ?? '', 'base64').toString('utf8')
  const colon = pair.indexOf(':')
  const user = text('username') ?? (colon > 0 ? pair.slice(0, colon) : undefined)
  const password = text('password') ?? (colon > 0 ? pair.slice(colon + 1).replace(/\0+$/, '') : undefined)
  const identityToken = text('identitytoken')
  const registryToken = text('registrytoken')
  if (identityToken === undefined && registryToken === undefined && (user === undefined || password === undefined)) return undefined
  return {
    ...(user !== undefined && { user }),
    ...(password !== undefined && { password }),
    ...(identityToken !== undefined && { identityToken }),
    ...(registryToken !== undefined && { registryToken }),
  }
}

export interface Challenge {
  readonly scheme: 'basic' | 'bearer'
  readonly realm?: string
  readonly service?: string
}
/** `WWW-Authenticate: Bearer realm="https://auth.example/token",service="registry.example"`; the first scheme of the two that we know. */
export function challengeIn(header: string | null): Challenge | undefined {
  const match = /(?:^|,\s*)(bearer|basic)(?:\s+(.*))?$/i.exec((header ?? '').slice(0, 4096))
  if (match === null) return undefined
  const [, scheme = '', rest = ''] = match
  const parameter = (name: string): string | undefined => new RegExp(`(?:^|[,\\s])${name}="([^"]*)"`, 'i').exec(rest)?.[1]
  const realm = parameter('realm')
  const service = parameter('service')
  return {
    scheme: scheme.toLowerCase() as Challenge['scheme'],
    ...(realm !== undefined && { realm }),
    ...(service !== undefined && { service }),
  }
}

export const basic = ({ user = '', password = '' }: RegistryLogin): string =>
  `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
