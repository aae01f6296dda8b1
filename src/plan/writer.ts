/** The port through which the plan reaches whatever it changes: a live cluster, a directory of manifests, a directory of patch files. */
import type { Approval, Rehearsal, RehearsalResult, Step, Written } from '../model/index.ts'

/** Told while something takes its time: what is waited for, `kube-apiserver on cp-1 to come back (12 s)`. */
export type Tell = (words: string) => void

/**
 * The life of a step: rehearse → intent → (journal, fsynced) → commit → state, and perhaps undo. Only `commit` and `undo` change anything.
 * `Written` goes through the journal as JSON: everything `commit`, `state` and `undo` need after a crash must be in it (and no secret).
 */
export interface Writer {
  readonly name: string
  /** Tries the step without changing anything. What the other side may well refuse is a value; only our own mistakes throw. */
  rehearse(step: Step): Promise<RehearsalResult>
  /** What commit will write, one entry per object or file, in the order of writing. Changes nothing. */
  intent(rehearsal: Rehearsal): Promise<readonly Written[]>
  /**
   * Sends exactly what was rehearsed. Throws `WriteConflict` where something changed since, `WriteRefused` where the other side says no,
   * `WriteUncertain` where its answer was lost and asking did not help either; entries of `written` that were carried out before the throw are then in state `after`, the others in state `before`.
   */
  commit(rehearsal: Rehearsal, written: readonly Written[], approval: Approval, tell?: Tell): Promise<Committed>
  /** What is there now: as it was before the write, as the write left it, changed by somebody else, or not there at all. */
  state(written: Written): Promise<WrittenState>
  /**
   * Takes the entries back, last first. Entries already in state `before` are left alone. Throws `WriteConflict`, before anything is
   * taken back, where a value that we wrote was changed since. `dryRun`: only try.
   */
  undo(written: readonly Written[], dryRun?: boolean, tell?: Tell): Promise<void>
  /** Comes back once what stands written, of a process that died, is seen in effect; throws `WriteRefused` where it is not. */
  prove?(written: readonly Written[], tell?: Tell): Promise<void>
  /** Takes away what a crash may have left beside the entries, half-written files for instance, where all of them are in state `before`. */
  tidy?(written: readonly Written[]): Promise<void>
}

export interface Committed {
  readonly warnings: readonly string[]
  /** Files made for a human to place; the step then ends `handed-over`. */
  readonly files?: readonly string[]
}
export type WrittenState = 'before' | 'after' | 'other' | 'gone'

/** What we were about to write over is not what it was: a lost race, or a change made since. Nothing was overwritten. */
export class WriteConflict extends Error {
  override readonly name = 'WriteConflict'
}

/** What a refusal begins with that earlier steps of the plan may remove. */
export const NOT_YET = 'not yet: '

/** The other side refused; `refusedBy` says who (`the API server`, `admission webhook x`, `the file system`). */
export class WriteRefused extends Error {
  override readonly name = 'WriteRefused'
  readonly refusedBy: string
  constructor(refusedBy: string, because: string) {
    super(because)
    this.refusedBy = refusedBy
  }
}

/** The answer was lost on the way: whether it was written is not known. The journal keeps the step as interrupted. */
export class WriteUncertain extends Error {
  override readonly name = 'WriteUncertain'
}

/** Throws unless the approval covers this step: every writer asks this first in `commit` (safety law 2). */
export function requireApproval(approval: Approval, rehearsal: Rehearsal): void {
  if (!approval.steps.has(rehearsal.step)) throw new Error(`step ${rehearsal.step} was not approved`)
}
