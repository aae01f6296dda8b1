/** Where a provider runs the control plane: what its documentation says of its audit log, and what would show it. */

/** The others hand it over only when told to. */
export const AUDIT_ATTESTED = {
  gke: 'GKE writes an audit log of administrative writes on every cluster (Cloud Audit Logs); Data Access logs are optional',
  oke: 'OKE writes API calls to the OCI Audit service on every cluster',
} as const
export const AUDIT_ASK = {
  eks: {
    unknown: 'EKS hands the audit log over only where it is told to',
    answer: 'aws eks describe-cluster --name CLUSTER --query cluster.logging.clusterLogging (type audit must be enabled)',
  },
  aks: {
    unknown: 'AKS hands the audit log over only where it is told to',
    answer: 'az monitor diagnostic-settings list --resource CLUSTER_ID (category kube-audit or kube-audit-admin must be enabled)',
  },
} as const
