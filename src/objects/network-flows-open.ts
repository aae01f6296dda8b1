/** Recorded flows that get into, or out of, pods that no policy isolates: what a finding about them can be weighed with. */
import type { ObservedFlow } from '../model/index.ts'
import type { End } from './network-ends.ts'
import { type FlowView, observedConnections } from './network-flows.ts'

export interface OpenFlow {
  /** Of a Service with many pods, one of them. */
  readonly from: End
  readonly to: End
  readonly port: number
  readonly flow: ObservedFlow
}
/**
 * The busiest first; those that went through. `names`: workloads of the namespace, `Deployment cart`. Undefined where no record of flows
 * was given: then nothing is known to be unused.
 */
export function openFlows(
  view: FlowView,
  direction: 'ingress' | 'egress',
  namespace: string,
  names: ReadonlySet<string>,
): readonly OpenFlow[] | undefined {
  const known = observedConnections(view)
  if (known === undefined) return undefined
  const found = new Map<ObservedFlow, OpenFlow>()
  for (const { from, to, port, flow } of known.connections) {
    const end = direction === 'ingress' ? to : from
    if (flow.was === 'dropped' || found.has(flow) || end.is !== 'pod' || end.namespace.name !== namespace) continue
    if (names.has(`${end.workload.ref.kind} ${end.workload.ref.name}`)) found.set(flow, { from, to, port, flow })
  }
  return [...found.values()].sort((a, b) => b.flow.count - a.flow.count)
}
