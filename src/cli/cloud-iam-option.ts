import type { Context } from '../apiserver/context.ts'
import type { ClusterSource } from '../model/index.ts'
import { UsageError } from './errors.ts'

/** `--cloud-iam auto` or `--cloud-iam PROVIDER:NAME`, around a source. A name that nothing can be made of is an error of usage. */
export async function withCloudIamOf(source: ClusterSource, wanted: string, context: Context | undefined): Promise<ClusterSource> {
  const { clusterNamed, clusterOf } = await import('../providers/cluster-name.ts')
  const cluster =
    wanted === 'auto'
      ? context && clusterOf({ name: context.name, userName: context.userName, ...(context.user.exec && { exec: context.user.exec }) })
      : clusterNamed(wanted)
  if (cluster === undefined)
    throw new UsageError(
      wanted === 'auto'
        ? 'the kubeconfig does not say what the cluster is called at its provider'
        : `--cloud-iam cannot make out a cluster of "${wanted}"`,
      [
        '--cloud-iam eks:REGION/NAME',
        '--cloud-iam gke:PROJECT/LOCATION/NAME',
        '--cloud-iam aks:GROUP/NAME',
        '--cloud-iam oke:CLUSTER_OCID',
      ],
    )
  const { withCloudIam } = await import('../sources/cloud-iam.ts')
  return withCloudIam(source, cluster)
}
