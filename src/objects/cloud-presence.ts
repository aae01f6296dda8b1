/** Which cloud a cluster is on, and which of its workloads are nobody there but their node. */
import type { View } from '../model/index.ts'
import { type Cloud, cloudOf, identityOf, isGivenIdentity } from './cloud-identity.ts'
import { distribution } from './distribution.ts'
import { isSystemNamespace } from './ownership.ts'
import { type Workload, type WorkloadKind, workloads } from './workloads.ts'

type PresenceView = View<WorkloadKind | 'ServiceAccount' | 'Node' | 'ConfigMap' | 'ServerVersion'>

const OF_DISTRIBUTION: Readonly<Record<string, Cloud>> = { eks: 'aws', gke: 'gcp', aks: 'azure', oke: 'oci' }

/** By the distribution, by what nodes say of their provider, or by identities that service accounts have. */
export function cloudsOf(view: PresenceView): readonly Cloud[] {
  const marks = [
    OF_DISTRIBUTION[distribution(view).name],
    ...view.all('Node').map(cloudOf),
    ...view.all('ServiceAccount').map((account) => identityOf(account)?.cloud),
  ]
  return [...new Set(marks.filter((cloud) => cloud !== undefined))].sort()
}

/** Workloads, but for the platform's, that have no identity of a cloud which an object shows. */
export const withoutIdentity = (view: PresenceView): readonly Workload[] =>
  workloads(view).filter(
    ({ namespace, serviceAccount, spec, pods }) =>
      !isSystemNamespace(namespace) &&
      identityOf(view.find('ServiceAccount', namespace, serviceAccount)) === undefined &&
      ![spec, ...pods.map((pod) => pod.spec)].some(isGivenIdentity),
  )

/** What the provider has to be asked, since Kubernetes does not show it. */
export const ASK_PROVIDER: Readonly<Record<Cloud, string>> = {
  aws: 'aws eks list-pod-identity-associations --cluster-name CLUSTER, and whether pods reach the metadata service of their node',
  gcp: 'gcloud container node-pools describe POOL --cluster CLUSTER --format "value(config.workloadMetadataConfig.mode)" says GKE_METADATA',
  azure: 'az identity federated-credential list --identity-name IDENTITY --resource-group GROUP',
  oci: "oci iam policy list: which statements name request.principal.type = 'workload'",
}
