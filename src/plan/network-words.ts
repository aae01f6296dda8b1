/** What is said of changed reach, in the command line, the wizard and the README of patch files alike. */

import { remembered } from '../objects/derived.ts'
import { fewOf } from '../objects/few-of.ts'
import { endText } from '../objects/network-ends.ts'
import type { MatrixEnd, ReachMatrix } from '../objects/network-matrix.ts'
import { ALL_PORTS, difference, isNone, type PortSet, portRanges, portsText } from '../objects/network-ports.ts'
import type { CutFlow, NetworkChange, NetworkImpact } from './network-impact.ts'

export interface NetworkWords {
  /** Destinations that fare alike: `Deployment shop/cart, Deployment shop/web`, `all 5 workloads of shop`. */
  readonly changes: readonly { readonly subject: string; readonly lost: readonly string[]; readonly gained: readonly string[] }[]
  /** Destinations left out of `changes`, because there are too many. */
  readonly more: number
  /** `all 5 workloads of shop are isolated for ingress: only what policies allow gets in`. */
  readonly isolates: readonly string[]
  /** What becomes of recorded flows; one line that none were given where none were. */
  readonly evidence: readonly string[]
  /** Each flow that would be cut, the busiest first. */
  readonly cut: readonly string[]
  /** Something that was recorded as going through would be cut. */
  readonly breaks: boolean
}

/** At most so many of each kind; more is said with its number. */
const MOST_SUBJECTS = 20
const MOST_CUT = 12
const MOST_NAMED = 4
/** `every namespace but shop, blog`. */
const MOST_MISSING = 3

export function networkWords(impact: NetworkImpact): NetworkWords {
  const told = [...Map.groupBy(impact.changes, ({ to }) => to)].map(([to, changes]) => ({
    to,
    lost: sources(changes, 'lost', impact),
    gained: sources(changes, 'gained', impact),
  }))
  const alike = [...Map.groupBy(told, ({ lost, gained }) => JSON.stringify([lost, gained])).values()]
  const shown = alike.slice(0, MOST_SUBJECTS)
  return {
    changes: shown.map((same) => ({
      subject: endsText(
        same.map(({ to }) => to),
        impact.before,
      ),
      lost: same[0]!.lost,
      gained: same[0]!.gained,
    })),
    more: impact.more + alike.slice(MOST_SUBJECTS).reduce((sum, same) => sum + same.length, 0),
    isolates: isolated(impact),
    evidence: evidenceWords(impact),
    cut: few(impact.cut.map(flowText), MOST_CUT, 'flows'),
    breaks: impact.cut.length > 0,
  }
}

/** `every port from outside the cluster, nodes`: a line for each set of ports. */
function sources(changes: readonly NetworkChange[], side: 'lost' | 'gained', impact: NetworkImpact): readonly string[] {
  const some = changes.filter((change) => !isNone(change[side]))
  const groups = Map.groupBy(some, (change) => `${change.perhaps === true ? 'perhaps ' : ''}${shortText(change[side])}`)
  return [...groups].map(
    ([ports, same]) =>
      `${ports} from ${endsText(
        same.map(({ from }) => from),
        impact.before,
      )}`,
  )
}

/** `every port but TCP 80`, where that is shorter. */
export const shortText = remembered((set: PortSet): string => {
  const rest = difference(ALL_PORTS, set)
  return !isNone(rest) && portRanges(rest).length < portRanges(set).length ? `every port but ${portsText(rest)}` : portsText(set)
})

/** Whole namespaces as that, and of the rest the first few. What runs on the host network fares as nodes do, and is counted only. */
export function endsText(list: readonly MatrixEnd[], matrix: ReachMatrix): string {
  const [pods, hosts] = [list.filter((end) => end.is === 'workload' && !end.hostNetwork), list.filter((end) => end.hostNetwork)]
  const others = list.filter(({ is }) => is !== 'workload').map(({ text }) => text)
  const all = sizes(matrix)
  const here = Map.groupBy(pods, ({ namespace }) => namespace!)
  const covered = [...here].filter(([name, some]) => some.length === all.get(name))
  const missing = [...all.keys()].filter((name) => here.get(name)?.length !== all.get(name))
  const isNearlyAll = covered.length > MOST_NAMED && missing.length <= MOST_MISSING
  // A single workload is as short by its own name.
  const whole = isNearlyAll ? covered : covered.filter(([, some]) => some.length > 1)
  const names = new Set(whole.map(([name]) => name))
  const parts = pods.filter(({ namespace }) => !names.has(namespace!)).map(({ text }) => text)
  return [
    ...others,
    ...(hosts.length > 2 ? [`${hosts.length} workloads on the host network`] : hosts.map(({ text }) => text)),
    ...(isNearlyAll
      ? [`every namespace${missing.length === 0 ? '' : ` but ${fewOf(missing, MOST_MISSING)}`} (${pods.length - parts.length} workloads)`]
      : fewNames(
          whole.map(([name, { length }]) => `all ${length} workloads of ${name}`),
          'namespaces',
        )),
    ...fewNames(parts, 'workloads'),
  ].join(', ')
}
/** Workloads with addresses of their own, by namespace. */
const sizes = remembered(({ ends }: ReachMatrix): ReadonlyMap<string, number> => {
  const own = ends.filter((end) => end.is === 'workload' && !end.hostNetwork)
  return new Map([...Map.groupBy(own, ({ namespace }) => namespace!)].map(([name, { length }]) => [name, length]))
})
const fewNames = (list: readonly string[], what: string): readonly string[] =>
  list.length <= MOST_NAMED + 1 ? list : [...list.slice(0, MOST_NAMED), `${list.length - MOST_NAMED} more ${what}`]

const WAYS = { ingress: 'gets in', egress: 'goes out' } as const
const isolated = (impact: NetworkImpact): readonly string[] =>
  (['ingress', 'egress'] as const).flatMap((direction) => {
    const list = impact.isolates.filter((one) => one.direction === direction)
    if (list.length === 0) return []
    const who = endsText(
      list.map(({ end }) => end),
      impact.after,
    )
    const is = list.length === 1 || /^every namespace [^,]*$/.test(who) ? 'is' : 'are'
    return [`${who} ${is} isolated for ${direction}: only what policies allow ${WAYS[direction]}`]
  })

function evidenceWords({ cut, evidence, unread }: NetworkImpact): readonly string[] {
  const holes = unread.map((because) => `not complete: ${because}`)
  if (evidence === undefined) return ['no record of flows was given (--flows FILE), so what is in use is not known', ...holes]
  const { from, flows, unresolved } = evidence
  const files = from.join(', ')
  const lines =
    cut.length > 0
      ? [`${cut.length} of ${flows} recorded flows that it touches would be cut (${files})`]
      : flows === 0
        ? [`the record (${files}) has no flow that it touches: that proves little`]
        : [
            `nothing that the record shows is cut: ${flows === 1 ? '1 flow that it touches still passes' : `${flows} flows that it touches still pass`} (${files})`,
          ]
  return [
    ...lines,
    ...(unresolved > 0 ? [`${unresolved} recorded flows could not be asked: who they are between is not known any more`] : []),
    ...holes,
  ]
}

/** `Deployment shop/web -> Deployment shop/cart TCP 8080 (seen 312 times, last 2026-11-25T10:00:00Z)`. */
export const flowText = ({ from, to, port, flow, perhaps }: CutFlow): string =>
  `${endText(from)} -> ${endText(to)} ${flow.protocol} ${port} (seen ${flow.count} ${flow.count === 1 ? 'time' : 'times'}${flow.last === undefined ? '' : `, last ${flow.last}`})${perhaps ? ', perhaps' : ''}`

const few = (list: readonly string[], most: number, what: string): readonly string[] =>
  list.length <= most ? list : [...list.slice(0, most), `and ${list.length - most} more ${what}`]
