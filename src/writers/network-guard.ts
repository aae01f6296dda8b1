/** Looks at the flows of a record once more when a step's time comes: an allow before it may have been left out, or have gone since. */
import type { Snapshot, Step } from '../model/index.ts'
import { CUTS_FLOWS, cutForGood, cutReason } from '../plan/network-risk.ts'
import type { Watchman } from '../plan/run.ts'

export class NetworkGuard implements Watchman {
  readonly #snapshot: () => Snapshot

  readonly #steps: readonly Step[]

  /** `steps`: of the plan, in their order. */
  constructor(snapshot: () => Snapshot, steps: readonly Step[]) {
    this.#snapshot = snapshot
    this.#steps = steps
  }

  /** What was foretold is for the operator to decide, and was shown; what was not is refused. */
  async before(step: Step): Promise<string | undefined> {
    if (step.mayBreak.some((words) => words.startsWith(CUTS_FLOWS))) return undefined
    try {
      const cut = cutForGood(this.#snapshot(), step, this.#steps.slice(this.#steps.findIndex(({ id }) => id === step.id) + 1))
      return cut.length === 0
        ? undefined
        : `as things are now ${cutReason(cut)}; the plan did not foretell that: run apply again to plan anew`
    } catch {
      // What it changes is gone: the write will say so itself.
      return undefined
    }
  }

  async after(): Promise<undefined> {
    return undefined
  }
}
