/** Identities of a cloud are made at the provider: words, with the commands, for whatever is wrong with how pods come by theirs. */
import { remedy } from '../src/model/define.ts'
import type { ObjectRef, Remedy } from '../src/model/index.ts'
import type { Cloud } from '../src/objects/cloud-identity.ts'

/** `key`: handed to a container by name. `held`: a Secret of a file holds it. `label`: the Azure webhook passes the pods by. `default`, `public`: who else stands behind an identity. */
export type IdentityEvidence = {
  readonly is: 'key' | 'held' | 'label' | 'default' | 'public'
  readonly cloud: Cloud
  /** Names only, never a value. */
  readonly names: readonly string[]
  readonly serviceAccount?: string
}

export const useWorkloadIdentity: Remedy<IdentityEvidence> = remedy<IdentityEvidence>({
  family: 'cloud-identity',
  reads: [],
  propose: ({ evidence, subject }) => ({ byHand: words(evidence, subject) }),
})

function words({ is, cloud, names, serviceAccount }: IdentityEvidence, subject: ObjectRef): string {
  const namespace = subject.namespace ?? 'default'
  switch (is) {
    case 'key':
      return `give its service account an identity of its own (${grant(cloud, namespace, serviceAccount ?? 'NAME')}), start it once without ${names.join(', ')} and see it work, then revoke the key at the provider: whoever could read it may have kept it`
    case 'held':
      return `see which workloads use ${subject.name}, give their service accounts identities of their own (${grant(cloud, namespace, 'NAME')}), then revoke the key at the provider and delete ${names.join(', ')} from the Secret`
    case 'label':
      return 'set the label azure.workload.identity/use: "true" on its pod template: the webhook passes over pods without it, and they fall back to what the node may do'
    case 'default':
      return `make a service account for the workload that needs the identity (kubectl -n ${namespace} create serviceaccount NAME), give the annotation and the trust at the provider to that one, and take it off default`
    case 'public':
      return 'let the identity do only what this workload needs (one bucket, one queue, reading where that is enough), or let a workload that nobody reaches from outside do it'
  }
}

/** As the providers document it. */
function grant(cloud: Cloud, namespace: string, account: string): string {
  switch (cloud) {
    case 'aws':
      return `aws eks create-pod-identity-association --cluster-name CLUSTER --namespace ${namespace} --service-account ${account} --role-arn ROLE, or the annotation eks.amazonaws.com/role-arn`
    case 'gcp':
      return `gcloud projects add-iam-policy-binding PROJECT --role ROLE --member principal://iam.googleapis.com/projects/NUMBER/locations/global/workloadIdentityPools/PROJECT.svc.id.goog/subject/ns/${namespace}/sa/${account}`
    case 'azure':
      return `az identity federated-credential create --identity-name IDENTITY --resource-group GROUP --name ${account} --issuer ISSUER --subject system:serviceaccount:${namespace}:${account}, with the annotation azure.workload.identity/client-id on the account and the label azure.workload.identity/use: "true" on the pods`
    case 'oci':
      return `an OCI policy with the conditions request.principal.type = 'workload', request.principal.namespace = '${namespace}' and request.principal.service_account = '${account}'`
  }
}
