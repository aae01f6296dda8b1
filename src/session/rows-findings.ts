import type { Finding } from '../model/index.ts'
import { inColumns, type Line } from './rows-line.ts'
import { OWNER_WORD, objectText, SEVERITY_WORD } from './rows-words.ts'
import type { Scan } from './store-state.ts'

/** What the operator's own objects have; the platform's and the accepted are shown apart. */
export const workload = (scan: Scan): Finding[] => scan.findings.values().filter((finding) => finding.origin === 'workload' && !finding.excepted).toArray()

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
    { text: `${objectText(finding.subject)}${container}`, width: Math.max(20, Math.floor(width * 0.42)), ...(fresh === '-' && { tone: 'dim' as const }) },
    { text: `${fresh === '-' ? 'resolved: ' : ''}${wrong.filter((part) => part !== undefined && part !== '').join(': ')}${owner}`, grow: true, ...(fresh === '-' && { tone: 'dim' as const }) },
  ])
}
