/** Everything that can happen in the wizard: what the operator does, and what comes back. Times (`at`) are epoch milliseconds. */
import type {
  ControlId,
  FindingId,
  Json,
  Plan,
  RegisteredControl,
  RehearsalResult,
  RunId,
  Severity,
  Snapshot,
  SourceInfo,
  Step,
  StepId,
} from '../model/index.ts'
import type { RbacGraph } from '../objects/rbac-graph.ts'
import type { Cut } from '../objects/rbac-graph-cuts.ts'
import type { Size } from './layout.ts'
import type { ScanState } from './live-scan.ts'
import type { Foretold } from './network-foretold.ts'
import type { ContextList, RunEvent, RunSummary, SourceChoice } from './ports.ts'
import type { Route } from './route.ts'
import type { ButtonId, Overlay } from './store-state.ts'
import type { Toast } from './toasts.ts'

export type Action = MoveAction | TypeAction | SourceAction | ChooseAction | PlanAction | ConnectivityAction | RunAction | LeaveAction

export type MoveAction =
  | { readonly type: 'size'; readonly size: Size }
  | { readonly type: 'go'; readonly to: Route }
  | { readonly type: 'back' }
  | { readonly type: 'move'; readonly by: number }
  /** In pages: 0.5 is half a page down. */
  | { readonly type: 'page'; readonly by: number }
  | { readonly type: 'edge'; readonly to: 'first' | 'last' }
  | { readonly type: 'next-practice'; readonly by: 1 | -1 }
  | { readonly type: 'overlay'; readonly overlay?: Overlay }
  | { readonly type: 'toast'; readonly toast: Toast }
  /** Draws nothing for a moment, so that the next frame is drawn as a whole. */
  | { readonly type: 'blank'; readonly on: boolean }
  /** Time has passed: marks and notices that are over go. */
  | { readonly type: 'tick'; readonly at: number }

export type TypeAction =
  | { readonly type: 'typed'; readonly text: string }
  | { readonly type: 'erased' }
  | { readonly type: 'cleared' }
  | { readonly type: 'accept' }

export type SourceAction =
  | { readonly type: 'contexts'; readonly list: ContextList }
  | { readonly type: 'open'; readonly choice: SourceChoice }
  | { readonly type: 'opened'; readonly choice: SourceChoice; readonly info: SourceInfo; readonly writesTo: string }
  | { readonly type: 'open-failed'; readonly choice: SourceChoice; readonly because: string }
  | { readonly type: 'scanned'; readonly state: ScanState; readonly controls: readonly RegisteredControl[]; readonly at: number }
  | { readonly type: 'scan-ended'; readonly because?: string }

export type ChooseAction =
  | { readonly type: 'mark'; readonly findings: readonly FindingId[] }
  | { readonly type: 'turn'; readonly group: string }
  | { readonly type: 'group-by' }
  | { readonly type: 'least'; readonly severity?: Severity }
  | { readonly type: 'choose'; readonly control: ControlId; readonly option: string; readonly value: Json }
  | { readonly type: 'clear-filter' }

export type PlanAction =
  | { readonly type: 'plan'; readonly findings: readonly FindingId[] }
  | { readonly type: 'planned'; readonly plan: Plan }
  | { readonly type: 'plan-failed'; readonly because: string }
  | { readonly type: 'toggle-step'; readonly step: StepId }
  | { readonly type: 'toggle-all-steps' }
  /** Only safe steps; then those that restart pods, too; then all. */
  | { readonly type: 'take-by-risk' }
  /** One new pod first, or all at once; the plan is made anew. */
  | { readonly type: 'one-first' }
  | { readonly type: 'looking'; readonly of: string }
  | {
      readonly type: 'looked'
      readonly of: string
      readonly plan?: Plan
      readonly preview?: readonly [StepId, RehearsalResult]
      readonly problem?: string
      readonly done: boolean
    }
  /** `cuts`: known already. */
  | { readonly type: 'trying'; readonly graph: RbacGraph; readonly of: string; readonly cuts?: readonly Cut[] }
  /** `cuts` or `problem`: that was the last. */
  | { readonly type: 'tried'; readonly number: number; readonly cuts?: readonly Cut[]; readonly problem?: string }

export type ConnectivityAction =
  /** The column of the matrix that is looked at, so many further. */
  | { readonly type: 'column'; readonly by: number }
  /** As it is now, with the plan, the difference; and round again. */
  | { readonly type: 'show-next' }
  | { readonly type: 'foreseeing'; readonly of: string; readonly findings: readonly FindingId[] }
  /** Of the same steps what is known already stays in sight. `done`: from 0 to 1. */
  | { readonly type: 'foretelling'; readonly steps: readonly Step[]; readonly done: number }
  | { readonly type: 'foretold'; readonly steps: readonly Step[]; readonly snapshot: Snapshot; readonly told: Foretold | string }
  /** `plan` or `problem`. */
  | { readonly type: 'foreseen'; readonly of: string; readonly plan?: Plan; readonly problem?: string }

export type RunAction =
  | { readonly type: 'begin' }
  | { readonly type: 'undo'; readonly run: RunId; readonly steps?: readonly StepId[] }
  | { readonly type: 'run-event'; readonly event: RunEvent; readonly at: number }
  | { readonly type: 'asked'; readonly step: StepId; readonly at: number }
  | { readonly type: 'focus'; readonly by: 1 | -1 }
  | { readonly type: 'mistyped' }
  | { readonly type: 'answer'; readonly answer: Exclude<ButtonId, 'typed'> }
  | { readonly type: 'stop' }
  | { readonly type: 'run-ended'; readonly problem?: string }
  | { readonly type: 'history'; readonly runs: readonly RunSummary[]; readonly problem?: string }

export type LeaveAction =
  /** Ends the program; while a run goes on, after the step in flight. `now`: without waiting for it. */
  { readonly type: 'leave'; readonly code: number; readonly now?: true }
