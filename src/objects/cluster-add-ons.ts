/** What a distribution or a provider puts into kube-system, told by where its images come from; a pod's own name or labels prove nothing. */
import type { PodSpec } from '../model/index.ts'
import { eachContainer } from './containers.ts'
import { remembered } from './derived.ts'
import { parseImage } from './image.ts'
import { isPlatformAgent } from './platform-agents.ts'
import { thirdPartyOf } from './third-party.ts'
import type { Workload } from './workloads.ts'

/** Registries, with the start of the repository, that only a project or provider of the platform can push to. */
const SHIPPERS: readonly RegExp[] = [
  /^(registry\.k8s\.io|k8s\.gcr\.io)\//,
  /^gcr\.io\/google[-_]containers\//,
  /^(gke\.gcr\.io|([a-z]+\.)?gcr\.io\/gke-release|[a-z0-9-]+-artifactregistry\.gcr\.io\/gke-release|[a-z0-9-]+-docker\.pkg\.dev\/gke-release)\//,
  // The accounts that the EKS guide names for its add-ons; any other account may be a customer's own.
  /^(602401143452|800184023465|877085696533|918309763551|961992271922|590381155156|558608220178|151742754352|013241004608|759879836304)\.dkr\.ecr/,
  /^public\.ecr\.aws\/(eks|eks-distro|ebs-csi-driver|efs-csi-driver)\//,
  /^mcr\.microsoft\.com\/(oss|aks|containernetworking|azuremonitor|azure-policy)\//,
  /^[a-z0-9-]+\.ocir\.io\/(odx-oke|axoxdievda5j|id9y6mi8tcky)\//,
  /^docker\.io\/(rancher|coredns|kindest|calico|cilium|flannel|weaveworks|antrea)\//,
  /^quay\.io\/(openshift-release-dev|cilium|calico|tigera|coreos\/(flannel|etcd))/,
  /^ghcr\.io\/(flannel-io|siderolabs|k3s-io|kube-vip|amazon-k8s-cni.*|oke-public-.*|cloudnativelabs)\//,
]
/** The last part of the repository of components that are usual in kube-system, for those who pull them from a mirror. */
const USUAL =
  /^(coredns|kube-proxy|etcd|pause|metrics-server|cluster-autoscaler|k8s-dns-node-cache|node-local-dns|.*konnectivity.*|.*proxy-agent|.*csi-.*|csi.*|.*cloud-controller-manager.*|cloud-node-manager|snapshot-controller|kube-state-metrics|kube-vip|local-path-provisioner|helm-controller|klipper-.*)$/

/**
 * `shipped`: every image comes from where the platform's come from. `perhaps`: a usual component from a mirror, or an integration
 * whose own instructions may put it there. `foreign`: neither.
 */
export const addOnStanding = remembered((workload: Workload): 'shipped' | 'perhaps' | 'foreign' => {
  if (workload.mirror || isPlatformAgent(workload)) return 'shipped'
  const images = imagesOf(workload.spec)
  if (images.length > 0 && images.every((image) => SHIPPERS.some((shipper) => shipper.test(image)))) return 'shipped'
  const names = images.map((image) => image.slice(image.lastIndexOf('/') + 1))
  return (names.length > 0 && names.every((name) => USUAL.test(name))) || thirdPartyOf(workload) !== undefined ? 'perhaps' : 'foreign'
})

/** `registry/repository` of each container. */
const imagesOf = (spec: PodSpec): string[] =>
  eachContainer(spec).map(({ container }) => {
    const image = parseImage(container.image ?? '')
    return image === undefined ? '' : `${image.registry}/${image.repository}`
  })
