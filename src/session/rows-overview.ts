import { bySeverity, PRACTICES, type PracticeSummary } from '../engine/score.ts'
import type { Finding, Practice, Severity } from '../model/index.ts'
import { PRACTICE_TITLES } from './route.ts'
import { interruptedRows } from './rows-connect.ts'
import { findingLine, workload } from './rows-findings.ts'
import { blank, choice, heading, inColumns, type Line, lineText, prose, type Row, row } from './rows-line.ts'
import { STATUS_MEANS } from './rows-words.ts'
import type { Scan, State } from './store-state.ts'
import { count } from './text.ts'

const TOP = 40

/** The six practices, then what is worst, then what could not be seen. */
export function overviewRows(state: State, width: number): Row[] {
  const { scan } = state
  if (scan === undefined) return [row({ text: 'Reading ...', tone: 'dim' })]
  const worst = worstFindings(scan)
  const numbers = numbersOf(scan)
  return [
    // A cluster that the command line names is opened without the screen that offers them.
    ...interruptedRows(state, width),
    row({ text: practiceHead(width, numbers), tone: 'dim' }),
    ...PRACTICES.map((practice, index) => choice(`practice:${practice}`, (w) => practiceLine(w, index + 1, practice, scan, numbers))),
    ...prose('Numbers are checks; the score is the part that passed, weighted by severity.', width, { tone: 'dim' }),
    ...(numbers.includes(SAID) ? prose(`said: ${STATUS_MEANS.attested}; in no score.`, width, { tone: 'dim' }) : []),
    blank,
    ...gaps(scan),
    heading(
      worst.length === 0
        ? scan.synced
          ? 'No findings.'
          : 'No findings yet; still reading.'
        : `Worst of ${count(workload(scan).length, 'finding')}${scan.synced ? '' : ' so far'}`,
    ),
    ...worst.map((finding) => choice(`finding:${finding.id}`, (w) => findingLine(w, finding, scan))),
  ]
}

interface NumberColumn {
  readonly head: string
  readonly width: number
  readonly of: (summary: PracticeSummary) => number
}
const NUMBERS: readonly NumberColumn[] = [
  { head: 'fail', width: 4, of: ({ fail }) => fail },
  { head: 'review', width: 6, of: ({ review }) => review },
  { head: '?', width: 4, of: ({ unknown, error }) => unknown + error },
  { head: 'ok', width: 4, of: ({ pass }) => pass },
]
const SAID: NumberColumn = { head: 'said', width: 4, of: ({ attested }) => attested }

/** What somebody vouches for is no pass: it has a column of its own, where there is any. */
const numbersOf = ({ summary }: Scan): readonly NumberColumn[] =>
  PRACTICES.some((practice) => summary[practice].attested > 0) ? [...NUMBERS, SAID] : NUMBERS

function practiceHead(width: number, numbers: readonly NumberColumn[]): string {
  return lineText(
    inColumns(width, [
      { text: 'Practice', grow: true },
      { text: 'score', width: bar(width) + 5 },
      ...numbers.map(({ head, width: w }) => ({ text: head.padStart(w), width: w })),
    ]),
  )
}

function practiceLine(width: number, number: number, practice: Practice, scan: Scan, numbers: readonly NumberColumn[]): Line {
  const summary = scan.summary[practice]
  // A part of a cluster has no score.
  const score = scan.synced ? summary.score : null
  const gauge = score === null ? '-'.repeat(bar(width)) : '#'.repeat(Math.round((score / 100) * bar(width))).padEnd(bar(width), '.')
  const tone = score === null ? 'dim' : score >= 90 ? 'ok' : score >= 60 ? 'medium' : 'fail'
  return inColumns(width, [
    { text: `${number} ${PRACTICE_TITLES[practice]}`, grow: true },
    { text: `${score === null ? '  - ' : `${String(score).padStart(3)}%`} ${gauge}`, width: bar(width) + 5, tone },
    ...numbers.map(({ head, width: w, of }) => ({
      text: String(of(summary)).padStart(w),
      width: w,
      ...(head === 'fail' && of(summary) > 0 && { tone: 'fail' as const }),
    })),
  ])
}
const bar = (width: number): number => (width >= 100 ? 20 : width >= 76 ? 10 : 5)

function gaps(scan: Scan): Row[] {
  const unknown = PRACTICES.reduce((sum, practice) => sum + scan.summary[practice].unknown, 0)
  const files = scan.problems.length
  if (unknown === 0 && files === 0) return []
  if (!scan.synced && unknown > 0)
    return [row({ text: `  ${count(unknown, 'check')} not made yet: still reading ...`, tone: 'dim' }), blank]
  const parts = [
    unknown > 0 && `${count(unknown, 'check')} could not be made`,
    files > 0 && `${count(files, 'file')} could not be read`,
  ].filter((part) => part !== false)
  return [
    choice('gaps', (width) =>
      inColumns(width, [
        { text: '?', tone: 'unknown' },
        { text: `${parts.join(', ')}: see why, and what would answer`, grow: true, tone: 'unknown' },
      ]),
    ),
    blank,
  ]
}

function worstFindings(scan: Scan): Finding[] {
  const order: readonly Severity[] = ['critical', 'high', 'medium', 'low', 'info']
  const worst: Finding[] = []
  const all = workload(scan)
  // Not a full sort: ten thousand findings, forty shown.
  for (const severity of order) {
    for (const finding of all) {
      if (worst.length === TOP) return worst
      if (finding.severity === severity) worst.push(finding)
    }
  }
  return worst.toSorted((a, b) => bySeverity(a.severity, b.severity))
}
