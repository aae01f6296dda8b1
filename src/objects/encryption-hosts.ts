/** Encryption at rest as the hosts show it: every node that runs an API server, the file it is given, and what that says. */
import type { ConfigFile, EncryptionStageRule, PodObject, Readable, View } from '../model/index.ts'
import { configurationIn } from './encryption-file.ts'
import { type EncryptionForm, formsFor, formsOf, stageRules } from './encryption-forms.ts'
import { commandLineOf } from './flag-parse.ts'
import { type ComponentInstance, componentFlags, serverMinor } from './flags.ts'
import { refOf, sameObject } from './ref.ts'

export const ENCRYPTION_FLAG = 'encryption-provider-config'
const DEFAULT_PATH = '/etc/kubernetes/enc/encryption-config.yaml'

export interface EncryptionHost {
  readonly node: string
  /** Its API server is given the file. */
  readonly given: boolean
  /** It takes up a changed file by itself. */
  readonly reloads: boolean
  /** The file alone is mounted, not its directory: it never sees the one that takes its place. */
  readonly mountedAlone?: true
  /** What it runs with: none where it is not given the file. */
  readonly rules: readonly EncryptionStageRule[]
}
export interface EncryptionHosts {
  /** Of the file, the same on all nodes. */
  readonly path: string
  readonly nodes: readonly EncryptionHost[]
  /** Of keys that lie on any node, given or not. */
  readonly forms: readonly EncryptionForm[]
}

/** Undefined where not every API server is seen with its node and its file, or cannot take up a changed file by itself (before 1.26). */
export function encryptionHosts(view: View<Readable>): EncryptionHosts | undefined {
  const hosts = view.fact('Hosts')?.hosts.filter(({ refused }) => refused === undefined) ?? []
  const { instances } = componentFlags(view, 'kube-apiserver')
  // k3s and RKE2 write this file themselves, and one that is edited by hand is lost or locks them out.
  if (hosts.some(({ rancher }) => rancher !== undefined)) return undefined
  if (hosts.length === 0 || instances.length === 0 || (serverMinor(view) ?? 0) < 26) return undefined
  const paths = new Set(instances.flatMap(({ flags }) => flags.get(ENCRYPTION_FLAG) || []))
  const [path = DEFAULT_PATH] = paths
  if (paths.size > 1) return undefined
  const nodes: EncryptionHost[] = []
  const forms: EncryptionForm[] = []
  for (const { subject, flags, at } of instances) {
    const pod = view.all('Pod').find((one) => sameObject(refOf(one), subject)) as PodObject | undefined
    const host = hosts.find(({ node }) => node === pod?.spec.nodeName)
    if (host === undefined || nodes.some(({ node }) => node === host.node)) return undefined
    const file = host.files.find((one) => one.path === path)
    const rules = file?.text === undefined ? [] : stageRules(configurationIn(file.text))
    const given = Boolean(flags.get(ENCRYPTION_FLAG))
    if (typeof rules === 'string' || host.unread.some((one) => one.path === path) || ((given || file !== undefined) && rules.length === 0))
      return undefined
    forms.push(...rules.flatMap(({ providers }) => formsOf(providers)))
    const reloads = flags.get(`${ENCRYPTION_FLAG}-automatic-reload`) === 'true'
    const alone = given && isMountedAlone(pod!, path)
    // Started from a shell script, it is given its flags by hand; before that no file is placed.
    if (at === undefined && (!given || !reloads || alone)) return undefined
    if (alone && MANY_PURPOSES.has(directoryOf(path))) return undefined
    nodes.push({ node: host.node, given, reloads, ...(alone && { mountedAlone: true }), rules: given ? rules : [] })
  }
  // One that runs an API server which no flags are seen of.
  if (hosts.some(({ node, controlPlane }) => controlPlane && !nodes.some((one) => one.node === node))) return undefined
  return { path, nodes, forms }
}

/** Directories that are not to be mounted into an API server as a whole. */
const MANY_PURPOSES: ReadonlySet<string> = new Set([
  '/',
  '/etc',
  '/var',
  '/var/lib',
  '/usr',
  '/usr/local',
  '/opt',
  '/srv',
  '/root',
  '/home',
  '/run',
])

/** A mount of a single file shows the container that very file, also when another has taken its place on the node. */
function isMountedAlone({ spec }: PodObject, path: string): boolean {
  const container = spec.containers.find((one) => commandLineOf(one, 'kube-apiserver') !== undefined)
  return container?.volumeMounts?.some(({ mountPath }) => mountPath.replace(/\/+$/, '') === path) === true
}

/** Whether the API server that answered says (1.34 and later) that it runs with a file of a node's that encrypts Secrets. */
export function hasLoadedEncrypting(view: View<Readable>): boolean {
  const loaded = (view.fact('ApiServerMetrics')?.samples ?? []).flatMap(({ name, labels, value }) =>
    name === 'apiserver_encryption_config_controller_last_config_info' && value > 0 ? (labels['hash'] ?? []) : [],
  )
  const files = view.fact('Hosts')?.hosts.flatMap((host) => host.files) ?? []
  return (
    loaded.length > 0 &&
    loaded.every((hash) =>
      files.some(({ sha256, text }) => {
        const rules = hash === `sha256:${sha256}` && text !== undefined ? stageRules(configurationIn(text)) : []
        const [writer] = typeof rules === 'string' ? [] : formsFor(rules, 'secrets')
        return writer !== undefined && writer.kind !== 'identity'
      }),
    )
  )
}

/** The file that an API server is given, on its own node, where that is reached: while a change is under way the files of two nodes differ, and have one name. */
export function ownFile({ subject, flags }: ComponentInstance, view: View<Readable>): readonly ConfigFile[] | undefined {
  const pod = view.all('Pod').find((one) => sameObject(refOf(one), subject)) as PodObject | undefined
  const path = flags.get(ENCRYPTION_FLAG)
  const own = subject.kind === 'Node' ? subject.name : pod?.spec.nodeName
  const host = view.fact('Hosts')?.hosts.find(({ node }) => node === own)
  const text = host?.files.find((one) => one.path === path)?.text
  const configuration = text === undefined ? '' : configurationIn(text)
  const name = path?.split('/').at(-1) ?? ''
  return typeof configuration === 'string' ? undefined : [{ ...configuration, metadata: { name } } as unknown as ConfigFile]
}

/**
 * A name that no key has: `key-20261126`, and `-2`, `-3` after it for further ones of that day. It comes after all of that day that are
 * left: one that was let go of may still stand in backups, under its name.
 */
export function newKeyName(now: number | string, forms: readonly EncryptionForm[]): string {
  const day = `key-${new Date(now).toISOString().slice(0, 10).replaceAll('-', '')}`
  const numbers = forms.flatMap((form) =>
    'keys' in form
      ? form.keys.flatMap((name) => (name === day ? [1] : (new RegExp(`^${day}-(\\d+)$`).exec(name)?.slice(1).map(Number) ?? [])))
      : [],
  )
  return numbers.length === 0 ? day : `${day}-${Math.max(...numbers) + 1}`
}

/** Mounted into the static pod. */
export const directoryOf = (path: string): string => path.slice(0, path.lastIndexOf('/')) || '/'
