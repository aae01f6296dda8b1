import { bySeverity, PRACTICES } from '../engine/score.ts'
import type { Finding, Severity, Status } from '../model/index.ts'
import { printable } from '../objects/display.ts'
import { fewOf } from '../objects/few-of.ts'
import type { ReportedFinding, ScanReport } from './scan-report.ts'

/** Colours are the caller's; every mark is also a word. */
export type Paint = (style: 'bold' | 'dim' | 'red' | 'yellow' | 'green' | 'cyan', text: string) => string
const WORD: Readonly<Record<Status, string>> = {
  pass: 'pass',
  fail: 'FAIL',
  review: 'review',
  unknown: '?',
  notApplicable: 'n/a',
  attested: 'attested',
  error: 'ERROR',
}
const COLOUR: Readonly<Record<Status, Parameters<Paint>[0]>> = {
  pass: 'green',
  fail: 'red',
  review: 'yellow',
  unknown: 'yellow',
  notApplicable: 'dim',
  attested: 'cyan',
  error: 'red',
}
const SEVERITY: Readonly<Record<Severity, string>> = { critical: 'CRIT', high: 'HIGH', medium: 'MED ', low: 'LOW ', info: 'INFO' }
const SHOWN_PER_CONTROL = 20
type ReportedResult = ScanReport['results'][number]

export function toTable(report: ScanReport, paint: Paint): string {
  const { source } = report
  const where = [source.kind === 'live' ? `context ${source.name}` : source.name, source.server, source.kubernetes]
    .filter((part) => part !== undefined && part !== '')
    .map((part) => printable(part as string))
    .join('  ')
  return (
    [
      paint('bold', `k8s-harden  ${where}  ${report.objects} objects`),
      '',
      ...summaryLines(report, paint),
      '',
      ...resultLines(report, paint),
      ...problemLines(report, paint),
      ...flowLines(report, paint),
      ...oftenNamed(report),
      closingLine(report),
      ...howToReadMore(report),
    ].join('\n') + '\n'
  )
}

function summaryLines({ summary, results }: ScanReport, paint: Paint): string[] {
  const judged = PRACTICES.filter((practice) => results.some(({ control }) => control.practice === practice))
  const head = `${'practice'.padEnd(16)}${['score', 'fail', 'review', '?', 'pass', 'attested', 'n/a'].map((word) => word.padStart(9)).join('')}`
  return [
    paint('dim', head),
    ...judged.map((practice) => {
      const { score, fail, review, unknown, pass, notApplicable, attested, error } = summary[practice]
      const cells = [score === null ? '-' : String(score), fail + error, review, unknown, pass, attested, notApplicable].map((cell) =>
        String(cell).padStart(9),
      )
      return `${practice.padEnd(16)}${cells.join('')}`
    }),
  ]
}

function resultLines({ results }: ScanReport, paint: Paint): string[] {
  return PRACTICES.flatMap((practice) => {
    const own = results.filter(({ control }) => control.practice === practice).toSorted(worstFirst)
    if (own.length === 0) return []
    return [
      paint('bold', practice),
      ...own.flatMap(({ control, outcome, findings }) => {
        const line = `  ${paint(COLOUR[outcome.status], WORD[outcome.status].padEnd(8))} ${SEVERITY[gravest({ control, findings })]} ${control.id}  ${paint('dim', control.title)}`
        const because = outcome.because ?? outcome.error
        const why =
          because === undefined || outcome.status === 'pass'
            ? []
            : [
                `             ${printable(because)}`,
                ...(outcome.answers ?? []).slice(0, 3).map((answer) => `             to find out: ${printable(answer)}`),
              ]
        return [line, ...why, ...findingLines(findings, paint)]
      }),
      '',
    ]
  })
}

/** What failed before what needs judging, could not be seen or passed; the worst finding first, or what a finding would be. */
const URGENCY: readonly Status[] = ['error', 'fail', 'review', 'unknown', 'pass', 'attested', 'notApplicable']
const worstFirst = (a: ReportedResult, b: ReportedResult): number =>
  URGENCY.indexOf(a.outcome.status) - URGENCY.indexOf(b.outcome.status) || bySeverity(gravest(a), gravest(b))
const gravest = ({ control, findings }: Pick<ReportedResult, 'control' | 'findings'>): Severity =>
  reckoned(findings).reduce<Severity | undefined>(
    (worst, { finding: { severity } }) => (worst === undefined || bySeverity(severity, worst) < 0 ? severity : worst),
    undefined,
  ) ?? control.severity
const reckoned = (findings: readonly ReportedFinding[]): readonly ReportedFinding[] =>
  findings.filter(({ finding }) => !finding.excepted && finding.origin === 'workload')

function findingLines(findings: readonly ReportedFinding[], paint: Paint): string[] {
  const live = reckoned(findings).toSorted((a, b) => bySeverity(a.finding.severity, b.finding.severity))
  const system = findings.filter(({ finding }) => !finding.excepted && finding.origin === 'system').length
  const excepted = findings.filter(({ finding }) => finding.excepted).length
  const lines = live.slice(0, SHOWN_PER_CONTROL).map(({ finding, place: at }) => {
    const object = `${objectName(finding)}${finding.container === undefined ? '' : ` [${finding.container}]`}`
    const place = at === undefined ? '' : paint('dim', `  ${printable(at.file)}:${at.line ?? 1}`)
    const detail = finding.detail === undefined ? '' : `: ${finding.detail}`
    return `      ${SEVERITY[finding.severity]} ${printable(object)} ${printable(finding.reason)}${printable(detail)}${place}`
  })
  if (live.length > SHOWN_PER_CONTROL) lines.push(`      … and ${live.length - SHOWN_PER_CONTROL} more: -o json lists all`)
  if (system > 0) lines.push(paint('dim', `      ${system} of the platform's own, not scored`))
  if (excepted > 0) lines.push(paint('dim', `      ${excepted} accepted in the exceptions file`))
  return lines
}

function flowLines({ flows }: ScanReport, paint: Paint): string[] {
  if (flows === undefined) return []
  const { records, unresolved, doubts } = flows
  const open = unresolved > 0 ? `, ${unresolved} of them with an end that is not known any more` : ''
  return [
    paint('bold', `flows seen: ${flows.flows} different ones in ${records} records${open}`),
    ...doubts.map((doubt) => `  ${printable(doubt)}`),
    '',
  ]
}

function problemLines({ problems }: ScanReport, paint: Paint): string[] {
  if (problems.length === 0) return []
  return [
    paint('bold', 'could not be read'),
    ...problems.map(({ file, line, message }) => `  ${printable(file)}:${line} ${printable(message)}`),
    '',
  ]
}

/** One object may trip many checks: what most of them speak of is where to begin. */
function oftenNamed({ results }: ScanReport): string[] {
  const checksOf = new Map<string, Set<string>>()
  for (const { control, findings } of results)
    for (const { finding } of reckoned(findings)) {
      const name = objectName(finding)
      checksOf.set(name, (checksOf.get(name) ?? new Set()).add(control.id))
    }
  const most = [...checksOf]
    .filter(([, checks]) => checks.size >= MANY_CHECKS)
    .sort(([a, checks], [b, others]) => others.size - checks.size || (a < b ? -1 : 1))
    .map(([name, checks]) => `${printable(name)} (${checks.size} checks)`)
  return most.length === 0 ? [] : [`Begin with what most checks speak of: ${fewOf(most)}.`]
}
const MANY_CHECKS = 4
const objectName = ({ subject: { kind, namespace, name } }: Finding): string =>
  `${kind} ${namespace === undefined ? '' : `${namespace}/`}${name}`

const howToReadMore = ({ results }: ScanReport): string[] =>
  results.some(({ outcome }) => outcome.unread?.some(({ why }) => why === 'forbidden'))
    ? ['You may not read everything here: k8s-harden permissions prints the role that is enough.']
    : []

function closingLine({ results }: ScanReport): string {
  const live = reckoned(results.flatMap(({ findings }) => findings))
  const unseen = results.filter(({ outcome }) => outcome.status === 'unknown').length
  const byKind = Map.groupBy(live, ({ remedy }) =>
    remedy.kind === 'byHand'
      ? 'by hand'
      : remedy.kind === 'needsValue'
        ? 'need a value from you'
        : remedy.kind === 'refused'
          ? 'refused, with a reason'
          : 'fixable',
  )
  const parts = (['fixable', 'need a value from you', 'by hand', 'refused, with a reason'] as const)
    .filter((name) => byKind.has(name))
    .map((name) => {
      const { length } = byKind.get(name)!
      return `${length} ${length === 1 ? name.replace(/^need /, 'needs ') : name}`
    })
  const grave = (['critical', 'high'] as const)
    .map((severity) => [live.filter(({ finding }) => finding.severity === severity).length, severity] as const)
    .filter(([number]) => number > 0)
    .map(([number, severity]) => `${number} ${severity}`)
  return live.length === 0
    ? `no findings${unseen === 0 ? '' : `, but ${unseen} ${unseen === 1 ? 'check' : 'checks'} could not be made`}`
    : `${live.length} ${live.length === 1 ? 'finding' : 'findings'}${grave.length > 0 ? ` (${grave.join(', ')})` : ''}: ${parts.join(', ')}. Next: k8s-harden apply --dry-run shows the changes, k8s-harden generate --out DIR writes them as files.`
}
