/** Looks at the flows of a record once more when a step's time comes: an allow before it may have been left out, or have gone since. */
import type { Snapshot, Step } from '../model/index.ts'
import { cutBy } from '../plan/network-impact.ts'
import { CUTS_FLOWS, cutReason } from '../plan/network-risk.ts'
import type { Watchman } from '../plan/run.ts'

export class NetworkGuard implements Watchman {
  readonly #snapshot: () => Snapshot

  constructor(snapshot: () => Snapshot) {
    this.#snapshot = snapshot
  }

  /** What was foretold is for the operator to decide, and was shown; what was not is refused. */
  async before(step: Step): Promise<string | undefined> {
    if (step.mayBreak.some((words) => words.startsWith(CUTS_FLOWS))) return undefined
    try {
      const cut = cutBy(this.#snapshot(), [step])
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
