import type { StepState } from '../model/index.ts'
import { breaksWords } from '../plan/step-words.ts'
import type { LeaveAction, RunAction } from './actions.ts'
import { closed, go } from './actions-move.ts'
import { confirmWord } from './approve.ts'
import type { RunEvent } from './ports.ts'
import { buttonsOf } from './rows-apply.ts'
import { undoable } from './rows-history.ts'
import { hasFailed } from './rows-outcome.ts'
import { selectedSteps } from './rows-plan.ts'
import type { Running, RunStep, State } from './store-state.ts'

/** A run of apply or undo, from the first rehearsal to its end. */
export function running(state: State, action: RunAction): State {
  switch (action.type) {
    case 'begin':
      return begin(state)
    case 'undo':
      return beginUndo(state, action)
    case 'history':
      return { ...state, history: { runs: action.runs, ...(action.problem !== undefined && { problem: action.problem }) } }
    default:
      return state.running === undefined ? state : during(state, state.running, action)
  }
}

function during(state: State, now: Running, action: Exclude<RunAction, { type: 'begin' | 'undo' | 'history' }>): State {
  const next = (change: Partial<Running>): State => ({ ...state, running: { ...now, ...change } })
  switch (action.type) {
    case 'run-event':
      return next(happened(now, action.event, action.at))
    case 'asked': {
      const step = now.steps.find((one) => one.id === action.step)
      return atTop(
        next({
          asking: { step: action.step, since: action.at, focus: step?.risk === 'may-break' ? 'typed' : 'skip', typed: '', wrong: false },
        }),
      )
    }
    case 'focus': {
      if (now.asking === undefined) return state
      const buttons = buttonsOf(now)
      const index = buttons.findIndex((button) => button.id === now.asking?.focus)
      return next({ asking: { ...now.asking, focus: buttons[(index + action.by + buttons.length) % buttons.length]!.id } })
    }
    case 'mistyped':
      return now.asking === undefined ? state : next({ asking: { ...now.asking, wrong: true } })
    // Whoever read on to the end of the change would not see what it is waited for.
    case 'answer':
      return atTop(
        next({
          asking: undefined,
          automatic: now.automatic || action.answer === 'apply-safe',
          stopping: now.stopping || action.answer === 'stop',
        }),
      )
    case 'stop':
      return { ...closed(state), running: { ...now, asking: undefined, stopping: true } }
    // What was planned is done or undone: the plan is made anew for what is left.
    case 'run-ended':
      return ended({
        ...state,
        ...(state.planned && { planned: { asked: state.planned.asked, off: new Set() } }),
        running: { ...now, asking: undefined, ended: action.problem === undefined ? {} : { problem: action.problem } },
      })
  }
}

function happened(now: Running, event: RunEvent, at: number): Partial<Running> {
  if (event.is === 'started') return { run: event.run }
  if (event.is === 'step') return stepped(now, event, at)
  return event.passing ? { settling: event.text } : { told: [...now.told, event.text] }
}

function stepped(now: Running, { step, state }: Extract<RunEvent, { is: 'step' }>, at: number): Partial<Running> {
  const states = new Map(now.states).set(step, state)
  if (state.is === 'rehearsed')
    return { states, rehearsed: new Map(now.rehearsed).set(step, { diff: state.diff, warnings: state.warnings }) }
  return BEGINS.has(state.is) ? { states, worked: { since: at, now: at } } : { states }
}
const BEGINS: ReadonlySet<StepState['is']> = new Set(['rehearsing', 'writing', 'undoing'])

/** A new question is read from its first line. */
const atTop = (state: State): State => {
  const { apply: _, ...positions } = state.positions
  return { ...state, positions }
}

const fresh = (kind: Running['kind'], steps: readonly RunStep[]): Running => ({
  kind,
  steps,
  states: new Map(),
  rehearsed: new Map(),
  told: [],
  automatic: false,
  stopping: false,
})

function begin(state: State): State {
  if (state.planned === undefined || state.route.at !== 'plan' || isRunning(state)) return state
  const selected = selectedSteps(state.planned)
  const steps = selected.map(
    (step): RunStep => ({
      id: step.id,
      title: step.title,
      risk: step.risk,
      mayBreak: breaksWords(step, selected),
      mends: step.mends.length,
      ...(step.carriedOut === 'file' && { files: true }),
      word: confirmWord(step),
    }),
  )
  return steps.length === 0
    ? state
    : { ...go(state, { at: 'apply' }), running: { ...fresh('apply', steps), ...(state.planned.plan && { plan: state.planned.plan }) } }
}

function beginUndo(state: State, { run, steps }: Extract<RunAction, { type: 'undo' }>): State {
  const past = state.history?.runs.find((one) => one.id === run)
  if (past === undefined || isRunning(state)) return state
  const taken = past.steps.filter((step) => steps?.includes(step.id) ?? undoable(past).includes(step)).toReversed()
  return {
    ...go(closed(state), { at: 'apply' }),
    running: {
      ...fresh(
        'undo',
        taken.map((step) => ({ id: step.id, title: step.title, risk: step.risk, mayBreak: [], mends: 0, word: '' })),
      ),
      run,
    },
  }
}

export const isRunning = (state: State): boolean => state.running !== undefined && state.running.ended === undefined
/** A run goes on by itself: it has not ended, and nobody is asked. */
export const isWorking = ({ running }: State): boolean =>
  running !== undefined && running.ended === undefined && running.asking === undefined

/** Time has passed while a step is worked on. */
export const worked = (state: State, now: number): State =>
  isWorking(state) && state.running?.worked !== undefined
    ? { ...state, running: { ...state.running, worked: { ...state.running.worked, now } } }
    : state

function ended(state: State): State {
  const { leaveWith } = state
  const shown = closed(state.route.at === 'apply' ? go(state, { at: 'outcome' }) : state)
  return leaveWith === undefined ? shown : { ...shown, leaving: leaveWith }
}

/** Quitting waits for the step in flight; what is journalled survives even without. */
export function leave(state: State, { code, now }: LeaveAction): State {
  const told = code === 0 && state.running !== undefined && hasFailed(state.running) ? 4 : code
  if (!isRunning(state) || now === true) return { ...state, leaving: told }
  return { ...closed(state), leaveWith: told, running: { ...state.running!, asking: undefined, stopping: true } }
}
