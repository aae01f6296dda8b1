/** What a plan makes of who reaches whom: worked out while a screen asks for it, in pieces between which frames are drawn and keys are answered. */
import type { Snapshot, Step } from '../model/index.ts'
import { FLOW_KINDS } from '../objects/network-flows.ts'
import { REACH_KINDS } from '../objects/network-reach.ts'
import { changesReach } from '../plan/network-steps.ts'
import { isRunning } from './actions-run.ts'
import { foreseenSteps } from './connectivity-sight.ts'
import { type Foretold, foretell, isSame } from './network-foretold.ts'
import { selectedSteps } from './rows-plan.ts'
import type { State } from './store-state.ts'
import type { EffectPorts } from './store-tasks.ts'

interface Asked {
  readonly snapshot: Snapshot
  readonly steps: readonly Step[]
}
/** Milliseconds at a time, so that a key waits no longer; and how often the screen says how far it is. */
const PIECE = 6
const TELL_EVERY = 250
/** What was looked at a moment ago, plan and steps of it, is there at once. */
const MOST_KEPT = 4

/** To be called after every action: begins anew where other steps are on the screen, or the cluster is another one to policies. */
export function foretoldEffects({ get, dispatch, clock }: EffectPorts, task: (work: Promise<void>) => Promise<void>): () => void {
  let going: Asked | undefined
  const kept: (Asked & { readonly told: Foretold | string })[] = []

  async function workOut(mine: Asked): Promise<void> {
    const pieces = foretell(mine.snapshot, mine.steps)
    let toldAt = clock.now()
    for (;;) {
      await new Promise<void>((resolve) => void clock.after(0, resolve))
      // A cluster that changes all the time is followed once this is done; other steps, at once.
      if (going !== mine || !isSame(wantedSteps(get()) ?? [], mine.steps)) break
      const until = clock.now() + PIECE
      let piece = pieces.next()
      while (piece.done !== true && clock.now() < until) piece = pieces.next()
      if (piece.done === true) {
        kept.unshift({ ...mine, told: piece.value })
        kept.length = Math.min(kept.length, MOST_KEPT)
        going = undefined
        dispatch({ type: 'foretold', ...mine, told: piece.value })
        return
      }
      if (clock.now() - toldAt >= TELL_EVERY) {
        toldAt = clock.now()
        dispatch({ type: 'foretelling', steps: mine.steps, done: piece.value })
      }
    }
    if (going === mine) going = undefined
  }

  return () => {
    const state = get()
    const steps = wantedSteps(state)
    const snapshot = state.scan?.snapshot
    if (steps === undefined || snapshot === undefined) return
    const isKnown = (one: Asked) => isSame(one.steps, steps) && isSameWorld(one.snapshot, snapshot)
    const { foretold } = state
    if (foretold?.of !== undefined && isKnown({ steps: foretold.steps, snapshot: foretold.of })) return
    if (going !== undefined && isSame(going.steps, steps)) return
    const before = kept.find(isKnown)
    if (before !== undefined) return dispatch({ type: 'foretold', snapshot, steps, told: before.told })
    const mine = { snapshot, steps }
    going = mine
    dispatch({ type: 'foretelling', steps, done: 0 })
    void task(workOut(mine))
  }
}

/** Steps that the screen shows the reach of, and that may change any. Half of a cluster looks different. */
export function wantedSteps(state: State): readonly Step[] | undefined {
  const { scan, planned } = state
  if (scan?.synced !== true || isRunning(state)) return undefined
  const steps = shownSteps(state, planned)
  return steps?.some(changesReach) === true ? steps : undefined
}
function shownSteps(state: State, planned: State['planned']): readonly Step[] | undefined {
  const { route, connectivity } = state
  switch (route.at) {
    case 'connectivity':
    case 'matrix':
    case 'reach':
      return connectivity.show === 'now' ? undefined : foreseenSteps(state)?.steps
    case 'plan':
      return planned === undefined ? undefined : selectedSteps(planned)
    case 'step':
      return planned?.plan?.steps.filter(({ id }) => id === route.id)
    default:
      return undefined
  }
}

const KINDS = [...new Set([...REACH_KINDS, ...FLOW_KINDS])]
const isSameWorld = (a: Snapshot, b: Snapshot): boolean =>
  a === b ||
  (a.fact('ObservedFlows') === b.fact('ObservedFlows') &&
    KINDS.every((kind) => a.all(kind) === b.all(kind) && a.unread(kind)?.because === b.unread(kind)?.because))
