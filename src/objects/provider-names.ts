/** What a cluster is called at its provider, as far as its context, its address or its nodes tell, and the commands that ask there. */
import type { NodeObject, View } from '../model/index.ts'
import { distribution } from './distribution.ts'

type NamesView = View<'Pod' | 'Node' | 'ConfigMap' | 'ServerVersion'>

/** Of `cluster`, `region` (EKS, DOKS), `location` and `project` (GKE), `group` (AKS) those that are told. Each is safe as a word of a shell. */
export function clusterNames(view: NamesView): Readonly<Record<string, string>> {
  const { name: context, server = '' } = view.source
  const nodes = view.all('Node')
  switch (distribution(view).name) {
    case 'eks':
      return {
        ...told('region', /\.([a-z0-9-]+)\.eks\.amazonaws\.com/.exec(server)?.[1] ?? labelOf(nodes, 'topology.kubernetes.io/region')),
        ...told('cluster', labelOf(nodes, 'alpha.eksctl.io/cluster-name')),
        ...namesInContext(context),
      }
    case 'gke':
      return {
        ...told('project', nodes.flatMap((node) => /^gce:\/\/([^/]+)\//.exec(node.spec?.providerID ?? '')?.[1] ?? [])[0]),
        ...namesInContext(context),
      }
    case 'aks':
      return namesInNodeGroup(labelOf(nodes, 'kubernetes.azure.com/cluster') ?? '', context)
    case 'doks': {
      const [, region, cluster] = /^do-([a-z]{3}\d)-(.+)$/.exec(context) ?? []
      return { ...told('region', region), ...told('cluster', cluster) }
    }
    default:
      return {}
  }
}

const WORD = /^[\w][\w.:-]*$/
const told = (name: string, value: string | undefined): Record<string, string> =>
  value !== undefined && WORD.test(value) ? { [name]: value } : {}
const labelOf = (nodes: readonly NodeObject[], label: string): string | undefined =>
  nodes.flatMap((node) => node.metadata.labels?.[label] ?? [])[0]

/** Contexts as the providers' CLIs name them: an EKS ARN, eksctl's `USER@CLUSTER.REGION.eksctl.io`, `gke_PROJECT_LOCATION_CLUSTER`. */
export function namesInContext(context: string): Readonly<Record<string, string>> {
  const arn = /^arn:aws[\w-]*:eks:([\w-]+):\d+:cluster\/(\w[\w-]*)$/.exec(context)
  if (arn !== null) return { region: arn[1]!, cluster: arn[2]! }
  const eksctl = /^[^@]+@(\w[\w-]*)\.([a-z0-9-]+)\.eksctl\.io$/.exec(context)
  if (eksctl !== null) return { cluster: eksctl[1]!, region: eksctl[2]! }
  const gke = /^gke_([a-z][a-z0-9.:-]*)_([a-z][a-z0-9-]*)_([a-z][a-z0-9-]*)$/.exec(context)
  return gke === null ? {} : { project: gke[1]!, location: gke[2]!, cluster: gke[3]! }
}

/** `MC_GROUP_CLUSTER_LOCATION`, unless somebody chose another name. Both names may have underscores: then the context, which is the cluster's name, tells where one ends. */
function namesInNodeGroup(nodeGroup: string, context: string): Readonly<Record<string, string>> {
  const cluster = context.replace(/-admin$/, '')
  const middle = /^MC_(.+)_([a-z0-9]+)$/i.exec(nodeGroup)?.[1]
  if (middle === undefined) return {}
  for (const name of [context, cluster])
    if (middle.endsWith(`_${name}`) && WORD.test(name)) return { ...told('group', middle.slice(0, -name.length - 1)), cluster: name }
  const [group, only, ...more] = middle.split('_')
  return more.length > 0 ? {} : { ...told('group', group), ...told('cluster', only) }
}

/** The command whose answer shows what a provider keeps from the Kubernetes API; names that nothing tells stand in capitals. */
export function providerAnswer(view: NamesView): string {
  const { cluster = 'CLUSTER', region, location = 'LOCATION', project, group = 'GROUP' } = clusterNames(view)
  switch (distribution(view).name) {
    case 'eks':
      return `aws eks describe-cluster --name ${cluster} --region ${region ?? 'REGION'}`
    case 'gke':
      return `gcloud container clusters describe ${cluster} --location ${location}${project === undefined ? '' : ` --project ${project}`}`
    case 'aks':
      return `az aks show --resource-group ${group} --name ${cluster}`
    case 'oke':
      return 'oci ce cluster get --cluster-id CLUSTER_OCID'
    case 'doks':
      return `doctl kubernetes cluster get ${cluster}`
    default:
      return "ask the cluster's provider"
  }
}

/** How a provider is asked whether it encrypts what is stored with a key of the operator's. */
export function encryptionAnswer(view: NamesView): string {
  const ask = providerAnswer(view)
  const attest = 'write what it says into the file of --exceptions as an attestation'
  switch (distribution(view).name) {
    // https://docs.aws.amazon.com/eks/latest/userguide/envelope-encryption.html
    case 'eks':
      return `${ask} --query cluster.encryptionConfig names the key, where there is one of your own; ${attest}`
    // https://cloud.google.com/kubernetes-engine/docs/how-to/encrypting-secrets
    case 'gke':
      return `${ask} --format "value(databaseEncryption.state)" says ENCRYPTED where Secrets have a key of their own; ${attest}`
    // https://learn.microsoft.com/azure/aks/use-kms-etcd-encryption
    case 'aks':
      return `${ask} --query securityProfile.azureKeyVaultKms says "enabled": true where Secrets have a key of their own; ${attest}`
    case 'oke':
      return `${ask} --query 'data."kms-key-id"' names the key, where there is one of your own; ${attest}`
    default:
      return `no command shows it: look into the documentation of the provider, and ${attest}`
  }
}
