/** Steps that cut a flow which a record shows to be in use: they may break something, whatever their remedy says. */
import type { Snapshot, Step, StepId } from '../model/index.ts'
import { fewOf } from '../objects/few-of.ts'
import { endText } from '../objects/network-ends.ts'
import type { CutFlow } from './network-cuts.ts'
import { cutBy, flowsCutBetween, worldAfter } from './network-impact.ts'
import { changesReach } from './network-steps.ts'

/** How the sentence begins that says so among what a step may break. */
export const CUTS_FLOWS = 'it cuts what was seen to be in use: '

/** `it cuts what was seen to be in use: Deployment shop/web -> Deployment shop/cart TCP 8080 and 3 more flows`. */
export const cutReason = (cut: readonly CutFlow[]): string =>
  `${CUTS_FLOWS}${fewOf(cut.map(({ from, to, flow, port, perhaps }) => `${endText(from)} -> ${endText(to)} ${flow.protocol} ${port}${perhaps ? ' (perhaps)' : ''}`))}`

/**
 * Steps that cut a flow which all of them together leave cut, in their order, and why; what a later step lets through again is no
 * matter of these. `isTaken` false: a step that cuts is left out, and the others are judged without it. Nothing where no record of
 * flows was given.
 */
export function cuttingSteps(now: Snapshot, steps: readonly Step[], isTaken: boolean): ReadonlyMap<StepId, string> {
  const found = new Map<StepId, string>()
  if (now.fact('ObservedFlows') === undefined) return found
  const relevant = steps.filter(changesReach)
  for (;;) {
    const left = relevant.filter(({ id }) => isTaken || !found.has(id))
    const cutting = [...cutOneByOne(now, left)].filter(([id]) => !found.has(id))
    for (const [id, cut] of cutting) found.set(id, cutReason(cut))
    if (isTaken || cutting.length === 0) return found
  }
}

function* cutOneByOne(now: Snapshot, steps: readonly Step[]): Generator<readonly [StepId, readonly CutFlow[]]> {
  const last = steps.reduce(carriedOut, now)
  const gone = new Set(flowsCutBetween(now, last).cut.map(({ flow }) => flow))
  if (gone.size === 0) return
  let world = now
  for (const step of steps) {
    const then = carriedOut(world, step)
    const cut = then === world ? [] : flowsCutBetween(world, then).cut.filter(({ flow }) => gone.has(flow))
    if (cut.length > 0) yield [step.id, cut]
    world = then
  }
}

/** Flows that a step cuts as things are now, and that none of those after it lets through again. */
export function cutForGood(now: Snapshot, step: Step, later: readonly Step[]): readonly CutFlow[] {
  const cut = cutBy(now, [step])
  if (cut.length === 0 || later.length === 0) return cut
  const last = [step, ...later.filter(changesReach)].reduce(carriedOut, now)
  const gone = new Set(flowsCutBetween(now, last).cut.map(({ flow }) => flow))
  return cut.filter(({ flow }) => gone.has(flow))
}

/** What a step changes that another one is to create first may not be there: it alters nobody's reach then. */
function carriedOut(world: Snapshot, step: Step): Snapshot {
  try {
    return worldAfter(world, [step])
  } catch {
    return world
  }
}
