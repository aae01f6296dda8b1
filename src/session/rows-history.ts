import type { RunId } from '../model/index.ts'
import type { PastStep, PastStepState, RunSummary } from './ports.ts'
import { beside, blank, choice, heading, inColumns, prose, type Row, row } from './rows-line.ts'
import { PAST_TONE, PAST_WORD } from './rows-words.ts'
import type { State } from './store-state.ts'
import { count } from './text.ts'

/** `2026-11-23 10:15` in UTC, as the journal has it. */
export const timeText = (iso: string): string => iso.slice(0, 16).replace('T', ' ')

/** Past runs, newest first. */
export function historyRows({ history }: State, width: number): Row[] {
  if (history === undefined) return [row({ text: 'Reading the journal ...', tone: 'dim' })]
  return [
    ...(history.problem === undefined ? [] : prose(history.problem, width, { tone: 'fail' })),
    ...(history.runs.length === 0 && history.problem === undefined
      ? [row({ text: 'No run yet: nothing was ever changed from here.', tone: 'dim' })]
      : []),
    ...history.runs.map((run) =>
      choice(`run:${run.id}`, (w) =>
        inColumns(w, [
          { text: timeText(run.time), width: 16 },
          { text: run.source, width: Math.floor(w * 0.4), tone: 'key' },
          ...(history.runs.some(({ interrupted }) => interrupted)
            ? [{ text: run.interrupted ? 'INTERRUPTED' : '', width: 11, tone: 'fail' as const }]
            : []),
          { text: stepCounts(run), grow: true },
        ]),
      ),
    ),
  ]
}

function stepCounts(run: RunSummary): string {
  // The column before says that it was interrupted.
  const counts = Map.groupBy(run.steps, (step) => PAST_WORD[step.state])
    .entries()
    .filter(([word]) => word !== PAST_WORD.interrupted)
    .map(([word, steps]) => `${steps.length} ${word}`)
  return run.steps.length === 0 ? 'no steps' : [...counts].join(', ')
}

/** One past run and its steps. */
export function pastRunRows({ history }: State, id: RunId, width: number): Row[] {
  const run = history?.runs.find((one) => one.id === id)
  if (run === undefined) return [row({ text: 'The journal has no such run.', tone: 'dim' })]
  return [
    ...prose(`${timeText(run.time)} UTC, on ${run.source}; approved by ${run.approvedBy}.`, width, { indent: 0 }),
    ...(run.interrupted ? prose(interruptedText(cutOff(run)), width, { indent: 0, tone: 'medium' }) : []),
    ...(run.cannotUndo === undefined ? [] : prose(`Cannot be undone from here: ${run.cannotUndo}`, width, { indent: 0, tone: 'medium' })),
    blank,
    heading(count(run.steps.length, 'step')),
    ...run.steps.flatMap((step) => [
      ...beside([{ text: PAST_WORD[step.state], width: 11, tone: PAST_TONE[step.state] }], step.title, width, {
        key: `step:${step.id}`,
        most: 3,
      }),
      ...(step.note === undefined || step.note === '' ? [] : prose(step.note, width, { indent: 12, tone: 'dim' })),
    ]),
  ]
}

/** The step in the middle of which the program died. */
export const cutOff = (run: RunSummary): PastStep | undefined =>
  run.steps.find(({ state }) => state === 'interrupted' || state === 'undo-interrupted')

/** Where it was cut off and what can be done about it; the step itself may stand far below. */
function interruptedText(step: PastStep | undefined): string {
  const place = step === undefined ? '' : ` during "${step.title}"`
  if (step?.state === 'undo-interrupted')
    return `Taking it back was cut off${place}. u goes on with that: it looks at what is there, and takes back only what this tool wrote.`
  return `This run was cut off${place}. That step may have been written or not; u looks at what is there, and takes back only what this tool wrote. To go on instead, open the source and plan again: what is done already is not done twice.`
}

/** Steps that left something to take back. */
export const undoable = (run: RunSummary): PastStep[] =>
  run.cannotUndo === undefined ? run.steps.filter(({ state }) => LEFT.has(state)) : []
const LEFT: ReadonlySet<PastStepState> = new Set(['written', 'verified', 'interrupted', 'undo-interrupted'])
