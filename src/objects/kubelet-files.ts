/** The kubelet's own configuration on a node that is reached through a carrier: its file, its drop-ins, its flags, and what they come to. */
import type { HostFileSeen, HostSeen, View } from '../model/index.ts'
import { misspelt, withKubeletFlags } from './kubelet-flags.ts'
import { valueAt } from './path.ts'
import { YamlProblem } from './yaml-dialect.ts'
import { fieldsIn, repeatedKey } from './yaml-file.ts'

type Fields = Readonly<Record<string, unknown>>
export interface KubeletFile {
  readonly path: string
  readonly config: Fields
}
export interface KubeletFiles {
  readonly host: HostSeen
  /** Undefined where the kubelet was started without one. */
  readonly main: KubeletFile | undefined
  /** Of its --config-dir, in the order they are merged: the last one wins. */
  readonly dropIns: readonly KubeletFile[]
  readonly flags: Readonly<Record<string, string>>
  /** Why these files do not tell what the kubelet works with, each a clause. */
  readonly faults: readonly string[]
}

/** What our own settings are written into where a kubelet has a directory of drop-ins; late among them. */
export const OWN_DROP_IN = '90-k8s-harden.conf'
const USUAL = '/var/lib/kubelet/config.yaml'
const API_VERSION = 'kubelet.config.k8s.io/v1beta1'
/** What holds without a configuration file (applyLegacyDefaults). */
const LEGACY: Fields = {
  authentication: { anonymous: { enabled: true }, webhook: { enabled: false } },
  authorization: { mode: 'AlwaysAllow' },
  readOnlyPort: 10255,
}

/** Undefined where the node is not reached, or no configuration of its kubelet was read there. */
export function kubeletFilesOn(view: View<'Hosts'>, node: string): KubeletFiles | undefined {
  const host = view.fact('Hosts')?.hosts.find((one) => one.node === node)
  return host === undefined ? undefined : filesOf(host)
}

export function filesOf(host: HostSeen): KubeletFiles | undefined {
  if (host.refused !== undefined) return undefined
  const { kubelet } = host
  const all = host.files.filter(({ role, text }) => role === 'kubelet-config' || (text !== undefined && isConfiguration(fieldsIn(text))))
  const isMain = ({ path }: HostFileSeen): boolean => path === kubelet?.config
  const main =
    kubelet !== undefined
      ? all.find(isMain)
      : (all.find(({ path }) => path === USUAL) ??
        all.find(({ path }) => !path.endsWith('.conf')) ??
        all.find(({ path }) => !isInDropIns(path)))
  if (main === undefined && kubelet === undefined) return undefined
  // Only names that end so are drop-ins; the kubelet walks their directory by name (mergeKubeletConfigurations).
  const dropIns = all
    .filter((file) => file !== main && file.path.endsWith('.conf'))
    .filter(({ path }) => kubelet === undefined || path.startsWith(`${kubelet.dropIns?.replace(/\/+$/, '')}/`))
    .sort((a, b) => inOrder(a.path, b.path))
  const read = (file: HostFileSeen): KubeletFile => ({ path: file.path, config: fieldsIn(file.text) ?? {} })
  const unread = host.unread.filter(
    ({ path }) => path === kubelet?.config || (kubelet?.dropIns !== undefined && path.startsWith(kubelet.dropIns)),
  )
  const faults = [
    ...(main === undefined ? [] : faultsOf(main, false)),
    ...(main === undefined && kubelet?.config !== undefined && unread.length === 0 ? [`${kubelet.config} is not there`] : []),
    ...dropIns.flatMap((file) => faultsOf(file, true)),
    ...unread.map(({ path, because }) => `${path} could not be read: ${because}`),
  ]
  return { host, main: main && read(main), dropIns: dropIns.map(read), flags: kubelet?.flags ?? {}, faults }
}
const isInDropIns = (path: string): boolean => /\.d\/[^/]+$/.test(path)
const isConfiguration = (value: Fields | undefined): boolean => value?.['kind'] === 'KubeletConfiguration'

/** Name by name: `a/z.conf` stands before `a.conf`. */
function inOrder(a: string, b: string): number {
  const [left, right] = [a.split('/'), b.split('/')]
  const at = left.findIndex((name, index) => name !== right[index])
  return at < 0 ? 0 : Buffer.compare(Buffer.from(left[at]!), Buffer.from(right[at] ?? ''))
}

/** Drop-ins are decoded strictly: with one that is not in order the kubelet does not start, and one that runs knows another. */
function faultsOf({ path, text }: HostFileSeen, isDropIn: boolean): readonly string[] {
  if (text === undefined) return [`what ${path} says is not shown`]
  const config = fieldsIn(text)
  if (config === undefined || !isConfiguration(config)) return [`${path} cannot be understood`]
  if (config['apiVersion'] !== API_VERSION) return [`${path} is of ${String(config['apiVersion'])}, which is not known here`]
  if (!isDropIn) return []
  const repeated = repeatedIn(text)
  const odd = misspelt(config)
  return [
    ...(repeated === undefined ? [] : [`${path} has the key ${repeated} twice, and a kubelet does not start with it`]),
    ...(odd === undefined ? [] : [`${path} says ${odd}, in other letters than the field has: whether that counts is not known`]),
  ]
}
function repeatedIn(text: string): string | undefined {
  try {
    return repeatedKey(text)
  } catch (error) {
    if (error instanceof YamlProblem) return undefined
    throw error
  }
}

/** The file with its drop-ins over it, as RFC 7386 merges them. */
export const filesConfig = ({ main, dropIns }: Pick<KubeletFiles, 'main' | 'dropIns'>): Fields =>
  dropIns.reduce((config, dropIn) => mergePatch(config, dropIn.config), main?.config ?? LEGACY)

/** What the kubelet works with: flags win over the files. */
export const mergedConfig = (files: KubeletFiles): Fields => withKubeletFlags(filesConfig(files), files.flags)

function mergePatch(base: Fields, patch: Fields): Fields {
  const merged: Record<string, unknown> = { ...base }
  for (const [key, value] of Object.entries(patch)) {
    const below = merged[key]
    if (value === null) delete merged[key]
    else merged[key] = isMapping(value) ? mergePatch(isMapping(below) ? below : {}, value) : value
  }
  return merged
}
const isMapping = (value: unknown): value is Record<string, unknown> => value !== null && typeof value === 'object' && !Array.isArray(value)

/**
 * Where a setting is to be written so that it counts: the drop-in that says it now, else our own drop-in where there are any, else the file.
 * Undefined where the kubelet reads none.
 */
export function placeOf(
  { main, dropIns }: KubeletFiles,
  path: readonly string[],
): { readonly path: string; readonly exists: boolean } | undefined {
  const saying = dropIns.findLast(({ config }) => valueAt(config, path) !== undefined)
  if (saying !== undefined) return { path: saying.path, exists: true }
  const last = dropIns.at(-1)
  if (last === undefined) return main && { path: main.path, exists: true }
  const own = `${last.path.slice(0, last.path.lastIndexOf('/'))}/${OWN_DROP_IN}`
  return { path: own, exists: dropIns.some((one) => one.path === own) }
}
