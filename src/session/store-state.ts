import type { PracticeSummary } from '../engine/score.ts'
import type {
  ControlId,
  Finding,
  FindingId,
  Json,
  Outcome,
  Plan,
  Practice,
  RegisteredControl,
  RehearsalResult,
  Risk,
  RunId,
  Severity,
  Snapshot,
  SourceInfo,
  StepId,
  StepState,
} from '../model/index.ts'
import type { RbacGraph } from '../objects/rbac-graph.ts'
import type { Cut } from '../objects/rbac-graph-cuts.ts'
import type { Show } from './connectivity.ts'
import type { Size } from './layout.ts'
import type { Foretelling } from './network-foretold.ts'
import type { ContextList, RunSummary, SourceChoice, Values } from './ports.ts'
import type { Route } from './route.ts'
import type { Toast } from './toasts.ts'

/** A place in a list: by key, so that it survives what comes and goes around it. */
export interface Position {
  readonly key?: string
  /** Where the key was last; where it is gone, the neighbour is taken. In running text: the first visible row. */
  readonly index: number
  /** How far below the top of the pane the selection stands. */
  readonly offset: number
}

/** `+` appeared, `~` changed, `-` resolved; shown until `until`. */
export interface Fresh {
  readonly mark: '+' | '~' | '-'
  readonly until: number
}

export interface Scan {
  readonly snapshot: Snapshot
  readonly controls: readonly RegisteredControl[]
  readonly outcomes: ReadonlyMap<ControlId, Outcome>
  readonly problems: readonly { readonly file: string; readonly line: number; readonly message: string }[]
  readonly synced: boolean
  readonly findings: ReadonlyMap<FindingId, Finding>
  readonly summary: Readonly<Record<Practice, PracticeSummary>>
  readonly fresh: ReadonlyMap<FindingId, Fresh>
  /** Resolved a moment ago, still shown. */
  readonly gone: ReadonlyMap<FindingId, Finding>
  /** Nothing more will come; with a reason where that was not wanted. */
  readonly ended?: { readonly because?: string }
}

export type Grouping = 'check' | 'object' | 'owner'
export interface Filter {
  readonly text: string
  /** Nothing lighter than this is listed. */
  readonly least?: Severity
  readonly by: Grouping
  /** Groups turned from how they come: closed ones opened, open ones closed. */
  readonly turned: ReadonlySet<string>
}

/** The question of who can; '' is all namespaces, any name. */
export interface Asked {
  readonly verb: string
  readonly resource: string
  readonly namespace: string
  readonly name: string
}

/** Single removals, tried out on the escalation graph while its screens are shown. */
export interface Tried {
  readonly graph: RbacGraph
  /** The subject that is looked at, '' for all. */
  readonly of: string
  readonly number: number
  /** The best first; of the graph before, until the new ones are known. */
  readonly cuts?: readonly Cut[]
  readonly problem?: string
  readonly ended?: true
}

/** How the connectivity screens are looked at. */
export interface Connectivity {
  readonly show: Show
  /** Id of the end whose column is looked at, and the first column in sight. */
  readonly column?: string
  readonly left: number
}
/** A plan of the findings about policies, made to be looked at while there is none that changes policies. */
export interface ForeseenPlan {
  readonly of: string
  readonly findings: readonly FindingId[]
  readonly plan?: Plan
  readonly problem?: string
}

export interface Connecting {
  readonly list?: ContextList
  readonly opening?: SourceChoice
  readonly problem?: { readonly choice: SourceChoice; readonly because: string }
}

/** The fix of what is being looked at, worked out while it is on the screen. */
export interface Look {
  readonly of: string
  readonly plan?: Plan
  readonly previews: ReadonlyMap<StepId, RehearsalResult>
  readonly problem?: string
  readonly done: boolean
}

export interface Planned {
  readonly asked: readonly FindingId[]
  readonly plan?: Plan
  readonly problem?: string
  /** Steps the operator took out. */
  readonly off: ReadonlySet<StepId>
  /** Deployments of two pods or more are changed in one pod first. */
  readonly oneFirst?: boolean
  /** The highest risk that was taken in by key; absent: chosen one by one, or all. */
  readonly upTo?: Risk
}

export interface RunStep {
  readonly id: StepId
  readonly title: string
  readonly risk: Risk
  readonly mayBreak: readonly string[]
  readonly mends: number
  /** It makes files that the operator puts in place. */
  readonly files?: true
  /** What has to be typed for it, where it may break something. */
  readonly word: string
}
export interface Asking {
  readonly step: StepId
  /** Epoch milliseconds; input is ignored for a moment from here. */
  readonly since: number
  readonly focus: ButtonId
  readonly typed: string
  readonly wrong: boolean
}
export type ButtonId = 'typed' | 'skip' | 'apply' | 'apply-safe' | 'stop'
/** A run of apply or undo, on the screen `apply` while it goes and on `outcome` afterwards. */
export interface Running {
  readonly kind: 'apply' | 'undo'
  /** What approvals are for; absent for an undo. */
  readonly plan?: Plan
  readonly steps: readonly RunStep[]
  readonly states: ReadonlyMap<StepId, StepState>
  readonly rehearsed: ReadonlyMap<StepId, { readonly diff: string; readonly warnings: readonly string[] }>
  readonly asking?: Asking
  /** Safe steps without warnings are no longer asked about. */
  readonly automatic: boolean
  readonly stopping: boolean
  readonly run?: RunId
  /** What became of a run before that was cut off, and what is waited for meanwhile. */
  readonly told: readonly string[]
  readonly settling?: string
  /** Since when the step in work is rehearsed, or written, or taken back, and the time last looked at; both epoch milliseconds. */
  readonly worked?: { readonly since: number; readonly now: number }
  readonly ended?: { readonly problem?: string }
}

export type Overlay =
  /** `length`: rows of the page, `top`: the first that is visible. */
  | { readonly is: 'help'; readonly length: number; readonly top: number }
  | { readonly is: 'entry'; readonly of: 'filter' | 'path'; readonly text: string }
  | { readonly is: 'entry'; readonly of: 'value'; readonly control: ControlId; readonly option: string; readonly text: string }
  | { readonly is: 'entry'; readonly of: 'question'; readonly field: keyof Asked; readonly text: string }
  | { readonly is: 'confirm'; readonly about: 'stop'; readonly since: number; readonly yes: boolean }
  | {
      readonly is: 'confirm'
      readonly about: 'undo'
      readonly run: RunId
      readonly steps?: readonly StepId[]
      readonly since: number
      readonly yes: boolean
    }

export interface State {
  readonly size: Size
  readonly route: Route
  readonly trail: readonly Route[]
  readonly overlay?: Overlay
  readonly positions: Readonly<Record<string, Position>>
  readonly connecting: Connecting
  readonly source?: { readonly info: SourceInfo; readonly choice: SourceChoice; readonly writesTo: string }
  readonly scan?: Scan
  readonly marked: ReadonlySet<FindingId>
  readonly values: Values
  readonly filter: Filter
  readonly asked: Asked
  readonly look?: Look
  readonly tried?: Tried
  readonly connectivity: Connectivity
  readonly foreseen?: ForeseenPlan
  readonly foretold?: Foretelling
  readonly planned?: Planned
  readonly running?: Running
  readonly history?: { readonly runs: readonly RunSummary[]; readonly problem?: string }
  readonly toast?: Toast
  /** Nothing is drawn at the moment. */
  readonly isBlank?: boolean
  /** Set once: the program ends with this code when nothing is in flight. */
  readonly leaveWith?: number
  readonly leaving?: number
}

export const initialState = (size: Size): State => ({
  size,
  route: { at: 'connect' },
  trail: [],
  positions: {},
  connecting: {},
  marked: new Set(),
  values: {},
  connectivity: { show: 'now', left: 0 },
  filter: { text: '', by: 'check', turned: new Set() },
  asked: { verb: 'get', resource: 'secrets', namespace: '', name: '' },
})

/** A value as shown and typed. */
export const valueText = (value: Json | undefined): string =>
  value === undefined ? '' : typeof value === 'string' ? value : JSON.stringify(value)

/** The same for reading: what is empty is called so. */
export const shownValue = (value: Json | undefined): string =>
  value === undefined ? 'not given yet' : value === '' || (Array.isArray(value) && value.length === 0) ? 'nothing' : valueText(value)
