/** The kubelet's own configuration on a node that is reached through a carrier: its file, its drop-ins, and what they come to. */
import type { HostSeen, View } from '../model/index.ts'
import { valueAt } from './path.ts'
import { fieldsIn } from './yaml-file.ts'

export interface KubeletFile {
  readonly path: string
  readonly config: Readonly<Record<string, unknown>>
}
export interface KubeletFiles {
  readonly host: HostSeen
  readonly main: KubeletFile
  /** Of its --config-dir, in the order they are merged: the last one wins. */
  readonly dropIns: readonly KubeletFile[]
}

/** What our own settings are written into where a kubelet has a directory of drop-ins; late among them. */
export const OWN_DROP_IN = '90-k8s-harden.conf'
const USUAL = '/var/lib/kubelet/config.yaml'

/** Undefined where the node is not reached, or no configuration of its kubelet was read there. */
export function kubeletFilesOn(view: View<'Hosts'>, node: string): KubeletFiles | undefined {
  const host = view.fact('Hosts')?.hosts.find((one) => one.node === node)
  return host === undefined ? undefined : filesOf(host)
}

export function filesOf(host: HostSeen): KubeletFiles | undefined {
  if (host.refused !== undefined) return undefined
  const files = host.files.flatMap(({ path, text }): KubeletFile[] => {
    const config = text === undefined ? undefined : configurationIn(text)
    return config === undefined ? [] : [{ path, config }]
  })
  const main =
    files.find(({ path }) => path === USUAL) ??
    files.find(({ path }) => !path.endsWith('.conf')) ??
    files.find(({ path }) => !isInDropIns(path))
  // Only names that end so are drop-ins; the kubelet walks their directory by name (mergeKubeletConfigurations).
  const dropIns = files.filter((file) => file !== main && file.path.endsWith('.conf')).sort((a, b) => (a.path < b.path ? -1 : 1))
  return main === undefined ? undefined : { host, main, dropIns }
}
const isInDropIns = (path: string): boolean => /\.d\/[^/]+$/.test(path)

function configurationIn(text: string): Readonly<Record<string, unknown>> | undefined {
  const value = fieldsIn(text)
  return value?.['kind'] === 'KubeletConfiguration' ? value : undefined
}

/** The file with its drop-ins over it, as RFC 7386 merges them; flags of the kubelet win over that and are not seen. */
export const mergedConfig = ({ main, dropIns }: KubeletFiles): Readonly<Record<string, unknown>> =>
  dropIns.reduce((config, dropIn) => mergePatch(config, dropIn.config), main.config)

function mergePatch(base: Readonly<Record<string, unknown>>, patch: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const merged = { ...base }
  for (const [key, value] of Object.entries(patch)) {
    const below = merged[key]
    if (value === null) delete merged[key]
    else merged[key] = isMapping(value) ? mergePatch(isMapping(below) ? below : {}, value) : value
  }
  return merged
}
const isMapping = (value: unknown): value is Record<string, unknown> => value !== null && typeof value === 'object' && !Array.isArray(value)

/** Where a setting is to be written so that it counts: the drop-in that says it now, else our own drop-in where there are any, else the file. */
export function placeOf({ main, dropIns }: KubeletFiles, path: readonly string[]): { readonly path: string; readonly exists: boolean } {
  const saying = dropIns.findLast(({ config }) => valueAt(config, path) !== undefined)
  if (saying !== undefined) return { path: saying.path, exists: true }
  const last = dropIns.at(-1)
  if (last === undefined) return { path: main.path, exists: true }
  const own = `${last.path.slice(0, last.path.lastIndexOf('/'))}/${OWN_DROP_IN}`
  return { path: own, exists: dropIns.some((one) => one.path === own) }
}
