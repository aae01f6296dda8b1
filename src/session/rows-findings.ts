import type { Finding, Practice, Severity } from '../model/index.ts'
import { inColumns, type Line } from './rows-line.ts'
import { OWNER_WORD, objectText, SEVERITY_WORD } from './rows-words.ts'
import type { Scan } from './store-state.ts'

/** What the operator's own objects have; the platform's and the accepted are shown apart. */
export function workload(scan: Scan): readonly Finding[] {
  const known = workloads.get(scan.findings)
  if (known !== undefined) return known
  const own = scan.findings
    .values()
    .filter((finding) => finding.origin === 'workload' && !finding.excepted)
    .toArray()
  workloads.set(scan.findings, own)
  return own
}
const workloads = new WeakMap<Scan['findings'], readonly Finding[]>()

/** How many a practice has, by severity: counted once for each scan. */
export function countsOf(scan: Scan, practice: Practice): ReadonlyMap<Severity, number> {
  let counts = counted.get(scan.findings)
  if (counts === undefined) {
    counts = new Map(
      Map.groupBy(workload(scan), (finding) => finding.practice)
        .entries()
        .map(([of, findings]) => [of, bySeverityCount(findings)]),
    )
    counted.set(scan.findings, counts)
  }
  return counts.get(practice) ?? new Map()
}
const counted = new WeakMap<Scan['findings'], ReadonlyMap<Practice, ReadonlyMap<Severity, number>>>()
const bySeverityCount = (findings: readonly Finding[]): ReadonlyMap<Severity, number> =>
  new Map(
    Map.groupBy(findings, (finding) => finding.severity)
      .entries()
      .map(([severity, some]) => [severity, some.length]),
  )

/** One finding: severity, object, what is wrong with it. */
export function findingLine(width: number, finding: Finding, scan: Scan, saying: 'all' | 'detail' = 'all', marked?: boolean): Line {
  const fresh = scan.fresh.get(finding.id)?.mark ?? ' '
  const container = finding.container === undefined ? '' : ` (${finding.container})`
  const wrong = saying === 'all' ? [finding.reason, finding.detail] : [finding.detail ?? finding.reason]
  const owner = finding.managedBy === '' ? '' : ` [${OWNER_WORD[finding.managedBy]}]`
  return inColumns(width, [
    ...(marked === undefined ? [] : [{ text: marked ? '[x]' : '[ ]', width: 3, tone: marked ? ('key' as const) : ('dim' as const) }]),
    { text: fresh, width: 1, tone: fresh === '-' ? 'ok' : 'key' },
    { text: SEVERITY_WORD[finding.severity], width: 4, tone: finding.severity },
    {
      text: `${objectText(finding.subject)}${container}`,
      width: Math.max(20, Math.floor(width * (saying === 'all' ? 0.44 : 0.5))),
      ...(fresh === '-' && { tone: 'dim' as const }),
    },
    {
      text: `${fresh === '-' ? 'resolved: ' : ''}${wrong.filter((part) => part !== undefined && part !== '').join(': ')}${owner}`,
      grow: true,
      ...(fresh === '-' && { tone: 'dim' as const }),
    },
  ])
}
