/** Who gets into a cluster by the rights of its cloud, as the provider's own CLI says. */

export interface CloudIamFact {
  readonly provider: 'eks' | 'gke' | 'aks' | 'oke'
  /** As it was asked for: `eu-west-1/shop`, `PROJECT/LOCATION/NAME`, `GROUP/NAME`, an OCID. */
  readonly cluster: string
  readonly grants: readonly CloudGrant[]
  /** EKS `authenticationMode`; AKS `azureRbac`, `localAccounts`, `entra`; GKE `groups`: each `on`, `off`, or the provider's own word. */
  readonly settings: Readonly<Record<string, string>>
  /** Commands that gave no answer, and why. */
  readonly unanswered: readonly { readonly command: string; readonly because: string }[]
}
export interface CloudGrant {
  /** ARN, `user:ada@example.com`, object id, or the statement of a policy. */
  readonly principal: string
  /** The access policy, role or statement. */
  readonly access: string
  /** Of the whole cluster: what no RBAC object shows and none can take away. */
  readonly admin: boolean
  /** Changes workloads, or reads secrets, in the whole cluster. */
  readonly writes?: boolean
}
