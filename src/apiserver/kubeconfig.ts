/** Kubeconfig files as kubectl reads and merges them. */
import { existsSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, dirname, isAbsolute, join, resolve } from 'node:path'
import { load } from 'js-yaml'
import { clean } from './refusal.ts'

export type ConfigReason =
  | 'no-kubeconfig'
  | 'missing-file'
  | 'unreadable-file'
  | 'malformed'
  | 'no-such-context'
  | 'no-current-context'
  | 'incomplete-context'
  | 'no-such-namespace'
/** What the operator can put right: a missing file, a wrong name. Never holds a credential. */
export class ConfigProblem extends Error {
  override readonly name = 'ConfigProblem'
  readonly reason: ConfigReason
  readonly tryNext: string[]
  constructor(reason: ConfigReason, message: string, tryNext: string[]) {
    super(message)
    this.reason = reason
    this.tryNext = tryNext
  }
}

/** The fields of kubeconfig v1 that are used; paths are absolute once loaded. */
export interface ClusterEntry {
  readonly server?: string
  readonly 'certificate-authority'?: string
  readonly 'certificate-authority-data'?: string
  readonly 'insecure-skip-tls-verify'?: boolean
  readonly 'tls-server-name'?: string
  readonly 'proxy-url'?: string
}
export interface ExecEntry {
  readonly apiVersion?: string
  readonly command?: string
  readonly args?: readonly string[]
  readonly env?: readonly { readonly name: string; readonly value: string }[] | null
  readonly installHint?: string
  readonly provideClusterInfo?: boolean
}
export interface UserEntry {
  readonly 'client-certificate'?: string
  readonly 'client-certificate-data'?: string
  readonly 'client-key'?: string
  readonly 'client-key-data'?: string
  readonly token?: string
  readonly tokenFile?: string
  readonly username?: string
  readonly password?: string
  readonly exec?: ExecEntry
  readonly 'auth-provider'?: { readonly name?: string; readonly config?: Readonly<Record<string, string>> }
  readonly as?: string
  readonly 'as-uid'?: string
  readonly 'as-groups'?: readonly string[]
  readonly 'as-user-extra'?: Readonly<Record<string, readonly string[]>>
}
export interface ContextEntry {
  readonly cluster?: string
  readonly user?: string
  readonly namespace?: string
}
export interface Kubeconfig {
  readonly files: readonly string[]
  readonly current?: string
  readonly clusters: ReadonlyMap<string, ClusterEntry>
  readonly users: ReadonlyMap<string, UserEntry>
  readonly contexts: ReadonlyMap<string, ContextEntry>
}
export interface Where {
  /** `--kubeconfig`. */ readonly kubeconfig?: string
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly home?: string
}

/** `--kubeconfig`, else the list in KUBECONFIG, else ~/.kube/config. Where a name stands twice the first wins. Throws ConfigProblem. */
export function loadKubeconfig({ kubeconfig, env = process.env, home = homedir() }: Where = {}): Kubeconfig {
  const files = filesOf(kubeconfig, env, home)
  const parsed = files.map((file) => ({ file, content: parseFile(file) }))
  const clusters = new Map<string, ClusterEntry>()
  const users = new Map<string, UserEntry>()
  const contexts = new Map<string, ContextEntry>()
  let current: string | undefined
  for (const { file, content } of parsed) {
    const base = dirname(file)
    for (const [name, entry] of entries<ClusterEntry>(content, 'clusters', 'cluster', file))
      if (!clusters.has(name)) clusters.set(name, withAbsolute(entry, ['certificate-authority'], base))
    for (const [name, entry] of entries<UserEntry>(content, 'users', 'user', file))
      if (!users.has(name)) users.set(name, absoluteUser(entry, base))
    for (const [name, entry] of entries<ContextEntry>(content, 'contexts', 'context', file))
      if (!contexts.has(name)) contexts.set(name, entry)
    const chosen = content['current-context']
    if (current === undefined && typeof chosen === 'string' && chosen !== '') current = chosen
  }
  return { files, clusters, users, contexts, ...(current !== undefined && { current }) }
}

function filesOf(kubeconfig: string | undefined, env: NonNullable<Where['env']>, home: string): string[] {
  if (kubeconfig !== undefined) {
    const file = resolve(kubeconfig)
    if (!existsSync(file))
      throw new ConfigProblem('missing-file', `there is no kubeconfig at ${clean(file, 300)}`, [
        'give an existing file with --kubeconfig FILE',
      ])
    return [file]
  }
  const listed = (env['KUBECONFIG'] ?? '')
    .split(delimiter)
    .filter(Boolean)
    .map((file) => resolve(file))
  if (listed.length > 0) {
    // As kubectl does: files of the list may be missing, all of them may not.
    const there = listed.filter((file) => existsSync(file))
    if (there.length === 0)
      throw new ConfigProblem(
        'missing-file',
        `KUBECONFIG names ${listed.map((file) => clean(file, 300)).join(' and ')}, which ${listed.length === 1 ? 'does' : 'do'} not exist`,
        ['correct or unset KUBECONFIG', 'give a file with --kubeconfig FILE'],
      )
    return there
  }
  const usual = join(home, '.kube', 'config')
  if (existsSync(usual)) return [usual]
  throw new ConfigProblem('no-kubeconfig', 'there is no kubeconfig: neither --kubeconfig, nor KUBECONFIG, nor ~/.kube/config', [
    'k8s-harden --sample',
    'k8s-harden --manifests PATH',
    'give a file with --kubeconfig FILE',
  ])
}

function parseFile(file: string): Readonly<Record<string, unknown>> {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    throw new ConfigProblem(
      'unreadable-file',
      `the kubeconfig ${clean(file, 300)} cannot be read${code === 'EACCES' ? ': no permission' : code === 'EISDIR' ? ': it is a directory' : ''}`,
      ['check the file and its permissions'],
    )
  }
  const malformed = (what: string) =>
    new ConfigProblem('malformed', `${clean(file, 300)} is no kubeconfig: ${what}`, [
      'kubectl config view --kubeconfig FILE shows what kubectl makes of it',
    ])
  let content: unknown
  try {
    content = load(text)
  } catch (error) {
    // Only reason and line: the library's message quotes the text, which may hold a token.
    const { reason, mark } = error as { reason?: string; mark?: { line: number } }
    throw malformed(`${clean(reason ?? 'it is not YAML', 120)}${mark === undefined ? '' : ` in line ${mark.line + 1}`}`)
  }
  if (content === null || content === undefined) return {}
  if (typeof content !== 'object' || Array.isArray(content)) throw malformed('it is not a mapping')
  return content as Readonly<Record<string, unknown>>
}

function entries<T>(content: Readonly<Record<string, unknown>>, list: string, item: string, file: string): (readonly [string, T])[] {
  const value = content[list]
  if (value === undefined || value === null) return []
  const malformed = (what: string) =>
    new ConfigProblem('malformed', `${clean(file, 300)} is no kubeconfig: ${what}`, [
      'kubectl config view --kubeconfig FILE shows what kubectl makes of it',
    ])
  if (!Array.isArray(value)) throw malformed(`${list} is not a list`)
  return value.map((entry: unknown, index) => {
    const { name, [item]: body } = (entry ?? {}) as Record<string, unknown>
    if (typeof name !== 'string') throw malformed(`${list}[${index}] has no name`)
    if (body !== undefined && body !== null && typeof body !== 'object') throw malformed(`${list}[${index}].${item} is not a mapping`)
    return [name, (body ?? {}) as T]
  })
}

function withAbsolute<T>(entry: T, fields: readonly (keyof T)[], base: string): T {
  const copy = { ...entry }
  for (const field of fields) {
    const path = entry[field]
    if (typeof path === 'string' && path !== '') copy[field] = (isAbsolute(path) ? path : join(base, path)) as T[keyof T]
  }
  return copy
}

function absoluteUser(entry: UserEntry, base: string): UserEntry {
  const user = withAbsolute(entry, ['client-certificate', 'client-key', 'tokenFile'], base)
  const command = user.exec?.command
  // A command with a slash is relative to its kubeconfig; a bare name is looked up on PATH.
  return command?.includes('/') && !isAbsolute(command) ? { ...user, exec: { ...user.exec, command: join(base, command) } } : user
}
