/** Where a tier of Calico stands among those of every dialect. https://docs.tigera.io/calico/latest/reference/resources/tier */
import type { SpecObject } from '../model/index.ts'
import { TIER } from './network-rules.ts'

export interface CalicoTierFacts {
  readonly number: number
  /** What no rule of it matches goes on to the next tier, instead of being denied. */
  readonly passes: boolean
  readonly vague?: string
}

/** The orders that Calico gives to the tiers it makes itself; NetworkPolicies stand in `default`. */
const MADE: Readonly<Record<string, number>> = {
  'kube-admin': 1000,
  adminnetworkpolicy: 1000,
  default: 1_000_000,
  'kube-baseline': 10_000_000,
  baselineadminnetworkpolicy: 10_000_000,
}
/** A line through what is known: order and the number it becomes. */
const SCALE: readonly (readonly [number, number])[] = [
  [-1e9, 0],
  [0, 1],
  [MADE['adminnetworkpolicy']!, TIER.admin],
  [MADE['default']!, TIER.policy],
  [MADE['baselineadminnetworkpolicy']!, TIER.baseline],
  [1e9, 1000],
]

export function calicoTier(tiers: readonly SpecObject[], name: string): CalicoTierFacts {
  const tier = tiers.find(({ metadata }) => metadata.name === name)
  const made = MADE[name]
  if (tier === undefined && made === undefined)
    return { number: TIER.policy, passes: false, vague: `tier ${name} is not there, or could not be read` }
  const given = tier?.spec?.['order']
  const order = made ?? (typeof given === 'number' ? given : 1e9)
  // Of tiers of one order the names decide.
  const place = tiers.filter(({ metadata, spec }) => spec?.['order'] === given && metadata.name < name).length
  const passes = tier?.spec?.['defaultAction'] === 'Pass' || (name !== 'default' && made !== undefined)
  return { number: onScale(order) + (made === undefined ? place * 1e-6 : 0), passes }
}

function onScale(order: number): number {
  const above = SCALE.findIndex(([from]) => order < from)
  if (above === -1) return SCALE.at(-1)![1]
  if (above === 0) return 0
  const [[from, low], [to, high]] = [SCALE[above - 1]!, SCALE[above]!]
  return low + ((order - from) / (to - from)) * (high - low)
}
