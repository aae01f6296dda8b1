/** Our flags in a manifest that others have changed since: whether they still stand, and taking back no more than them. */
import type { Host, ReadFile } from '../hosts/host.ts'
import type { Edit, Json, Path, PodObject } from '../model/index.ts'
import { editsOfPod } from '../objects/flag-edits.ts'
import { commandLineOf } from '../objects/flag-parse.ts'
import { applyEdits } from '../objects/path.ts'
import { yamlValue } from '../objects/yaml-dialect.ts'
import { documentsIn } from '../objects/yaml-documents.ts'
import { editYaml } from '../objects/yaml-edit.ts'
import { WriteConflict, type WrittenState } from '../plan/writer.ts'
import { editsBack, standing } from './cluster-patch.ts'
import type { ComponentUndo, ManifestUndo } from './host-component-record.ts'

type Undo = ComponentUndo & ManifestUndo

export function podIn(text: string, document: number): PodObject | undefined {
  try {
    const span = [...documentsIn(text)][document]
    return span === undefined ? undefined : (yamlValue(text.slice(span.start, span.end)) as PodObject)
  } catch {
    return undefined
  }
}

export async function flagsStanding(host: Host, { path, document, component, flags, entries = [], pod }: Undo): Promise<WrittenState> {
  const file = await host.read(path)
  if (file === undefined) return 'gone'
  const manifest = podIn(file.text, document)
  const container = manifest?.spec?.containers?.find(({ name }) => name === pod.container)
  const line = container && commandLineOf(container, component)
  if (line === undefined) return 'other'
  const shows = (values: Undo['flags']['before']) =>
    Object.entries(values).every(([flag, value]) => (value === null ? !line.flags.has(flag) : line.flags.get(flag) === value))
  const rest = standing(manifest, entries)
  const stands = (values: Undo['flags']['before'], where: 'before' | 'after') => shows(values) && (rest === where || entries.length === 0)
  return stands(flags.after, 'after') ? 'after' : stands(flags.before, 'before') ? 'before' : 'other'
}

/** The manifest as it is, and its text without what is ours. Throws `WriteConflict` where the old values are not known one by one. */
export async function textBack(host: Host, undo: Undo): Promise<{ readonly file: ReadFile; readonly text: string }> {
  const { path, document, component, flags, mounts, entries = [], repeated, pod } = undo
  if (repeated.length > 0)
    throw new WriteConflict(
      `${path} on ${host.node} was changed since, and --${repeated.join(', --')} stood there several times: put the old values back by hand (a copy of the old file is ${undo.backup})`,
    )
  const file = await host.read(path)
  const manifest = file && podIn(file.text, document)
  const edits = manifest && editsOfPod(manifest, component, flags.before, [])
  if (file === undefined || edits === undefined)
    throw new WriteConflict(`${path} on ${host.node} was changed since: it cannot be edited any more`)
  const unmounted = withoutMounts(applyEdits(manifest, edits) as PodObject, pod.container, mounts)
  return { file, text: editYaml(file.text, document, undefined, [...edits, ...unmounted, ...editsBack(manifest, entries)]) }
}

/** What a flag of somebody else names by now stays mounted. */
function withoutMounts(manifest: PodObject, container: string, paths: readonly string[]): readonly Edit[] {
  const own = manifest.spec.containers.find(({ name }) => name === container)!
  const words = [...(own.command ?? []), ...(own.args ?? [])]
  const free = paths.filter((path) => !words.some((word) => word.includes(`=${path}`)))
  const gone = (own.volumeMounts ?? []).filter(({ mountPath }) => free.includes(mountPath))
  if (gone.length === 0) return []
  const mounts = (own.volumeMounts ?? []).filter((mount) => !gone.includes(mount))
  const others = manifest.spec.containers.filter((one) => one !== own).flatMap(({ volumeMounts = [] }) => volumeMounts)
  const isUsed = (name: string) => [...mounts, ...others].some((mount) => mount.name === name)
  const volumes = (manifest.spec.volumes ?? []).filter(({ name }) => isUsed(name) || !gone.some((mount) => mount.name === name))
  const set = (path: Path, to: readonly object[]): Edit => (to.length === 0 ? { unset: path } : { set: path, to: to as readonly Json[] })
  return [set(['spec', 'containers', { name: container }, 'volumeMounts'], mounts), set(['spec', 'volumes'], volumes)]
}
