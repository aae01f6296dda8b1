import type { FactName, Facts, Kind, KubeObject, ObjectRef, Path, Readable, Snapshot, SourceInfo, Unread, View } from '../model/index.ts'
import { keyOf } from '../objects/ref.ts'

export type Locate = (ref: ObjectRef, at?: Path) => { readonly file: string; readonly line: number } | undefined
export interface SnapshotParts {
  readonly revision: number
  readonly source: SourceInfo
  readonly now: number
  readonly synced: boolean
  readonly kinds: ReadonlyMap<Kind, ReadonlyMap<string, KubeObject>>
  readonly facts: ReadonlyMap<FactName, Facts[FactName]>
  readonly unreads: ReadonlyMap<Readable, Unread>
  readonly locate?: Locate
}

const NOTHING: readonly never[] = []
/** A kind that did not change is the same list in the next snapshot, so that what was made of it can be kept. */
const lists = new WeakMap<ReadonlyMap<string, KubeObject>, readonly KubeObject[]>()
function listOf(objects: ReadonlyMap<string, KubeObject> | undefined): readonly KubeObject[] {
  if (objects === undefined) return NOTHING
  let list = lists.get(objects)
  if (list === undefined) lists.set(objects, (list = [...objects.values()]))
  return list
}

/** One moment of the cluster. Immutable: the store copies a kind's map before it changes it again. */
export function snapshotOf(parts: SnapshotParts): Snapshot {
  const view: Snapshot = {
    revision: parts.revision,
    source: parts.source,
    now: parts.now,
    synced: parts.synced,
    get objects() {
      return parts.kinds.values().reduce((sum, objects) => sum + objects.size, 0)
    },
    get unreads() {
      return [...parts.unreads.values()]
    },
    all: ((kind: Kind) => listOf(parts.kinds.get(kind))) as View['all'],
    find: ((kind: Kind, namespace: string | undefined, name: string) => parts.kinds.get(kind)?.get(keyOf(namespace, name))) as View['find'],
    fact: ((fact: FactName) => parts.facts.get(fact)) as View['fact'],
    unread: (what) => parts.unreads.get(what),
    locate: (ref, at) => parts.locate?.(ref, at),
  }
  return view
}
