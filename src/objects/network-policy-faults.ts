/** Why a NetworkPolicy cannot do what it says (controls.md 4.45): each fault where it stands, with the edit that mends it where it is plain. */
import type { NetworkPolicyObject } from '../model/index.ts'
import { derived } from './derived.ts'
import { type PodEnd, podEnds } from './network-ends.ts'
import { blockFaults } from './network-policy-faults-block.ts'
import { splitFaults } from './network-policy-faults-peers.ts'
import { portFaults } from './network-policy-faults-ports.ts'
import { accidentFaults, selectorFaults } from './network-policy-faults-selector.ts'
import { type FaultView, type PolicyFault, rulesIn } from './network-policy-faults-view.ts'
import { matchesSelector } from './selectors.ts'

/** All of them, in the order in which they stand. */
export function policyFaults(view: FaultView, policy: NetworkPolicyObject): readonly PolicyFault[] {
  const here = derived(view, endsByNamespace).get(policy.metadata.namespace ?? 'default') ?? []
  const ofSelector = selectorFaults(view, policy, here)
  if (ofSelector.length > 0) return ofSelector
  const selected = here.filter((pod) => !pod.hostNetwork && matchesSelector(policy.spec?.podSelector ?? {}, pod.labels))
  return [
    ...rulesIn(policy, selected).flatMap((rule) => [...portFaults(view, rule), ...splitFaults(view, rule), ...blockFaults(view, rule)]),
    ...accidentFaults(view, policy, selected),
  ]
}
const endsByNamespace = (view: FaultView): ReadonlyMap<string, readonly PodEnd[]> =>
  Map.groupBy(podEnds(view), ({ namespace }) => namespace.name)
