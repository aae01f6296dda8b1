/** What a change of a static pod's manifest and files is made of, and what the journal keeps of it. */
import type { ControlPlaneComponent, Edit, HostMount, Written } from '../model/index.ts'
import type { FlagValues } from '../objects/flag-edits.ts'
import type { WrittenState } from '../plan/writer.ts'
import type { Entry } from './cluster-patch.ts'
import type { FileWish, Placing } from './host-placing.ts'
import type { Returning } from './host-restart.ts'
import type { StaticPod } from './host-static-pod.ts'

export interface ComponentWish {
  readonly do: 'flags' | 'file'
  readonly node: string
  readonly component: ControlPlaneComponent
  readonly flags: FlagValues
  readonly mounts: readonly HostMount[]
  readonly edits?: readonly Edit[]
  readonly files: readonly FileWish[]
}
export interface ComponentPrepared {
  readonly wish: ComponentWish
  readonly own: StaticPod
  /** Files that change; then the manifest, where it does. */
  readonly wishes: readonly FileWish[]
  readonly changesManifest: boolean
  readonly before: FlagValues
  readonly entries: readonly Entry[]
  readonly hash: string
}

/** What is journalled of one file, beside the hashes. */
export type ComponentUndo = Placing & {
  readonly is: 'host'
  readonly do: 'flags' | 'file'
  readonly node: string
  readonly component: ControlPlaneComponent
} & ({ readonly role: 'file' } | ManifestUndo)
export interface ManifestUndo {
  readonly role: 'manifest'
  readonly flags: { readonly before: FlagValues; readonly after: FlagValues }
  /** Paths that were mounted. */
  readonly mounts: readonly string[]
  /** Flags that stood there several times: their old values are known only together. */
  readonly repeated: readonly string[]
  readonly document: number
  /** Of the edits beside flags and mounts; absent where there were none. */
  readonly entries?: readonly Entry[]
  readonly pod: Pick<Returning, 'namespace' | 'name' | 'container'>
  /** Of the manifest before. */
  readonly hash: string
}

/**
 * Of a step that died half-way, by the states of its entries: only new files stand, and each is named by a flag of the manifest that was not
 * written. The component runs as it ran, nothing has read them, and they can be taken away.
 */
export function isYetUnread(written: readonly Written[], states: readonly WrittenState[]): boolean {
  const undos = written.map(({ undo }) => undo as Partial<ComponentUndo> | null)
  const manifest = undos.find((undo) => undo?.is === 'host' && undo.role === 'manifest') as (ComponentUndo & ManifestUndo) | undefined
  if (manifest === undefined) return false
  const { before, after } = manifest.flags
  return undos.every((undo, index) => {
    if (undo === manifest || states[index] === 'before') return states[index] === 'before'
    const isNamed = (flags: FlagValues) => Object.values(flags).some((value) => value === undo?.path)
    return states[index] === 'after' && undo?.role === 'file' && undo.before === null && isNamed(after) && !isNamed(before)
  })
}
