import { atLeast, bySeverity } from '../engine/score.ts'
import type { Finding, FindingId, Outcome, Practice, RegisteredControl, Status } from '../model/index.ts'
import { bannerRows } from './rows-banner.ts'
import { findingLine, subjectText, type Under } from './rows-findings.ts'
import { choice, inColumns, prose, type Row, row } from './rows-line.ts'
import { OWNER_WORD, objectText, SEVERITY_WORD, STATUS_TONE, STATUS_WORD } from './rows-words.ts'
import type { Filter, Scan, State } from './store-state.ts'
import { cells, count, sanitize } from './text.ts'

/** More than this in one group: it comes closed. */
const LARGE = 60

interface Group {
  readonly key: string
  readonly title: string
  readonly status: Status
  readonly findings: readonly Finding[]
  readonly closed?: true
  /** Columns that its longest object takes. */
  readonly widest: number
}

/** One practice: what failed, the worst and what there is most of first, then what needs judging, what could not be seen, the platform's own, and what passed. */
export function practiceRows(state: State, practice: Practice, width: number): Row[] {
  const { scan, filter } = state
  if (scan === undefined) return [row({ text: 'Reading ...', tone: 'dim' })]
  // Half of a cluster looks as if no plugin ran.
  const rows: Row[] = practice === 'nodes-and-pods' && scan.synced ? [...bannerRows(scan.snapshot, width)] : []
  const first = rows.length
  for (const group of groupsOf(scan, practice, filter)) {
    const open = isOpen(group, filter)
    rows.push(choice(`group:${group.key}`, (width, marked) => groupLine(width, group, open, marked)))
    if (open)
      for (const finding of group.findings)
        rows.push(
          choice(`finding:${finding.id}`, (width, marked) =>
            findingLine(width, finding, scan, under(group, filter), marked.has(finding.id), group.widest),
          ),
        )
  }
  if (filter.text === '' && filter.least === undefined) rows.push(...controlRows(scan, practice, filter))
  if (rows.length > first) return rows
  return [...rows, row({ text: scan.synced ? 'Nothing matches the filter.' : 'Nothing found yet; still reading.', tone: 'dim' })]
}

/** The findings that the filter leaves, in the order they are listed; without the platform's own and the accepted. */
export function shownFindings({ scan, filter }: State, practice: Practice): FindingId[] {
  if (scan === undefined) return []
  return groupsOf(scan, practice, filter)
    .filter((group) => !group.closed)
    .flatMap((group) => present(scan, group.findings))
}

/** The findings of one group, for marking all of them. */
export const groupFindings = ({ scan, filter }: State, practice: Practice, key: string): FindingId[] =>
  scan === undefined ? [] : present(scan, groupsOf(scan, practice, filter).find((group) => group.key === key)?.findings ?? [])

const present = (scan: Scan, findings: readonly Finding[]): FindingId[] =>
  findings.map((finding) => finding.id).filter((id) => scan.findings.has(id))

const isOpen = (group: Group, filter: Filter): boolean =>
  (group.closed === true || group.findings.length > LARGE) === filter.turned.has(group.key)

const under = (group: Group, { by }: Filter): Under => (group.closed || by === 'owner' ? 'nothing' : by)

/** A group that is no check, explained. */
export function groupGist(state: State, practice: Practice, key: string, width: number): Row[] {
  const group = state.scan === undefined ? undefined : groupsOf(state.scan, practice, state.filter).find((one) => one.key === key)
  if (group === undefined) return []
  return [
    row({ text: group.title, tone: 'title' }),
    ...prose(`${count(group.findings.length, 'finding')}. enter opens or closes the group, space marks all of it.`, width, {
      indent: 0,
      tone: 'dim',
    }),
  ]
}

let known: { readonly of: readonly unknown[]; readonly groups: readonly Group[] } | undefined
function groupsOf(scan: Scan, practice: Practice, filter: Filter): readonly Group[] {
  const of = [scan.findings, scan.gone, scan.outcomes, practice, filter.text, filter.least, filter.by]
  if (known === undefined || known.of.some((part, index) => part !== of[index])) known = { of, groups: grouped(scan, practice, filter) }
  return known.groups
}

function grouped(scan: Scan, practice: Practice, filter: Filter): readonly Group[] {
  const controls = new Map(scan.controls.map((control) => [control.id, control]))
  const matches = matcher(filter, controls)
  const listed = [...scan.findings.values(), ...scan.gone.values()].filter((finding) => finding.practice === practice && matches(finding))
  const own = listed.filter((finding) => finding.origin === 'workload' && !finding.excepted)
  const groups = Map.groupBy(own, (finding) => groupKey(finding, filter.by))
    .entries()
    .map(([key, findings]): Group => {
      const sorted = findings
        .map((finding) => ({ finding, object: subjectText(finding.subject) }))
        .sort((a, b) => bySeverity(a.finding.severity, b.finding.severity) || compare(a.object, b.object))
        .map(({ finding }) => finding)
      const status = findings.some((finding) => finding.verdict === 'fail') ? 'fail' : 'review'
      return { key, title: groupTitle(sorted[0]!, filter.by, controls), status, findings: sorted, widest: widestOf(sorted) }
    })
    .toArray()
  groups.sort(
    (a, b) =>
      Number(a.status !== 'fail') - Number(b.status !== 'fail') ||
      bySeverity(a.findings[0]!.severity, b.findings[0]!.severity) ||
      worst(b) - worst(a) ||
      compare(a.title, b.title),
  )
  const apart = (key: string, title: string, findings: readonly Finding[]): Group[] =>
    findings.length === 0 ? [] : [{ key, title, status: 'notApplicable', findings, closed: true, widest: widestOf(findings) }]
  return [
    ...groups,
    ...apart(
      'system',
      "The platform's own objects (kube-system and the like): not scored",
      listed.filter((finding) => finding.origin === 'system' && !finding.excepted),
    ),
    ...apart(
      'excepted',
      'Accepted risks, from the exceptions file',
      listed.filter((finding) => finding.excepted),
    ),
  ]
}

/** How many of its findings are as bad as its worst. */
const worst = ({ findings }: Group): number => findings.filter(({ severity }) => severity === findings[0]!.severity).length

function matcher({ text, least }: Filter, controls: ReadonlyMap<string, RegisteredControl>): (finding: Finding) => boolean {
  const words = text
    .toLowerCase()
    .split(' ')
    .filter((word) => word !== '')
  return (finding) => {
    if (least !== undefined && !atLeast(finding.severity, least)) return false
    if (words.length === 0) return true
    const all = searchText(finding, controls)
    return words.every((word) => all.includes(word))
  }
}

const searchTexts = new WeakMap<Finding, string>()
/** Everything of a finding that one may look for, made once. */
function searchText(finding: Finding, controls: ReadonlyMap<string, RegisteredControl>): string {
  const known = searchTexts.get(finding)
  if (known !== undefined) return known
  const { subject } = finding
  const text = [
    subject.kind,
    subject.namespace,
    subject.name,
    subject.file,
    finding.container,
    finding.control,
    finding.reason,
    finding.detail,
    finding.managedBy,
    finding.severity,
    controls.get(finding.control)?.title,
  ]
    .join(' ')
    .toLowerCase()
  searchTexts.set(finding, text)
  return text
}

const widestOf = (findings: readonly Finding[]): number =>
  findings.reduce((widest, { subject, container }) => {
    const text = `${subjectText(subject)}${container === undefined ? '' : ` (${container})`}`
    // Hostile names are shown with their hidden characters spelt out; measuring every name would take too long.
    return Math.max(widest, /^[ -~]*$/.test(text) ? text.length : cells(sanitize(text)))
  }, 0)

const groupKey = (finding: Finding, by: Filter['by']): string =>
  by === 'check'
    ? finding.control
    : by === 'object'
      ? `${objectText(finding.subject)}@${finding.subject.file ?? ''}`
      : `owner-${finding.managedBy}`
function groupTitle(first: Finding, by: Filter['by'], controls: ReadonlyMap<string, RegisteredControl>): string {
  if (by === 'check') return controls.get(first.control)?.title ?? first.control
  if (by === 'object') return subjectText(first.subject)
  return first.managedBy === ''
    ? 'Managed by nobody else: can be changed here'
    : `Managed by ${OWNER_WORD[first.managedBy]}: the fix is made as a patch file`
}
const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

function groupLine(width: number, group: Group, open: boolean, marked: ReadonlySet<FindingId>) {
  const chosen = group.findings.filter((finding) => marked.has(finding.id)).length
  return inColumns(width, [
    { text: open ? 'v' : '>', tone: 'dim' },
    { text: group.closed ? '' : STATUS_WORD[group.status], width: 6, tone: STATUS_TONE[group.status] },
    { text: group.title, grow: true, tone: group.closed ? 'dim' : 'title' },
    {
      text: (chosen > 0 ? `${chosen}/${group.findings.length} marked` : count(group.findings.length, 'finding')).padStart(12),
      width: 12,
      tone: 'dim',
    },
  ])
}

/** Checks without findings: those not answered and those that somebody vouches for always, the others when opened. */
function controlRows(scan: Scan, practice: Practice, filter: Filter): Row[] {
  const outcomes = scan.controls
    .filter((control) => control.practice === practice)
    .map((control) => ({ control, outcome: scan.outcomes.get(control.id) }))
  const of = (...statuses: readonly Status[]) =>
    outcomes.filter(({ outcome }) => outcome !== undefined && statuses.includes(outcome.status))
  const fine = of('pass', 'notApplicable')
  const open = filter.turned.has('fine')
  return [
    ...of('error').map(controlRow),
    ...of('unknown')
      .toSorted((a, b) => bySeverity(a.control.severity, b.control.severity))
      .map(controlRow),
    ...of('attested').map(controlRow),
    ...(fine.length === 0
      ? []
      : [
          choice('group:fine', (width) =>
            inColumns(width, [
              { text: open ? 'v' : '>', tone: 'dim' },
              { text: 'ok', width: 6, tone: 'ok' },
              { text: 'Passed, or nothing to check', grow: true, tone: 'dim' },
              { text: count(fine.length, 'check').padStart(12), width: 12, tone: 'dim' },
            ]),
          ),
        ]),
    ...(open ? fine.map(controlRow) : []),
  ]
}

const controlRow = ({ control, outcome }: { readonly control: RegisteredControl; readonly outcome: Outcome | undefined }): Row => {
  const status = outcome?.status ?? 'unknown'
  return choice(`control:${control.id}`, (width) =>
    inColumns(width, [
      { text: ' ' },
      { text: STATUS_WORD[status], width: 6, tone: STATUS_TONE[status] },
      { text: SEVERITY_WORD[control.severity], width: 4, tone: control.severity },
      { text: control.title, width: Math.floor(width * 0.5) },
      { text: outcome?.because ?? outcome?.error ?? '', grow: true, tone: 'dim' },
    ]),
  )
}
