/** The Pod Security ladder: one line a namespace, and one namespace with what stands between it and its next rung. */
import type { Finding, FindingId } from '../model/index.ts'
import { isStricter } from '../objects/pod-security.ts'
import { type Standing, standings } from '../objects/pod-security-ladder.ts'
import type { Blocker } from '../objects/pod-security-namespace.ts'
import { blank, choice, heading, inColumns, prose, type Row, row, type Tone } from './rows-line.ts'
import { objectText } from './rows-words.ts'
import type { Scan, State } from './store-state.ts'
import { count } from './text.ts'

/** The control whose remedy is the labels. */
const CONTROL = 'psa-enforced'
export const isOfLabels = (finding: Finding): boolean => finding.control === CONTROL && finding.subject.kind === 'Namespace'

/** Findings that labels would mend, of one namespace or of all; never the platform's own. */
export function labelFindings(scan: Scan | undefined, namespace?: string): readonly FindingId[] {
  if (scan === undefined) return []
  return scan.findings
    .values()
    .filter(
      (finding) =>
        isOfLabels(finding) &&
        !finding.excepted &&
        finding.origin === 'workload' &&
        (namespace === undefined || finding.subject.name === namespace),
    )
    .map((finding) => finding.id)
    .toArray()
}

/** Workloads explained one by one on the screen of a namespace. */
const MOST = 200
const WIDTHS = { enforces: 18, passes: 10 } as const
/** A quarter of the line, and never less than names can be told apart by. */
const nameWidth = (width: number): number => Math.max(14, Math.min(40, Math.floor(width * 0.24)))

/** One line for each namespace. */
export function ladderRows({ scan }: State): Row[] {
  if (scan === undefined) return [row({ text: 'Reading ...', tone: 'dim' })]
  const unread = scan.snapshot.unread('Namespace')
  if (unread !== undefined) return [row({ text: `Namespaces could not be read: ${unread.because}`, tone: 'unknown' })]
  const all = standings(scan.snapshot)
  if (all.length === 0) return [row({ text: 'There are no namespaces here.', tone: 'dim' })]
  const head: Row = {
    line: (width) =>
      inColumns(width, [
        { text: '', width: 3 },
        { text: 'namespace', width: nameWidth(width), tone: 'dim' },
        { text: 'enforces', width: WIDTHS.enforces, tone: 'dim' },
        { text: 'passes', width: WIDTHS.passes, tone: 'dim' },
        { text: 'next', grow: true, tone: 'dim' },
      ]),
  }
  const own = all.filter((one) => !one.isOfThePlatform)
  const platform = all.filter((one) => one.isOfThePlatform)
  return [
    head,
    ...own.map((standing) => line(scan, standing)),
    ...(platform.length === 0 ? [] : [blank, row({ text: "The platform's own: shown, but nothing is proposed", tone: 'dim' })]),
    ...platform.map((standing) => line(scan, standing)),
  ]
}

function line(scan: Scan, standing: Standing): Row {
  const findings = labelFindings(scan, standing.name)
  return choice(`rung:${standing.name}`, (width, marked) => {
    const isMarked = findings.length > 0 && findings.every((id) => marked.has(id))
    const { text, tone } = nextStep(standing)
    return inColumns(width, [
      { text: findings.length === 0 ? '' : isMarked ? '[x]' : '[ ]', width: 3, tone: isMarked ? 'key' : 'dim' },
      { text: standing.name, width: nameWidth(width), ...(standing.isOfThePlatform && { tone: 'dim' }) },
      { text: heldText(standing), width: WIDTHS.enforces, ...(standing.held === undefined && { tone: 'dim' }) },
      { text: passesText(standing), width: WIDTHS.passes },
      { text, grow: true, tone },
    ])
  })
}

/** In the title: how many can climb. */
export function ladderNumbers(scan: Scan | undefined): string {
  if (scan === undefined || scan.snapshot.unread('Namespace') !== undefined) return ''
  const own = standings(scan.snapshot).filter((one) => !one.isOfThePlatform)
  const ready = own.filter((one) => canClimb(one)).length
  return `${count(own.length, 'namespace')}, ${ready} ready to climb`
}

function heldText({ held, ignored, warns, audits }: Standing): string {
  if (ignored !== undefined) return 'ignored'
  if (held === undefined) return audits !== undefined ? 'nothing, audits' : warns !== undefined ? 'nothing, warns' : 'nothing'
  return `${held.level}${held.byDefault ? ' (default)' : held.level === 'privileged' ? '' : ` ${held.version}`}`
}

function passesText({ unread, workloads, passes }: Standing): string {
  if (unread !== undefined) return '?'
  return workloads === 0 ? '(empty)' : passes === 'privileged' ? '-' : passes
}

/** Everything in it passes more than it is held to. */
const canClimb = ({ held, passes, unread, ignored }: Standing): boolean =>
  ignored === undefined && unread === undefined && isStricter(passes, held?.level ?? 'privileged')

/** The level to which the labels would bring it: nobody knows yet what an empty namespace will run. */
const target = ({ workloads, passes, held }: Standing): string => (workloads === 0 && held === undefined ? 'baseline' : passes)

/** What comes next, in a few words: the column is narrow. */
function nextStep(standing: Standing): { readonly text: string; readonly tone: Tone } {
  const { ignored, unread, refused, workloads, next, blockers, held, isOfThePlatform } = standing
  if (ignored !== undefined) return { text: `labels have no effect: ${ignored}`, tone: 'unknown' }
  if (unread !== undefined) return { text: `not known: ${unread}`, tone: 'unknown' }
  if (refused.length > 0) return { text: `${refused.length} of ${workloads} would be refused`, tone: 'fail' }
  if (workloads === 0 && (held !== undefined || isOfThePlatform)) return { text: 'nothing runs here yet', tone: 'dim' }
  const failing = next === undefined ? '' : `${blockers.length} of ${workloads} ${blockers.length === 1 ? 'fails' : 'fail'} ${next}`
  if (isOfThePlatform) return { text: failing, tone: 'dim' }
  if (canClimb(standing))
    return { text: `can enforce ${target(standing)}${failing === '' || workloads === 0 ? '' : `; ${failing}`}`, tone: 'ok' }
  return failing === '' ? { text: 'at the top', tone: 'ok' } : { text: failing, tone: 'medium' }
}

/** One namespace: where it stands, what the next rung is, who stands between and by what. */
export function rungRows({ scan }: State, name: string, width: number): Row[] {
  if (scan === undefined) return [row({ text: 'Reading ...', tone: 'dim' })]
  const standing = standings(scan.snapshot).find((one) => one.name === name)
  if (standing === undefined) return [row({ text: 'This namespace is not there any more.', tone: 'dim' })]
  const { text, tone } = nextStep(standing)
  const { pin, passes, workloads, unread, warns, audits } = standing
  return [
    row({ text: `Enforces ${heldText(standing)}`, tone: 'title' }),
    ...prose(`Warns of ${warns ?? 'nothing'}, audits ${audits ?? 'nothing'}.`, width, { indent: 0 }),
    ...prose(
      workloads === 0
        ? 'Nothing runs here yet.'
        : unread !== undefined
          ? `${count(workloads, 'workload')} seen; not all could be read: ${unread}`
          : `${count(workloads, 'workload')}, ${passes === 'privileged' ? 'not all of which pass even baseline' : `all of which pass ${passes}`} (version ${pin.version.replace(/^v/, '')}).`,
      width,
      { indent: 0 },
    ),
    ...prose(`Next: ${text}.`, width, { indent: 0, tone }),
    ...(standing.isOfThePlatform
      ? prose('It belongs to the platform: shown, but nothing is proposed.', width, { indent: 0, tone: 'dim' })
      : []),
    ...betweenRows(standing, width),
    ...(labelFindings(scan, name).length === 0 ? [] : [blank, ...prose(LABELS, width, { indent: 0, tone: 'dim' })]),
  ]
}
const LABELS =
  'a plans the labels: what everything passes is enforced, pinned to that version, and what restricted would refuse is warned of. To climb one rung at a time press c first.'

/** For the screen of a finding: who stands in the way of the next rung, a line each. */
export function betweenOf(scan: Scan, namespace: string, width: number): Row[] {
  const { next, blockers = [] } = standings(scan.snapshot).find((one) => one.name === namespace) ?? {}
  if (next === undefined || blockers.length === 0) return []
  return [
    blank,
    heading(`Between here and ${next}`),
    ...blockers
      .slice(0, 8)
      .flatMap(({ workload, violations }) =>
        prose(`${objectText(workload)}: ${violations.map((one) => one.check).join(', ')}`, width, { mark: '- ' }),
      ),
    ...(blockers.length > 8 ? [row({ text: `  and ${blockers.length - 8} more`, tone: 'dim' })] : []),
    row({ text: '  L shows all namespaces; enter there says what is wrong with each.', tone: 'dim' }),
  ]
}

function betweenRows({ refused, held, next, blockers }: Standing, width: number): Row[] {
  return [
    ...(refused.length === 0 || held === undefined || held.level === next
      ? []
      : [blank, heading(`Refused by ${held.level} when next created`), ...blockerRows(refused, width)]),
    ...(next === undefined || blockers.length === 0 ? [] : [blank, heading(`Between here and ${next}`), ...blockerRows(blockers, width)]),
  ]
}

const blockerRows = (blockers: readonly Blocker[], width: number): Row[] => [
  ...blockers
    .slice(0, MOST)
    .flatMap(({ workload, violations }) => [
      row({ text: `  ${objectText(workload)}` }),
      ...violations.flatMap(({ check, detail }) => prose(`${check}: ${detail}`, width, { indent: 4, mark: '- ', tone: 'dim' })),
    ]),
  ...(blockers.length > MOST ? [row({ text: `  and ${blockers.length - MOST} more`, tone: 'dim' })] : []),
]
