/** Who may open a connection to whom, workload by workload: what network-reach.ts says of single pods, for all pods of a workload at once. */
import type { ObjectRef, View } from '../model/index.ts'
import { ownAddress } from './network-addresses.ts'
import { type End, type NodeEnd, nodeEnds, type PodEnd } from './network-ends.ts'
import { cellOf, EVERYTHING, likenessOf, type MatrixCell, type Single, samplesOf } from './network-matrix-cell.ts'
import { type Reach, type ReachView, reach } from './network-reach.ts'
import type { PeerMatch } from './network-rules.ts'
import { refText } from './ref.ts'

/** A row and a column. */
export interface MatrixEnd {
  /** The same for as long as the object is there: `shop/Deployment/cart`, `nodes`, `outside`, or a range that a policy names: `10.0.0.0/8`. */
  readonly id: string
  readonly is: 'workload' | 'nodes' | 'outside' | 'range'
  /** `Deployment shop/cart`, `nodes`, `outside the cluster`, `10.0.0.0/8`. */
  readonly text: string
  /** Of a workload. */
  readonly ref?: ObjectRef
  readonly namespace?: string
  /** Live pods; 0 where a template stands for those that would run. */
  readonly pods: number
  /** All its pods have the address of their node: no policy holds them. */
  readonly hostNetwork: boolean
  /** By how many of its ends (its pods, or the template) some policy isolates, and which policies those are. */
  readonly isolated: Readonly<Record<Direction, number>>
  readonly isolatedBy: Readonly<Record<Direction, readonly ObjectRef[]>>
  readonly ends: readonly End[]
}
type Direction = 'ingress' | 'egress'

export interface ReachMatrix {
  /** Workloads by id, then nodes, the outside, and ranges of addresses that policies name. */
  readonly ends: readonly MatrixEnd[]
  /** What it was made of. */
  readonly known: Reach
  find(id: string): MatrixEnd | undefined
  /** Ends of one workload for which it is the same are the same to every policy. */
  likeness(end: End): string
  /** Computed when it is asked for. Between two ends that are no workloads: everything, since no policy of pods speaks of it. */
  cell(from: MatrixEnd, to: MatrixEnd): MatrixCell
}
export interface MatrixOptions {
  /** Only workloads of these namespaces; default: all. */
  readonly namespaces?: readonly string[]
  /** Ranges (CIDR) besides those that the policies of this view name: to compare two matrices. */
  readonly ranges?: readonly string[]
}

export function reachMatrix(view: ReachView, { namespaces, ranges = [] }: MatrixOptions = {}): ReachMatrix {
  const known = reach(view)
  const peers = peersOf(known)
  const alike = likenessOf(view, peers)
  const inside = known.ends.filter((end) => namespaces === undefined || namespaces.includes(end.namespace.name))
  const ends = [
    ...[...Map.groupBy(inside, idOf)].sort(([a], [b]) => (a < b ? -1 : 1)).map(([id, pods]) => workloadEnd(known, id, pods)),
    nodesEnd(view),
    { ...plain('outside', 'outside', 'outside the cluster'), ends: outsideOf(view, known.ends) },
    ...rangeEnds(view, known, [...new Set([...rangesOf(peers), ...ranges])].sort()),
  ]
  const byId = new Map(ends.map((end) => [end.id, end]))
  const classes = new Map<MatrixEnd, readonly (readonly Single[])[]>()
  const classesOf = (end: MatrixEnd) => {
    let made = classes.get(end)
    if (made === undefined)
      classes.set(end, (made = [...Map.groupBy(end.ends, alike).values()].map((same) => samplesOf(same.map((one): Single => [one])))))
    return made
  }
  return {
    ends,
    known,
    likeness: alike,
    find: (id) => byId.get(id),
    cell: (from, to) => (from.is !== 'workload' && to.is !== 'workload' ? EVERYTHING : cellOf(known, classesOf(from), classesOf(to))),
  }
}

export const idOf = ({ workload: { ref }, namespace }: PodEnd): string => `${namespace.name}/${ref.kind}/${ref.name}`

function workloadEnd(known: Reach, id: string, ends: readonly PodEnd[]): MatrixEnd {
  const { workload, namespace } = ends[0]!
  const by = (direction: Direction) => ends.map((end) => known.isolating(end, direction)).filter((list) => list.length > 0)
  const [ingress, egress] = [by('ingress'), by('egress')]
  const distinct = (lists: readonly (readonly ObjectRef[])[]) => [...new Map(lists.flat().map((ref) => [refText(ref), ref])).values()]
  return {
    id,
    is: 'workload',
    text: refText({ ...workload.ref, namespace: namespace.name }),
    ref: workload.ref,
    namespace: namespace.name,
    pods: ends.filter(({ pod }) => pod !== undefined).length,
    hostNetwork: ends.every(({ hostNetwork }) => hostNetwork),
    isolated: { ingress: ingress.length, egress: egress.length },
    isolatedBy: { ingress: distinct(ingress), egress: distinct(egress) },
    ends,
  }
}

const NONE: Readonly<Record<Direction, readonly ObjectRef[]>> = { ingress: [], egress: [] }
const plain = (id: string, is: MatrixEnd['is'], text: string): Omit<MatrixEnd, 'ends'> => ({
  id,
  is,
  text,
  pods: 0,
  hostNetwork: false,
  isolated: { ingress: 0, egress: 0 },
  isolatedBy: NONE,
})
/** Addresses that documentation is written with (RFC 5737, RFC 3849): no policy names them, so they fare as the rest of the world does. */
const SOMEWHERE = { IPv4: '203.0.113.77', IPv6: '2001:db8::77' } as const

/** In the families of addresses that the cluster has. */
export function outsideOf(view: View<'Node'>, pods: readonly PodEnd[]): readonly End[] {
  const ips = [...pods, ...nodeEnds(view)].flatMap((end) => end.ips)
  const families = (['IPv4', 'IPv6'] as const).filter((family) => ips.some((ip) => ip.includes(':') === (family === 'IPv6')))
  return (families.length === 0 ? (['IPv4'] as const) : families).map((family) => ({ is: 'address', ip: SOMEWHERE[family] }))
}
/** What a node would be that nobody has read: without labels, with an address that is not known. */
const SOME_NODE: NodeEnd = { is: 'node', name: ' ', labels: {}, ips: [] }

function nodesEnd(view: ReachView): MatrixEnd {
  const nodes = nodeEnds(view)
  return { ...plain('nodes', 'nodes', 'nodes'), ends: nodes.length === 0 ? [SOME_NODE] : nodes }
}

/** Each stands for its addresses that no narrower range holds and nothing of the cluster has; what has none of those is left out. */
function rangeEnds(view: ReachView, known: Reach, ranges: readonly string[]): readonly MatrixEnd[] {
  const own = new Set([...known.ends, ...nodeEnds(view)].flatMap(({ ips }) => ips))
  return ranges.flatMap((cidr) => {
    const others = ranges.filter((other) => other !== cidr)
    const ip = ownAddress(cidr, others, own)
    return ip === undefined ? [] : [{ ...plain(cidr, 'range', cidr), ends: [{ is: 'address' as const, ip }] }]
  })
}

const peersOf = ({ policies }: Reach): readonly PeerMatch[] =>
  policies.flatMap(({ ingress, egress }) => [...(ingress?.rules ?? []), ...(egress?.rules ?? [])].flatMap(({ peers }) => peers))

/** All of the world is the outside, by whatever range it is written. */
export const rangesOf = (peers: readonly PeerMatch[]): readonly string[] => [
  ...new Set(peers.flatMap((peer) => (peer.is === 'addresses' ? [peer.cidr, ...peer.except] : [])).filter((cidr) => !cidr.endsWith('/0'))),
]
/** The ranges that the policies of a view name. */
export const rangesNamed = (view: ReachView): readonly string[] => rangesOf(peersOf(reach(view)))
