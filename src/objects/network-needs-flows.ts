/** Needs that a record of flows shows: whoever talked to whom goes on doing so. */
import { ANYWHERE, type Edge, hostCidr, type Side } from './network-edges.ts'
import { type End, endText } from './network-ends.ts'
import { FLOW_KINDS, type FlowView, observedConnections } from './network-flows.ts'

export const FLOW_NEED_KINDS = FLOW_KINDS

export const flowEdges = (view: FlowView): readonly Edge[] => {
  const seen = new Map<string, Edge>()
  for (const { from, to, protocol, port, flow } of observedConnections(view)?.connections ?? []) {
    // What was dropped every time works without.
    if (flow.was === 'dropped') continue
    const key = `${endText(from)} ${endText(to)} ${protocol} ${port}`
    if (seen.has(key)) continue
    const because = `the record of flows shows ${endText(from)} calling ${protocol} ${port}`
    seen.set(key, { from: callerSide(from), to: calledSide(to), ports: [{ protocol, port }], name: nameOf(to), because })
  }
  return [...seen.values()]
}

/** A caller from outside has many addresses, of which the record shows some; a node has that of a tunnel too. */
const callerSide = (end: End): Side => (end.is === 'pod' && !end.hostNetwork ? { is: 'workloads', workloads: [end.workload] } : ANYWHERE)
const calledSide = (end: End): Side => {
  if (end.is === 'pod' && !end.hostNetwork) return { is: 'workloads', workloads: [end.workload] }
  return { is: 'addresses', cidrs: (end.is === 'address' ? [end.ip] : end.ips).map(hostCidr) }
}
const nameOf = (end: End): string => (end.is === 'pod' ? end.workload.ref.name : end.is === 'node' ? end.name : 'outside')
