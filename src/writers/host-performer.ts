/** What carries out one kind of host action; writers/host.ts picks it by `do`. */
import type { ApiClient } from '../apiserver/client.ts'
import type { Host } from '../hosts/host.ts'
import type { HostAction, RunId, StepId, Written } from '../model/index.ts'
import type { WrittenState } from '../plan/writer.ts'

export interface HostWorld {
  readonly client: ApiClient
  /** Throws `WriteRefused` where the node is not among the hosts. */
  host(node: string): Host
  /** Names the folder of backups on a node: `/var/lib/k8s-harden/RUN/STEP`. */
  readonly run: RunId
  /** Told while something takes its time: "waiting for the API server of cp-1 (12 s)". */
  readonly tell: (words: string) => void
  /** Aborted when the operator interrupts: what is under way is finished or put back, nothing new is begun. */
  readonly signal: AbortSignal
  /** Milliseconds that a component may take to come back. */
  readonly patienceMs: number
}

/**
 * The life of one action, as `Writer` has it for a step. What the other side may well refuse throws `WriteRefused`, a lost race
 * `WriteConflict`, a lost answer `WriteUncertain`. `Prepared` stays in memory and may hold secrets; `Written` is journalled and may not.
 */
export interface Performer<A extends HostAction = HostAction, Prepared = unknown> {
  rehearse(
    action: A,
    world: HostWorld,
  ): Promise<{ readonly diff: string; readonly warnings: readonly string[]; readonly prepared: Prepared }>
  /** Its `undo` must begin with `{ is: 'host', do: A['do'] }`, by which it is found again after a crash. */
  intent(action: A, prepared: Prepared, step: StepId, world: HostWorld): Promise<readonly Written[]>
  /** Returns warnings. Comes back only when it is proved, or after it was put back (then it throws and says why). */
  commit(action: A, prepared: Prepared, written: readonly Written[], world: HostWorld): Promise<readonly string[]>
  state(written: Written, world: HostWorld): Promise<WrittenState>
  undo(written: readonly Written[], dryRun: boolean, world: HostWorld): Promise<void>
  /** As `Writer.prove`. */
  prove?(written: readonly Written[], world: HostWorld): Promise<void>
}
