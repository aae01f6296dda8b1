/** How `apply`, `undo` and `history` put things. Whatever came from a cluster or a file goes through printable(). */
import { styleText } from 'node:util'
import type { Finding, FindingId, Plan, Risk, Step, StepState } from '../../model/index.ts'
import { printable } from '../../objects/display.ts'
import { refText } from '../../objects/ref.ts'

export const line = printable
const RISKS: Readonly<Record<Risk, string>> = { safe: 'safe', 'restarts-pods': 'restarts pods', 'may-break': 'may break something' }
const paint = (style: Parameters<typeof styleText>[0], text: string): string =>
  styleText(style, text, { stream: process.stdout, validateStream: true })

export function stepHeading(title: string, step: Step): string {
  const rows = [
    paint('bold', title),
    `  risk: ${RISKS[step.risk]}`,
    `  mends: ${step.mends.length === 0 ? 'prepares a later step' : `${step.mends.length} ${step.mends.length === 1 ? 'finding' : 'findings'} of ${step.controls.join(', ')}`}`,
  ]
  for (const words of step.mayBreak) rows.push(`  may break: ${line(words)}`)
  if (step.managedBy !== '')
    rows.push(
      `  managed by ${step.managedBy}${step.carriedOut === 'file' ? ': written as a patch file, since a live change would be put back' : ''}`,
    )
  return `${rows.join('\n')}\n`
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
      return `refused by ${line(state.by)}: ${line(state.because)}`
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

/** What the plan leaves out, and why. */
export function ledgerText({ ledger }: Plan, findings: ReadonlyMap<FindingId, Finding>): string {
  const rows = (heading: string, entries: readonly { readonly finding: FindingId; readonly words: string }[]) => {
    if (entries.length === 0) return ''
    const texts = [...Map.groupBy(entries, (entry) => entry.words)].map(
      ([words, same]) =>
        `  ${same
          .map(({ finding }) => about(findings.get(finding)))
          .slice(0, 3)
          .join(', ')}${same.length > 3 ? ` and ${same.length - 3} more` : ''}: ${line(words)}`,
    )
    return `${heading} (${entries.length}):\n${texts.slice(0, 20).join('\n')}\n${texts.length > 20 ? `  and ${texts.length - 20} more reasons\n` : ''}`
  }
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
const about = (finding: Finding | undefined): string =>
  finding === undefined ? 'a finding' : `${finding.control} ${line(refText(finding.subject))}`
