/** Recorded flows that pass now and would not pass then. */
import type { ObservedFlow, ObservedFlows, Snapshot } from '../model/index.ts'
import { type End, nodeEnds } from '../objects/network-ends.ts'
import { observedConnections } from '../objects/network-flows.ts'
import { idOf } from '../objects/network-matrix.ts'
import { hasPort } from '../objects/network-ports.ts'
import { type Reach, reach } from '../objects/network-reach.ts'
import type { Touched } from './network-touched.ts'

export interface CutFlow {
  readonly flow: ObservedFlow
  /** Of all that it may have been between (a Service has many pods), two that could not talk any more; as they are now. */
  readonly from: End
  readonly to: End
  /** At `to`, after Services are translated. */
  readonly port: number
  /** Whether it passes, now or then, hangs on what cannot be told from here. */
  readonly perhaps?: true
}
export interface FlowEvidence {
  /** Files, as they were named. */
  readonly from: readonly string[]
  readonly since?: string
  readonly until?: string
  /** Flows that went through, between ends that the change touches. */
  readonly flows: number
  /** Of all flows of the record: those with an end that nobody can name any more. */
  readonly unresolved: number
  readonly doubts: readonly string[]
}

/** `evidence` is undefined where no record of flows was given. */
export function flowsCut(
  now: Snapshot,
  then: Snapshot,
  touched: Touched,
): { readonly cut: readonly CutFlow[]; readonly evidence?: FlowEvidence } {
  const observed = now.fact('ObservedFlows')
  const known = observedConnections(now)
  if (observed === undefined || known === undefined) return { cut: [] }
  const [before, after] = [reach(now), reach(then)]
  const inThen = finder(then, after)
  const [asked, cut] = [new Set<ObservedFlow>(), new Map<ObservedFlow, CutFlow>()]
  for (const { from, to, protocol, port, flow } of known.connections) {
    if (flow.was === 'dropped' || !isTouched(from, to, touched)) continue
    const ends = [inThen(from), inThen(to)] as const
    if (ends[0] === undefined || ends[1] === undefined) continue
    asked.add(flow)
    if (cut.get(flow)?.perhaps === undefined && cut.has(flow)) continue
    const [was, is] = [before.connection(from, to), after.connection(ends[0], ends[1])]
    const passes = (set: typeof was.ports) => hasPort(set, protocol, port)
    const isCut = passes(was.ports) && !passes(is.perhaps)
    const mayBeCut = (passes(was.ports) && !passes(is.ports)) || (passes(was.perhaps) && !passes(is.perhaps))
    if (isCut || mayBeCut) cut.set(flow, { flow, from, to, port, ...(!isCut && { perhaps: true as const }) })
  }
  return { cut: [...cut.values()].sort((a, b) => b.flow.count - a.flow.count), evidence: evidenceOf(observed, asked.size, known) }
}

const evidenceOf = (
  { from, since, until, doubts }: ObservedFlows,
  flows: number,
  known: { readonly unresolved: number; readonly doubts: readonly string[] },
): FlowEvidence => ({
  from,
  ...(since !== undefined && { since }),
  ...(until !== undefined && { until }),
  flows,
  unresolved: known.unresolved,
  doubts: [...doubts, ...known.doubts],
})

const isTouched = (from: End, to: End, { ingress, egress }: Touched): boolean =>
  (to.is === 'pod' && ingress.has(idOf(to))) || (from.is === 'pod' && egress.has(idOf(from)))

/** The same pod, or a pod of the same workload; undefined where that is gone. */
function finder(then: Snapshot, after: Reach): (end: End) => End | undefined {
  const pods = new Map<unknown, End>()
  for (const end of after.ends) {
    if (end.pod !== undefined) pods.set(`${end.namespace.name}/${end.pod.metadata.name}`, end)
    if (!pods.has(idOf(end))) pods.set(idOf(end), end)
  }
  const nodes = new Map(nodeEnds(then).map((node) => [node.name, node]))
  return (end) => {
    if (end.is === 'address') return end
    if (end.is === 'node') return nodes.get(end.name) ?? end
    return pods.get(`${end.namespace.name}/${end.pod?.metadata.name}`) ?? pods.get(idOf(end))
  }
}
