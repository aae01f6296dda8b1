/** Keys for questions, fields and past runs. Only a pressed button leads to a write. */
import type { StepId } from '../src/model/index.ts'
import type { Action } from '../src/session/actions.ts'
import { press } from '../src/session/actions-enter.ts'
import { isRunning } from '../src/session/actions-run.ts'
import type { RunSummary } from '../src/session/ports.ts'
import { undoable } from '../src/session/rows-history.ts'
import { whyNothingToUndo } from '../src/session/rows-outcome.ts'
import type { State } from '../src/session/store-state.ts'
import { type Binding, bind, busy, noSource, PLACES } from './key-binding.ts'
import { stepHere } from './keys-choosing.ts'

const { FIELDS } = PLACES
const notAsked = (state: State): string | undefined =>
  state.running?.asking === undefined && state.overlay === undefined ? 'nothing is asked' : undefined
const focus = (by: 1 | -1) => (): Action => ({ type: 'focus', by })

export const ANSWERING_KEYS: readonly Binding[] = [
  bind('enter', ['apply', 'confirm', 'typed'], 'press the button that is marked >[ ]<', press, { hint: ['press', 1], off: notAsked }),
  bind('right l tab', ['apply'], 'go to the next button', focus(1), { hint: ['next button', 2], off: notAsked }),
  bind('left h shift-tab', ['apply'], 'go to the button before', focus(-1), { off: notAsked }),
  bind('right left l h tab shift-tab', ['confirm'], 'go to the other button', otherButton, { hint: ['other button', 2] }),
  bind('esc', ['confirm'], 'leave the question without doing anything', () => ({ type: 'overlay' }), { hint: ['cancel', 1] }),
  bind('tab', ['typed'], 'leave the field for the buttons', focus(1), { hint: ['buttons', 2] }),
  bind('shift-tab', ['typed'], 'leave the field for the last button', focus(-1)),
  bind('enter', ['entry'], 'take what is typed', () => ({ type: 'accept' }), { hint: ['take it', 1] }),
  bind(
    'esc',
    ['entry'],
    'leave the field',
    ({ overlay }) => (overlay?.is === 'entry' && overlay.of === 'filter' ? { type: 'clear-filter' } : { type: 'overlay' }),
    {
      hint: ['leave', 2],
    },
  ),
  bind('backspace delete', FIELDS, 'erase the last character', () => ({ type: 'erased' })),
  bind('ctrl-u ctrl-w', FIELDS, 'erase all that is typed', () => ({ type: 'cleared' })),
  bind('esc', ['typed'], 'erase all that is typed', () => ({ type: 'cleared' })),
]

export const PAST_KEYS: readonly Binding[] = [
  bind(
    'o',
    ['outcome', 'plan', 'step', 'practice', 'finding', 'control', 'gaps', 'history', 'run'],
    'go to the overview',
    () => ({ type: 'go', to: { at: 'overview' } }),
    {
      hint: ['overview', 6],
      off: noSource,
    },
  ),
  bind('u', ['connect', 'overview', 'practice', 'plan'], 'see past runs, and undo them', () => ({ type: 'go', to: { at: 'history' } }), {
    hint: ['past runs', 6],
  }),
  bind(
    'u',
    ['outcome'],
    'look at this run, and undo it',
    ({ running }) => ({ type: 'go', to: running?.run === undefined ? { at: 'history' } : { at: 'run', id: running.run } }),
    {
      hint: ['undo', 2],
      off: ({ running }) => whyNothingToUndo(running),
    },
  ),
  bind('u', ['run'], 'take back everything this run wrote; asks first', (state, now) => askUndo(state, now), {
    hint: ['undo all', 2],
    off: (state) => nothingToUndo(state) ?? busy(state),
  }),
  bind('U', ['run'], 'take back the selected step alone; asks first', (state, now) => askUndo(state, now, stepHere(state)), {
    hint: ['undo step', 4],
    off: (state) => nothingToUndo(state) ?? nothingOfStep(state) ?? busy(state),
  }),
]

function otherButton({ overlay }: State): Action | undefined {
  return overlay?.is === 'confirm' ? { type: 'overlay', overlay: { ...overlay, yes: !overlay.yes } } : undefined
}

const runHere = ({ route, history }: State): RunSummary | undefined =>
  route.at === 'run' ? history?.runs.find((run) => run.id === route.id) : undefined

function nothingToUndo(state: State): string | undefined {
  const run = runHere(state)
  return run === undefined || undoable(run).length === 0 ? (run?.cannotUndo ?? 'nothing is left to undo') : undefined
}

function nothingOfStep(state: State): string | undefined {
  const [run, step] = [runHere(state), stepHere(state)]
  if (step === undefined) return 'no step is selected'
  return run !== undefined && undoable(run).some(({ id }) => id === step) ? undefined : 'this step left nothing to take back'
}

function askUndo(state: State, now: number, step?: StepId): Action | undefined {
  const run = runHere(state)
  if (run === undefined || isRunning(state)) return undefined
  const steps = undoable(run)
    .map((one) => one.id)
    .filter((id) => step === undefined || id === step)
  return steps.length === 0
    ? undefined
    : { type: 'overlay', overlay: { is: 'confirm', about: 'undo', run: run.id, steps, since: now, yes: false } }
}
