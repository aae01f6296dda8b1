/** One writer of a live cluster: what is done on nodes goes to their hosts, everything else to the API server. */
import type { Approval, Rehearsal, RehearsalResult, Step, Written } from '../model/index.ts'
import type { Committed, Tell, Writer, WrittenState } from '../plan/writer.ts'

export class RoutedWriter implements Writer {
  readonly name = 'live'
  readonly #cluster: Writer
  readonly #hosts: Writer

  constructor(cluster: Writer, hosts: Writer) {
    this.#cluster = cluster
    this.#hosts = hosts
  }

  rehearse(step: Step): Promise<RehearsalResult> {
    return (step.changes.some(({ type }) => type === 'host') ? this.#hosts : this.#cluster).rehearse(step)
  }
  intent(rehearsal: Rehearsal): Promise<readonly Written[]> {
    return this.#of(rehearsal).intent(rehearsal)
  }
  commit(rehearsal: Rehearsal, written: readonly Written[], approval: Approval, tell?: Tell): Promise<Committed> {
    return this.#of(rehearsal).commit(rehearsal, written, approval, tell)
  }
  state(written: Written): Promise<WrittenState> {
    return this.#by(written).state(written)
  }
  /** All of them are of one step, and so of one writer. */
  async undo(written: readonly Written[], dryRun?: boolean, tell?: Tell): Promise<void> {
    const [first] = written
    if (first !== undefined) await this.#by(first).undo(written, dryRun, tell)
  }
  async prove(written: readonly Written[], tell?: Tell): Promise<void> {
    const [first] = written
    if (first !== undefined) await this.#by(first).prove?.(written, tell)
  }
  async tidy(written: readonly Written[]): Promise<void> {
    const [first] = written
    if (first !== undefined) await this.#by(first).tidy?.(written)
  }

  #of({ writer }: Rehearsal): Writer {
    return writer === this.#hosts.name ? this.#hosts : this.#cluster
  }
  #by({ undo }: Written): Writer {
    return undo !== null && typeof undo === 'object' && 'is' in undo && undo.is === 'host' ? this.#hosts : this.#cluster
  }
}
