/** One character for what passes between two ends, or for what a plan makes of it; and the same in words. */
import type { MatrixEnd } from '../objects/network-matrix.ts'
import type { MatrixCell } from '../objects/network-matrix-cell.ts'
import { isEvery, isNone, NO_PORTS, type PortSet, portsText, samePorts, union } from '../objects/network-ports.ts'
import { flowText } from '../plan/network-words.ts'
import { blindSpots, type Show } from './connectivity.ts'
import { nowAt, type Sight, thenAt } from './connectivity-sight.ts'
import { type Line, lineText, run, type Tone } from './rows-line.ts'
import { wrap } from './text.ts'

interface Sign {
  readonly sign: string
  readonly means: string
  readonly tone?: Tone
  readonly in: readonly Show[]
}
export type SignName = 'every' | 'some' | 'mixed' | 'seen' | 'lost' | 'fewer' | 'gained' | 'both' | 'same' | 'none' | 'doubt'
export const SIGNS: Readonly<Record<SignName, Sign>> = {
  every: { sign: '#', means: 'every port', tone: 'medium', in: ['now', 'planned'] },
  some: { sign: 'o', means: 'some ports', in: ['now', 'planned'] },
  mixed: { sign: '%', means: 'some pods', tone: 'medium', in: ['now', 'planned'] },
  seen: { sign: '!', means: 'in use', tone: 'fail', in: ['difference'] },
  lost: { sign: '-', means: 'lost', tone: 'remove', in: ['difference'] },
  fewer: { sign: '~', means: 'fewer', tone: 'remove', in: ['difference'] },
  gained: { sign: '+', means: 'gained', tone: 'add', in: ['difference'] },
  both: { sign: '*', means: 'both', tone: 'remove', in: ['difference'] },
  same: { sign: '=', means: 'same', tone: 'dim', in: ['difference'] },
  none: { sign: '.', means: 'no port', tone: 'dim', in: ['now', 'planned', 'difference'] },
  doubt: { sign: '?', means: 'unsure', tone: 'unknown', in: ['now', 'planned', 'difference'] },
}
export const signs = (show: Show): readonly Sign[] => Object.values(SIGNS).filter((sign) => sign.in.includes(show))

/** The most that may pass: for some of the pods, and if every doubt falls out that way. */
export const most = ({ perhaps, partly = NO_PORTS }: MatrixCell): PortSet => union(perhaps, partly)

export function cellSign(cell: MatrixCell): SignName {
  const all = most(cell)
  if (isNone(all)) return 'none'
  if (!samePorts(cell.ports, cell.perhaps)) return 'doubt'
  if (!samePorts(all, cell.ports)) return 'mixed'
  return isEvery(cell.ports) ? 'every' : 'some'
}

/** What the steps make of it. */
export function changeSign(sight: Sight, from: MatrixEnd, to: MatrixEnd): SignName {
  const { foretold } = sight
  if (foretold !== undefined && foretold.cutBetween(from, to).length > 0) return 'seen'
  const now = cellSign(nowAt(sight, from, to))
  const change = foretold?.changeBetween(from, to)
  // Policies that nobody can see may already do what these would.
  if (now === 'doubt' && blindSpots(sight.snapshot).policies.length > 0) return now
  if (change === undefined) return now === 'none' || now === 'doubt' ? now : 'same'
  const [loses, gains] = [!isNone(change.lost), !isNone(change.gained)]
  if (loses && gains) return 'both'
  if (gains) return 'gained'
  return isNone(most(thenAt(sight, from, to))) ? 'lost' : 'fewer'
}

export const signOf = (sight: Sight, from: MatrixEnd, to: MatrixEnd): SignName =>
  sight.show === 'difference' ? changeSign(sight, from, to) : cellSign((sight.show === 'now' ? nowAt : thenAt)(sight, from, to))

/** `TCP 5432`, `no port; of some of its pods TCP 80`, `perhaps TCP 80`, `not known`. */
export function cellText(cell: MatrixCell): string {
  const { ports, perhaps, partly } = cell
  const sure = portsText(ports)
  if (!samePorts(ports, perhaps))
    return isNone(ports)
      ? isEvery(most(cell))
        ? 'not known'
        : `perhaps ${portsText(most(cell))}`
      : `${sure}; perhaps ${portsText(most(cell))}`
  return partly === undefined || samePorts(partly, ports) ? sure : `${sure}; of some of its pods ${portsText(partly)}`
}

/** `cart`, `CronJob cart` for what is no Deployment, `outside the cluster`; of other namespaces with theirs. */
export function nameIn({ ref, namespace, text }: MatrixEnd, within?: string): string {
  if (ref === undefined) return text
  return `${namespace === within ? '' : `${namespace}/`}${ref.name}${ref.kind === 'Deployment' ? '' : ` ${ref.kind}`}`
}

/** The cell in full sentences, in lines of the width. */
export function cellWords(sight: Sight, from: MatrixEnd, to: MatrixEnd, namespace: string, width: number): readonly Line[] {
  const pair = `${nameIn(from, namespace)} -> ${nameIn(to, namespace)}: `
  const isOurs = [from, to].some((end) => end.namespace === namespace)
  if (!isOurs) return [run(width, [{ text: `${pair}neither is of this namespace`, tone: 'dim' }])]
  const now = nowAt(sight, from, to)
  const then = thenAt(sight, from, to)
  const flows = sight.foretold?.cutBetween(from, to) ?? []
  const text =
    sight.show === 'now'
      ? `${cellText(now)}${isolatedText(from, to)}`
      : sight.show === 'planned'
        ? `${cellText(then)}${isolatedText(thenOf(sight, from), thenOf(sight, to))}`
        : cellText(now) === cellText(then)
          ? `${cellText(now)}, with the plan as now`
          : `${cellText(now)} now, ${cellText(then)} with the plan`
  const seen =
    flows.length === 0
      ? []
      : wrap(`CUTS what is in use: ${flows.map(flowText).join('; ')}`, width).map((one) =>
          run(width, [{ text: one, tone: 'fail' as const }]),
        )
  return [...seen, ...wrap(pair + text, width).map((one) => run(width, [{ text: one, tone: 'title' as const }]))]
}

const thenOf = ({ foretold }: Sight, end: MatrixEnd): MatrixEnd => foretold?.after.find(end.id) ?? end
/** By which policies it is isolated at either end. */
function isolatedText(from: MatrixEnd, to: MatrixEnd): string {
  const names = (list: readonly { readonly name: string }[]) => list.map(({ name }) => name).join(', ')
  const parts = [
    from.isolatedBy.egress.length > 0 && `egress isolated by ${names(from.isolatedBy.egress)}`,
    to.isolatedBy.ingress.length > 0 && `ingress isolated by ${names(to.isolatedBy.ingress)}`,
    [from, to].some(({ hostNetwork }) => hostNetwork) && 'on the host network',
    from.is === 'nodes' && to.isolatedBy.ingress.length > 0 && "a pod's own node always reaches it",
  ].filter((part) => part !== false)
  return parts.length === 0 ? '' : ` (${parts.join('; ')})`
}
export const wordsText = (lines: readonly Line[]): string => lines.map(lineText).join(' ')
