/** What the wizard asks of the rest of the program; wired in src/cli/commands/wizard.tsx, played by a fake in tests. */
import type {
  Approval,
  ControlId,
  FindingId,
  Json,
  Plan,
  RehearsalResult,
  Risk,
  RunId,
  SourceInfo,
  Step,
  StepId,
  StepState,
} from '../model/index.ts'
import type { LiveScan } from './live-scan.ts'

export interface ContextInfo {
  readonly name: string
  readonly server: string
  readonly user: string
  /** The kubeconfig's current-context. */
  readonly current: boolean
}
export interface ContextList {
  readonly contexts: readonly ContextInfo[]
  /** Why there are none, or what is wrong with the kubeconfig. */
  readonly problem?: string
}

export type SourceChoice =
  | { readonly kind: 'live'; readonly context: string }
  | { readonly kind: 'manifests'; readonly path: string }
  | { readonly kind: 'sample' }

/** Values the operator chose for remedies, by control and option. */
export type Values = Readonly<Record<ControlId, Readonly<Record<string, Json>>>>

export type ScanFeed = Pick<LiveScan, 'state' | 'controls' | 'subscribe'>

/** What the operator says to a rehearsed step. */
export type Answer = { readonly is: 'apply'; readonly approval: Approval } | { readonly is: 'skip' } | { readonly is: 'stop' }

export type RunEvent =
  | { readonly is: 'started'; readonly run: RunId }
  /** Of a run before that was cut off, while it is settled. `passing`: only what is waited for. */
  | { readonly is: 'told'; readonly text: string; readonly passing: boolean }
  | { readonly is: 'step'; readonly step: StepId; readonly state: StepState }

/** A source that is open: watched, judged, and able to be changed. */
export interface OpenedSource {
  readonly info: SourceInfo
  readonly scan: ScanFeed
  /** Resolves when there is nothing more to watch; rejects where the source cannot be read at all. */
  readonly ended: Promise<void>
  /** Compiles the findings into steps; `oneFirst`: Deployments of two pods or more in one pod first. Changes nothing. */
  plan(findings: readonly FindingId[], values: Values, options?: { readonly oneFirst: boolean }): Plan | Promise<Plan>
  /** Tries a step (live: `dryRun=All`) and says exactly what it would change. Changes nothing. */
  preview(step: Step): Promise<RehearsalResult>
  /** Where applying writes: "the live cluster", "the files in ./k8s", "a working copy in …". */
  readonly writesTo: string
  /**
   * Carries steps out in the plan's order. After a step is rehearsed `ask` is awaited; nothing is written without an approval.
   * Aborting `stop` ends the run after the step in flight.
   */
  run(plan: Plan, steps: readonly StepId[], ask: (step: StepId) => Promise<Answer>, stop: AbortSignal): AsyncIterable<RunEvent>
  close(): void
}

/** `undo-interrupted`: it was being taken back. */
export type PastStepState = 'interrupted' | 'undo-interrupted' | 'not-started' | 'not-written' | 'written' | 'verified' | 'undone'
export interface PastStep {
  readonly id: StepId
  readonly title: string
  readonly risk: Risk
  readonly state: PastStepState
  readonly note?: string
}
/** One run of apply, read from the journal. */
export interface RunSummary {
  readonly id: RunId
  /** ISO 8601. */
  readonly time: string
  readonly source: string
  readonly approvedBy: string
  readonly steps: readonly PastStep[]
  /** The program died or was cut off during a step. */
  readonly interrupted: boolean
  /** Why it cannot be undone from here; absent where it can. */
  readonly cannotUndo?: string
}

export interface Desk {
  contexts(): Promise<ContextList>
  open(choice: SourceChoice): Promise<OpenedSource>
  /** Newest first. */
  history(): Promise<readonly RunSummary[]>
  /** Takes a run's writes back, last first; `steps` absent: all of them. Values changed since by others stop it. */
  undo(run: RunId, steps: readonly StepId[] | undefined, stop: AbortSignal): AsyncIterable<RunEvent>
}

/** Epoch milliseconds and timers, so that tests own the time. */
export interface Clock {
  now(): number
  after(ms: number, then: () => void): () => void
}
