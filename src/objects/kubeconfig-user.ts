/** What is kept of a user of a kubeconfig: the way in, and what a certificate or a token says of itself. Nothing that could be used. */
import { X509Certificate } from 'node:crypto'
import type { ClientCertificate, KubeconfigObject, KubeconfigUser, LoginWay, ObjectRef, TokenKind } from '../model/index.ts'
import { reduceCluster } from './kubeconfig-cluster.ts'

/** The fields of kubeconfig v1 `users[].user` that are looked at; other names are passed over. */
export interface RawUser {
  readonly 'client-certificate'?: unknown
  readonly 'client-certificate-data'?: unknown
  readonly token?: unknown
  readonly tokenFile?: unknown
  readonly username?: unknown
  readonly password?: unknown
  readonly exec?: unknown
  readonly 'auth-provider'?: unknown
  readonly as?: unknown
}
/** Texts of the files that the user names, where they could be read. */
export interface UserFiles {
  readonly certificate?: string
  readonly token?: string
  /** The token is one that a pod was given. */
  readonly inCluster?: boolean
}

export function reduceUser(name: string, user: RawUser, files: UserFiles = {}): KubeconfigUser {
  const ways: LoginWay[] = []
  const data = textOf(user['client-certificate-data'])
  if (data !== undefined || textOf(user['client-certificate']) !== undefined) ways.push('client-certificate')
  const token = textOf(user.token) ?? files.token
  if (token !== undefined || textOf(user.tokenFile) !== undefined) ways.push(files.inCluster === true ? 'service-account' : 'token')
  if (textOf(user.username) !== undefined || textOf(user.password) !== undefined) ways.push('basic')
  const command = commandOf(user.exec)
  if (command !== undefined) ways.push('exec')
  const provider = textOf(mapping(user['auth-provider'])['name'])
  if (provider !== undefined) ways.push('auth-provider')
  const as = textOf(user.as)
  const inside = [
    ...(textOf(user.token) !== undefined ? (['token'] as const) : []),
    ...(textOf(user.password) !== undefined ? (['password'] as const) : []),
  ]
  const program = textOf(mapping(user.exec)['command'])
  const certificate = certificateOf(data === undefined ? files.certificate : Buffer.from(data, 'base64').toString('latin1'))
  return {
    name,
    ways,
    ...(command !== undefined && { command }),
    ...(provider !== undefined && { provider }),
    ...(as !== undefined && { as }),
    ...(certificate !== undefined && { certificate }),
    ...(token !== undefined && { token: tokenKind(token) }),
    ...(inside.length > 0 && { inside }),
    // As kubectl takes it: a path with a slash is relative to the kubeconfig, a bare name is looked up in PATH.
    ...(program !== undefined && /^(?!\/|[A-Za-z]:)[^\\/]*[\\/]/.test(program) && { relativeCommand: program.slice(0, 200) }),
  }
}

const mapping = (value: unknown): Readonly<Record<string, unknown>> =>
  value !== null && typeof value === 'object' && !Array.isArray(value) ? (value as Readonly<Record<string, unknown>>) : {}
const textOf = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined)

/** A whole kubeconfig. Files that it names are not opened: those of a node are not here. */
export function reduceKubeconfig(
  config: Readonly<Record<string, unknown>>,
): Required<Pick<KubeconfigObject, 'users' | 'clusters'>> & Pick<KubeconfigObject, 'current'> {
  const entries = (list: unknown) => (Array.isArray(list) ? list.map(mapping) : [])
  const context = entries(config['contexts']).find(({ name }) => name === config['current-context'])
  const current = textOf(mapping(context?.['context'])['user'])
  return {
    clusters: entries(config['clusters']).map(({ name, cluster }) => {
      const called = textOf(name) ?? ''
      const takers = entries(config['contexts']).filter((one) => mapping(one['context'])['cluster'] === called)
      return reduceCluster(
        called,
        takers.map((one) => textOf(one['name']) ?? ''),
        mapping(cluster),
      )
    }),
    users: entries(config['users']).map(({ name, user }) => reduceUser(textOf(name) ?? '', mapping(user))),
    ...(current !== undefined && { current }),
  }
}

/** Kubeconfig v1 has no group of its own: others call their files `v1` `Config` too. */
export const isKubeconfig = (value: Readonly<Record<string, unknown>>): boolean =>
  value['apiVersion'] === 'v1' && value['kind'] === 'Config' && Array.isArray(value['users']) && Array.isArray(value['clusters'])

/** The name of a plugin, without its directory; its arguments may hold secrets, so but for the plugin that kubectl is to run none is kept. */
function commandOf(exec: unknown): string | undefined {
  const { command, args } = mapping(exec)
  const program = textOf(command)
    ?.split(/[\\/]/)
    .at(-1)
    ?.replace(/\.exe$/i, '')
  if (program !== 'kubectl') return program
  const first: unknown = Array.isArray(args) ? args[0] : undefined
  return typeof first === 'string' && /^[a-z][a-z0-9-]{0,40}$/.test(first) ? `kubectl ${first}` : program
}

/** Of the first certificate in a PEM text. */
export function certificateOf(pem: string | undefined): ClientCertificate | undefined {
  if (pem === undefined) return undefined
  try {
    const { subject, validFrom, validTo } = new X509Certificate(pem)
    const parts = subject
      .split('\n')
      .map((line) => [line.slice(0, line.indexOf('=')), unescaped(line.slice(line.indexOf('=') + 1))] as const)
    const named = (attribute: string) => parts.filter(([key]) => key === attribute).map(([, value]) => value)
    return {
      commonName: named('CN').at(-1) ?? '',
      organizations: named('O'),
      notBefore: new Date(validFrom).toISOString(),
      notAfter: new Date(validTo).toISOString(),
    }
  } catch {
    return undefined
  }
}
/** RFC 2253 puts a backslash before special characters. */
const unescaped = (text: string): string => text.replace(/\\(.)/g, '$1')

const ACCOUNT = /^system:serviceaccount:([^:]+):([^:]+)$/
/** RFC 7519: the middle part of a JSON Web Token, read but not believed; the signature is not looked at. */
function tokenKind(token: string): TokenKind {
  const [, payload, ...rest] = token.trim().split('.')
  if (payload === undefined || rest.length !== 1) return { jwt: false }
  try {
    const claims = mapping(JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')))
    const [, namespace, name] = ACCOUNT.exec(textOf(claims['sub']) ?? '') ?? []
    const issuer = textOf(claims['iss'])
    return {
      jwt: true,
      ...(issuer !== undefined && { issuer: issuer.slice(0, 300) }),
      ...(namespace !== undefined && { serviceAccount: `${namespace}/${name}` }),
      expires: typeof claims['exp'] === 'number',
    }
  } catch {
    return { jwt: false }
  }
}

/** Subject of a finding about somebody in the operator's kubeconfig. */
export const kubeconfigUser = (name: string): ObjectRef => ({ apiVersion: 'k8s-harden/v1', kind: 'KubeconfigUser', name })
