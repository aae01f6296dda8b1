/** The policies of a cluster in one form, of whatever dialect: each dialect's compiler stands here, once. */
import type { View } from '../model/index.ts'
import { rulesOfAdminNetworkPolicy, rulesOfBaselineAdminNetworkPolicy, rulesOfClusterNetworkPolicy } from './network-admin-policy-rules.ts'
import { rulesOfNetworkPolicy } from './network-policy-rules.ts'
import type { CompiledPolicy } from './network-rules.ts'

export const POLICY_KINDS = [
  'NetworkPolicy',
  'CiliumNetworkPolicy',
  'CiliumClusterwideNetworkPolicy',
  'CalicoNetworkPolicy',
  'CalicoGlobalNetworkPolicy',
  'CalicoTier',
  'AdminNetworkPolicy',
  'BaselineAdminNetworkPolicy',
  'ClusterNetworkPolicy',
  'AntreaNetworkPolicy',
  'AntreaClusterNetworkPolicy',
] as const
export type PolicyView = View<(typeof POLICY_KINDS)[number]>

/** In no order: network-reach.ts asks them by tier. An unchanged policy compiles into the very same object. */
export const compiledPolicies = (view: PolicyView): readonly CompiledPolicy[] => [
  ...view.all('NetworkPolicy').map(rulesOfNetworkPolicy),
  ...view.all('AdminNetworkPolicy').map(rulesOfAdminNetworkPolicy),
  ...view.all('BaselineAdminNetworkPolicy').map(rulesOfBaselineAdminNetworkPolicy),
  ...view.all('ClusterNetworkPolicy').map(rulesOfClusterNetworkPolicy),
]
