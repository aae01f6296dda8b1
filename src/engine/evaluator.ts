import type { ControlId, Outcome, Readable, RegisteredControl, Snapshot } from '../model/index.ts'
import { alike } from './alike.ts'
import type { AttestedBy } from './attestations.ts'
import { FindingKeeper, type IsExcepted } from './finding-keeper.ts'
import { judge } from './judge.ts'

/**
 * Outcomes of all controls, kept up to date: a control runs again only when something it may look at has changed, and what it
 * then says again (outcomes, lists of findings, findings) stays the very same object.
 */
export class Evaluator {
  readonly #controls: readonly (readonly [RegisteredControl, FindingKeeper])[]
  readonly #isExcepted: IsExcepted
  readonly #attestedBy: AttestedBy | undefined
  #outcomes: ReadonlyMap<ControlId, Outcome> = new Map()

  constructor(controls: readonly RegisteredControl[], isExcepted: IsExcepted = () => false, attestedBy?: AttestedBy) {
    this.#isExcepted = isExcepted
    this.#attestedBy = attestedBy
    this.#controls = controls.map((control) => [control, new FindingKeeper(control, isExcepted)])
  }

  get outcomes(): ReadonlyMap<ControlId, Outcome> {
    return this.#outcomes
  }

  /** `changed` absent: judge everything. Returns outcomes in the order of the controls. */
  update(snapshot: Snapshot, changed?: ReadonlySet<Readable>): ReadonlyMap<ControlId, Outcome> {
    const before = this.#outcomes
    this.#outcomes = new Map(
      this.#controls.map(([control, keeper]) => {
        const known = before.get(control.id)
        const stale = known === undefined || changed === undefined || touches(control, changed)
        return [control.id, stale ? settled(known, judge(control, snapshot, this.#isExcepted, keeper, this.#attestedBy)) : known]
      }),
    )
    return this.#outcomes
  }
}

/** The outcome of before where the new one says the same. Findings are compared by what they are, which the keeper has settled. */
function settled(before: Outcome | undefined, after: Outcome): Outcome {
  if (before === undefined || before.findings !== after.findings) return after
  return alike(before, after) ? before : after
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
