/** A plan carried out on a snapshot, in memory: what the world would be. The laws and the rehearsal of manifests stand on this. */
import type { Change, Kind, KubeObject, ObjectRef, Snapshot, Step } from '../model/index.ts'
import { applyEdits } from '../objects/path.ts'
import { keyOf, positionOf, refOf, refText, rememberPosition } from '../objects/ref.ts'
import { served } from '../objects/served.ts'
import { objectInFile } from './file-text.ts'
import { kindOf, objectKey } from './objects-by-ref.ts'

/** The snapshot after the steps. Commands change nothing here. Throws where a step names an object that is not there. */
export const applyPlan = (snapshot: Snapshot, steps: readonly Step[]): Snapshot =>
  carryOut(
    snapshot,
    steps.flatMap((step) => step.changes),
  )
/** As `applyPlan`, of changes that belong to no step: what the cluster itself does in answer to one. */
export const applyChanges = (snapshot: Snapshot, changes: readonly Change[]): Snapshot => carryOut(snapshot, changes)

/** The snapshot after the inverses, last step first. */
export const undoPlan = (snapshot: Snapshot, steps: readonly Step[]): Snapshot =>
  carryOut(
    snapshot,
    steps.toReversed().flatMap((step) => step.inverse),
  )

/** False for a step that only hands something over: whether it helped cannot be told in memory. */
export const showsInMemory = (step: Step): boolean =>
  step.changes.some((change) =>
    change.type === 'file' ? objectOf(change) !== undefined : change.type !== 'command' && change.type !== 'host',
  )

function carryOut(snapshot: Snapshot, changes: readonly Change[]): Snapshot {
  const world = new World(snapshot)
  for (const change of changes) world.take(change)
  return world.snapshot()
}

class World {
  readonly #base: Snapshot
  readonly #kinds = new Map<Kind, Map<string, KubeObject>>()
  /** Kinds that were not known and now are, because a file of them was written. */
  readonly #known = new Set<Kind>()

  constructor(base: Snapshot) {
    this.#base = base
  }

  take(change: Change): void {
    switch (change.type) {
      case 'edit':
        this.#change(change.target, (object) => applyEdits(object, change.edits))
        break
      case 'delete':
        this.#change(change.target, () => undefined)
        break
      case 'create':
        this.#add(change.object, this.#base.source.kind !== 'live')
        break
      case 'file': {
        const object = objectOf(change)
        if (object !== undefined) this.#add(object, true)
      }
    }
  }

  #change(ref: ObjectRef, change: (object: KubeObject) => KubeObject | undefined): void {
    const objects = this.#of(kindOf(ref))
    const key = this.#keyIn(objects, ref)
    if (key === undefined) throw new Error(`${refText(ref)} is not in the snapshot`)
    const before = objects.get(key)!
    const after = change(before)
    if (after === undefined) objects.delete(key)
    else objects.set(key, placed(after, before))
  }

  #add(object: KubeObject, makesKnown: boolean): void {
    const kind = kindOf(object)
    if (kind === undefined) return
    const objects = this.#of(kind)
    // A file of the control plane is written over whatever file of that name there was.
    if (served(kind).standing === 'file')
      for (const [key, other] of objects) if (other.metadata.name === object.metadata.name) objects.delete(key)
    objects.set(objectKey(refOf(object)), object)
    if (makesKnown) this.#known.add(kind)
  }

  #of(kind: Kind | undefined): Map<string, KubeObject> {
    if (kind === undefined) return new Map()
    let objects = this.#kinds.get(kind)
    if (objects === undefined)
      this.#kinds.set(
        kind,
        (objects = new Map((this.#base.all(kind) as readonly KubeObject[]).map((object) => [objectKey(refOf(object)), object]))),
      )
    return objects
  }

  #keyIn(objects: ReadonlyMap<string, KubeObject>, ref: ObjectRef): string | undefined {
    const key = objectKey(ref)
    if (objects.has(key)) return key
    return ref.file === undefined ? objects.keys().find((other) => other.startsWith(`${key}|`)) : undefined
  }

  snapshot(): Snapshot {
    const base = this.#base
    const lists = new Map([...this.#kinds].map(([kind, objects]) => [kind, [...objects.values()]] as const))
    const byName = new Map(
      [...lists].map(
        ([kind, objects]) => [kind, Map.groupBy(objects, (object) => keyOf(object.metadata.namespace, object.metadata.name))] as const,
      ),
    )
    const isUnread = (what: string) => !this.#known.has(what as Kind)
    return {
      revision: base.revision + 1,
      source: base.source,
      now: base.now,
      synced: base.synced,
      get objects() {
        return base.objects + [...lists].reduce((sum, [kind, objects]) => sum + objects.length - base.all(kind).length, 0)
      },
      get unreads() {
        return base.unreads.filter((unread) => isUnread(unread.what))
      },
      all: ((kind: Kind) => lists.get(kind) ?? base.all(kind)) as Snapshot['all'],
      find: ((kind: Kind, namespace: string | undefined, name: string) =>
        byName.has(kind) ? byName.get(kind)!.get(keyOf(namespace, name))?.[0] : base.find(kind, namespace, name)) as Snapshot['find'],
      fact: base.fact,
      unread: (what) => (isUnread(what) ? base.unread(what) : undefined),
      locate: base.locate,
    }
  }
}

const objectOf = (change: Extract<Change, { type: 'file' }>): KubeObject | undefined => {
  // In the end what takes its place is there.
  const object = objectInFile(change.name, { ...change.text, ...(change.later && { text: change.later.text }) })
  return object !== undefined && kindOf(object) !== undefined ? object : undefined
}

/** A changed object stands where the old one stood. */
function placed(after: KubeObject, before: KubeObject): KubeObject {
  const position = positionOf(before)
  if (position !== undefined && after !== before) rememberPosition(after, position)
  return after
}
