/** Who built this cluster, and who runs its control plane (controls.md 0.3). */
import type { NodeObject, View } from '../model/index.ts'
import { derived } from './derived.ts'
import { nodeArguments } from './flag-k3s.ts'
import { commandLineOf, staticPods } from './flag-parse.ts'

export type DistributionName =
  | 'eks'
  | 'gke'
  | 'aks'
  | 'oke'
  | 'doks'
  | 'lke'
  | 'iks'
  | 'ack'
  | 'tke'
  | 'ovh'
  | 'scaleway'
  | 'vke'
  | 'gardener'
  | 'kubeadm'
  | 'k3s'
  | 'rke2'
  | 'openshift'
  | 'talos'
  | 'kind'
  | 'minikube'
  | 'microk8s'
  | 'k0s'
  | 'kops'
  | 'unknown'
export interface Distribution {
  readonly name: DistributionName
  /** The provider runs the control plane: no API server among the pods, and a provider's mark. */
  readonly managed: boolean
  /** More than a `providerID`, which self-built clusters on a cloud have too. Only then may a provider's promises be relied on. */
  readonly certain: boolean
  /** What it was told by. */
  readonly marks: readonly string[]
}
type DistributionView = View<'Pod' | 'Node' | 'ConfigMap' | 'ServerVersion'>
type Provider = 'eks' | 'gke' | 'aks' | 'oke' | 'doks' | 'lke' | 'iks' | 'ack' | 'tke' | 'ovh' | 'scaleway' | 'vke' | 'gardener'
/** Whatever else a node of theirs bears, these say by themselves how the control plane is configured. */
const ALWAYS_OWN: ReadonlySet<DistributionName> = new Set(['k3s', 'rke2', 'openshift', 'kops', 'microk8s', 'k0s'])

export const distribution = (view: DistributionView): Distribution => derived(view, fingerprint)

interface Mark {
  readonly provider: Provider
  readonly mark: string
  readonly certain: boolean
}

function fingerprint(view: DistributionView): Distribution {
  const nodes = view.all('Node')
  const marks = [...versionMarks(view), ...hostMarks(view.source.server), ...nodes.flatMap(nodeMarks)]
  const ownControlPlane = runsApiServer(view)
  const own = selfBuilt(view, nodes)
  if (own !== undefined && (ownControlPlane || ALWAYS_OWN.has(own.name) || marks.every((one) => !one.certain))) return own
  const best = marks.find((one) => one.certain) ?? marks[0]
  if (best === undefined || ownControlPlane)
    return {
      name: ownControlPlane && view.find('ConfigMap', 'kube-system', 'kubeadm-config') ? 'kubeadm' : 'unknown',
      managed: false,
      certain: false,
      marks: [],
    }
  return {
    name: best.provider,
    managed: true,
    certain: best.certain,
    marks: [...new Set(marks.filter((one) => one.provider === best.provider).map((one) => one.mark))],
  }
}

function versionMarks(view: DistributionView): Mark[] {
  const version = view.fact('ServerVersion')?.gitVersion ?? view.source.kubernetes ?? ''
  if (version.includes('-eks-')) return [{ provider: 'eks', mark: `version ${version}`, certain: true }]
  if (version.includes('-gke.')) return [{ provider: 'gke', mark: `version ${version}`, certain: true }]
  if (/\+IKS\b/i.test(version)) return [{ provider: 'iks', mark: `version ${version}`, certain: true }]
  if (/-aliyun[.-]/.test(version)) return [{ provider: 'ack', mark: `version ${version}`, certain: true }]
  if (/-tke[.-]/.test(version)) return [{ provider: 'tke', mark: `version ${version}`, certain: true }]
  return []
}

function hostMarks(server: string | undefined): Mark[] {
  const host = server === undefined || !URL.canParse(server) ? '' : new URL(server).hostname
  const found = HOSTS.find(([pattern]) => pattern.test(host))
  return found === undefined ? [] : [{ provider: found[1], mark: `API host ${host}`, certain: true }]
}

const HOSTS: readonly (readonly [pattern: RegExp, Provider])[] = [
  [/\.eks\.amazonaws\.com(\.cn)?$/, 'eks'],
  [/\.azmk8s\.(io|us|cn)$/, 'aks'],
  [/\.gke\.goog$/, 'gke'],
  [/\.clusters\..*\.oci\.oraclecloud\.com$/, 'oke'],
  [/\.k8s\.ondigitalocean\.com$/, 'doks'],
  [/\.linodelke\.net$/, 'lke'],
  [/\.containers\.cloud\.ibm\.com$/, 'iks'],
  [/\.k8s\.ovh\.(net|us)$/, 'ovh'],
  [/\.api\.k8s\.[a-z-]+\.scw\.cloud$/, 'scaleway'],
  [/\.vultr-k8s\.com$/, 'vke'],
]

const LABELS: readonly (readonly [prefix: string, Provider])[] = [
  ['eks.amazonaws.com/', 'eks'],
  ['alpha.eksctl.io/', 'eks'],
  ['cloud.google.com/gke-', 'gke'],
  ['kubernetes.azure.com/', 'aks'],
  ['oke.oraclecloud.com/', 'oke'],
  ['doks.digitalocean.com/', 'doks'],
  ['lke.linode.com/', 'lke'],
  ['ibm-cloud.kubernetes.io/', 'iks'],
  ['node.alibabacloud.com/nodepool-id', 'ack'],
  ['alibabacloud.com/nodepool-id', 'ack'],
  ['k8s.scaleway.com/', 'scaleway'],
  ['vke.vultr.com/', 'vke'],
  ['worker.gardener.cloud/', 'gardener'],
  ['node.info.ds_proxymux_client', 'oke'],
  ['node.info/ds_proxymux_client', 'oke'],
]
const PROVIDER_IDS: readonly (readonly [prefix: string, Provider])[] = [
  ['aws://', 'eks'],
  ['gce://', 'gke'],
  ['azure://', 'aks'],
  ['ocid1.', 'oke'],
  ['oci://ocid1.', 'oke'],
  ['digitalocean://', 'doks'],
]

function nodeMarks(node: NodeObject): Mark[] {
  const labels = Object.keys(node.metadata.labels ?? {})
  const byLabel = LABELS.flatMap(([prefix, provider]) =>
    labels.some((label) => label.startsWith(prefix)) ? [{ provider, mark: `node label ${prefix}*`, certain: true }] : [],
  )
  const id = node.spec?.providerID ?? ''
  const byId = PROVIDER_IDS.flatMap(([prefix, provider]) =>
    id.startsWith(prefix) ? [{ provider, mark: `providerID ${prefix}…`, certain: false }] : [],
  )
  return [...byLabel, ...byId]
}

/** Does the API server run as a pod of this cluster's own kube-system (or among these files)? */
function runsApiServer(view: DistributionView): boolean {
  return staticPods(view).some((pod) =>
    (pod.spec?.containers ?? []).some((container) => commandLineOf(container, 'kube-apiserver') !== undefined),
  )
}

function selfBuilt(view: DistributionView, nodes: readonly NodeObject[]): Distribution | undefined {
  const is = (name: DistributionName, mark: string): Distribution => ({ name, managed: false, certain: true, marks: [mark] })
  const version = view.fact('ServerVersion')?.gitVersion ?? view.source.kubernetes ?? ''
  if (version.includes('+rke2') || nodes.some((node) => nodeArguments(node)?.annotation === 'rke2.io/node-args'))
    return is('rke2', 'rke2 version or node annotation')
  if (version.includes('+k3s') || nodes.some((node) => nodeArguments(node)?.annotation === 'k3s.io/node-args'))
    return is('k3s', 'k3s version or node annotation')
  if (
    nodes.some((node) => Object.keys(node.metadata.labels ?? {}).some((label) => label.startsWith('node.openshift.io/'))) ||
    view.all('Pod').some((pod) => pod.metadata.namespace === 'openshift-kube-apiserver')
  )
    return is('openshift', 'node.openshift.io labels')
  // https://www.talos.dev: "Talos (v1.9.1)"; its nodes have no shell, and write their static pods from the machine configuration.
  if (nodes.some((node) => node.status?.nodeInfo?.osImage?.startsWith('Talos '))) return is('talos', 'node osImage Talos')
  if (version.includes('+k0s') || nodes.some((node) => node.status?.nodeInfo?.kubeletVersion?.includes('+k0s')))
    return is('k0s', 'k0s version')
  const labelled = (label: string): boolean => nodes.some(({ metadata }) => metadata.labels?.[label] !== undefined)
  if (labelled('microk8s.io/cluster')) return is('microk8s', 'node label microk8s.io/cluster')
  if (labelled('kops.k8s.io/instancegroup')) return is('kops', 'node label kops.k8s.io/instancegroup')
  if (labelled('minikube.k8s.io/name')) return is('minikube', 'node label minikube.k8s.io/name')
  if (nodes.some((node) => node.spec?.providerID?.startsWith('kind://'))) return is('kind', 'providerID kind://…')
  if (view.find('ConfigMap', 'kube-system', 'kubeadm-config') !== undefined) return is('kubeadm', 'ConfigMap kube-system/kubeadm-config')
  return undefined
}
