import type { StepId, StepState } from '../model/index.ts'
import { mayBreakRows } from './rows-finding.ts'
import { blank, choice, diffRows, inColumns, type Line, prose, type Row, row, run } from './rows-line.ts'
import { RISK_TONE, RISK_WORD, stateText } from './rows-words.ts'
import type { Asking, ButtonId, Running, RunStep, State } from './store-state.ts'
import { count } from './text.ts'

export interface Button {
  readonly id: ButtonId
  readonly label: string
}

/** The step list of a run; the step that is being worked on stays in sight. */
export const runRows = (running: Running): Row[] =>
  running.steps.map((step, index) => choice(`step:${step.id}`, (width) => runLine(width, index + 1, step, running)))

function runLine(width: number, number: number, step: RunStep, running: Running): Line {
  const state = running.states.get(step.id)
  const { word, tone, note: said } = stateText(state, step.mends)
  const note = state?.is === 'rehearsed' || state?.is === 'rehearsing' || state?.is === 'skipped' ? '' : said
  return inColumns(width, [
    { text: String(number).padStart(3), width: 3, tone: 'dim' },
    { text: word, width: 11, tone },
    { text: RISK_WORD[step.risk], width: 13, tone: RISK_TONE[step.risk] },
    // What went wrong is more urgent than what was meant.
    { text: (tone === 'fail' ? [note, step.title] : [step.title, note]).filter((part) => part !== '').join(' - '), grow: true },
  ])
}

/** The step the run is at: asked about, else in work, else the last that has a state. */
export function currentStep(running: Running): RunStep | undefined {
  if (running.asking !== undefined) return running.steps.find((step) => step.id === running.asking?.step)
  return running.steps.findLast((step) => (running.states.get(step.id)?.is ?? 'planned') !== 'planned') ?? running.steps[0]
}

/** What the current step would do or did: the rehearsed change, warnings, what may break, how it went. */
export function changeRows(running: Running, width: number): Row[] {
  const step = currentStep(running)
  if (step === undefined) return []
  const state = running.states.get(step.id)
  const { note, tone } = stateText(state, step.mends)
  const rehearsed = running.rehearsed.get(step.id)
  // With the first question; while something is waited for, that is what counts.
  const isFirst = step === running.steps[0] && running.asking !== undefined
  return [
    ...(isFirst && running.told.length > 0 ? prose(BEFORE, width, { indent: 0, tone: 'medium' }) : []),
    ...prose(step.title, width, { indent: 0, tone: 'title' }),
    ...(running.kind === 'apply'
      ? [
          row({
            text: `${RISK_WORD[step.risk]}; ${step.mends === 0 ? 'prepares steps after it' : `fixes ${count(step.mends, 'finding')}`}`,
            tone: 'dim',
          }),
        ]
      : []),
    ...(note === '' || state?.is === 'rehearsed' ? [] : prose(note, width, { indent: 0, tone })),
    ...mayBreakRows(step.mayBreak, width, 0),
    ...(rehearsed?.warnings ?? []).flatMap((warning) =>
      prose(`Warning from the rehearsal: ${warning}`, width, { indent: 0, tone: 'medium' }),
    ),
    ...(rehearsed === undefined
      ? []
      : [
          row({ text: running.kind === 'undo' ? 'This is taken back:' : 'Exactly this is written:', tone: 'dim' }),
          ...diffRows(rehearsed.diff),
        ]),
    ...(isFirst ? toldRows(running, width) : []),
  ]
}
const BEFORE = 'A run before this one was cut off: what became of it is told below the change, and with the result.'

/** What is to be known of a run before that was cut off. */
export const toldRows = ({ told }: Running, width: number): Row[] =>
  told.length === 0
    ? []
    : [
        blank,
        row({ text: 'From before:', tone: 'medium' }),
        ...told.flatMap((text) => prose(text, width, { indent: 2, mark: '- ', tone: 'medium' })),
      ]

/** What goes on and for how long, `Step 2, 14 s: waiting for kube-apiserver on cp-1 to come back`: always in sight, wherever one has scrolled. */
export function workingText(running: Running): string {
  const { steps, states, worked, stopping, kind } = running
  const at = steps.findLastIndex(({ id }) => (states.get(id)?.is ?? 'planned') !== 'planned')
  const words = WORK[states.get(steps[at]?.id as StepId)?.is ?? 'planned']
  if (worked === undefined && running.settling !== undefined) return `Settling the run before: ${running.settling}`
  if (worked === undefined || words === undefined)
    return stopping
      ? 'Stopping ...'
      : kind === 'undo'
        ? 'Taking back, last step first ...'
        : 'Working; nothing is written without your answer.'
  const seconds = Math.floor((worked.now - worked.since) / 1_000)
  return `Step ${at + 1}${seconds > 0 ? `, ${seconds} s` : ''}${stopping ? ', then it stops' : ''}: ${wordsOf(states.get(steps[at]!.id), words)}`
}
const WORK: Readonly<Partial<Record<StepState['is'], string>>> = {
  rehearsing: 'trying it without writing ...',
  writing: 'writing ...',
  waiting: 'waiting for',
  undoing: 'taking it back ...',
}
/** Seconds that a writer counts are of what it waits for; ours stand before it. */
const wordsOf = (state: StepState | undefined, words: string): string =>
  state?.is === 'waiting' ? `${words} ${state.for.replace(/ \(\d+ s\)$/, '')}` : words

// ── the question ───────────────────────────────────────────────────────────────────────────────
/** Steps that "apply all safe" would cover after this one. */
export function safeAhead(running: Running, from: StepId): number {
  const index = running.steps.findIndex((step) => step.id === from)
  return running.steps.slice(index + 1).filter((step) => step.risk === 'safe').length
}

/** In the order they stand on the screen. The harmless one comes first and has the focus. */
export function buttonsOf(running: Running): Button[] {
  const step = askedStep(running)
  if (step === undefined) return []
  if (step.risk === 'may-break')
    return [
      { id: 'typed', label: '' },
      { id: 'skip', label: 'Skip it' },
      { id: 'stop', label: 'Stop here' },
    ]
  const safe = step.risk === 'safe' ? safeAhead(running, step.id) : 0
  return [
    { id: 'skip', label: 'Skip' },
    { id: 'apply', label: 'Apply' },
    ...(safe > 0 ? [{ id: 'apply-safe' as const, label: `Apply + ${count(safe, 'safe step')}` }] : []),
    { id: 'stop', label: 'Stop' },
  ]
}
const askedStep = ({ asking, steps }: Running): RunStep | undefined => steps.find((step) => step.id === asking?.step)

/** How many lines the question takes. */
export function questionHeight(running: Running | undefined): number {
  const step = running === undefined ? undefined : askedStep(running)
  return step === undefined ? 0 : step.risk === 'may-break' ? 3 : 2
}

export function askingLines(state: State, running: Running, asking: Asking, width: number): Line[] {
  const step = askedStep(running)
  const buttons = buttonLine(
    width,
    buttonsOf(running)
      .filter((button) => button.id !== 'typed')
      .map((button) => ({ label: button.label, focused: button.id === asking.focus })),
  )
  if (step?.risk !== 'may-break')
    return [
      run(width, [
        {
          text:
            step?.files === true
              ? ' Make these files? You put them in place; nothing else is written.'
              : ` Write this change? It goes to ${state.source?.writesTo ?? 'the source'}.`,
          tone: 'title',
        },
      ]),
      buttons,
    ]
  const field = asking.focus === 'typed'
  return [
    run(width, [
      {
        text: step.files === true ? ' May break something once in place. For the files type ' : ' May break something. To apply it type ',
        tone: 'fail',
      },
      { text: step.word, tone: 'key' },
      { text: ', then enter:', tone: 'fail' },
    ]),
    run(width, [
      { text: field ? ' > ' : '   ' },
      { text: `[${asking.typed}${field ? '_' : ''}]`, tone: 'key' },
      { text: asking.wrong ? `  that is not "${step.word}"` : '', tone: 'fail' },
    ]),
    buttons,
  ]
}

export interface Pressable {
  readonly label: string
  readonly focused: boolean
}
export const buttonLine = (width: number, buttons: readonly Pressable[]): Line => run(width, [{ text: ' ' }, ...buttonSegments(buttons)])
const buttonSegments = (buttons: readonly Pressable[]) =>
  buttons.flatMap(({ label, focused }) => [
    focused ? { text: `>[ ${label} ]<`, tone: 'key' as const } : { text: ` [ ${label} ] `, tone: 'dim' as const },
  ])
