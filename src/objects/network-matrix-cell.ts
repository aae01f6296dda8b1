/** One cell of the matrix: what all the pods of a workload may do, from those of them that differ. */
import { cidrHolds } from './network-addresses.ts'
import { type End, type NodeEnd, nodeEnds } from './network-ends.ts'
import { ALL_PORTS, intersection, NO_PORTS, type PortSet, samePorts, union } from './network-ports.ts'
import type { Connection, Reach, ReachView } from './network-reach.ts'
import type { PeerMatch } from './network-rules.ts'
import { YES } from './network-selectors.ts'

export interface MatrixCell extends Connection {
  /** What some of the pods may, where not all pods of the workload fare the same; all of them have `ports`. */
  readonly partly?: PortSet
}
export type Single = readonly [End]
export const EVERYTHING: MatrixCell = { ports: ALL_PORTS, perhaps: ALL_PORTS }

/** Ends of one workload with the same key are the same to every policy. */
export function likenessOf(view: ReachView, peers: readonly PeerMatch[]): (end: End) => string {
  const blocks = [...new Map(peers.flatMap((peer) => (peer.is === 'addresses' ? [[JSON.stringify(peer), peer] as const] : []))).values()]
  const selectors = [...new Map(peers.flatMap((peer) => (peer.is === 'nodes' ? [[peer.nodes.key, peer.nodes] as const] : []))).values()]
  const nodes = new Map(nodeEnds(view).map((node) => [node.name, node]))
  const bits = <T>(list: readonly T[], holds: (one: T) => boolean) => list.map((one) => (holds(one) ? 1 : 0)).join('')
  const byAddress = (ips: readonly string[]) =>
    ips.length === 0 ? '?' : bits(blocks, ({ cidr, except }) => ips.some((ip) => cidrHolds(cidr, except, ip)))
  const byNode = (node: NodeEnd | undefined) => (node === undefined ? '?' : bits(selectors, (matcher) => matcher.matches(node.labels)))
  return (end) => {
    if (end.is === 'address') return end.ip
    if (end.is === 'node') return `${byAddress(end.ips)} ${byNode(end)}`
    const { labels, hostNetwork, named, ips, node } = end
    const own = hostNetwork ? byNode(nodes.get(node ?? '')) : JSON.stringify(Object.entries(labels).sort())
    return `${hostNetwork} ${byAddress(ips)} ${own} ${JSON.stringify([...named].sort())}`
  }
}

/**
 * Two of each kind, on two nodes where that can be: a pod and its own node, or a pod and itself, are a case apart. A template stands for
 * as many pods as there will be, so it is two as well; and a pod without a node yet is on none of those that it is asked about. Each end
 * as it is, or as it is before and after.
 */
export function samplesOf<T extends readonly End[]>(same: readonly T[]): readonly T[] {
  const [first, second] = same as readonly [T, T?]
  const elsewhere = same.find((one) => nodeOf(one[0]!) !== nodeOf(first[0]!))
  const isTemplate = first[0]!.is === 'pod' && first[0]!.pod === undefined
  const other = elsewhere ?? second ?? (isTemplate ? first : undefined)
  return [placed(first), ...(other === undefined ? [] : [placed(other, other === first)])]
}
/** A copy where it has no node, or is to be another one. */
const placed = <T extends readonly End[]>(ends: T, isCopy = false): T =>
  ends.map((end) =>
    end.is === 'pod' && (isCopy || end.node === undefined) ? { ...end, node: end.node ?? (end.hostNetwork ? ' host' : ' somewhere') } : end,
  ) as unknown as T
const nodeOf = (end: End): string | undefined => (end.is === 'node' ? end.name : end.is === 'pod' ? end.node : undefined)

/** A pair that policies have a say in, if there is one. */
export const pairOf = <T extends readonly End[]>(
  ones: readonly T[],
  others: readonly T[],
  isAsked: (one: T, other: T) => boolean,
): readonly [T, T] | undefined => {
  for (const one of ones) for (const other of others) if (one[0] !== other[0] && isAsked(one, other)) return [one, other]
  return undefined
}

export function cellOf(known: Reach, from: readonly (readonly Single[])[], to: readonly (readonly Single[])[]): MatrixCell {
  let [ports, perhaps, some] = [ALL_PORTS, ALL_PORTS, NO_PORTS]
  let any = false
  for (const ones of from)
    for (const others of to) {
      const pair = pairOf<Single>(ones, others, ([one], [other]) => known.isBeyondPolicies(one, other) !== YES)
      if (pair === undefined) continue
      const connection = known.connection(pair[0][0], pair[1][0])
      any = true
      ports = intersection(ports, connection.ports)
      perhaps = intersection(perhaps, connection.perhaps)
      some = union(some, connection.ports)
    }
  // Nothing but a pod and itself, or its own node: that is never held up.
  if (!any) return EVERYTHING
  return { ports, perhaps, ...(!samePorts(ports, some) && { partly: some }) }
}
