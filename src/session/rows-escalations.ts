/** Who becomes cluster-admin or takes over a node: one line a subject, gravest first, and which removal stops most of them. */

import type { FindingId } from '../model/index.ts'
import { remembered } from '../objects/derived.ts'
import type { Goal } from '../objects/rbac-graph.ts'
import { sentenceOf } from '../objects/rbac-graph-path.ts'
import { podCount, unseenWays, type Way, ways } from '../objects/rbac-graph-ways.ts'
import { identityText } from '../objects/rbac-who-can.ts'
import { beginningFindings, plannable } from './escalation-findings.ts'
import { blank, choice, heading, inColumns, prose, type Row, row, type Tone } from './rows-line.ts'
import type { Scan, State, Tried } from './store-state.ts'
import { count } from './text.ts'

const GOALS: Readonly<Record<Goal, { readonly title: string; readonly tone: Tone }>> = {
  'cluster-admin': { title: 'Can become cluster-admin', tone: 'critical' },
  node: { title: 'Can take over a node', tone: 'high' },
  'perhaps-node': { title: 'Not known whether they can take over a node', tone: 'unknown' },
}

/** Accepted are those whose findings all are, by the exceptions file. */
interface Parts {
  readonly own: readonly Way[]
  readonly accepted: readonly Way[]
}
const parts = (scan: Scan): Parts => partsOf(scan)
const partsOf = remembered((scan: Scan): Parts => {
  const isAccepted = (way: Way): boolean => {
    const found = beginningFindings(scan, way)
    return found.length > 0 && found.every(({ excepted }) => excepted)
  }
  const { own = [], accepted = [] } = Object.groupBy(ways(scan.snapshot).own, (way) => (isAccepted(way) ? 'accepted' : 'own'))
  return { own, accepted }
})

export function escalationsRows({ scan, tried, filter }: State, width: number): Row[] {
  if (scan === undefined) return [row({ text: 'Reading ...', tone: 'dim' })]
  const { members, shipped } = ways(scan.snapshot)
  const { own, accepted } = parts(scan)
  const apart = (key: string, title: string, list: readonly Way[]): Row[] => {
    const isOpen = filter.turned.has(key)
    return list.length === 0 ? [] : [groupRow(key, title, list.length, isOpen), ...(isOpen ? list.map((way) => wayRow(scan, way)) : [])]
  }
  const blind = unseenWays(scan.snapshot)
  return [
    ...blind.flatMap((because) => prose(`Not all could be seen: ${because}.`, width, { indent: 0, tone: 'unknown' })),
    ...(own.length === 0
      ? [
          row({
            text: blind.length === 0 ? 'Nobody of your own reaches cluster-admin or a node.' : 'Nobody, as far as can be seen.',
            tone: 'ok',
          }),
        ]
      : [...(own.some(({ goal }) => goal !== 'perhaps-node') ? bestRows(tried, scan, width) : []), COLUMNS]),
    ...Object.entries(GOALS).flatMap(([goal, { title, tone }]) => {
      const list = own.filter((way) => way.goal === goal)
      return list.length === 0
        ? []
        : [row({ text: `${title}: ${count(list.length, 'subject')}`, tone }), ...list.map((way) => wayRow(scan, way))]
    }),
    ...(members.length + accepted.length + shipped.length > 0 ? [blank] : []),
    ...apart('ways-members', 'Only by a group that they are in, and that is listed itself', members),
    ...apart('ways-accepted', 'Accepted risks, from the exceptions file', accepted),
    ...apart('ways-shipped', 'Kubernetes itself, as it is shipped', shipped),
  ]
}

const nameWidth = (width: number): number => Math.max(24, Math.min(44, Math.floor(width * 0.42)))
const COLUMNS: Row = {
  line: (width) =>
    inColumns(width, [
      { text: '', width: 3 },
      { text: 'subject', width: nameWidth(width), tone: 'dim' },
      { text: 'steps', width: 5, tone: 'dim' },
      { text: 'pods', width: 4, tone: 'dim' },
      { text: 'it can ...', grow: true, tone: 'dim' },
    ]),
}

function wayRow(scan: Scan, { holder, path, begins, goal }: Way): Row {
  const findings = begins.length === 0 ? [] : planOf(scan, { holder, path, begins, goal })
  const pods = podCount(scan.snapshot, holder)
  const sentence = sentenceOf(path)
  const chain = sentence.slice(sentence.indexOf(' can ') + ' can '.length)
  return choice(`way:${holder.key}`, (width, marked) => {
    const isMarked = findings.length > 0 && findings.every((id) => marked.has(id))
    return inColumns(width, [
      { text: findings.length === 0 ? '' : isMarked ? '[x]' : '[ ]', width: 3, tone: isMarked ? 'key' : 'dim' },
      { text: identityText({ ...holder, namespace: holder.namespace ?? '' }), width: nameWidth(width) },
      { text: String(path.length).padStart(3), width: 5 },
      { text: pods === undefined ? '   -' : String(pods).padStart(4), width: 4, ...(pods === undefined && { tone: 'dim' as const }) },
      { text: chain, grow: true, tone: 'dim' },
    ])
  })
}

const groupRow = (key: string, title: string, number: number, isOpen: boolean): Row =>
  choice(`group:${key}`, (width) =>
    inColumns(width, [
      { text: isOpen ? 'v' : '>', tone: 'dim' },
      { text: title, grow: true, tone: 'dim' },
      { text: count(number, 'subject').padStart(12), width: 12, tone: 'dim' },
    ]),
  )

/** In sight above the list, and no longer than that. */
const MOST = 3
function bestRows(tried: Tried | undefined, scan: Scan, width: number): Row[] {
  const all = parts(scan).accepted.length > 0 ? ', the accepted included' : ''
  return [heading(`Single removals that stop most subjects${all}`), ...triedRows(scan, tried, '', width, MOST), blank]
}

/** Removals and what each stops; `of`: the subject, '' for all. Every line is there from the beginning, so that nothing jumps. */
export function triedRows(scan: Scan, tried: Tried | undefined, of: string, width: number, most: number): Row[] {
  const dim = (text: string): Row[] => prose(text, width, { tone: 'dim' })
  if (tried?.of !== of || (tried.cuts === undefined && tried.problem === undefined))
    return dim(
      scan.synced
        ? `trying them out one by one (${tried?.of === of ? tried.number : 0} so far) ...`
        : 'tried out once everything is read ...',
    )
  if (tried.problem !== undefined) return prose(`They could not be tried out: ${tried.problem}`, width, { tone: 'fail' })
  const good = tried.cuts!.filter(({ stopsSubject }) => of === '' || stopsSubject)
  if (good.length === 0) return dim(`None of those tried stops ${of === '' ? 'anybody' : 'it'}: there is more than one way.`)
  if (of === '' && good[0]!.stops === 1 && good[0]!.of > 1)
    return dim('None of those tried stops more than one: each subject has a way of its own.')
  return [
    ...good.slice(0, most).flatMap(({ what, stops, of: all }) => prose(what, width, { mark: `stops ${stops} of ${all}: ` })),
    ...(tried.ended === true ? [] : dim('something has changed: trying them out again ...')),
  ]
}

/** In the title. */
export function escalationNumbers({ scan }: State): string {
  if (scan === undefined) return ''
  const { own } = parts(scan)
  const of = (goal: Goal) => own.filter((way) => way.goal === goal).length
  const unsure = of('perhaps-node')
  return `${of('cluster-admin')} to cluster-admin, ${of('node')} to a node${unsure > 0 ? `, ${unsure} not known` : ''}`
}

/** Findings that begin the ways of a subject, or of everybody. */
export function wayFindings(scan: Scan | undefined, subject?: string): readonly FindingId[] {
  if (scan === undefined) return []
  return [
    ...new Set(
      ways(scan.snapshot)
        .own.filter(({ holder }) => subject === undefined || holder.key === subject)
        .flatMap((way) => planOf(scan, way)),
    ),
  ]
}
const planOf = (scan: Scan, way: Way): readonly FindingId[] => plannable(beginningFindings(scan, way))
