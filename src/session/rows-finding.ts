import type { ControlId, Finding, FindingId, Plan, RegisteredControl, RehearsalResult, Remedy, Step } from '../model/index.ts'
import { formatPath } from '../objects/path.ts'
import type { Hop } from '../objects/rbac-graph-path.ts'
import { breaksWords, isOtherChoice } from '../plan/step-words.ts'
import { TRIED_LATER, waitsForOthers } from '../plan/told.ts'
import { findingNetworkRows } from './rows-finding-network.ts'
import { exposureIn, hopRows, pathIn } from './rows-hops.ts'
import { betweenOf, isOfLabels } from './rows-ladder.ts'
import { blank, diffRows, heading, prose, type Row, row, type Tone } from './rows-line.ts'
import {
  OWNER_WORD,
  objectText,
  RISK_MEANS,
  RISK_TONE,
  RISK_WORD,
  SEVERITY_WORD,
  STATUS_MEANS,
  STATUS_TONE,
  STATUS_WORD,
} from './rows-words.ts'
import { type Look, type Scan, type State, shownValue } from './store-state.ts'
import { sentence } from './text.ts'

/** One finding explained: what, why, evidence, and exactly what the fix changes. */
export function findingRows(state: State, id: FindingId, width: number): Row[] {
  const { scan } = state
  const finding = scan?.findings.get(id) ?? scan?.gone.get(id)
  const control = scan?.controls.find((one) => one.id === finding?.control)
  if (scan === undefined || finding === undefined || control === undefined)
    return [row({ text: 'This finding is resolved: the object was mended or is gone.', tone: 'ok' })]
  const between = isOfLabels(finding) ? betweenOf(scan, finding.subject.name, width) : []
  return [
    ...about(finding, control, width, state),
    ...between,
    blank,
    ...fixRows(state, control, width),
    blank,
    ...provenance(control, width),
  ]
}

/** The same without the fix: the detail pane beside a list. */
export function findingGist(state: State, id: FindingId, width: number): Row[] {
  const finding = state.scan?.findings.get(id)
  const control = state.scan?.controls.find((one) => one.id === finding?.control)
  return finding === undefined || control === undefined ? [] : about(finding, control, width, state)
}

function about(finding: Finding, control: RegisteredControl, width: number, { scan }: State): Row[] {
  const place = finding.subject.file === undefined ? undefined : scan?.snapshot.locate(finding.subject, finding.at)
  const file = place ?? (finding.subject.file === undefined ? undefined : { file: finding.subject.file, line: finding.subject.line })
  const path = pathIn(finding)
  const detail = path === undefined ? finding.detail : exposureIn(finding)
  const evidence =
    finding.evidence === null || finding.evidence === undefined || finding.detail !== undefined ? '' : JSON.stringify(finding.evidence)
  return [
    row({ text: SEVERITY_WORD[finding.severity], tone: finding.severity }, { text: `  ${control.title}`, tone: 'title' }),
    ...prose(`${objectText(finding.subject)}${finding.container === undefined ? '' : `, container ${finding.container}`}`, width, {
      indent: 0,
    }),
    ...prose(
      `${finding.reason}${detail === undefined ? '' : `: ${detail}`}${finding.verdict === 'review' ? ' (a person has to judge this)' : ''}`,
      width,
      { indent: 0 },
    ),
    ...(finding.at === undefined ? [] : prose(`at ${formatPath(finding.at)}`, width, { indent: 0, tone: 'dim' })),
    ...(file === undefined
      ? []
      : prose(`in ${file.file}${file.line === undefined ? '' : `:${file.line}`}`, width, { indent: 0, tone: 'dim' })),
    ...(evidence === ''
      ? []
      : prose(`seen: ${evidence.length > 2000 ? `${evidence.slice(0, 2000)} ...` : evidence}`, width, { indent: 0, tone: 'dim' })),
    ...(finding.origin === 'system'
      ? prose('This object belongs to the platform: shown, but not scored.', width, { indent: 0, tone: 'dim' })
      : []),
    ...(finding.managedBy === ''
      ? []
      : prose(
          `Managed by ${OWNER_WORD[finding.managedBy]}: a change made here would be reverted, so the fix is written as a patch file for the place it is managed from.`,
          width,
          { indent: 0, tone: 'medium' },
        )),
    ...(path === undefined || scan === undefined ? [] : wayRows(scan, path, width)),
    ...(scan === undefined ? [] : findingNetworkRows(finding, scan.snapshot, width)),
    blank,
    heading('Why it matters'),
    ...prose(control.why, width),
  ]
}

/** Every hop in a row of its own reads better than one long sentence. */
const wayRows = ({ snapshot }: Scan, path: readonly Hop[], width: number): Row[] => [
  blank,
  heading('The way there (E shows what would stop it)'),
  ...path.flatMap((hop, index) => hopRows(snapshot, hop, index + 1, width)),
]

function fixRows(state: State, control: RegisteredControl, width: number): Row[] {
  const { look } = state
  const choices = options(state, control, width)
  return [
    heading('The fix'),
    ...lookRows(look, width),
    ...(choices.length === 0 ? [] : [blank, heading('Your choices (c changes them)'), ...choices]),
  ]
}

/** What is known of the fix by now. */
export function lookRows(look: Look | undefined, width: number): Row[] {
  if (look === undefined) return [row({ text: '  working it out ...', tone: 'dim' })]
  if (look.problem !== undefined) return prose(`It could not be worked out: ${look.problem}`, width, { tone: 'fail' })
  if (look.plan === undefined) return [row({ text: '  working it out ...', tone: 'dim' })]
  return [
    ...ledgerRows(look.plan, width),
    ...look.plan.steps.flatMap((step, index, steps) => [
      ...(steps.length === 1
        ? []
        : [...(index === 0 ? [] : [blank]), row({ text: `  Step ${index + 1} of ${steps.length}`, tone: 'key' })]),
      ...stepRows(step, width, breaksWords(step, steps)),
      ...previewRows(look.previews.get(step.id), look.done, width, step, warnedBefore(look, steps.slice(0, index))),
    ]),
  ]
}

const warnedBefore = ({ previews }: Look, steps: readonly Step[]): ReadonlySet<string> =>
  new Set(steps.map(({ id }) => previews.get(id)).flatMap((result) => (result?.ok === true ? result.rehearsal.warnings : [])))

function ledgerRows({ ledger }: Plan, width: number): Row[] {
  return [
    ...ledger.needsValue.flatMap(({ question }) =>
      prose(`It needs a value from you: ${question} Press c to give it.`, width, { tone: 'medium' }),
    ),
    ...ledger.byHand.flatMap(({ why }) => prose(`By hand: ${why}`, width)),
    ...ledger.refused.flatMap(({ because }) => prose(`Not offered: ${because}`, width, { tone: 'medium' })),
  ]
}

/** A step in words: what, how risky, what may break. */
export function stepRows(step: Step, width: number, mayBreak = step.mayBreak): Row[] {
  return [
    ...prose(step.title, width),
    row({ text: `  ${RISK_WORD[step.risk]}`, tone: RISK_TONE[step.risk] }, { text: `: ${RISK_MEANS[step.risk]}`, tone: 'dim' }),
    ...mayBreakRows(mayBreak, width, 2),
    ...(step.carriedOut === 'file'
      ? prose('Carried out by you: this tool makes the files and says where they go.', width, { tone: 'medium' })
      : []),
  ]
}

/** What may break, and apart from it what could be chosen instead. */
export function mayBreakRows(mayBreak: readonly string[], width: number, indent: number): Row[] {
  const part = (title: string, tone: Tone, clauses: readonly string[]): Row[] =>
    clauses.length === 0
      ? []
      : [
          row({ text: `${' '.repeat(indent)}${title}`, tone }),
          ...clauses.flatMap((clause) => prose(clause, width, { indent: indent + 2, mark: '- ' })),
        ]
  return [
    ...part(
      'What may break:',
      indent === 0 ? 'fail' : 'dim',
      mayBreak.filter((clause) => !isOtherChoice(clause)),
    ),
    ...part('Other choices (c on the finding, or in commands as said):', 'dim', mayBreak.filter(isOtherChoice)),
  ]
}

/** `warned`: what a step before it has said already. */
export function previewRows(
  result: RehearsalResult | undefined,
  done: boolean,
  width: number,
  step: Step,
  warned: ReadonlySet<string> = new Set(),
): Row[] {
  if (result === undefined) return done ? [] : [row({ text: '  trying it without writing ...', tone: 'dim' })]
  if (!result.ok && waitsForOthers(step)) return prose(`${sentence(TRIED_LATER)} Now: ${result.because}`, width, { tone: 'dim' })
  if (!result.ok) return prose(`Refused by ${result.refusedBy}: ${result.because}`, width, { tone: 'fail' })
  const { diff, warnings } = result.rehearsal
  return [
    ...warnings.filter((warning) => !warned.has(warning)).flatMap((warning) => prose(`Warning: ${warning}`, width, { tone: 'medium' })),
    // What the steps before it leave there is not there yet.
    row({
      text: waitsForOthers(step) ? '  Seen from how it is now, this changes; shown again in its turn:' : '  Exactly this changes:',
      tone: 'dim',
    }),
    ...diffRows(diff),
  ]
}

export const optionsOf = (control: RegisteredControl | undefined): NonNullable<Remedy['options']> =>
  control !== undefined && 'propose' in control.remedy ? (control.remedy.options ?? {}) : {}

function options(state: State, control: RegisteredControl, width: number): Row[] {
  return Object.entries(optionsOf(control)).flatMap(([name, option]) => {
    const value = state.values[control.id]?.[name] ?? option.default
    return prose(`${option.describe}. Now: ${shownValue(value)}.`, width, { mark: '- ', tone: 'key' })
  })
}

function provenance(control: RegisteredControl, width: number): Row[] {
  const references = control.references.map(({ standard, section }) => `${standard} ${section}`).join(', ')
  return [
    ...(control.verify === undefined ? [] : [heading('How to prove it'), ...prose(control.verify, width), blank]),
    heading('References'),
    ...prose(`${references === '' ? 'none' : references}`, width),
    ...prose(`Check ${control.id}`, width, { tone: 'dim' }),
  ]
}

/** A check as a whole: for those that found nothing, above all why one could not be made. */
export function controlRows(state: State, id: ControlId, width: number): Row[] {
  const control = state.scan?.controls.find((one) => one.id === id)
  const outcome = state.scan?.outcomes.get(id)
  if (control === undefined || outcome === undefined) return [row({ text: 'Not judged yet.', tone: 'dim' })]
  const reason = outcome.because ?? outcome.error
  return [
    row({ text: SEVERITY_WORD[control.severity], tone: control.severity }, { text: `  ${control.title}`, tone: 'title' }),
    row(
      { text: STATUS_WORD[outcome.status], tone: STATUS_TONE[outcome.status] },
      { text: `  ${STATUS_MEANS[outcome.status]}`, tone: 'dim' },
    ),
    ...(reason === undefined ? [] : prose(reason, width, { indent: 0 })),
    blank,
    ...(outcome.answers === undefined || outcome.answers.length === 0
      ? []
      : [heading('What would answer it'), ...outcome.answers.flatMap((answer) => prose(answer, width, { mark: '- ' })), blank]),
    heading('Why it matters'),
    ...prose(control.why, width),
    blank,
    heading(outcome.status === 'fail' || outcome.status === 'review' ? 'The fix' : 'The fix, were it to fail'),
    ...prose(
      'byHand' in control.remedy
        ? `By hand: ${control.remedy.byHand}`
        : control.remedy.guides
          ? 'By hand: each finding says what to do there.'
          : 'This tool can make it; open a finding to see exactly what would change.',
      width,
    ),
    blank,
    ...provenance(control, width),
  ]
}
