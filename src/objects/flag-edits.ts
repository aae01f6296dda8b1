/** Flags where they stand in files: the command of a static pod, the extraArgs of a ClusterConfiguration. */
import type { ConfigMapObject, ContainerSpec, Edit, HostMount, Json, Path, PodObject, Volume, VolumeMount } from '../model/index.ts'
import { EXTRA_ARGS } from './flag-kubeadm.ts'
import { type Component, commandLineOf, flagNameOf, hasValueApart } from './flag-parse.ts'
import { applyEdits, valueAt } from './path.ts'
import { editYaml, YamlEditRefused } from './yaml-edit.ts'
import { fieldsIn } from './yaml-file.ts'
import { kubernetesYaml } from './yaml-write.ts'

/** New values by flag; null takes the flag away. */
export type FlagValues = Readonly<Record<string, string | null>>
export type HostFile = HostMount

/** An argument list with the flags set: in place where they stand (the last one counts, so earlier ones go), at the end where they do not. */
export function withFlags(list: readonly string[], values: FlagValues): readonly string[] {
  return Object.entries(values).reduce(withFlag, list)
}

function withFlag(list: readonly string[], [flag, value]: readonly [string, string | null]): readonly string[] {
  const last = list.findLastIndex((item) => flagNameOf(item) === flag)
  const kept: string[] = []
  for (let at = 0; at < list.length; at++) {
    const item = list[at]!
    if (flagNameOf(item) !== flag) {
      kept.push(item)
      continue
    }
    const isApart = hasValueApart(list, at)
    if (at === last && value !== null) kept.push(...(isApart ? [item, value] : [`--${flag}=${value}`]))
    if (isApart) at++
  }
  return last < 0 && value !== null ? [...kept, `--${flag}=${value}`] : kept
}

/** The edits that give a component in a static pod other flags; undefined where its flags stand in a shell script. */
export function editsOfPod(
  pod: PodObject,
  component: Component,
  values: FlagValues,
  files: readonly HostFile[],
): readonly Edit[] | undefined {
  const container = pod.spec.containers.find((one) => commandLineOf(one, component) !== undefined)
  const home = container && commandLineOf(container, component)?.at?.[0]
  if (container === undefined || home === undefined) return undefined
  const at: Path = ['spec', 'containers', { name: container.name }]
  const holds = (list: readonly string[] | undefined, flag: string): boolean => list?.some((item) => flagNameOf(item) === flag) === true
  const edits: Edit[] = []
  for (const list of ['command', 'args'] as const) {
    const before = container[list] ?? []
    const own = Object.fromEntries(
      Object.entries(values).filter(
        ([flag]) => holds(before, flag) || (list === home && !holds(container.command, flag) && !holds(container.args, flag)),
      ),
    )
    const after = withFlags(before, own)
    if (after.join('\0') !== before.join('\0')) edits.push({ set: [...at, list], to: after })
  }
  const named = Object.values(values).flatMap((value) => value ?? [])
  return [...edits, ...mountEdits(pod, container, at, files, named)]
}

/** A file or directory that a container does not see yet. */
export interface MissingMount extends HostFile {
  /** What the pod has of it: no volume, a volume under this name, or a mount of it that is read-only and is to be written to. */
  readonly has: 'nothing' | 'volume' | 'mount'
}
/** Which of these files the component does not see in its static pod, each with the name that its volume has or may have. */
export function missingMounts(pod: PodObject, component: Component, files: readonly HostFile[]): readonly MissingMount[] {
  const container = pod.spec.containers.find((one) => commandLineOf(one, component) !== undefined)
  return container === undefined ? files.map((file) => ({ ...file, has: 'nothing' })) : missingIn(pod, container, files)
}

function missingIn(pod: PodObject, container: ContainerSpec, files: readonly HostFile[]): readonly MissingMount[] {
  const taken = (pod.spec.volumes ?? []).map(({ name }) => name)
  const mounts: VolumeMount[] = [...(container.volumeMounts ?? [])]
  const missing: MissingMount[] = []
  for (const file of files) {
    const covering = mounts.find((mount) => mount.subPath === undefined && isUnder(file.path, mount.mountPath))
    if (covering !== undefined && (file.readOnly || covering.readOnly !== true)) continue
    // No path may be mounted twice: what is there read-only is made writable.
    const own = mounts.find((mount) => mount.subPath === undefined && bare(mount.mountPath) === bare(file.path))
    if (own !== undefined) {
      mounts.splice(mounts.indexOf(own), 1, { ...own, readOnly: false })
      missing.push({ ...file, name: own.name, has: 'mount' })
      continue
    }
    const known = pod.spec.volumes?.find((volume) => volume.hostPath?.path === file.path)
    const name = known?.name ?? freeName(file.name, taken)
    taken.push(name)
    mounts.push({ name, mountPath: file.path, readOnly: file.readOnly })
    missing.push({ ...file, name, has: known === undefined ? 'nothing' : 'volume' })
  }
  return missing
}
const bare = (path: string): string => path.replace(/(?<=.)\/+$/, '')

/** `named`: of a file among them that is mounted alone, that mount gives way to the one of its directory, or a new file would not be seen. */
function mountEdits(pod: PodObject, container: ContainerSpec, at: Path, files: readonly HostFile[], named: readonly string[]): Edit[] {
  const missing = missingIn(pod, container, files)
  const isToWrite = (mount: VolumeMount) =>
    missing.some(({ path, has }) => has === 'mount' && mount.subPath === undefined && bare(mount.mountPath) === bare(path))
  const isAlone = ({ mountPath }: VolumeMount) =>
    named.includes(bare(mountPath)) && files.some(({ path, type }) => type.startsWith('Directory') && isUnder(bare(mountPath), path))
  const before = container.volumeMounts ?? []
  const mounts: VolumeMount[] = before
    .filter((mount) => !isAlone(mount))
    .map((mount) => {
      if (!isToWrite(mount)) return mount
      const { readOnly: _own, ...writable } = mount
      return writable
    })
  for (const { name, path, readOnly, has } of missing)
    if (has !== 'mount') mounts.push({ name, mountPath: path, ...(readOnly && { readOnly: true }) })
  const set = (path: Path, to: readonly object[], old: readonly object[]): Edit[] =>
    to.length === old.length && to.every((one, index) => one === old[index]) ? [] : [{ set: path, to: to as readonly Json[] }]
  const known = pod.spec.volumes ?? []
  const others = [...(pod.spec.initContainers ?? []), ...pod.spec.containers].filter((one) => one !== container)
  const used = new Set([...mounts, ...others.flatMap(({ volumeMounts = [] }) => volumeMounts)].map(({ name }) => name))
  const volumes: Volume[] = [
    ...known.filter(({ name }) => used.has(name) || !before.some((mount) => mount.name === name && isAlone(mount))),
    ...missing.flatMap(({ name, path, type, has }) => (has === 'nothing' ? [{ name, hostPath: { path, type } }] : [])),
  ]
  return [...set([...at, 'volumeMounts'], mounts, before), ...set(['spec', 'volumes'], volumes, known)]
}
export const isUnder = (path: string, directory: string): boolean =>
  path === directory || path.startsWith(directory.endsWith('/') ? directory : `${directory}/`)
const freeName = (name: string, taken: readonly string[]): string => (taken.includes(name) ? freeName(`${name}-k8s-harden`, taken) : name)

/** `extraArgs` with the flags set, in the form it has: a map up to v1beta3, a list of name and value from v1beta4. */
export function withExtraArgs(extraArgs: unknown, values: FlagValues, asList: boolean): Json {
  const names = Object.keys(values)
  if (!asList) {
    const kept = Object.entries((extraArgs ?? {}) as Record<string, Json>).filter(([name]) => values[name] !== null)
    return { ...Object.fromEntries(kept), ...Object.fromEntries(Object.entries(values).filter(([, value]) => value !== null)) }
  }
  const before = (Array.isArray(extraArgs) ? extraArgs : []) as readonly { readonly name: string; readonly value: string }[]
  const kept = before.filter(
    (item, index) =>
      !names.includes(item.name) || (values[item.name] !== null && before.findLastIndex((other) => other.name === item.name) === index),
  )
  const changed = kept.map((item) => (names.includes(item.name) ? { ...item, value: values[item.name]! } : item))
  return [
    ...changed,
    ...Object.entries(values).flatMap(([name, value]) =>
      value === null || before.some((item) => item.name === name) ? [] : [{ name, value }],
    ),
  ]
}

/** kubeadm's form of a mounted file. */
export const extraVolume = ({ name, path, type, readOnly }: HostFile): { readonly [key: string]: Json } => ({
  name,
  hostPath: path,
  mountPath: path,
  readOnly,
  pathType: type,
})

/** The edits of a ClusterConfiguration, from its own root. */
export function editsOfConfiguration(
  configuration: Readonly<Record<string, unknown>>,
  component: Component,
  values: FlagValues,
  files: readonly HostFile[],
): readonly Edit[] {
  const at = EXTRA_ARGS[component]
  const before = valueAt(configuration, at) ?? undefined
  const asList = Array.isArray(before) || (before === undefined && usesLists(configuration['apiVersion']))
  const edits: Edit[] = [{ set: at, to: withExtraArgs(before, values, asList) }]
  // kubeadm mounts nothing more into etcd.
  if (files.length === 0 || component === 'etcd') return edits
  const volumesAt: Path = [...at.slice(0, -1), 'extraVolumes']
  const volumes = (valueAt(configuration, volumesAt) ?? []) as readonly { readonly [key: string]: Json }[]
  const missing = files.filter((file) => !volumes.some((volume) => volume['mountPath'] === file.path))
  return missing.length === 0 ? edits : [...edits, { set: volumesAt, to: [...volumes, ...missing.map(extraVolume)] }]
}
const usesLists = (apiVersion: unknown): boolean => typeof apiVersion !== 'string' || !/v1beta[123]$/.test(apiVersion)

/** The same for the text in ConfigMap kube-system/kubeadm-config, its comments and order kept. */
export function editsOfConfigMap(
  map: ConfigMapObject,
  key: string,
  edits: (content: Readonly<Record<string, unknown>>) => readonly Edit[],
): readonly Edit[] {
  const text = map.data?.[key] ?? ''
  const content = fieldsIn(text) ?? {}
  return [{ set: ['data', key], to: editedText(text, content, edits(content)) }]
}

function editedText(text: string, content: Readonly<Record<string, unknown>>, edits: readonly Edit[]): string {
  try {
    return editYaml(text, 0, undefined, edits)
  } catch (error) {
    if (!(error instanceof YamlEditRefused)) throw error
    return kubernetesYaml(applyEdits(content, edits))
  }
}
