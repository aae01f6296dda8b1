/** The matrix for people: by destination, who gets in; alike ones together. */
import { together } from '../../engine/refusals.ts'
import { printable } from '../../objects/display.ts'
import { fewOf } from '../../objects/few-of.ts'
import { type MatrixEnd, type ReachMatrix, reachMatrix } from '../../objects/network-matrix.ts'
import { difference, isNone, type PortSet, samePorts } from '../../objects/network-ports.ts'
import { refText } from '../../objects/ref.ts'
import { reachBetween } from '../../plan/network-impact.ts'
import { endsText, networkWords, shortText } from '../../plan/network-words.ts'
import { networkText } from './apply-network.ts'
import type { ReachSeen } from './reach-read.ts'

/** Of destinations that fare alike; more is said with its number. */
const MOST = 200

export function matrixText(
  seen: ReachSeen,
  { namespace }: { readonly namespace?: readonly string[] },
  enforced: boolean | undefined,
  warning: string,
): string {
  const { now, planned, unread, steps } = seen
  const matrix = reachMatrix(now)
  const workloads = matrix.ends.filter(({ is }) => is === 'workload')
  const isolated = workloads.filter((end) => end.isolated.ingress > 0).length
  const head = enforced === false ? 'What policies say of who reaches whom' : 'Who reaches whom'
  const lines = [
    ...(warning === '' ? [] : [warning, '']),
    `${head} in ${now.source.name}: ${workloads.length} ${workloads.length === 1 ? 'workload' : 'workloads'}, ${isolated} isolated for ingress`,
    '',
    ...rows(matrix, namespace),
    ...together(unread).map((because) => `NOT COMPLETE: ${because}`),
  ]
  const told = `${lines.map(printable).join('\n')}\n`
  if (planned === undefined) return told
  const impact = reachBetween(now, planned)!
  const heading = `With the plan (${steps} ${steps === 1 ? 'step' : 'steps'}):`
  return `${told}\n${networkText(networkWords(impact), heading) || `${heading} everybody reaches what they reach now\n`}`
}

function rows(matrix: ReachMatrix, namespace: readonly string[] | undefined): readonly string[] {
  const shown = matrix.ends.filter((end) => namespace === undefined || (end.namespace !== undefined && namespace.includes(end.namespace)))
  const told = shown.map((to) => ({ to, kept: held(to), from: sources(matrix, to) }))
  const alike = [...Map.groupBy(told, ({ kept, from }) => JSON.stringify([kept, from])).values()]
  const text = alike.slice(0, MOST).flatMap((same) => {
    const { kept, from } = same[0]!
    return [
      endsText(
        same.map(({ to }) => to),
        matrix,
      ),
      ...kept.map((line) => `  ${line}`),
      ...from.map((line) => `  <- ${line}`),
      '',
    ]
  })
  const more = alike.slice(MOST).reduce((sum, same) => sum + same.length, 0)
  return more === 0 ? text : [...text, `and ${more} more: -n NAMESPACE shows some of them, -o json all`, '']
}

/** What isolates it, as far as something does. */
function held(end: MatrixEnd): readonly string[] {
  if (end.is !== 'workload') return []
  if (end.hostNetwork) return ['on the host network: policies of pods do not hold it']
  const all = end.ends.length
  const told = (['ingress', 'egress'] as const).flatMap((direction) => {
    const count = end.isolated[direction]
    if (count === 0) return []
    return [`${direction} isolated${count < all ? ` in ${count} of ${all} pods` : ''} by ${fewOf(end.isolatedBy[direction].map(refText))}`]
  })
  return told.length === 0 ? ['no policy isolates it'] : told
}

function sources(matrix: ReachMatrix, to: MatrixEnd): readonly string[] {
  const lines = new Map<string, MatrixEnd[]>()
  const add = (key: string, from: MatrixEnd) => {
    const list = lines.get(key)
    if (list === undefined) lines.set(key, [from])
    else list.push(from)
  }
  const sources = matrix.ends.filter((from) => from.is === 'workload' || to.is === 'workload')
  for (const from of sources) {
    const { ports, perhaps, partly } = matrix.cell(from, to)
    if (!isNone(ports)) add(shortText(ports), from)
    if (partly !== undefined) add(`some pods: ${rest(partly, ports)}`, from)
    if (!samePorts(ports, perhaps)) add(`perhaps ${rest(perhaps, ports)}`, from)
  }
  if (lines.size === 0) return ['nobody']
  return [...lines].map(([ports, from]) => `${ports} from ${from.length === sources.length ? 'everywhere' : endsText(from, matrix)}`)
}
const rest = (all: PortSet, known: PortSet): string => shortText(difference(all, known))
