/** What a record of flows says, between the ends that policies see. */
import type { ObservedFlow } from '../model/index.ts'
import { derived } from './derived.ts'
import type { End } from './network-ends.ts'
import { FlowResolver, type FlowView, type Place, PROBLEMS, type Problem } from './network-flow-ends.ts'
import type { Protocol } from './network-ports.ts'

export { FLOW_KINDS, type FlowView } from './network-flow-ends.ts'

export interface ObservedConnection {
  readonly from: End
  readonly to: End
  readonly protocol: Protocol
  /** At `to` itself: Services are translated. */
  readonly port: number
  readonly flow: ObservedFlow
}
export interface ObservedConnections {
  /**
   * A flow to a Service leads to pods behind it, one to a pod that is gone to those of its workload: of pods alike, two on different
   * nodes stand for all.
   */
  readonly connections: readonly ObservedConnection[]
  /** Flows with an end that nobody can name any more. */
  readonly unresolved: number
  /** Why they are unresolved. */
  readonly doubts: readonly string[]
}

/** Undefined: no record of flows was given (ask `unread('ObservedFlows')`). Once per snapshot. */
export const observedConnections = (view: FlowView): ObservedConnections | undefined => derived(view, connectionsOf)

function connectionsOf(view: FlowView): ObservedConnections | undefined {
  const observed = view.fact('ObservedFlows')
  if (observed === undefined) return undefined
  const connections: ObservedConnection[] = []
  const problems = new Map<Problem, number>()
  const resolver = new FlowResolver(view)
  for (const flow of observed.flows) {
    const { from, to } = resolver.both(flow)
    const problem = typeof from === 'string' ? from : typeof to === 'string' ? to : undefined
    if (problem !== undefined) problems.set(problem, (problems.get(problem) ?? 0) + 1)
    else
      for (const { end } of from as readonly Place[])
        for (const { end: there, port } of to as readonly Place[])
          connections.push({ from: end, to: there, protocol: flow.protocol, port, flow })
  }
  const unresolved = [...problems.values()].reduce((sum, count) => sum + count, 0)
  return {
    connections,
    unresolved,
    doubts: [...problems].map(([problem, count]) => `${count} of ${observed.flows.length} flows ${PROBLEMS[problem]}`),
  }
}
