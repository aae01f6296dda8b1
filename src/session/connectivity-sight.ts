/** Which matrix is on the screen: as it is, as it would be, or the difference; and what has to be said above it. */
import type { Plan, Snapshot, Step } from '../model/index.ts'
import type { MatrixEnd, ReachMatrix } from '../objects/network-matrix.ts'
import type { MatrixCell } from '../objects/network-matrix-cell.ts'
import { changesReach } from '../plan/network-impact.ts'
import { cellOf, matrixOf, type Show } from './connectivity.ts'
import { type Foretold, foretellingText, foretoldOf } from './network-foretold.ts'
import { selectedSteps } from './rows-plan.ts'
import type { State } from './store-state.ts'
import { count } from './text.ts'

export interface Sight {
  readonly show: Show
  readonly snapshot: Snapshot
  /** As it is now; the ends on the screen are of it. */
  readonly matrix: ReachMatrix
  /** What the steps make of it; only where it is shown. */
  readonly foretold?: Foretold
}
export const nowAt = ({ snapshot, matrix }: Sight, from: MatrixEnd, to: MatrixEnd): MatrixCell => cellOf(snapshot, matrix, from, to)
/** As now where there is no plan in sight, or an end is not there any more. */
export function thenAt(sight: Sight, from: MatrixEnd, to: MatrixEnd): MatrixCell {
  const after = sight.foretold?.after
  const [source, destination] = [after?.find(from.id), after?.find(to.id)]
  if (after === undefined || source === undefined || destination === undefined) return nowAt(sight, from, to)
  return cellOf(sight.snapshot, after, source, destination)
}

/** Steps whose effect can be shown, and in words whose they are. */
export interface Foreseen {
  readonly steps: readonly Step[]
  readonly by: string
}
const policySteps = (planned: State['planned']): readonly Step[] =>
  planned === undefined ? [] : selectedSteps(planned).filter(changesReach)
export const plansPolicies = ({ planned }: State): boolean => policySteps(planned).length > 0
/** Of the plan, where it changes policies; else of a plan of the findings about the network, made to be looked at. */
export function foreseenSteps({ planned, foreseen }: State): Foreseen | undefined {
  const chosen = policySteps(planned)
  if (chosen.length > 0) return { steps: chosen, by: `${count(chosen.length, 'step')} of the plan` }
  const made: Plan | undefined = foreseen?.plan
  if (made === undefined) return undefined
  const steps = made.steps.filter(changesReach)
  return { steps, by: `the fix of ${count(foreseen!.findings.length, 'finding')} about policies` }
}

/** What is to be drawn, or the sentence that stands there instead. */
export function sightOf(state: State): Sight | string {
  const { scan, connectivity, foreseen } = state
  if (scan === undefined) return 'Reading ...'
  const { show } = connectivity
  if (show === 'now') return { show, snapshot: scan.snapshot, matrix: matrixOf(scan.snapshot) }
  const ahead = foreseenSteps(state)
  if (ahead === undefined)
    return foreseen?.problem ?? (scan.synced ? 'Working out what the fixes would change ...' : 'Still reading; a plan needs all of it.')
  if (ahead.steps.length === 0) return 'No step is known that changes policies: t goes back to what is now.'
  if (!scan.synced) return 'Still reading; what a plan changes is worked out of all of it.'
  const told = foretoldOf(state, ahead.steps)
  if (told === undefined) return foretellingText(state, ahead.by)
  return typeof told === 'string' ? told : { show, snapshot: scan.snapshot, matrix: told.before, foretold: told }
}
