import type { Finding, ObjectRef, Practice, Severity } from '../model/index.ts'
import { inColumns, type Line } from './rows-line.ts'
import { OWNER_WORD, objectText, SEVERITY_WORD } from './rows-words.ts'
import type { Scan } from './store-state.ts'
import { cut, cutMiddle, sanitize } from './text.ts'

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

/** What the rows around a finding's row say already: nothing, its check, or its object. */
export type Under = 'nothing' | 'check' | 'object'

/**
 * Paths of files differ where they end: `KubeconfigFile /root~admin.conf`, and those of nodes also by the node: `cp-1:~pki/ca.crt`. Of other
 * names a quarter is kept for the end, which is where static pods have their node: `Pod kube-system/kube-apis~ver-cp-1`; not where that
 * would be a container.
 */
export function fittedName(text: string, room: number): string {
  const safe = sanitize(text)
  const node = /^[^ /:]+:(?=\/)/.exec(safe)?.[0].length ?? 0
  if (node > 0 && node < room / 2) return cutMiddle(safe, room, room - 1 - node)
  if (/\/.*\//.test(safe)) return cutMiddle(safe, room)
  return safe.endsWith(')') ? cut(safe, room) : cutMiddle(safe, room, Math.floor(room / 4))
}

/** A file of a node by its node and path, since each node has one of that name; anything else by kind and name. */
export const subjectText = (ref: ObjectRef): string =>
  ref.file !== undefined && /^[^/:]+:\//.test(ref.file) && ref.file.endsWith(ref.name) ? ref.file : objectText(ref)

const besideText = ({ subject }: Finding, under: Under, container: string, room: number): string =>
  under === 'object' ? container : fittedName(`${subjectText(subject)}${container}`, room)

/** One finding: severity, object, what is wrong with it. `widest`: columns of the longest object around it, so that no room is wasted. */
export function findingLine(width: number, finding: Finding, scan: Scan, under: Under = 'nothing', marked?: boolean, widest = width): Line {
  const fresh = scan.fresh.get(finding.id)?.mark ?? ' '
  const isGone = fresh === '-'
  const container = finding.container === undefined ? '' : under === 'object' ? finding.container : ` (${finding.container})`
  const share = under === 'object' ? 0.2 : under === 'check' ? 0.5 : 0.44
  const least = under === 'object' ? 10 : 20
  const room = Math.min(under === 'object' ? width : Math.max(widest, least), Math.max(least, Math.floor(width * share)))
  const wrong = under === 'check' ? [finding.detail ?? finding.reason] : [finding.reason, finding.detail]
  const owner = finding.managedBy === '' ? '' : ` [${OWNER_WORD[finding.managedBy]}]`
  const tone = isGone ? { tone: 'dim' as const } : {}
  return inColumns(width, [
    ...(marked === undefined ? [] : [{ text: marked ? '[x]' : '[ ]', width: 3, tone: marked ? ('key' as const) : ('dim' as const) }]),
    { text: fresh, width: 1, tone: isGone ? 'ok' : 'key' },
    { text: SEVERITY_WORD[finding.severity], width: 4, tone: finding.severity },
    { text: besideText(finding, under, container, room), width: room, ...tone },
    {
      text: `${isGone ? 'resolved: ' : ''}${wrong.filter((part) => part !== undefined && part !== '').join(': ')}${owner}`,
      grow: true,
      ...tone,
    },
  ])
}
