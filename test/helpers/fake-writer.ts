/** A writer over a snapshot in memory, with every fault a real one may have: for tests of the run, the undo and the wizard. */
import type { Approval, Json, KubeObject, Rehearsal, RehearsalResult, Snapshot, Step, Written } from '../../src/model/index.ts'
import { refOf } from '../../src/objects/ref.ts'
import { sameJson } from '../../src/plan/canonical.ts'
import { applyPlan } from '../../src/plan/in-memory.ts'
import { objectAt } from '../../src/plan/objects-by-ref.ts'
import { type Committed, requireApproval, WriteConflict, WriteRefused, type Writer, type WrittenState } from '../../src/plan/writer.ts'

export interface Faults {
  /** Refuse these steps, by title, while rehearsing. */
  readonly refuse?: (step: Step) => string | undefined
  /** Throw while committing. */
  readonly commit?: (step: Step) => Error | undefined
  /** Called after each commit and each undo: change the world as a stranger would. */
  readonly after?: (writer: FakeWriter, step: string) => void
}

export class FakeWriter implements Writer {
  readonly name = 'fake'
  readonly calls: string[] = []
  snapshot: Snapshot
  readonly #faults: Faults
  readonly #steps = new Map<string, Step>()

  constructor(snapshot: Snapshot, faults: Faults = {}) {
    this.snapshot = snapshot
    this.#faults = faults
  }

  async rehearse(step: Step): Promise<RehearsalResult> {
    this.calls.push(`rehearse ${step.title}`)
    const because = this.#faults.refuse?.(step)
    if (because !== undefined) return { ok: false, refusedBy: 'the fake', because }
    this.#steps.set(step.id, step)
    return {
      ok: true,
      rehearsal: {
        step: step.id,
        diff: `--- now\n+++ after\n@@ -1 +1 @@\n-${step.title}\n+done\n`,
        warnings: [],
        writer: this.name,
        prepared: applyPlan(this.snapshot, [step]),
      },
    }
  }

  async intent(rehearsal: Rehearsal): Promise<readonly Written[]> {
    const step = this.#steps.get(rehearsal.step)!
    return step.changes.flatMap((change): Written[] => {
      if (change.type === 'file' || change.type === 'command' || change.type === 'host') return []
      const target = change.type === 'create' ? refOf(change.object) : change.target
      const [before, after] = [this.snapshot, rehearsal.prepared as Snapshot].map((world) => plain(objectAt(world, target)))
      return [{ target, before: before!, after: after!, undo: { is: 'fake' } }]
    })
  }

  async commit(rehearsal: Rehearsal, written: readonly Written[], approval: Approval): Promise<Committed> {
    requireApproval(approval, rehearsal)
    const step = this.#steps.get(rehearsal.step)!
    this.calls.push(`commit ${step.title}`)
    const error = this.#faults.commit?.(step)
    if (error !== undefined) throw error
    for (const one of written) if ((await this.state(one)) !== 'before') throw new WriteConflict(`${one.target.name} was changed since`)
    this.snapshot = applyPlan(this.snapshot, [step])
    this.#faults.after?.(this, step.title)
    return { warnings: [] }
  }

  async state({ target, before, after }: Written): Promise<WrittenState> {
    const live = plain(objectAt(this.snapshot, target))
    if (sameJson(live, after)) return 'after'
    if (sameJson(live, before)) return 'before'
    return live === null ? 'gone' : 'other'
  }

  async undo(written: readonly Written[], dryRun = false): Promise<void> {
    for (const one of written)
      if (!['before', 'after'].includes(await this.state(one)))
        throw new WriteConflict(`${one.target.name} was changed since: taking our change back would overwrite that`)
    if (dryRun) return
    for (const { target, before } of written.toReversed()) {
      this.calls.push(`undo ${target.name}`)
      if (objectAt(this.snapshot, target) !== undefined) this.force({ type: 'delete', target })
      if (before !== null) this.force({ type: 'create', object: before as unknown as KubeObject })
    }
    this.#faults.after?.(this, 'undo')
  }

  /** As somebody else would. */
  force(change: Step['changes'][number]): void {
    this.snapshot = applyPlan(this.snapshot, [{ changes: [change] } as unknown as Step])
  }
}

const plain = (object: KubeObject | undefined): Json => (object === undefined ? null : (JSON.parse(JSON.stringify(object)) as Json))
export const refusal = (because: string): WriteRefused => new WriteRefused('the fake', because)
