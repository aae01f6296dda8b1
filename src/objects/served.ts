/** Where each kind is served, and what its absence means. The compiler refuses a kind without a line here, and a line without a kind. */
import type { Kind } from '../model/index.ts'

export interface Served {
  readonly group: string
  readonly version: string
  readonly plural: string
  readonly namespaced: boolean
  /**
   * `builtIn`: every API server has it, so "not served" means unknown.
   * `addOn`: a CRD or an optional API; when discovery answered and does not list it, there are none, and that is known.
   * `file`: only ever read from files; on a live cluster it is unread, with the way to supply it.
   */
  readonly standing: 'builtIn' | 'addOn' | 'file'
  /** In a directory of manifests: is a set without any of them complete (`declared`), or does it say nothing about the cluster (`elsewhere`)? */
  readonly inFiles: 'declared' | 'elsewhere'
  /** Ask for PartialObjectMetadata only. */
  readonly metadataOnly?: boolean
  /** Kind on the wire, where our name differs. */
  readonly kind?: string
}

const core = (plural: string, namespaced = true): Served => ({
  group: '',
  version: 'v1',
  plural,
  namespaced,
  standing: 'builtIn',
  inFiles: 'declared',
})
const builtIn = (group: string, version: string, plural: string, namespaced = true): Served => ({
  group,
  version,
  plural,
  namespaced,
  standing: 'builtIn',
  inFiles: 'declared',
})
const addOn = (group: string, version: string, plural: string, namespaced = true, kind?: string): Served => ({
  group,
  version,
  plural,
  namespaced,
  standing: 'addOn',
  inFiles: 'declared',
  ...(kind !== undefined && { kind }),
})
const file = (group: string, version: string, kind?: string): Served => ({
  group,
  version,
  plural: '',
  namespaced: false,
  standing: 'file',
  inFiles: 'elsewhere',
  ...(kind !== undefined && { kind }),
})
const elsewhere = (served: Served): Served => ({ ...served, inFiles: 'elsewhere' })

export const SERVED = {
  Namespace: elsewhere(core('namespaces', false)),
  Node: elsewhere(core('nodes', false)),
  Pod: core('pods'),
  Deployment: builtIn('apps', 'v1', 'deployments'),
  ReplicaSet: builtIn('apps', 'v1', 'replicasets'),
  StatefulSet: builtIn('apps', 'v1', 'statefulsets'),
  DaemonSet: builtIn('apps', 'v1', 'daemonsets'),
  Job: builtIn('batch', 'v1', 'jobs'),
  CronJob: builtIn('batch', 'v1', 'cronjobs'),
  ReplicationController: core('replicationcontrollers'),
  PodTemplate: core('podtemplates'),
  Service: core('services'),
  EndpointSlice: elsewhere(builtIn('discovery.k8s.io', 'v1', 'endpointslices')),
  Ingress: builtIn('networking.k8s.io', 'v1', 'ingresses'),
  HTTPRoute: addOn('gateway.networking.k8s.io', 'v1', 'httproutes'),
  TLSRoute: addOn('gateway.networking.k8s.io', 'v1alpha2', 'tlsroutes'),
  GRPCRoute: addOn('gateway.networking.k8s.io', 'v1', 'grpcroutes'),
  TCPRoute: addOn('gateway.networking.k8s.io', 'v1alpha2', 'tcproutes'),
  UDPRoute: addOn('gateway.networking.k8s.io', 'v1alpha2', 'udproutes'),
  IngressClass: elsewhere(builtIn('networking.k8s.io', 'v1', 'ingressclasses', false)),
  Gateway: addOn('gateway.networking.k8s.io', 'v1', 'gateways'),
  GatewayClass: elsewhere(addOn('gateway.networking.k8s.io', 'v1', 'gatewayclasses', false)),
  APIService: elsewhere(builtIn('apiregistration.k8s.io', 'v1', 'apiservices', false)),
  NetworkPolicy: builtIn('networking.k8s.io', 'v1', 'networkpolicies'),
  LimitRange: elsewhere(core('limitranges')),
  ResourceQuota: elsewhere(core('resourcequotas')),
  PersistentVolume: core('persistentvolumes', false),
  PersistentVolumeClaim: core('persistentvolumeclaims'),
  PodDisruptionBudget: builtIn('policy', 'v1', 'poddisruptionbudgets'),
  RuntimeClass: elsewhere(builtIn('node.k8s.io', 'v1', 'runtimeclasses', false)),
  ServiceAccount: core('serviceaccounts'),
  Role: builtIn('rbac.authorization.k8s.io', 'v1', 'roles'),
  ClusterRole: builtIn('rbac.authorization.k8s.io', 'v1', 'clusterroles', false),
  RoleBinding: builtIn('rbac.authorization.k8s.io', 'v1', 'rolebindings'),
  ClusterRoleBinding: builtIn('rbac.authorization.k8s.io', 'v1', 'clusterrolebindings', false),
  Secret: { ...core('secrets'), metadataOnly: true },
  ConfigMap: core('configmaps'),
  CertificateSigningRequest: elsewhere(builtIn('certificates.k8s.io', 'v1', 'certificatesigningrequests', false)),
  MutatingWebhookConfiguration: builtIn('admissionregistration.k8s.io', 'v1', 'mutatingwebhookconfigurations', false),
  ValidatingWebhookConfiguration: builtIn('admissionregistration.k8s.io', 'v1', 'validatingwebhookconfigurations', false),
  // GA in 1.30: on an older server their absence is known.
  ValidatingAdmissionPolicy: addOn('admissionregistration.k8s.io', 'v1', 'validatingadmissionpolicies', false),
  ValidatingAdmissionPolicyBinding: addOn('admissionregistration.k8s.io', 'v1', 'validatingadmissionpolicybindings', false),
  CustomResourceDefinition: { ...builtIn('apiextensions.k8s.io', 'v1', 'customresourcedefinitions', false), metadataOnly: true },
  CiliumNetworkPolicy: addOn('cilium.io', 'v2', 'ciliumnetworkpolicies'),
  CiliumClusterwideNetworkPolicy: addOn('cilium.io', 'v2', 'ciliumclusterwidenetworkpolicies', false),
  CalicoNetworkPolicy: addOn('crd.projectcalico.org', 'v1', 'networkpolicies', true, 'NetworkPolicy'),
  CalicoGlobalNetworkPolicy: addOn('crd.projectcalico.org', 'v1', 'globalnetworkpolicies', false, 'GlobalNetworkPolicy'),
  AdminNetworkPolicy: addOn('policy.networking.k8s.io', 'v1alpha1', 'adminnetworkpolicies', false),
  BaselineAdminNetworkPolicy: addOn('policy.networking.k8s.io', 'v1alpha1', 'baselineadminnetworkpolicies', false),
  ClusterNetworkPolicy: addOn('policy.networking.k8s.io', 'v1alpha2', 'clusternetworkpolicies', false),
  CalicoTier: addOn('crd.projectcalico.org', 'v1', 'tiers', false, 'Tier'),
  CalicoNetworkSet: addOn('crd.projectcalico.org', 'v1', 'networksets', true, 'NetworkSet'),
  CalicoGlobalNetworkSet: addOn('crd.projectcalico.org', 'v1', 'globalnetworksets', false, 'GlobalNetworkSet'),
  CalicoFelixConfiguration: elsewhere(addOn('crd.projectcalico.org', 'v1', 'felixconfigurations', false, 'FelixConfiguration')),
  AntreaNetworkPolicy: addOn('crd.antrea.io', 'v1beta1', 'networkpolicies', true, 'NetworkPolicy'),
  AntreaClusterNetworkPolicy: addOn('crd.antrea.io', 'v1beta1', 'clusternetworkpolicies', false, 'ClusterNetworkPolicy'),
  IstioGateway: addOn('networking.istio.io', 'v1', 'gateways', true, 'Gateway'),
  IstioVirtualService: addOn('networking.istio.io', 'v1', 'virtualservices', true, 'VirtualService'),
  IstioPeerAuthentication: addOn('security.istio.io', 'v1', 'peerauthentications', true, 'PeerAuthentication'),
  ServiceMonitor: addOn('monitoring.coreos.com', 'v1', 'servicemonitors'),
  PodMonitor: addOn('monitoring.coreos.com', 'v1', 'podmonitors'),
  KyvernoClusterPolicy: addOn('kyverno.io', 'v1', 'clusterpolicies', false, 'ClusterPolicy'),
  KyvernoPolicy: addOn('kyverno.io', 'v1', 'policies', true, 'Policy'),
  KyvernoValidatingPolicy: addOn('policies.kyverno.io', 'v1', 'validatingpolicies', false, 'ValidatingPolicy'),
  GatekeeperConstraintTemplate: addOn('templates.gatekeeper.sh', 'v1', 'constrainttemplates', false, 'ConstraintTemplate'),
  PrometheusRule: addOn('monitoring.coreos.com', 'v1', 'prometheusrules'),
  FlowSchema: elsewhere(addOn('flowcontrol.apiserver.k8s.io', 'v1', 'flowschemas', false)),
  ClusterConfiguration: file('kubeadm.k8s.io', 'v1beta4'),
  KubeletConfiguration: file('kubelet.config.k8s.io', 'v1beta1'),
  EncryptionConfiguration: file('apiserver.config.k8s.io', 'v1'),
  AuditPolicy: file('audit.k8s.io', 'v1', 'Policy'),
  AuthenticationConfiguration: file('apiserver.config.k8s.io', 'v1'),
  AuthorizationConfiguration: file('apiserver.config.k8s.io', 'v1'),
  AdmissionConfiguration: file('apiserver.config.k8s.io', 'v1'),
  Kubeconfig: file('', 'v1', 'Config'),
  CertificateFile: file('k8s-harden', 'v1'),
  SecretStore: addOn('external-secrets.io', 'v1', 'secretstores'),
  ClusterSecretStore: addOn('external-secrets.io', 'v1', 'clustersecretstores', false),
  SecretProviderClass: addOn('secrets-store.csi.x-k8s.io', 'v1', 'secretproviderclasses'),
} as const satisfies Record<Kind, Served>

/** Our name for a wire apiVersion and kind; any version of the group counts. Undefined for kinds no control reads. */
export function kindFor(apiVersion: string, kind: string): Kind | undefined {
  return BY_GROUP_KIND.get(`${apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : ''}/${kind}`)
}
/** People write Calico's objects for its own API server; in the cluster they are stored, and read, as custom resources of another group. */
const WRITTEN_AS: Readonly<Record<string, string>> = { 'crd.projectcalico.org': 'projectcalico.org' }
const BY_GROUP_KIND = new Map<string, Kind>(
  Object.entries(SERVED).flatMap(([name, { group, kind = name }]: [string, Served]) =>
    [group, WRITTEN_AS[group]].filter((one) => one !== undefined).map((one) => [`${one}/${kind}`, name as Kind] as const),
  ),
)

export const kinds = Object.keys(SERVED) as readonly Kind[]
export const isKind = (name: string): name is Kind => Object.hasOwn(SERVED, name)
export const served = (kind: Kind): Served => SERVED[kind]
