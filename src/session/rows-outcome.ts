import { toldRows } from './rows-apply.ts'
import { beside, blank, heading, prose, type Row, row } from './rows-line.ts'
import { stateText } from './rows-words.ts'
import type { Running, RunStep, State } from './store-state.ts'
import { count } from './text.ts'

/** What a run did, step by step, and what to do with it. */
export function outcomeRows({ running, planned }: State, width: number): Row[] {
  if (running === undefined) return [row({ text: 'Nothing was run.', tone: 'dim' })]
  return [
    ...prose(outcomeText(running), width, { indent: 0 }),
    ...(running.ended?.problem === undefined ? [] : prose(`It ended early: ${running.ended.problem}`, width, { indent: 0, tone: 'fail' })),
    ...(running.run === undefined || running.kind === 'undo'
      ? []
      : prose(`Recorded as run ${running.run}. To take changes back, press u here, or later: k8s-harden undo ${running.run}`, width, {
          indent: 0,
          tone: 'dim',
        })),
    blank,
    heading('Steps'),
    ...running.steps.flatMap((step, index) => {
      const { word, tone, note } = stateText(running.states.get(step.id), step.mends)
      const said = word === 'waiting' ? 'not started' : word
      return [
        ...beside([{ text: said, width: 11, tone }], step.title, width, { key: `step:${step.id}`, most: 3 }),
        ...(note === '' || note === noteOf(running, running.steps[index - 1]) ? [] : prose(note, width, { indent: 12, tone: 'dim' })),
      ]
    }),
    ...toldRows(running, width),
    ...(running.kind === 'undo' || planned?.plan === undefined
      ? []
      : leftOver(planned.plan.ledger.byHand.length, planned.plan.ledger.needsValue.length, width)),
  ]
}

/** What is so of several steps in a row is said at the first of them. */
const noteOf = ({ states }: Running, step: RunStep | undefined): string | undefined =>
  step === undefined ? undefined : stateText(states.get(step.id), step.mends).note

function leftOver(byHand: number, needsValue: number, width: number): Row[] {
  if (byHand + needsValue === 0) return []
  const parts = [needsValue > 0 && `${needsValue} needing a value from you`, byHand > 0 && `${byHand} to fix by hand`].filter(
    (part) => part !== false,
  )
  return [blank, ...prose(`Findings still to do: ${parts.join(', ')}. The plan lists them: press p.`, width, { indent: 0 })]
}

/** `3 fixed, 1 skipped, 1 refused.` */
export function outcomeText(running: Running): string {
  const words = new Map<string, number>()
  for (const step of running.steps) {
    const { word } = stateText(running.states.get(step.id), step.mends)
    const said = OUTCOME_WORDS[word] ?? 'not started'
    words.set(said, (words.get(said) ?? 0) + 1)
  }
  return `${count(running.steps.length, 'step')}: ${[...words].map(([word, number]) => `${number} ${word}`).join(', ')}.`
}
const OUTCOME_WORDS: Readonly<Record<string, string>> = {
  FIXED: 'applied and proved fixed',
  DONE: 'done to prepare',
  FILES: 'made as files for you',
  skipped: 'skipped',
  REFUSED: 'refused',
  'NOT FIXED': 'written but not fixed',
  UNDONE: 'undone',
  'UNDO FAILED': 'could not be undone',
}

/** Undefined where this run, or its undo, left something that can still be taken back. */
export function whyNothingToUndo(running: Running | undefined): string | undefined {
  if (running?.run === undefined) return 'nothing was written'
  if (running.kind === 'apply') return undefined
  return running.steps.every(({ id }) => running.states.get(id)?.is === 'undone') ? 'it is undone already' : undefined
}

/** A change failed or was rolled back: the exit code says so. */
export const hasFailed = (running: Running): boolean =>
  running.ended?.problem !== undefined ||
  running.states
    .values()
    .some(({ is }) => is === 'refused' || is === 'not-mended' || is === 'undo-failed' || (is === 'undone' && running.kind === 'apply'))
