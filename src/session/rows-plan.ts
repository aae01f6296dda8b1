import type { Finding, FindingId, Plan, Step, StepId } from '../model/index.ts'
import { preparesStep } from '../plan/step-words.ts'
import { planAccessRows, stepAccessRows } from './rows-access.ts'
import { previewRows, stepRows } from './rows-finding.ts'
import { fittedName, subjectText } from './rows-findings.ts'
import { beside, blank, choice, heading, inColumns, prose, type Row, row } from './rows-line.ts'
import { networkWarningRows, planNetworkRows, stepNetworkRows } from './rows-network.ts'
import { OWNER_WORD, RISK_TONE, RISK_WORD } from './rows-words.ts'
import type { Planned, Scan, State } from './store-state.ts'
import { count } from './text.ts'

/** The steps in the order they would be carried out, and where every other finding went. */
export function planRows(state: State, width: number): Row[] {
  const { planned, scan } = state
  if (planned === undefined || scan === undefined)
    return [row({ text: 'Nothing is planned. Mark findings with space, then press a.', tone: 'dim' })]
  if (planned.problem !== undefined) return [row({ text: 'The plan could not be made', tone: 'fail' }), ...prose(planned.problem, width)]
  const { plan } = planned
  if (plan === undefined) return [row({ text: `Working out how to fix ${count(planned.asked.length, 'finding')} ...`, tone: 'dim' })]
  const { ledger } = plan
  const deliberate = deliberateSteps(plan, scan)
  return [
    ...prose(ledgerText(plan), width, { indent: 0 }),
    ...chosenRows(plan, selectedSteps(planned), width),
    ...filesRows(plan, width),
    ...(planned.oneFirst
      ? prose('Deployments of two pods or more: one new pod first, the others once it has kept running (1: all at once).', width, {
          indent: 0,
        })
      : []),
    ...(deliberate.size > 0 && selectedSteps(planned).length < plan.steps.length && [...deliberate].every((id) => planned.off.has(id))
      ? prose(`${count(deliberate.size, 'step')} at [ ] would add what nobody has asked for yet; space takes one in, * all.`, width, {
          indent: 0,
        })
      : []),
    ...networkWarningRows(state, selectedSteps(planned), scan.snapshot, width),
    blank,
    ...(plan.steps.length === 0
      ? [row({ text: 'No step can be carried out by this tool.', tone: 'medium' })]
      : [heading('Steps, in this order')]),
    ...plan.steps.flatMap((step, index) => stepEntry(width, index + 1, step, planned, scan)),
    ...planAccessRows(plan, selectedSteps(planned), scan.snapshot, width),
    ...planNetworkRows(state, selectedSteps(planned), width),
    ...section('Needs a value from you (enter to choose)', byChoice(ledger, scan), (asked) => valueEntry(scan, asked)),
    ...section(
      'By hand',
      alike(ledger.byHand, ({ why }) => why),
      ([why, some]) => entry(scan, some, why),
    ),
    ...section(
      'Not offered, because',
      alike(ledger.refused, ({ because }) => because),
      ([because, some]) => entry(scan, some, because),
    ),
  ]
}

export const ledgerTotal = ({ ledger }: Plan): number =>
  ledger.fixable.length + ledger.needsValue.length + ledger.byHand.length + ledger.refused.length
/** `12 findings: 7 fixed by 3 steps, 2 needing a value from you, 2 by hand only, 1 not offered`; the numbers add up. */
export function ledgerText(plan: Plan): string {
  const { ledger, steps } = plan
  const parts = [
    `${ledger.fixable.length} fixed by ${count(steps.length, 'step')}`,
    ledger.needsValue.length > 0 && `${ledger.needsValue.length} needing a value from you`,
    ledger.byHand.length > 0 && `${ledger.byHand.length} by hand only`,
    ledger.refused.length > 0 && `${ledger.refused.length} not offered`,
  ].filter((part) => part !== false)
  return `${count(ledgerTotal(plan), 'finding')}: ${parts.join(', ')}.`
}

/** What is only prepared here is done by somebody else. */
function filesRows({ steps }: Plan, width: number): Row[] {
  const made = steps.filter(({ carriedOut }) => carriedOut === 'file').length
  if (made === 0) return []
  return prose(
    `${count(made, 'step')} only ${made === 1 ? 'makes' : 'make'} files for you to place; the result says where they are.`,
    width,
    {
      indent: 0,
    },
  )
}

/** What the ledger counts is of all steps. */
function chosenRows({ steps }: Plan, chosen: readonly Step[], width: number): Row[] {
  if (chosen.length === steps.length) return []
  const mended = chosen.reduce((sum, { mends }) => sum + mends.length, 0)
  return prose(`The ${count(chosen.length, 'chosen step')} ${chosen.length === 1 ? 'fixes' : 'fix'} ${count(mended, 'finding')}.`, width, {
    indent: 0,
  })
}

function stepEntry(width: number, number: number, step: Step, planned: Planned, scan: Scan): Row[] {
  const isOff = planned.off.has(step.id)
  const isDone = step.mends.length > 0 && step.mends.every((id) => !scan.findings.has(id))
  const notes = [step.managedBy !== '' && OWNER_WORD[step.managedBy], isDone && 'already resolved'].filter((note) => note !== false)
  const part = step.canary === undefined ? '' : PART_WORD[step.canary]
  return beside(
    [
      { text: isOff ? '[ ]' : '[x]', tone: isOff ? 'dim' : 'key' },
      { text: String(number).padStart(3), width: 3, tone: 'dim' },
      { text: RISK_WORD[step.risk], width: 13, tone: RISK_TONE[step.risk] },
    ],
    `${part}${step.carriedOut === 'file' ? 'files for you: ' : ''}${rowTitle(step, width)}${notes.length > 0 ? ` [${notes.join(', ')}]` : ''}`,
    width,
    {
      key: `step:${step.id}`,
      most: LINES_OF_A_STEP,
      after: [{ text: (step.mends.length === 0 ? 'prepares' : `fixes ${step.mends.length}`).padStart(9), width: 9, tone: 'dim' }],
      ...(isOff && { tone: 'dim' as const }),
    },
  )
}
const LINES_OF_A_STEP = 2

/** Which part of a change that goes in one pod first; at the front, where a narrow line is not cut. */
const PART_WORD: Readonly<Record<NonNullable<Step['canary']>, string>> = { first: 'one pod: ', rest: 'others: ' }
/** A kind as long as ValidatingAdmissionPolicyBinding would leave no room for what is done. */
const rowTitle = ({ title }: Step, width: number): string =>
  width < 110 && /^[A-Z][A-Za-z]{19,} /.test(title) ? title.slice(title.indexOf(' ') + 1) : title

function section<T>(title: string, entries: readonly T[], of: (one: T) => Row): Row[] {
  return entries.length === 0 ? [] : [blank, heading(title), ...entries.map(of)]
}
/** One answer serves all findings that ask for it, so they are one row. */
const byChoice = ({ needsValue }: Plan['ledger'], scan: Scan): (readonly Needed[])[] => [
  ...Map.groupBy(needsValue, ({ finding, option }) => `${scan.findings.get(finding)?.control ?? finding} ${option}`).values(),
]
type Needed = Plan['ledger']['needsValue'][number]

function valueEntry(scan: Scan, asked: readonly Needed[]): Row {
  const [{ finding: id, question }] = asked as [Needed]
  const finding = scan.findings.get(id)
  const who = finding === undefined ? id : withContainer(finding)
  return choice(finding === undefined ? `finding:${id}` : `choose:${finding.control}:${id}`, (w) =>
    entryLine(w, asked.length === 1 || finding === undefined ? who : `${asked.length} of ${finding.control}`, question),
  )
}
/** What is said of several findings in the same words is said once. */
const alike = <T>(entries: readonly T[], words: (one: T) => string): readonly (readonly [string, readonly T[]])[] => [
  ...Map.groupBy(entries, words),
]
function entry(scan: Scan, some: readonly { readonly finding: FindingId }[], text: string): Row {
  const { finding: id } = some[0]!
  const finding = scan.findings.get(id)
  const who = finding === undefined ? id : withContainer(finding)
  return choice(`finding:${id}`, (w) => entryLine(w, who, text, some.length === 1 ? '' : ` +${some.length - 1}`))
}
function entryLine(width: number, who: string, text: string, more = '') {
  const room = Math.floor(width * 0.35)
  return inColumns(width, [
    { text: `${fittedName(who, room - more.length)}${more}`, width: room },
    { text, grow: true, tone: 'dim' },
  ])
}
const withContainer = ({ subject, container }: Finding): string =>
  `${subjectText(subject)}${container === undefined ? '' : ` (${container})`}`

/** Steps that serve only what adds to the cluster and mends nothing that is wrong now. */
export const deliberateSteps = ({ steps }: Plan, { controls }: Pick<Scan, 'controls'>): ReadonlySet<StepId> => {
  const ids = new Set(controls.filter(({ deliberate }) => deliberate).map(({ id }) => id))
  return new Set(steps.filter((step) => step.controls.length > 0 && step.controls.every((id) => ids.has(id))).map(({ id }) => id))
}

/** Steps that would be carried out now. */
export const selectedSteps = ({ plan, off }: Planned): Step[] => plan?.steps.filter((step) => !off.has(step.id)) ?? []

const preparesText = (step: Step, { steps }: Plan): string => {
  const number = preparesStep(step, steps)
  return number === undefined ? 'Prepares steps after it' : `Fixes nothing by itself: step ${number} needs it`
}

/** One step in full. */
export function stepScreenRows(state: State, id: StepId, width: number): Row[] {
  const { planned, look, scan } = state
  const step = planned?.plan?.steps.find((one) => one.id === id)
  if (step === undefined || planned?.plan === undefined) return [row({ text: 'This step is no longer in the plan.', tone: 'dim' })]
  const before = planned.plan.steps.filter((one) => step.after.includes(one.id))
  return [
    ...(scan === undefined ? [] : networkWarningRows(state, [step], scan.snapshot, width)),
    ...stepRows(step, width),
    ...(scan === undefined ? [] : stepAccessRows(planned.plan, step, scan.snapshot, width)),
    ...(scan === undefined ? [] : stepNetworkRows(state, step, width)),
    ...(before.length === 0
      ? []
      : [row({ text: '  Comes after:', tone: 'dim' }), ...before.flatMap((one) => prose(one.title, width, { indent: 4, mark: '- ' }))]),
    blank,
    heading(step.mends.length === 0 ? preparesText(step, planned.plan) : `Fixes ${count(step.mends.length, 'finding')}`),
    ...step.mends.flatMap((mended) => {
      const finding = scan?.findings.get(mended)
      return prose(
        finding === undefined
          ? `${mended} (already resolved)`
          : `${subjectText(finding.subject)}${finding.container === undefined ? '' : ` (${finding.container})`}: ${finding.reason}`,
        width,
        { mark: '- ' },
      )
    }),
    blank,
    heading('The change'),
    ...(look?.problem === undefined
      ? previewRows(look?.previews.get(id), look?.done ?? false, width, step)
      : prose(look.problem, width, { tone: 'fail' })),
  ]
}
