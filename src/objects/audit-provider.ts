/** Where a provider runs the control plane: what its documentation says of its audit log, and what would show it. */
import type { View } from '../model/index.ts'
import { providerAnswer } from './provider-names.ts'

/** The others hand it over only when told to. */
export const AUDIT_ATTESTED = {
  gke: 'GKE writes an audit log of administrative writes on every cluster (Cloud Audit Logs); Data Access logs are optional',
  oke: 'OKE writes API calls to the OCI Audit service on every cluster',
} as const
export function auditAsk(
  name: 'eks' | 'aks',
  view: View<'Pod' | 'Node' | 'ConfigMap' | 'ServerVersion'>,
): { readonly unknown: string; readonly answer: string } {
  const ask = providerAnswer(view)
  return name === 'eks'
    ? {
        unknown: 'EKS hands the audit log over only where it is told to',
        answer: `${ask} --query cluster.logging.clusterLogging (type audit must be enabled)`,
      }
    : {
        unknown: 'AKS hands the audit log over only where it is told to',
        answer: `az monitor diagnostic-settings list --resource "$(${ask} --query id -o tsv)" (category kube-audit or kube-audit-admin must be enabled)`,
      }
}
