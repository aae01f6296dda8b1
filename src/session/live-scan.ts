import type { AttestedBy } from '../engine/attestations.ts'
import { Evaluator, wantedBy } from '../engine/evaluator.ts'
import type { IsExcepted } from '../engine/finding-keeper.ts'
import type { ClusterSource, ControlId, Finding, FindingId, Outcome, Readable, RegisteredControl, Snapshot } from '../model/index.ts'
import { type FileProblem, SnapshotStore } from '../snapshot/store.ts'

export interface ScanState {
  readonly snapshot: Snapshot
  readonly outcomes: ReadonlyMap<ControlId, Outcome>
  readonly problems: readonly FileProblem[]
  /** Every wanted kind and fact has arrived or is known to be unreadable. */
  readonly synced: boolean
}
export interface LiveScanOptions {
  readonly source: ClusterSource
  readonly controls: readonly RegisteredControl[]
  readonly isExcepted?: IsExcepted
  readonly attestedBy?: AttestedBy
  /** Go on watching after the first full set. */
  readonly follow: boolean
  /** Publish at most this often, in milliseconds, so that a burst of events is judged once. */
  readonly every?: number
}

/** A source, watched and judged without a screen: the wizard, `scan` and `apply` all stand on this. */
export class LiveScan {
  readonly source: ClusterSource
  readonly controls: readonly RegisteredControl[]
  readonly #store: SnapshotStore
  readonly #evaluator: Evaluator
  readonly #options: LiveScanOptions
  readonly #listeners = new Set<(state: ScanState) => void>()
  #state: ScanState
  #timer: NodeJS.Timeout | undefined
  #ended: Error | undefined | null = null
  #early = 50

  constructor(options: LiveScanOptions) {
    this.#options = options
    this.source = options.source
    this.controls = options.controls
    this.#store = new SnapshotStore(options.source.info, (ref, at) => options.source.locate?.(ref, at))
    this.#evaluator = new Evaluator(options.controls, options.isExcepted, options.attestedBy)
    this.#state = { snapshot: this.#store.publish(Date.now()).snapshot, outcomes: new Map(), problems: [], synced: false }
  }

  get state(): ScanState {
    return this.#state
  }

  /** All findings of the present state, in the order of the controls. */
  get findings(): readonly Finding[] {
    return this.#state.outcomes
      .values()
      .toArray()
      .flatMap((outcome) => outcome.findings)
  }
  finding(id: FindingId): Finding | undefined {
    return this.findings.find((one) => one.id === id)
  }

  subscribe(listener: (state: ScanState) => void): () => void {
    this.#listeners.add(listener)
    if (this.#ended === null && this.#store.dirty) this.#publishSoon()
    return () => void this.#listeners.delete(listener)
  }

  /** Resolves when the source ends (not followed, or aborted); rejects only if the source itself is broken. */
  async run(signal: AbortSignal, wanted: ReadonlySet<Readable> = wantedBy(this.controls)): Promise<void> {
    this.#store.expect(wanted)
    try {
      for await (const events of this.source.events({ signal, follow: this.#options.follow, wanted })) {
        const wasSynced = this.#store.synced
        for (const event of Array.isArray(events) ? events : [events]) this.#store.take(event)
        if (this.#store.synced && !wasSynced) this.#publish()
        else this.#publishSoon()
      }
      this.#publish()
      this.#ended = undefined
    } catch (error) {
      this.#ended = error as Error
      throw error
    } finally {
      clearTimeout(this.#timer)
      this.#timer = undefined
      for (const listener of this.#listeners) listener(this.#state)
    }
  }

  /** Facts and files of nodes have no watch: after a change of them they are asked again. */
  async lookAgain(): Promise<void> {
    await this.source.lookAgain?.()
  }

  /** Resolves true once `holds` is true of the state, false after `timeoutMs`. */
  until(holds: (state: ScanState) => boolean, timeoutMs: number, signal?: AbortSignal): Promise<boolean> {
    if (holds(this.#state)) return Promise.resolve(true)
    // Nothing more will come: whoever waits would wait for the timer.
    if (this.#ended !== null) return Promise.resolve(false)
    return new Promise((resolve) => {
      const finish = (result: boolean) => {
        clearTimeout(timer)
        unsubscribe()
        signal?.removeEventListener('abort', abort)
        resolve(result)
      }
      const abort = () => finish(false)
      const timer = setTimeout(() => finish(holds(this.#state)), timeoutMs)
      const unsubscribe = this.subscribe((state) => {
        if (holds(state)) finish(true)
        else if (this.#ended !== null) finish(false)
      })
      signal?.addEventListener('abort', abort, { once: true })
    })
  }

  #publishSoon(): void {
    // Before the first full set, show what there is early but judge rarely, and only for somebody who looks: judging half a cluster is work
    // thrown away.
    if (!this.#store.synced && this.#listeners.size === 0) return
    this.#timer ??= setTimeout(() => this.#publish(), this.#store.synced ? (this.#options.every ?? 50) : this.#early)
    if (!this.#store.synced) this.#early = Math.min(this.#early * 2, 1000)
  }

  #publish(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (!this.#store.dirty && this.#state.synced === this.#store.synced) return
    const { snapshot, changed } = this.#store.publish(Date.now())
    this.#state = {
      snapshot,
      outcomes: this.#evaluator.update(snapshot, changed),
      problems: this.#store.problems,
      synced: this.#store.synced,
    }
    for (const listener of this.#listeners) listener(this.#state)
  }
}
