import type { Readable } from '../model/index.ts'
import { CNI_KINDS } from '../objects/network-cni.ts'
import { END_KINDS } from '../objects/network-ends.ts'
import { FLOW_KINDS } from '../objects/network-flows.ts'
import { POLICY_KINDS } from '../objects/network-policies.ts'

const TOUCHES: ReadonlySet<Readable> = new Set<Readable>([...END_KINDS, ...POLICY_KINDS])

/**
 * What is read beside what the controls want, to foretell whom a plan cuts off: where they want nothing that a policy looks at, or is,
 * there is nothing to foretell.
 */
export function readsForReach(wanted: ReadonlySet<Readable>, flows: readonly string[] | undefined): readonly Readable[] {
  if (![...wanted].some((what) => TOUCHES.has(what))) return []
  const recorded: readonly Readable[] = flows === undefined ? [] : [...FLOW_KINDS, 'ObservedFlows']
  // Whether anything enforces policies stands in the settings of the plugin; asked for where policies are what it is about.
  const plugin: readonly Readable[] = wanted.has('NetworkPolicy') ? CNI_KINDS : []
  return [...END_KINDS, ...POLICY_KINDS, ...plugin, ...recorded]
}
