/** Flags set on the nodes themselves, where every one that runs the component is reached: one action for each, in order. */
import type { Change, FileAction, FlagsAction, HostSeen, NodeFile, ObjectRef, PodObject, Readable, View } from '../src/model/index.ts'
import { type DistributionName, distribution } from '../src/objects/distribution.ts'
import type { FlagValues, HostFile } from '../src/objects/flag-edits.ts'
import { commandLineOf } from '../src/objects/flag-parse.ts'
import { type Component, type ComponentInstance, componentFlags } from '../src/objects/flags.ts'
import { isNamedBy } from '../src/objects/ref.ts'
import { fieldsIn } from '../src/objects/yaml-file.ts'

export interface OnHosts {
  readonly component: Component
  /** Those that are to change. */
  readonly chosen: readonly ComponentInstance[]
  /** All of the component. */
  readonly instances: readonly ComponentInstance[]
  readonly valuesOf: (instance: ComponentInstance) => FlagValues
  readonly files: readonly HostFile[]
  /** What must be there first: files for the node, or edits of such that were read from it. */
  readonly before: readonly Change[]
  readonly summary: string
}
export type HostChange = Extract<Change, { type: 'host' }>

/** Whoever writes the static pods anew at each start, or runs none, is told in his own files (see flag-handover.ts). */
const OWN_FILES: readonly DistributionName[] = ['k3s', 'rke2', 'talos', 'openshift', 'kops', 'microk8s', 'k0s']
const keepsOwnFiles = (view: View<Readable>): boolean => OWN_FILES.includes(distribution(view).name)

/**
 * The actions; or which nodes are not reached, of some that are: flags that differ from node to node are worse than a runbook.
 * Undefined where no node is reached, or where what must be there first is nothing to place on one.
 */
export function hostChanges(
  wanted: OnHosts,
  view: View<Readable>,
): readonly HostChange[] | { readonly missing: readonly string[] } | undefined {
  if (keepsOwnFiles(view)) return undefined
  const seen = view.fact('Hosts')?.hosts ?? []
  const places = wanted.instances.map((instance) => ({ instance, node: nodeOf(instance, view) }))
  const nodes = [...new Set(places.map(({ node }) => node))]
  if (seen.length === 0 || nodes.length === 0 || nodes.includes(undefined)) return undefined
  const missing = nodes.filter((node) => !seen.some((host) => host.node === node && isReached(host, wanted.component)))
  if (missing.length > 0) return missing.length === nodes.length ? undefined : { missing: missing as string[] }
  const changes = places
    .filter(({ instance }) => wanted.chosen.includes(instance))
    .map(({ instance, node }) => ofNode(wanted, instance, node!))
  return changes.every((one) => one !== undefined) ? changes.flat() : undefined
}

/** Names of the nodes that run an API server, as far as its static pods are seen. */
export const apiServerNodes = (view: View<Readable>): readonly string[] => [
  ...new Set(componentFlags(view, 'kube-apiserver').instances.flatMap((instance) => nodeOf(instance, view) ?? [])),
]

function nodeOf({ subject }: ComponentInstance, view: View<Readable>): string | undefined {
  const pod = view.all('Pod').find((one) => isNamedBy(one, subject)) as PodObject | undefined
  return pod?.spec.nodeName
}

const isReached = ({ refused, files }: HostSeen, component: Component): boolean =>
  refused === undefined &&
  files.some(
    ({ is, path, role, text }) =>
      is === 'file' && (path.endsWith(`/${component}.yaml`) || (role === 'static-pod' && runs(text, component))),
  )

/** Whatever its file is called: the kubelet runs each that does not begin with a dot. */
function runs(text: string | undefined, component: Component): boolean {
  const containers = (text === undefined ? undefined : (fieldsIn(text) as Partial<PodObject> | undefined))?.spec?.containers
  return Array.isArray(containers) && containers.some((container) => commandLineOf(container, component) !== undefined)
}

function ofNode(
  { component, valuesOf, files, before, summary }: OnHosts,
  instance: ComponentInstance,
  node: string,
): readonly HostChange[] | undefined {
  const flags = valuesOf(instance)
  const placed: NodeFile[] = []
  const edited: HostChange[] = []
  for (const change of before) {
    const path = change.type === 'file' ? pathOf(change.name, flags) : change.type === 'edit' ? pathOnNode(change.target, flags) : undefined
    if (path === undefined) return undefined
    if (change.type === 'file') {
      if (change.text.secretKeys !== undefined && change.text.secretKeys > 0) return undefined
      placed.push({ path, text: change.text.text, mode: change.mode })
    } else if (change.type === 'edit') edited.push(editOn(node, path, change.edits, changesFlags(flags, instance) ? 'reader' : component))
  }
  const action: FlagsAction = { do: 'flags', node, component, flags, mounts: files, files: placed }
  const own: HostChange = { type: 'host', key: `${node}/${component} flags`, title: `${component} on ${node}: ${summary}`, action }
  return changesFlags(flags, instance) || placed.length > 0 ? [...edited, own] : edited
}

const changesFlags = (flags: FlagValues, { flags: set, effective }: ComponentInstance): boolean =>
  Object.entries(flags).some(([flag, value]) =>
    value === null ? set.has(flag) && (!effective || set.get(flag) !== '') : set.get(flag) !== value,
  )

/** The path that a flag names for a file of this name. */
const pathOf = (name: string, flags: FlagValues): string | undefined =>
  Object.values(flags).find((value): value is string => value?.startsWith('/') === true && value.endsWith(`/${name}`))

/** A file that was read from a node is `NODE:PATH`; the others have theirs in the same place. */
function pathOnNode({ file = '' }: ObjectRef, flags: FlagValues): string | undefined {
  const path = /^[^:/]+:(\/.+)$/.exec(file)?.[1]
  return path !== undefined && Object.values(flags).includes(path) ? path : undefined
}

function editOn(
  node: string,
  path: string,
  edits: Extract<FileAction['to'], { edits: unknown }>['edits'],
  noticedBy: FileAction['noticedBy'],
): HostChange {
  return {
    type: 'host',
    key: `${node}:${path}`,
    title: `${path} on ${node}: change it in place`,
    action: { do: 'file', node, path, to: { edits }, noticedBy },
  }
}
