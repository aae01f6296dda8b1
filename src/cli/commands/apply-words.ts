/** How `apply`, `undo` and `history` put things. Whatever came from a cluster or a file goes through printable(). */
import { styleText } from 'node:util'
import { bySeverity } from '../../engine/score.ts'
import type { ControlId, Finding, FindingId, Plan, Risk, Step, StepState } from '../../model/index.ts'
import { printable } from '../../objects/display.ts'
import { refText } from '../../objects/ref.ts'
import { breaksAnew, isOtherChoice, preparesStep, refusedBy } from '../../plan/step-words.ts'

export const line = printable
const RISKS: Readonly<Record<Risk, string>> = { safe: 'safe', 'restarts-pods': 'restarts pods', 'may-break': 'may break something' }
const paint = (style: Parameters<typeof styleText>[0], text: string): string =>
  styleText(style, text, { stream: process.stdout, validateStream: true })

/** `steps`: all of the plan, so that what one before it said is not said again. */
export function stepHeading(
  title: string,
  step: Step,
  steps: readonly Step[],
  controlOf: (finding: FindingId) => ControlId | undefined,
): string {
  const { anew, asStep } = breaksAnew(step, steps)
  const rows = [
    paint('bold', title),
    `  risk: ${RISKS[step.risk]}`,
    `  mends: ${step.mends.length === 0 ? `nothing by itself, ${preparingText(step, steps)}` : mendsText(step, controlOf)}`,
  ]
  if (asStep !== undefined) rows.push(`  may break: what step ${asStep} says`)
  for (const words of anew) rows.push(`  ${isOtherChoice(words) ? 'otherwise' : 'may break'}: ${line(words)}`)
  if (step.managedBy !== '')
    rows.push(
      `  managed by ${step.managedBy}${step.carriedOut === 'file' ? ': written as a patch file, since a live change would be put back' : ''}`,
    )
  return `${rows.join('\n')}\n`
}

/** A step serves also controls whose findings a later one mends; they are named there. */
const mendsText = ({ mends }: Step, controlOf: (finding: FindingId) => ControlId | undefined): string => {
  const controls = new Set(mends.map(controlOf).filter((control) => control !== undefined))
  return `${mends.length} ${mends.length === 1 ? 'finding' : 'findings'} of ${[...controls].join(', ')}`
}

const preparingText = (step: Step, steps: readonly Step[]): string => {
  const number = preparesStep(step, steps)
  return number === undefined ? 'a later step needs it' : `step ${number} needs it`
}

export function diffText(diff: string, warnings: readonly string[]): string {
  const lines = diff
    .split('\n')
    .filter((text, index, all) => !(index === all.length - 1 && text === '') && !/^(=+|Index: )/.test(text))
    .map((text) => {
      const safe = line(text)
      if (/^(\+\+\+|---)/.test(safe)) return paint('bold', safe)
      return safe.startsWith('+') ? paint('green', safe) : safe.startsWith('-') ? paint('red', safe) : safe
    })
  return `${[...lines, ...warnings.map((warning) => `warning: ${line(warning)}`)].map((text) => `  ${text}\n`).join('')}`
}

/** '' for states that are passed through on the way. */
export function stateText(state: StepState): string {
  switch (state.is) {
    case 'waiting':
      return `waiting for ${line(state.for)}`
    case 'refused':
      return `refused${line(refusedBy(state.by, state.because))}`
    case 'skipped':
      return `skipped: ${line(state.because)}`
    case 'mended':
      return `mended: ${line(state.note)}`
    case 'handed-over':
      return ['handed over to you:', ...state.files.map((file) => `    ${line(file)}`)].join('\n')
    case 'not-mended':
      return `not mended: ${line(state.because)}`
    case 'undoing':
      return `taking it back: ${line(state.because)}`
    case 'undone':
      return `taken back: ${line(state.because)}`
    case 'undo-failed':
      return `could not be taken back: ${line(state.because)}`
    case 'planned':
    case 'rehearsing':
    case 'rehearsed':
    case 'writing':
      return ''
  }
}

/** What the plan leaves out, and why: the worst first, and of each control no more than a few. */
export function ledgerText({ ledger }: Plan, findings: ReadonlyMap<FindingId, Finding>): string {
  const rows = (heading: string, entries: readonly Entry[]) =>
    entries.length === 0 ? '' : `${heading} (${entries.length}):\n${entryLines(entries, findings).join('\n')}\n`
  return [
    rows(
      'need a value from you',
      ledger.needsValue.map(({ finding, option, question }) => ({
        finding,
        words: `${question} (--set ${findings.get(finding)?.control ?? 'CONTROL'}.${option}=…)`,
      })),
    ),
    rows(
      'by hand',
      ledger.byHand.map(({ finding, why }) => ({ finding, words: why })),
    ),
    rows(
      'left out',
      ledger.refused.map(({ finding, because }) => ({ finding, words: because })),
    ),
  ].join('')
}

interface Entry {
  readonly finding: FindingId
  readonly words: string
}
const REASONS_OF_A_CONTROL = 3

function entryLines(entries: readonly Entry[], findings: ReadonlyMap<FindingId, Finding>): string[] {
  const of = ({ finding }: Entry) => findings.get(finding)
  const sorted = entries.toSorted((a, b) => bySeverity(of(a)?.severity ?? 'info', of(b)?.severity ?? 'info'))
  const reasons = [...Map.groupBy(sorted, ({ words }) => words)].map(([words, same]) => ({ words, same, first: of(same[0]!) }))
  return [...Map.groupBy(reasons, ({ first }) => first?.control)].flatMap(([control, ofControl]) => {
    const shown = ofControl.slice(0, REASONS_OF_A_CONTROL)
    const left = ofControl.slice(REASONS_OF_A_CONTROL).reduce((sum, { same }) => sum + same.length, 0)
    return [
      ...shown.map(({ words, same }) => `  ${whom(same.map(of))}: ${line(words)}`),
      ...(left === 0 ? [] : [`  ${control} and ${left} more like it (k8s-harden scan --control ${control} -o json tells each)`]),
    ]
  })
}

/** `pod-seccomp Deployment shop/web, Deployment shop/orders and 2 more`. */
function whom(found: readonly (Finding | undefined)[]): string {
  const all = found.filter((finding) => finding !== undefined)
  const byControl = [...Map.groupBy(all, ({ control }) => control)]
  if (byControl.length > 1)
    return byControl.length > 4
      ? `${all.length} findings of ${byControl.length} controls`
      : byControl.map(([control, some]) => `${control}${some.length > 1 ? ` (${some.length})` : ''}`).join(', ')
  const subjects = [
    ...new Set(all.map(({ subject, container }) => `${line(refText(subject))}${container === undefined ? '' : ` (${line(container)})`}`)),
  ]
  return `${byControl[0]?.[0] ?? 'a finding'} ${subjects.slice(0, 3).join(', ')}${subjects.length > 3 ? ` and ${subjects.length - 3} more` : ''}${all.length > subjects.length ? ` (${all.length} findings)` : ''}`
}
