/** The policies of a cluster in one form, of whatever dialect: each dialect's compiler stands here, once. */
import type { View } from '../model/index.ts'
import { derived } from './derived.ts'
import { rulesOfAdminNetworkPolicy, rulesOfBaselineAdminNetworkPolicy, rulesOfClusterNetworkPolicy } from './network-admin-policy-rules.ts'
import { rulesOfAntrea } from './network-antrea-rules.ts'
import { calicoPolicies } from './network-calico-rules.ts'
import { rulesOfCilium } from './network-cilium-rules.ts'
import { networkAgentAmong } from './network-cni.ts'
import { rulesOfNetworkPolicy, rulesOnCilium } from './network-policy-rules.ts'
import type { CompiledPolicy } from './network-rules.ts'

export const POLICY_KINDS = [
  'NetworkPolicy',
  'CiliumNetworkPolicy',
  'CiliumClusterwideNetworkPolicy',
  'CalicoNetworkPolicy',
  'CalicoGlobalNetworkPolicy',
  'CalicoTier',
  'CalicoNetworkSet',
  'CalicoGlobalNetworkSet',
  'AdminNetworkPolicy',
  'BaselineAdminNetworkPolicy',
  'ClusterNetworkPolicy',
  'AntreaNetworkPolicy',
  'AntreaClusterNetworkPolicy',
] as const
type Written = View<(typeof POLICY_KINDS)[number]>
export type PolicyView = View<(typeof POLICY_KINDS)[number] | 'DaemonSet'>

/** In no order: network-reach.ts asks them by tier. An unchanged policy compiles into the very same object. */
export const compiledPolicies = (view: PolicyView): readonly CompiledPolicy[] => compiledFor(view, isOnCilium(view))

/** Cilium, and nothing else, enforces what is read here. */
export const isOnCilium = (view: View<'DaemonSet'>): boolean => derived(view, ciliumAlone)
function ciliumAlone(view: View<'DaemonSet'>): boolean {
  const names = view.all('DaemonSet').map(({ spec }) => networkAgentAmong(spec?.template?.spec?.containers ?? []))
  return names.includes('Cilium') && !names.some((name) => name === 'Calico' || name === 'Antrea' || name === 'kube-router')
}

export const compiledFor = (view: Written, onCilium: boolean): readonly CompiledPolicy[] => [
  ...view.all('NetworkPolicy').map(onCilium ? rulesOnCilium : rulesOfNetworkPolicy),
  ...view.all('CiliumNetworkPolicy').flatMap(rulesOfCilium),
  ...view.all('CiliumClusterwideNetworkPolicy').flatMap(rulesOfCilium),
  ...calicoPolicies(view),
  ...view.all('AdminNetworkPolicy').map(rulesOfAdminNetworkPolicy),
  ...view.all('BaselineAdminNetworkPolicy').map(rulesOfBaselineAdminNetworkPolicy),
  ...view.all('ClusterNetworkPolicy').map(rulesOfClusterNetworkPolicy),
  ...view.all('AntreaNetworkPolicy').flatMap(rulesOfAntrea),
  ...view.all('AntreaClusterNetworkPolicy').flatMap(rulesOfAntrea),
]
