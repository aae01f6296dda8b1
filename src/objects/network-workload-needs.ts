/** What must reach the pods of a workload, besides the pods of its namespace. */
import type { NetworkPolicyPeer, NetworkPolicyPort } from '../model/index.ts'
import { derived } from './derived.ts'
import type { Edge } from './network-edges.ts'
import { type NeedView, neededEdges } from './network-needs.ts'
import { callers } from './network-peers.ts'
import type { Workload } from './workloads.ts'

export interface Need {
  /** Absent: from anywhere, inside and outside of the cluster. */
  readonly from?: readonly NetworkPolicyPeer[]
  /** Empty: every port. */
  readonly ports: readonly NetworkPolicyPort[]
  readonly because: string
}

export const needsOfWorkload = (view: NeedView, workload: Workload): readonly Need[] =>
  (derived(view, edgesByTarget).get(workload) ?? []).flatMap((edge): readonly Need[] => {
    const { from } = edge
    const isInside =
      from.is === 'workloads' && from.workloads.every((one) => one.namespace === workload.namespace && one.spec.hostNetwork !== true)
    if (isInside || (from.is === 'namespace' && from.name === workload.namespace)) return []
    const peers = callers(view, from, workload.namespace, false)
    return [{ ...(peers && { from: peers }), ports: edge.ports ?? [], because: edge.because }]
  })

function edgesByTarget(view: NeedView): ReadonlyMap<Workload, readonly Edge[]> {
  const pairs = neededEdges(view).flatMap((edge) =>
    edge.to.is === 'workloads' ? edge.to.workloads.map((workload) => ({ workload, edge })) : [],
  )
  return new Map([...Map.groupBy(pairs, ({ workload }) => workload)].map(([workload, list]) => [workload, list.map(({ edge }) => edge)]))
}
