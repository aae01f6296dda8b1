/** One end: who reaches it and whom it reaches, on which ports, and which policies hold it. */
import type { ObjectRef } from '../model/index.ts'
import { type End, endText } from '../objects/network-ends.ts'
import { reasons } from '../objects/network-explain.ts'
import type { MatrixEnd } from '../objects/network-matrix.ts'
import type { MatrixCell } from '../objects/network-matrix-cell.ts'
import { isNone, samePorts } from '../objects/network-ports.ts'
import { flowText } from '../plan/network-words.ts'
import { blindSpots } from './connectivity.ts'
import { nowAt, type Sight, sightOf, thenAt } from './connectivity-sight.ts'
import { cellText, changeSign, most, nameIn, SIGNS, type SignName } from './matrix-signs.ts'
import { bannerRows, blindRows } from './rows-banner.ts'
import { blank, choice, heading, inColumns, prose, type Row, row, type Tone } from './rows-line.ts'
import type { State } from './store-state.ts'
import { count } from './text.ts'

export const endTitle = (end: MatrixEnd | End): string => {
  if ('text' in end) return end.text === 'nodes' ? 'Nodes' : end.is === 'outside' ? 'Outside of the cluster' : end.text
  return endText(end)
}

export function reachRows(state: State, id: string, width: number): Row[] {
  const { scan } = state
  const sight = sightOf(state)
  if (typeof sight === 'string' || scan === undefined)
    return prose(typeof sight === 'string' ? sight : 'Reading ...', width, { indent: 0, tone: 'dim' })
  const end = sight.matrix.find(id)
  if (end === undefined) return [row({ text: 'It is not there any more.', tone: 'dim' })]
  return [
    ...bannerRows(scan.snapshot, width),
    ...blindRows(scan.snapshot, width),
    ...cutsHere(sight, end, width),
    ...isolationRows(sight, end, width),
    blank,
    ...directionRows(sight, end, 'in'),
    blank,
    ...directionRows(sight, end, 'out'),
  ]
}

function cutsHere(sight: Sight, end: MatrixEnd, width: number): Row[] {
  const { foretold, matrix } = sight
  if (foretold === undefined || foretold.cut.length === 0) return []
  const flows = matrix.ends.flatMap((other) => [
    ...foretold.cutBetween(other, end),
    ...(other === end ? [] : foretold.cutBetween(end, other)),
  ])
  if (flows.length === 0) return []
  const from = foretold.evidence?.from.join(', ') ?? 'the record'
  return [
    ...prose(`CUTS WHAT IS IN USE, seen in ${from}:`, width, { indent: 0, tone: 'fail' }),
    ...flows.flatMap((flow) => prose(flowText(flow), width, { mark: '- ', tone: 'fail' })),
    blank,
  ]
}

const names = (refs: readonly ObjectRef[]): string => refs.map(({ kind, name }) => `${kind} ${name}`).join(', ')
function isolationRows(sight: Sight, end: MatrixEnd, width: number): Row[] {
  if (end.is !== 'workload')
    return prose('No policy isolates it: what is below is decided at the other end.', width, { indent: 0, tone: 'dim' })
  if (end.hostNetwork)
    return prose("On the host network: it has its node's address, and no policy isolates it.", width, { indent: 0, tone: 'medium' })
  if (blindSpots(sight.snapshot).policies.length > 0) return [row({ text: 'Which policies isolate it is not known.', tone: 'unknown' })]
  const then = sight.foretold?.after.find(end.id)
  const shown = sight.show === 'planned' ? (then ?? end) : end
  const line = (direction: 'ingress' | 'egress'): Row[] => {
    const [held, total] = [shown.isolated[direction], shown.ends.length]
    const part = held > 0 && held < total ? ` (${held} of its ${total} pods)` : ''
    const text = held === 0 ? OPEN[direction] : `isolated${part} by ${names(shown.isolatedBy[direction])}`
    const added =
      sight.show !== 'difference' || then === undefined || then.isolated[direction] === held
        ? ''
        : `; with the plan by ${names(then.isolatedBy[direction])}`
    return prose(text + added, width, { indent: 0, mark: `${direction.padEnd(8)}`, tone: held === 0 ? 'medium' : 'ok' })
  }
  return [...line('ingress'), ...line('egress')]
}
const OPEN = {
  ingress: 'no policy isolates it: it takes what any sender may send',
  egress: 'no policy isolates it: it may send wherever the other end takes it',
} as const

/** Ends that fare alike, of one namespace: one line. */
interface Fare {
  readonly ends: readonly MatrixEnd[]
  readonly text: string
  readonly sign: string
  readonly tone?: Tone
}

function directionRows(sight: Sight, end: MatrixEnd, direction: 'in' | 'out'): Row[] {
  const others = sight.matrix.ends
    .filter((other) => other !== end && (end.is === 'workload' || other.is === 'workload'))
    .map((other) => ({ other, name: nameIn(other) }))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ other }) => other)
  const fares = others.map((other) => ({
    other,
    ...fareOf(sight, ...(direction === 'in' ? ([other, end] as const) : ([end, other] as const))),
  }))
  const listed = fares.filter(({ isListed }) => isListed)
  const title = direction === 'in' ? 'Who reaches it' : 'Whom it reaches'
  const words =
    sight.show === 'difference'
      ? `${title}: ${count(listed.length, 'change')}`
      : `${title}: ${listed.length} of ${count(others.length, 'end')}`
  const groups = Map.groupBy(listed, ({ other, text }) => `${other.namespace ?? other.id}\n${text}`)
  const lines = [...groups.values()].map((same): Fare => ({ ends: same.map(({ other }) => other), ...same[0]! }))
  const rank = ({ ends: [first] }: Fare): number =>
    first!.namespace === end.namespace && end.namespace !== undefined ? 0 : first!.is === 'workload' ? 2 : 1
  return [
    heading(words),
    ...(lines.length === 0 ? [row({ text: sight.show === 'difference' ? '  Nothing changes.' : '  Nobody.', tone: 'dim' })] : []),
    ...lines.toSorted((a, b) => rank(a) - rank(b)).flatMap((fare) => fareRows(sight, fare, end, direction)),
  ]
}

function fareOf(
  sight: Sight,
  from: MatrixEnd,
  to: MatrixEnd,
): { readonly isListed: boolean; readonly text: string; readonly sign: string; readonly tone?: Tone } {
  const now = nowAt(sight, from, to)
  if (sight.show === 'now') return plainFare(now)
  const then = thenAt(sight, from, to)
  if (sight.show === 'planned') return plainFare(then)
  const name = changeSign(sight, from, to)
  const { sign, tone = 'plain' } = SIGNS[name]
  return { isListed: !UNCHANGED.has(name), text: `${cellText(now)} now, ${cellText(then)} then`, sign, tone }
}
const UNCHANGED: ReadonlySet<SignName> = new Set(['same', 'none', 'doubt'])
const plainFare = (cell: MatrixCell) => ({
  isListed: !isNone(most(cell)),
  text: cellText(cell),
  sign: ' ',
  tone: (samePorts(cell.ports, cell.perhaps) ? 'plain' : 'unknown') as Tone,
})

/** More of one namespace that fare alike are told by their number. */
const ALIKE = 4
function fareRows(sight: Sight, { ends, text, sign, tone }: Fare, end: MatrixEnd, direction: 'in' | 'out'): Row[] {
  const { matrix } = sight
  const [first] = ends as readonly [MatrixEnd]
  const cells = (name: string) => (w: number) => {
    const hasBy = w >= 70 && sight.show !== 'difference'
    const by = hasBy ? byPolicies(sight, ends, end, direction) : ''
    const ports = { text, ...(tone !== undefined && { tone }) }
    return inColumns(w, [
      { text: sign, width: 1, ...(tone !== undefined && { tone }) },
      { text: name, width: Math.floor(w * (hasBy ? 0.36 : 0.45)) },
      ...(by === ''
        ? [{ ...ports, grow: true as const }]
        : [
            { ...ports, width: Math.floor(w * 0.22) },
            { text: by, grow: true as const, tone: 'dim' as const },
          ]),
    ])
  }
  if (ends.length <= ALIKE) return ends.map((one) => choice(`end:${one.id}`, cells(nameIn(one, end.namespace))))
  const all = matrix.ends.filter((one) => one.namespace === first.namespace && one !== end).length
  return [
    choice(
      `net:${first.namespace!}`,
      cells(`${ends.length === all ? 'all ' : ''}${ends.length} ${ends.length === all ? '' : `of ${all} `}workloads of ${first.namespace}`),
    ),
  ]
}

/** Which policies let them: of the one that takes it, and of the one that sends it; '' where nobody isolates either, or not all fare by the same. */
function byPolicies(sight: Sight, others: readonly MatrixEnd[], end: MatrixEnd, direction: 'in' | 'out'): string {
  const texts = new Set(others.map((other) => (direction === 'in' ? byOne(sight, other, end) : byOne(sight, end, other))))
  return texts.size === 1 ? [...texts][0]! : ''
}
/** Of the world that is shown: policies of the plan have names as well. */
function byOne({ show, snapshot, foretold }: Sight, sender: MatrixEnd, receiver: MatrixEnd): string {
  const planned = show === 'planned' ? foretold : undefined
  const firstOf = (end: MatrixEnd): End | undefined => (planned === undefined ? end : planned.after.find(end.id))?.ends[0]
  const [from, to] = [firstOf(sender), firstOf(receiver)]
  if (from === undefined || to === undefined) return ''
  const parts = reasons(planned?.then ?? snapshot, from, to).flatMap(({ isolatedBy, rules }) => {
    const names = new Set(rules.filter(({ action }) => action === 'allow').map(({ policy }) => policy.name))
    return isolatedBy.length === 0 ? [] : [[...names]]
  })
  const names = parts.toReversed().flat()
  return names.length === 0 ? '' : `by ${names.join(', ')}`
}
