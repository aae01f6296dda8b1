/** `namespaceSelector` and `podSelector` as two items of a list, where one item was meant: an OR in place of an AND. */
import type { Json, NetworkPolicyPeer } from '../model/index.ts'
import { type FaultView, type PolicyFault, podsOf, type RuleInPlace } from './network-policy-faults-view.ts'
import { isEmptySelector } from './selectors.ts'

/** Plain only where the pods of the second item are in the namespaces of the first, and there are none of them at home. */
export function splitFaults(view: FaultView, { namespace, peers, at, side }: RuleInPlace): PolicyFault[] {
  const index = peers.findIndex((peer, k) => isOnly(peer, 'namespaceSelector') && isSplit(view, peer, peers[k + 1], namespace))
  if (index === -1) return []
  const [first, second] = [peers[index]!, peers[index + 1]!]
  const joined: NetworkPolicyPeer = { namespaceSelector: first.namespaceSelector!, podSelector: second.podSelector! }
  return [
    {
      is: 'split',
      at: [...at, side, index],
      reason: 'names namespaces and pods as two peers, which lets in every pod of those namespaces',
      detail: `items ${index + 1} and ${index + 2}; the pods of the second are in the namespaces of the first, and none in ${namespace}`,
      edits: [{ set: [...at, side], to: [...peers.slice(0, index), joined, ...peers.slice(index + 2)] as unknown as Json }],
      words: 'join the namespaceSelector and the podSelector into one peer',
    },
  ]
}
const isOnly = (peer: NetworkPolicyPeer | undefined, field: 'namespaceSelector' | 'podSelector'): boolean =>
  peer?.[field] !== undefined && Object.values(peer).filter((value) => value !== null && value !== undefined).length === 1

function isSplit(view: FaultView, first: NetworkPolicyPeer, second: NetworkPolicyPeer | undefined, namespace: string): boolean {
  if (second === undefined || !isOnly(second, 'podSelector') || isEmptySelector(second.podSelector)) return false
  const together = podsOf(view, { namespaceSelector: first.namespaceSelector!, podSelector: second.podSelector! }, namespace)
  return podsOf(view, second, namespace).length === 0 && together.length > 0
}
