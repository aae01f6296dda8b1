/** What judges: one file a control. */
import type { Observation, Reference, Remark } from './judged.ts'
import type { Remedy } from './mended.ts'
import type { ControlId, Practice, Severity } from './names.ts'
import type { Readable, View } from './seen.ts'

/**
 * One control. A default export whose file name is the id and whose folder is the practice.
 * `reads`: must all be readable, else the outcome is unknown. `consults`: rungs of a ladder, each may be unread; the control
 * itself must then yield an `unknown` remark when what is left cannot decide.
 */
export interface Control<R extends Readable = Readable, E = any> {
  readonly title: string
  readonly severity: Severity
  readonly why: string
  readonly references: readonly Reference[]
  readonly reads: readonly R[]
  readonly consults?: readonly R[]
  evaluate(view: View<R>): Iterable<Observation<E> | Remark>
  readonly remedy: Remedy<E> | { readonly byHand: string }
  /** How an operator proves the fix beyond re-running the control; one sentence. */
  readonly verify?: string
  /** Its remedy adds something that the operator must want: a run without questions leaves it alone, unless the control is named. */
  readonly deliberate?: true
  readonly formerly?: readonly ControlId[]
}
/** A control with what its place in the tree says of it. */
export interface RegisteredControl extends Control {
  readonly id: ControlId
  readonly practice: Practice
}
