/** Which directions a NetworkPolicy is about. */
import type { NetworkPolicyObject } from '../model/index.ts'

/** `policyTypes` as the API server fills it in: Ingress always, Egress where there are egress rules. */
export function policyTypes({ spec = {} }: NetworkPolicyObject): readonly string[] {
  if (spec.policyTypes !== undefined && spec.policyTypes !== null && spec.policyTypes.length > 0) return spec.policyTypes
  return (spec.egress ?? []).length > 0 ? ['Ingress', 'Egress'] : ['Ingress']
}
