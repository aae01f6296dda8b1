/** Steps that cut a flow which a record shows to be in use: they may break something, whatever their remedy says. */
import type { Snapshot, Step, StepId } from '../model/index.ts'
import { fewOf } from '../objects/few-of.ts'
import { endText } from '../objects/network-ends.ts'
import type { CutFlow } from './network-cuts.ts'
import { cutBy, worldAfter } from './network-impact.ts'
import { changesReach } from './network-steps.ts'

/** How the sentence begins that says so among what a step may break. */
export const CUTS_FLOWS = 'it cuts what was seen to be in use: '

/** `it cuts what was seen to be in use: Deployment shop/web -> Deployment shop/cart TCP 8080 and 3 more flows`. */
export const cutReason = (cut: readonly CutFlow[]): string =>
  `${CUTS_FLOWS}${fewOf(cut.map(({ from, to, flow, port, perhaps }) => `${endText(from)} -> ${endText(to)} ${flow.protocol} ${port}${perhaps ? ' (perhaps)' : ''}`))}`

/**
 * Of steps in their order, those that cut a flow when all before them are carried out, and why. `isTaken` false: a step that cuts is
 * left out, and what comes after it is judged without it. Nothing where no record of flows was given.
 */
export function cuttingSteps(now: Snapshot, steps: readonly Step[], isTaken: boolean): ReadonlyMap<StepId, string> {
  const found = new Map<StepId, string>()
  if (now.fact('ObservedFlows') === undefined) return found
  let world = now
  for (const step of steps) {
    if (!changesReach(step)) continue
    const cut = cutBy(world, [step])
    if (cut.length > 0) found.set(step.id, cutReason(cut))
    if (cut.length === 0 || isTaken) world = carriedOut(world, step)
  }
  return found
}

/** What a step changes that another one is to create first may not be there: it alters nobody's reach then. */
function carriedOut(world: Snapshot, step: Step): Snapshot {
  try {
    return worldAfter(world, [step])
  } catch {
    return world
  }
}
