/** One end of a needed connection, as the peers of a rule. */
import type { NetworkPolicyPeer } from '../model/index.ts'
import { hostCidr, type Side } from './network-edges.ts'
import { nodeEnds, podEnds } from './network-ends.ts'
import type { NeedView } from './network-needs.ts'
import { selectionOf, stablePairs } from './network-pod-selector.ts'
import type { Workload } from './workloads.ts'

const ofNamespace = (name: string): NetworkPolicyPeer => ({ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': name } } })

/** Of its own namespace a peer names pods alone. */
function podsOf(view: NeedView, workload: Workload, own: string): NetworkPolicyPeer {
  const podSelector = selectionOf(view, workload).selector
  return workload.namespace === own ? { podSelector } : { ...ofNamespace(workload.namespace), podSelector }
}

/** Who calls; undefined: anybody. `strict`: pods by their labels, where otherwise their namespace will do. */
export function callers(view: NeedView, side: Side, own: string, strict: boolean): readonly NetworkPolicyPeer[] | undefined {
  switch (side.is) {
    case 'anywhere':
      return undefined
    case 'every pod':
      return [{ namespaceSelector: {} }]
    case 'namespace':
      return [side.name === own ? { podSelector: {} } : ofNamespace(side.name)]
    case 'selector':
      return [ofNamespace(side.namespace)]
    case 'addresses':
      return side.cidrs.map((cidr) => ({ ipBlock: { cidr } }))
    case 'workloads':
      return side.workloads.map((workload) => (strict || side.exact ? podsOf(view, workload, own) : ofNamespace(workload.namespace)))
  }
}

/** Who is called. Pods of the host network are called at the address of their node; empty where that is not known. */
export function called(view: NeedView, side: Side, own: string): readonly NetworkPolicyPeer[] {
  switch (side.is) {
    case 'addresses':
      return side.cidrs.map((cidr) => ({ ipBlock: { cidr } }))
    case 'selector': {
      const labels = stablePairs(side.labels)
      const podSelector = { matchLabels: Object.keys(labels).length > 0 ? labels : side.labels }
      return [{ ...(side.namespace !== own && ofNamespace(side.namespace)), podSelector }]
    }
    case 'workloads':
      return side.workloads.flatMap((workload) =>
        workload.spec.hostNetwork === true ? onHosts(view, workload) : [podsOf(view, workload, own)],
      )
    default:
      return []
  }
}

function onHosts(view: NeedView, workload: Workload): readonly NetworkPolicyPeer[] {
  const live = podEnds(view)
    .filter((end) => end.workload === workload)
    .flatMap(({ ips }) => ips)
  const ips = live.length > 0 ? live : nodeEnds(view).flatMap((node) => node.ips)
  return [...new Set(ips)].sort().map((ip) => ({ ipBlock: { cidr: hostCidr(ip) } }))
}
