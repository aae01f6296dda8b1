/** Every key, once: what it is called, where it works, what it does. The router, the hints and the help read this table. */
import { PRACTICES } from '../src/engine/score.ts'
import type { RunId, StepId } from '../src/model/index.ts'
import type { Action } from '../src/session/actions.ts'
import { allHere, controlHere, enter, findingsHere, press } from '../src/session/actions-enter.ts'
import { isRunning } from '../src/session/actions-run.ts'
import { type HelpEntry, helpRows } from '../src/session/rows-help.ts'
import { optionsOf } from '../src/session/rows-finding.ts'
import { undoable } from '../src/session/rows-history.ts'
import { selectedSteps } from '../src/session/rows-plan.ts'
import { placeOf, selectedKey } from '../src/session/rows.ts'
import type { Place } from '../src/session/route.ts'
import type { State } from '../src/session/store-state.ts'

export interface Binding {
  readonly keys: readonly string[]
  readonly at: readonly Place[]
  /** For the help: a clause that begins with a verb. */
  readonly name: string
  /** Word in the hint bar; lower `rank` stays longer when it gets narrow. Absent: only in the help. */
  readonly hint?: { readonly word: string; readonly rank: number }
  /** `now` is epoch milliseconds. Nothing: the key has no effect at this moment. */
  does(state: State, now: number, key: string): Action | 'suspend' | undefined
  /** Why it does nothing now; shown in the help. */
  off?(state: State): string | undefined
}

const LISTS: readonly Place[] = ['connect', 'overview', 'practice', 'gaps', 'choose', 'plan', 'outcome', 'history', 'run']
const TEXTS: readonly Place[] = ['finding', 'control', 'step']
const SCREENS: readonly Place[] = [...LISTS, ...TEXTS]
const LOOKING: readonly Place[] = ['overview', 'practice', 'finding', 'control', 'gaps']
const FIELDS: readonly Place[] = ['entry', 'typed']
const EVERYWHERE: readonly Place[] = [...SCREENS, 'apply', 'help', 'confirm', 'typed', 'entry', 'too-small']

const move = (by: number) => (): Action => ({ type: 'move', by })
const page = (by: number) => (): Action => ({ type: 'page', by })
const noSource = (state: State): string | undefined => (state.scan === undefined ? 'nothing is open yet' : undefined)
const nothingHere = (state: State): string | undefined => (findingsHere(state).length === 0 ? 'no finding is selected' : undefined)
const busy = (state: State): string | undefined => (isRunning(state) ? 'a run is going on' : undefined)

export const BINDINGS: readonly Binding[] = [
  // ── moving ──
  { keys: ['down', 'j'], at: [...SCREENS, 'apply', 'help'], name: 'move or scroll down', does: move(1) },
  { keys: ['up', 'k'], at: [...SCREENS, 'apply', 'help'], name: 'move or scroll up', does: move(-1) },
  { keys: ['pagedown', 'ctrl-f'], at: [...SCREENS, 'apply', 'help', 'typed'], name: 'move one page down', does: page(1) },
  { keys: ['pageup', 'ctrl-b'], at: [...SCREENS, 'apply', 'help', 'typed'], name: 'move one page up', does: page(-1) },
  { keys: ['ctrl-d'], at: [...SCREENS, 'apply', 'help'], name: 'move half a page down', does: page(0.5) },
  { keys: ['ctrl-u'], at: [...SCREENS, 'apply', 'help'], name: 'move half a page up', does: page(-0.5) },
  { keys: ['home', 'g'], at: [...SCREENS, 'apply', 'help'], name: 'go to the top', does: () => ({ type: 'edge', to: 'first' }) },
  { keys: ['end', 'G'], at: [...SCREENS, 'apply', 'help'], name: 'go to the end', does: () => ({ type: 'edge', to: 'last' }) },
  { keys: ['down'], at: FIELDS, name: 'move down without leaving the field', does: move(1) },
  { keys: ['up'], at: FIELDS, name: 'move up without leaving the field', does: move(-1) },
  { keys: ['enter', 'right', 'l'], at: LISTS, name: 'open what is selected; never writes', hint: { word: 'open', rank: 1 }, does: enter, off: (state) => (enter(state) === undefined ? 'there is nothing to open' : undefined) },
  { keys: ['esc', 'left', 'h', 'backspace'], at: [...SCREENS.filter((place) => place !== 'practice')], name: 'go back', hint: { word: 'back', rank: 3 }, does: () => ({ type: 'back' }), off: (state) => (state.trail.length === 0 ? 'this is the first screen' : undefined) },
  { keys: ['esc', 'left', 'h', 'backspace'], at: ['practice'], name: 'clear the filter, or go back', hint: { word: 'back', rank: 3 }, does: (state) => (state.filter.text !== '' || state.filter.least !== undefined ? { type: 'clear-filter' } : { type: 'back' }) },
  { keys: PRACTICES.map((_, index) => String(index + 1)), at: LOOKING, name: 'go to that practice', does: (_, __, key) => ({ type: 'go', to: { at: 'practice', practice: PRACTICES[Number(key) - 1]! } }), off: noSource },
  { keys: [']', 'tab'], at: ['practice'], name: 'go to the next practice', hint: { word: 'next practice', rank: 8 }, does: () => ({ type: 'next-practice', by: 1 }) },
  { keys: ['[', 'shift-tab'], at: ['practice'], name: 'go to the practice before', does: () => ({ type: 'next-practice', by: -1 }) },
  // ── choosing ──
  { keys: ['space'], at: ['overview', 'practice', 'finding'], name: 'mark or unmark the finding (a whole group on its title)', hint: { word: 'mark', rank: 2 }, does: (state) => someOf(findingsHere(state), (findings) => ({ type: 'mark', findings })), off: nothingHere },
  { keys: ['*'], at: ['practice'], name: 'mark or unmark all that the filter shows', does: (state) => someOf(allHere(state), (findings) => ({ type: 'mark', findings })) },
  { keys: ['/'], at: ['practice'], name: 'filter by any text: object, namespace, check, owner', hint: { word: 'filter', rank: 5 }, does: (state) => ({ type: 'overlay', overlay: { is: 'entry', of: 'filter', text: state.filter.text } }) },
  { keys: ['s'], at: ['practice'], name: 'show all severities, medium and above, high, critical only', hint: { word: 'severity', rank: 6 }, does: () => ({ type: 'least' }) },
  { keys: ['o'], at: ['practice'], name: 'group by check, by object, by owner', hint: { word: 'group', rank: 7 }, does: () => ({ type: 'group-by' }) },
  { keys: ['c'], at: ['finding'], name: 'change the choices of this fix', hint: { word: 'choices', rank: 4 }, does: (state) => someOf(choosable(state), ([control]) => ({ type: 'go', to: { at: 'choose', control: control! } })), off: (state) => (choosable(state).length === 0 ? 'this fix has no choices' : undefined) },
  // ── planning ──
  { keys: ['a'], at: ['overview', 'practice', 'finding'], name: 'plan the fix of the marked findings, or of the selected one; writes nothing', hint: { word: 'plan', rank: 2 }, does: planChosen, off: (state) => (state.marked.size === 0 ? nothingHere(state) : undefined) },
  { keys: ['A'], at: ['overview', 'practice'], name: 'plan the fix of all findings shown; writes nothing', hint: { word: 'plan all', rank: 4 }, does: (state) => someOf(allHere(state), (findings) => ({ type: 'plan', findings })), off: noSource },
  { keys: ['p'], at: [...LOOKING, 'outcome'], name: 'go to the plan made last', does: (state) => (state.planned === undefined ? undefined : { type: 'go', to: { at: 'plan' } }), off: (state) => (state.planned === undefined ? 'nothing is planned' : undefined) },
  { keys: ['space'], at: ['plan'], name: 'leave the step out, or take it in again', hint: { word: 'in/out', rank: 2 }, does: toggleStep, off: (state) => (toggleStep(state) === undefined ? 'no step is selected' : undefined) },
  { keys: ['*'], at: ['plan'], name: 'take all steps in, or all out', does: () => ({ type: 'toggle-all-steps' }) },
  { keys: ['a'], at: ['plan'], name: 'begin: try the chosen steps one by one, and ask before each write', hint: { word: 'begin', rank: 2 }, does: (state) => (noSteps(state) === undefined && busy(state) === undefined ? { type: 'begin' } : undefined), off: (state) => noSteps(state) ?? busy(state) },
  // ── answering ──
  { keys: ['enter'], at: ['apply', 'confirm', 'typed'], name: 'press the button that is marked >[ ]<', hint: { word: 'press', rank: 1 }, does: press, off: (state) => (state.running?.asking === undefined && state.overlay === undefined ? 'nothing is asked' : undefined) },
  { keys: ['right', 'l', 'tab'], at: ['apply'], name: 'go to the next button', hint: { word: 'next button', rank: 2 }, does: () => ({ type: 'focus', by: 1 }) },
  { keys: ['left', 'h', 'shift-tab'], at: ['apply'], name: 'go to the button before', does: () => ({ type: 'focus', by: -1 }) },
  { keys: ['right', 'left', 'l', 'h', 'tab', 'shift-tab'], at: ['confirm'], name: 'go to the other button', hint: { word: 'other button', rank: 2 }, does: (state) => (state.overlay?.is === 'confirm' ? { type: 'overlay', overlay: { ...state.overlay, yes: !state.overlay.yes } } : undefined) },
  { keys: ['esc'], at: ['confirm'], name: 'leave the question without doing anything', hint: { word: 'cancel', rank: 1 }, does: () => ({ type: 'overlay' }) },
  { keys: ['tab'], at: ['typed'], name: 'leave the field for the buttons', hint: { word: 'buttons', rank: 2 }, does: () => ({ type: 'focus', by: 1 }) },
  { keys: ['shift-tab'], at: ['typed'], name: 'leave the field for the last button', does: () => ({ type: 'focus', by: -1 }) },
  { keys: ['enter'], at: ['entry'], name: 'take what is typed', hint: { word: 'take it', rank: 1 }, does: () => ({ type: 'accept' }) },
  { keys: ['esc'], at: ['entry'], name: 'leave the field', hint: { word: 'leave', rank: 2 }, does: (state) => (state.overlay?.is === 'entry' && state.overlay.of === 'filter' ? { type: 'clear-filter' } : { type: 'overlay' }) },
  { keys: ['backspace', 'delete'], at: FIELDS, name: 'erase the last character', does: () => ({ type: 'erased' }) },
  { keys: ['ctrl-u', 'ctrl-w'], at: FIELDS, name: 'erase all that is typed', does: () => ({ type: 'cleared' }) },
  { keys: ['esc'], at: ['typed'], name: 'erase all that is typed', does: () => ({ type: 'cleared' }) },
  // ── past runs ──
  { keys: ['o'], at: ['outcome', 'plan', 'finding'], name: 'go to the overview', hint: { word: 'overview', rank: 3 }, does: () => ({ type: 'go', to: { at: 'overview' } }), off: noSource },
  { keys: ['u'], at: ['connect', 'overview', 'practice', 'plan'], name: 'see past runs, and undo them', hint: { word: 'past runs', rank: 6 }, does: () => ({ type: 'go', to: { at: 'history' } }) },
  { keys: ['u'], at: ['outcome'], name: 'look at this run, and undo it', hint: { word: 'undo', rank: 2 }, does: (state) => (state.running?.run === undefined ? { type: 'go', to: { at: 'history' } } : { type: 'go', to: { at: 'run', id: state.running.run } }) },
  { keys: ['u'], at: ['run'], name: 'take back everything this run wrote; asks first', hint: { word: 'undo all', rank: 2 }, does: (state, now) => askUndo(state, now), off: (state) => nothingToUndo(state) ?? busy(state) },
  { keys: ['U'], at: ['run'], name: 'take back the selected step alone; asks first', hint: { word: 'undo step', rank: 4 }, does: (state, now) => askUndo(state, now, stepHere(state)), off: (state) => nothingToUndo(state) ?? (stepHere(state) === undefined ? 'no step is selected' : busy(state)) },
  // ── everywhere ──
  { keys: ['?'], at: [...SCREENS, 'apply'], name: 'show this help', hint: { word: 'help', rank: 0 }, does: (state) => ({ type: 'overlay', overlay: { is: 'help', length: helpRows(helpEntries(state)).length, top: 0 } }) },
  { keys: ['?', 'esc', 'enter', 'left'], at: ['help'], name: 'close the help', hint: { word: 'close', rank: 0 }, does: () => ({ type: 'overlay' }) },
  { keys: ['q'], at: [...SCREENS, 'help', 'too-small'], name: 'quit the wizard', hint: { word: 'quit', rank: 0 }, does: (state) => ({ type: 'leave', code: state.leaveWith ?? 0 }) },
  { keys: ['q', 'esc'], at: ['apply'], name: 'stop the run; asks first', hint: { word: 'stop', rank: 0 }, does: (_, now) => ({ type: 'overlay', overlay: { is: 'confirm', about: 'stop', since: now, yes: false } }) },
  { keys: ['ctrl-c'], at: EVERYWHERE, name: 'quit; during a run: stop after the step in flight, a second time at once', does: (state) => ({ type: 'leave', code: 130, ...(state.leaveWith !== undefined && { now: true as const }) }) },
  { keys: ['ctrl-z'], at: EVERYWHERE, name: 'go back to the shell for a while (fg returns)', does: () => 'suspend' },
]

function someOf<T>(list: readonly T[], then: (list: readonly T[]) => Action): Action | undefined {
  return list.length === 0 ? undefined : then(list)
}
function planChosen(state: State): Action | undefined {
  return someOf(state.marked.size > 0 ? [...state.marked] : findingsHere(state), (findings) => ({ type: 'plan', findings }))
}
function choosable(state: State): readonly string[] {
  const id = controlHere(state)
  const control = state.scan?.controls.find((one) => one.id === id)
  return control !== undefined && Object.keys(optionsOf(control)).length > 0 ? [control.id] : []
}
const stepHere = (state: State): StepId | undefined => {
  const key = selectedKey(state)
  return key?.startsWith('step:') ? (key.slice('step:'.length) as StepId) : undefined
}
function toggleStep(state: State): Action | undefined {
  const step = stepHere(state)
  return step === undefined ? undefined : { type: 'toggle-step', step }
}
const noSteps = (state: State): string | undefined => (state.planned === undefined || selectedSteps(state.planned).length === 0 ? 'no step is chosen' : undefined)

function nothingToUndo(state: State): string | undefined {
  const run = state.route.at === 'run' ? runHere(state, state.route.id) : undefined
  return run === undefined || undoable(run).length === 0 ? (run?.cannotUndo ?? 'nothing is left to undo') : undefined
}
const runHere = (state: State, id: RunId) => state.history?.runs.find((run) => run.id === id)
function askUndo(state: State, now: number, step?: StepId): Action | undefined {
  const run = state.route.at === 'run' ? runHere(state, state.route.id) : undefined
  if (run === undefined || isRunning(state)) return undefined
  const steps = undoable(run).map((one) => one.id).filter((id) => step === undefined || id === step)
  return steps.length === 0 ? undefined : { type: 'overlay', overlay: { is: 'confirm', about: 'undo', run: run.id, steps, since: now, yes: false } }
}

const byKey = new Map(BINDINGS.flatMap((binding) => binding.at.flatMap((place) => binding.keys.map((key) => [`${place} ${key}`, binding] as const))))
/** The binding of a key at a place; one at most. */
export const bindingFor = (place: Place, key: string): Binding | undefined => byKey.get(`${place} ${key}`)

/** All keys of the screen (not of the overlay above it), with the reason where one does nothing now. */
export function helpEntries(state: State): HelpEntry[] {
  const { overlay: _, ...below } = state
  const place = placeOf(below)
  return BINDINGS.filter((binding) => binding.at.includes(place)).map((binding) => {
    const off = binding.off?.(below)
    return { keys: binding.keys.join(' '), name: binding.name, ...(off !== undefined && { off }) }
  })
}

/** `space mark  enter open  ? help  q quit`, as much of it as fits; help and quit always do. */
export function hintsFor(state: State, width: number): readonly { readonly key: string; readonly word: string }[] {
  const place = placeOf(state)
  const all = BINDINGS.filter((binding) => binding.hint !== undefined && binding.at.includes(place) && binding.off?.(state) === undefined)
  const fits = (some: readonly Binding[]): boolean => some.reduce((sum, binding) => sum + binding.keys[0]!.length + binding.hint!.word.length + 3, 1) <= width
  let shown = all
  while (!fits(shown) && shown.some((binding) => binding.hint!.rank > 0)) {
    const weakest = Math.max(...shown.map((binding) => binding.hint!.rank))
    const last = shown.findLastIndex((binding) => binding.hint!.rank === weakest)
    shown = shown.toSpliced(last, 1)
  }
  return shown.toSorted((a, b) => Number(a.hint!.rank === 0) - Number(b.hint!.rank === 0)).map((binding) => ({ key: binding.keys[0]!, word: binding.hint!.word }))
}
