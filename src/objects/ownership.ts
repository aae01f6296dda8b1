/** Who, besides the operator, writes an object (safety law 11); and which objects are the platform's own (controls.md 0.5). */
import type { Finding, KubeObject, ObjectRef } from '../model/index.ts'
import { groupOf, positionOf } from './ref.ts'

const BUILT_IN_OWNERS = new Set([
  'Deployment',
  'ReplicaSet',
  'StatefulSet',
  'DaemonSet',
  'Job',
  'CronJob',
  'ReplicationController',
  'Node',
  'Service',
  'Pod',
  'Namespace',
  'ServiceAccount',
  'APIService',
])

/** Marks that the tools themselves leave: labels, annotations, field managers, a controlling owner that is no built-in kind. */
export function managedBy(object: KubeObject): Finding['managedBy'] {
  const { labels = {}, annotations = {}, managers = [], ownerReferences = [] } = object.metadata
  const has = (prefix: string): boolean =>
    Object.keys(labels).some((key) => key.startsWith(prefix)) || Object.keys(annotations).some((key) => key.startsWith(prefix))
  if (has('argocd.argoproj.io/') || managers.some((name) => name.startsWith('argocd'))) return 'argocd'
  if (
    has('kustomize.toolkit.fluxcd.io/') ||
    has('helm.toolkit.fluxcd.io/') ||
    managers.includes('kustomize-controller') ||
    managers.includes('helm-controller')
  )
    return 'flux'
  if (has('olm.') || ownerReferences.some((owner) => owner.kind === 'ClusterServiceVersion')) return 'olm'
  if (
    positionOf(object)?.helm !== undefined ||
    annotations['meta.helm.sh/release-name'] !== undefined ||
    labels['app.kubernetes.io/managed-by'] === 'Helm' ||
    labels['heritage'] === 'Helm' ||
    managers.includes('helm')
  )
    return 'helm'
  if (
    ownerReferences.some(
      (owner) => owner.controller === true && !BUILT_IN_OWNERS.has(owner.kind) && !groupOf(owner.apiVersion).endsWith('.k8s.io'),
    )
  )
    return 'operator'
  return ''
}

const SYSTEM_NAMESPACES = new Set([
  'kube-system',
  'kube-public',
  'kube-node-lease', // every cluster
  'gke-managed-system',
  'gke-managed-cim',
  'gke-managed-volumepopulator',
  'gmp-system',
  'gmp-public',
  'config-management-system', // GKE
  'amazon-guardduty',
  'amazon-cloudwatch', // EKS
  'gatekeeper-system',
  'aks-command',
  'calico-system',
  'calico-apiserver',
  'tigera-operator', // AKS
])
/** No platform reserves it: its pods are told by what they are (platform-agents.ts). But what isolates it cuts the nodes off. */
const NETWORK_NAMESPACES = new Set(['kube-flannel'])

/** Namespaces that the whole cluster needs. */
export const isSystemNamespace = (namespace: string | undefined): boolean =>
  isOfThePlatform(namespace) || (namespace !== undefined && NETWORK_NAMESPACES.has(namespace))
const isOfThePlatform = (namespace: string | undefined): boolean =>
  namespace !== undefined && (SYSTEM_NAMESPACES.has(namespace) || namespace.startsWith('openshift-'))

/**
 * Default when a control does not say: by namespace. Name prefixes such as `system:` are no exemption: anyone may create `system:foo`.
 * Nor is the namespace of a role or a binding: what it grants may be anybody's, so that only its content tells whose it is.
 */
export const originOf = (ref: ObjectRef): 'workload' | 'system' =>
  ref.kind !== 'Role' && ref.kind !== 'RoleBinding' && isOfThePlatform(ref.kind === 'Namespace' ? ref.name : ref.namespace)
    ? 'system'
    : 'workload'
