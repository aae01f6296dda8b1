import type { Plan, Risk, Step, StepId } from '../model/index.ts'
import type { PlanAction } from './actions.ts'
import { go } from './actions-move.ts'
import { deliberateSteps } from './rows-plan.ts'
import type { Planned, State, Tried } from './store-state.ts'

/** The plan, and which of its steps are wanted. */
export function plan(state: State, action: PlanAction): State {
  const { planned, look } = state
  switch (action.type) {
    case 'plan':
      return { ...go(state, { at: 'plan' }), planned: { asked: action.findings, off: new Set() } }
    case 'planned':
      return planned === undefined ? state : { ...state, planned: { ...planned, plan: action.plan, off: notAskedFor(state, action.plan) } }
    case 'plan-failed':
      return planned === undefined ? state : { ...state, planned: { ...planned, problem: action.because } }
    case 'toggle-step':
      return planned?.plan === undefined
        ? state
        : { ...state, planned: { ...planned, off: toggledWith(planned.plan.steps, planned.off, action.step) } }
    case 'toggle-all-steps':
      return planned?.plan === undefined
        ? state
        : { ...state, planned: { ...planned, off: new Set(planned.off.size > 0 ? [] : planned.plan.steps.map((step) => step.id)) } }
    case 'take-by-risk': {
      if (planned?.plan === undefined) return state
      const upTo = RISKS[(RISKS.indexOf(planned.upTo ?? 'may-break') + 1) % RISKS.length]!
      return { ...state, planned: { ...planned, upTo, off: riskier(planned.plan.steps, upTo) } }
    }
    case 'one-first':
      return planned === undefined ? state : { ...state, planned: { ...again(planned), oneFirst: planned.oneFirst !== true } }
    case 'looking':
      return { ...state, look: { of: action.of, previews: new Map(), done: false } }
    case 'trying':
      return { ...state, tried: trying(state.tried, action) }
    case 'tried':
      return state.tried === undefined ? state : { ...state, tried: withTried(state.tried, action) }
    case 'looked': {
      if (look === undefined || look.of !== action.of) return state
      const previews = action.preview === undefined ? look.previews : new Map(look.previews).set(...action.preview)
      return {
        ...state,
        look: {
          ...look,
          previews,
          done: action.done,
          ...(action.plan && { plan: action.plan }),
          ...(action.problem !== undefined && { problem: action.problem }),
        },
      }
    }
  }
}

/** What was found of the same subject before stays in sight until it is known anew. */
const trying = (before: Tried | undefined, { graph, of, cuts }: Extract<PlanAction, { type: 'trying' }>): Tried => ({
  graph,
  of,
  number: 0,
  ...(cuts !== undefined ? { cuts, ended: true } : before?.of === of && before.cuts !== undefined && { cuts: before.cuts }),
})
function withTried({ graph, of, cuts: before }: Tried, { number, cuts, problem }: Extract<PlanAction, { type: 'tried' }>): Tried {
  if (problem !== undefined) return { graph, of, number, problem, ended: true }
  if (cuts !== undefined) return { graph, of, number, cuts, ended: true }
  return { graph, of, number, ...(before !== undefined && { cuts: before }) }
}

/** The same findings, to be planned anew. */
export const again = ({ asked, oneFirst }: Planned): Planned => ({ asked, off: new Set(), ...(oneFirst !== undefined && { oneFirst }) })

/** Whoever plans everything has not asked for what only adds to the cluster; whoever marked or chose it has. */
function notAskedFor({ scan, marked }: State, made: Plan): ReadonlySet<StepId> {
  if (scan === undefined || marked.size > 0) return new Set()
  const off = deliberateSteps(made, scan)
  return off.size === made.steps.length ? new Set() : off
}

const RISKS: readonly Risk[] = ['safe', 'restarts-pods', 'may-break']
/** Steps above a risk, and those that need one of them. */
const riskier = (steps: readonly Step[], upTo: Risk): ReadonlySet<StepId> =>
  steps
    .filter((step) => RISKS.indexOf(step.risk) > RISKS.indexOf(upTo))
    .reduce<ReadonlySet<StepId>>((off, step) => (off.has(step.id) ? off : toggledWith(steps, off, step.id)), new Set())

/** Leaving a step out leaves out what must come after it; taking one in takes in what must come before. */
export function toggledWith(steps: readonly Step[], off: ReadonlySet<StepId>, id: StepId): ReadonlySet<StepId> {
  const takesOut = !off.has(id)
  const next = new Set(off)
  const visit = (one: StepId): void => {
    if (takesOut === next.has(one)) return
    if (takesOut) next.add(one)
    else next.delete(one)
    if (takesOut) for (const step of steps) if (step.after.includes(one)) visit(step.id)
    if (!takesOut) for (const before of steps.find((step) => step.id === one)?.after ?? []) visit(before)
  }
  visit(id)
  return next
}
