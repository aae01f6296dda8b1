import { readFile, realpath, stat } from 'node:fs/promises'
import { dirname, isAbsolute, join } from 'node:path'
import { load } from 'js-yaml'
import { clean } from '../../apiserver/refusal.ts'
import type { KubeconfigFile } from '../../model/index.ts'
import { reduceKubeconfig } from '../../objects/kubeconfig-user.ts'
import type { Fact } from './fact.ts'

type Fields = Record<string, unknown>

/** The files that the chosen context comes from, with all other contexts in them; none where the scan runs in a pod. */
export const kubeconfigFiles: Fact<'KubeconfigFiles'> = async ({ client }) => ({
  value: { files: await Promise.all(client.context.files.map(seen)) },
})

export async function seen(path: string): Promise<KubeconfigFile> {
  const about = { path, ...(await modeOf(path)), ...(await gitRootOf(path)) }
  const nothing = { clusters: [], users: [], keyFiles: [] }
  try {
    const text = await readFile(path, 'utf8')
    // An empty file is a kubeconfig without anything in it.
    const config: unknown = text.trim() === '' ? {} : load(text)
    if (config === null) return { ...about, ...nothing }
    if (!isFields(config)) return { ...about, ...nothing, problem: 'it is not a mapping' }
    const directory = dirname(path)
    const [clusters, users] = await Promise.all([
      Promise.all(entries(config, 'clusters').map((entry) => withText(entry, 'cluster', 'certificate-authority', directory))),
      Promise.all(entries(config, 'users').map((entry) => withText(entry, 'user', 'client-certificate', directory))),
    ])
    const reduced = reduceKubeconfig({ ...config, clusters, users })
    return { ...about, clusters: reduced.clusters, users: reduced.users, keyFiles: await keyFilesOf(users, directory) }
  } catch (error) {
    // Never the message of the YAML library: it quotes the text.
    const { code } = error as NodeJS.ErrnoException
    return { ...about, ...nothing, problem: code === undefined ? 'it is no YAML' : `it cannot be read (${clean(code, 20)})` }
  }
}

const isFields = (value: unknown): value is Fields => value !== null && typeof value === 'object' && !Array.isArray(value)
const entries = (config: Fields, list: string): Fields[] => (Array.isArray(config[list]) ? config[list].filter(isFields) : [])

/** More than any certificate is. */
const LONGEST = 256 * 1024
/** What a file beside the kubeconfig holds is put where it would stand inside. */
async function withText(entry: Fields, item: string, field: string, directory: string): Promise<Fields> {
  const body = entry[item]
  if (!isFields(body) || typeof body[field] !== 'string' || body[field] === '' || body[`${field}-data`] !== undefined) return entry
  const text = await readFile(absolute(body[field], directory), 'latin1').catch(() => '')
  if (text === '' || text.length > LONGEST) return entry
  return { ...entry, [item]: { ...body, [`${field}-data`]: Buffer.from(text, 'latin1').toString('base64') } }
}

async function keyFilesOf(users: readonly Fields[], directory: string): Promise<KubeconfigFile['keyFiles']> {
  const named = users.flatMap(({ user }) =>
    isFields(user) ? [user['client-key'], user['tokenFile']].filter((one) => typeof one === 'string' && one !== '') : [],
  ) as string[]
  const paths = [...new Set(named.map((one) => absolute(one, directory)))]
  return Promise.all(paths.map(async (path) => ({ path, ...(await modeOf(path)) })))
}
const absolute = (path: string, directory: string): string => (isAbsolute(path) ? path : join(directory, path))

async function modeOf(path: string): Promise<{ readonly mode?: number }> {
  if (process.platform === 'win32') return {}
  const info = await stat(path).catch(() => undefined)
  return info === undefined ? {} : { mode: info.mode & 0o777 }
}

/** A work tree has `.git` at its root: a directory, or in worktrees and submodules a file. */
async function gitRootOf(path: string): Promise<{ readonly gitRoot?: string }> {
  const real = await realpath(path).catch(() => path)
  for (let here = dirname(real), last = ''; here !== last; last = here, here = dirname(here)) {
    const found = await stat(join(here, '.git')).catch(() => undefined)
    if (found !== undefined) return { gitRoot: here }
  }
  return {}
}
