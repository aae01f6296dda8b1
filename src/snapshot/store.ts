import type { FactName, Facts, Kind, KubeObject, Readable, Snapshot, SourceEvent, SourceInfo, Unread } from '../model/index.ts'
import { type Locate, snapshotOf } from './snapshot.ts'

export interface Publication {
  readonly snapshot: Snapshot /** What differs from the publication before. */
  readonly changed: ReadonlySet<Readable>
}
export interface FileProblem {
  readonly file: string
  readonly line: number
  readonly message: string
}

/**
 * Folds source events into snapshots. Objects that did not change keep their identity, so whatever was computed from one can be
 * remembered by it. A published snapshot never changes: its maps are copied on the next write.
 */
export class SnapshotStore {
  readonly #kinds = new Map<Kind, Map<string, KubeObject>>()
  readonly #facts = new Map<FactName, Facts[FactName]>()
  readonly #unreads = new Map<Readable, Unread>()
  readonly #published = new Set<Kind>()
  readonly #problems = new Map<string, FileProblem>()
  #changed = new Set<Readable>()
  #hasNewProblems = false
  #revision = 0
  #synced = false
  #source: SourceInfo
  readonly #locate: Locate | undefined

  constructor(source: SourceInfo, locate?: Locate) {
    this.#source = source
    this.#locate = locate
  }

  get synced(): boolean {
    return this.#synced
  }
  get dirty(): boolean {
    return this.#changed.size > 0 || this.#hasNewProblems || this.#revision === 0
  }
  get problems(): readonly FileProblem[] {
    return [...this.#problems.values()]
  }

  /** Says what is to come: until it has arrived it is unread, so that nothing passes for not having been looked at. */
  expect(wanted: Iterable<Readable>): void {
    for (const what of wanted) {
      if (this.#unreads.has(what) || this.#kinds.has(what as Kind) || this.#facts.has(what as FactName)) continue
      this.#unreads.set(what, { what, why: 'not-asked', because: `${what} has not been read yet`, answer: 'wait for the first full set' })
    }
  }

  take(event: SourceEvent): void {
    switch (event.type) {
      case 'source':
        this.#source = event.info
        break
      case 'replace':
        this.#replace(event.kind, event.items)
        break
      case 'upsert':
        this.#writable(event.kind).set(event.key, event.object)
        this.#changed.add(event.kind)
        break
      case 'remove':
        if (this.#writable(event.kind).delete(event.key)) this.#changed.add(event.kind)
        break
      case 'fact':
        this.#facts.set(event.fact, event.value)
        this.#unreads.delete(event.fact)
        this.#changed.add(event.fact)
        break
      case 'unread':
        this.#unreads.set(event.unread.what, event.unread)
        this.#changed.add(event.unread.what)
        break
      case 'problem':
        this.#hasNewProblems = true
        if (event.message === '') this.#problems.delete(event.file)
        else this.#problems.set(event.file, event)
        break
      case 'synced':
        this.#synced = true
    }
  }

  /** The present as an immutable snapshot. `now` is epoch milliseconds. */
  publish(now: number): Publication {
    for (const kind of this.#kinds.keys()) this.#published.add(kind)
    const snapshot = snapshotOf({
      revision: ++this.#revision,
      source: this.#source,
      now,
      synced: this.#synced,
      kinds: new Map(this.#kinds),
      facts: new Map(this.#facts),
      unreads: new Map(this.#unreads),
      locate: this.#locate,
    })
    const changed = this.#changed
    this.#changed = new Set()
    this.#hasNewProblems = false
    return { snapshot, changed }
  }

  #replace(kind: Kind, items: readonly (readonly [string, KubeObject])[]): void {
    const before = this.#kinds.get(kind)
    // After a re-list most objects are what they were: keep those, so that nothing is judged twice.
    this.#kinds.set(
      kind,
      new Map(
        items.map(([key, object]) => {
          const old = before?.get(key)
          return [key, old !== undefined && isSameVersion(old, object) ? old : object]
        }),
      ),
    )
    this.#published.delete(kind)
    this.#unreads.delete(kind)
    this.#changed.add(kind)
  }

  #writable(kind: Kind): Map<string, KubeObject> {
    let map = this.#kinds.get(kind)
    if (map === undefined || this.#published.delete(kind)) this.#kinds.set(kind, (map = new Map(map)))
    return map
  }
}

const isSameVersion = (a: KubeObject, b: KubeObject): boolean =>
  a.metadata.resourceVersion !== undefined && a.metadata.resourceVersion === b.metadata.resourceVersion && a.metadata.uid === b.metadata.uid
