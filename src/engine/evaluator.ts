import type { ControlId, Outcome, Readable, RegisteredControl, Snapshot } from '../model/index.ts'
import { type IsExcepted, judge } from './judge.ts'

/** Outcomes of all controls, kept up to date: a control runs again only when something it may look at has changed. */
export class Evaluator {
  readonly #controls: readonly RegisteredControl[]
  readonly #isExcepted: IsExcepted
  #outcomes: ReadonlyMap<ControlId, Outcome> = new Map()

  constructor(controls: readonly RegisteredControl[], isExcepted: IsExcepted = () => false) {
    this.#controls = controls
    this.#isExcepted = isExcepted
  }

  get outcomes(): ReadonlyMap<ControlId, Outcome> { return this.#outcomes }

  /** `changed` absent: judge everything. Returns outcomes in the order of the controls. */
  update(snapshot: Snapshot, changed?: ReadonlySet<Readable>): ReadonlyMap<ControlId, Outcome> {
    const before = this.#outcomes
    this.#outcomes = new Map(this.#controls.map((control) => {
      const known = before.get(control.id)
      const stale = known === undefined || changed === undefined || touches(control, changed)
      return [control.id, stale ? judge(control, snapshot, this.#isExcepted) : known]
    }))
    return this.#outcomes
  }
}

const touches = (control: RegisteredControl, changed: ReadonlySet<Readable>): boolean =>
  control.reads.some((what) => changed.has(what)) || (control.consults ?? []).some((what) => changed.has(what))

/** Everything these controls may look at: what to read, to watch, and to ask permission for. */
export function wantedBy(controls: readonly RegisteredControl[]): ReadonlySet<Readable> {
  const wanted = new Set<Readable>()
  for (const control of controls) {
    for (const what of control.reads) wanted.add(what)
    for (const what of control.consults ?? []) wanted.add(what)
    if ('propose' in control.remedy) for (const what of control.remedy.reads) wanted.add(what)
  }
  return wanted
}
