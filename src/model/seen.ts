/** What is seen: the kinds and facts that can be read, and how a source reports them. */
import type { GatekeeperConstraint, PodSecurityAnswer } from './admission.ts'
import type { CloudIamFact } from './cloud-iam.ts'
import type { CredentialFact, KubeconfigFile } from './credential.ts'
import type { EndpointFact, ImageConfig, KubeletAnswer, MetricSample, ServedGroup } from './fact-values.ts'
import type { ObservedFlows } from './flows.ts'
import type { HostSeen } from './hosts.ts'
import type {
  BindingObject,
  CertificateFileObject,
  CertificateSigningRequestObject,
  ConfigMapObject,
  ControllerObject,
  CronJobObject,
  EndpointSliceObject,
  IngressObject,
  KubeconfigObject,
  KubeObject,
  LimitRangeObject,
  MetadataObject,
  NamespaceObject,
  NetworkPolicyObject,
  NodeObject,
  PersistentVolumeClaimObject,
  PersistentVolumeObject,
  PodDisruptionBudgetObject,
  PodObject,
  PodTemplateObject,
  ResourceQuotaObject,
  RoleObject,
  RouteObject,
  RuntimeClassObject,
  SecretObject,
  ServiceAccountObject,
  ServiceObject,
  SpecObject,
  WebhookConfigurationObject,
} from './kube.ts'
import type { Json, ObjectRef, Path } from './names.ts'
import type { ObservedRequests } from './observed.ts'
import type { StoredForm } from './stored.ts'

/** Object kinds, by the name a control uses. One line in objects/served.ts says where each is served; the compiler refuses one without the other. */
export interface Kinds {
  Namespace: NamespaceObject
  Node: NodeObject
  Pod: PodObject
  Deployment: ControllerObject
  ReplicaSet: ControllerObject
  StatefulSet: ControllerObject
  DaemonSet: ControllerObject
  Job: ControllerObject
  CronJob: CronJobObject
  ReplicationController: ControllerObject
  PodTemplate: PodTemplateObject
  Service: ServiceObject
  EndpointSlice: EndpointSliceObject
  Ingress: IngressObject
  HTTPRoute: RouteObject
  TLSRoute: RouteObject
  GRPCRoute: RouteObject
  TCPRoute: RouteObject
  UDPRoute: RouteObject
  IngressClass: SpecObject
  Gateway: SpecObject
  GatewayClass: SpecObject
  /** Only `spec.service`, which the API server calls for it, and live, in the place of `caBundle`, `caNotAfter`: when the last certificate of that expires. */
  APIService: SpecObject
  NetworkPolicy: NetworkPolicyObject
  LimitRange: LimitRangeObject
  ResourceQuota: ResourceQuotaObject
  PodDisruptionBudget: PodDisruptionBudgetObject
  RuntimeClass: RuntimeClassObject
  PersistentVolume: PersistentVolumeObject
  PersistentVolumeClaim: PersistentVolumeClaimObject
  ServiceAccount: ServiceAccountObject
  Role: RoleObject
  ClusterRole: RoleObject
  RoleBinding: BindingObject
  ClusterRoleBinding: BindingObject
  Secret: SecretObject
  ConfigMap: ConfigMapObject
  CertificateSigningRequest: CertificateSigningRequestObject
  MutatingWebhookConfiguration: WebhookConfigurationObject
  ValidatingWebhookConfiguration: WebhookConfigurationObject
  ValidatingAdmissionPolicy: SpecObject
  ValidatingAdmissionPolicyBinding: SpecObject
  CustomResourceDefinition: MetadataObject
  CiliumNetworkPolicy: SpecObject
  CiliumClusterwideNetworkPolicy: SpecObject
  CalicoNetworkPolicy: SpecObject
  CalicoGlobalNetworkPolicy: SpecObject
  AdminNetworkPolicy: SpecObject
  BaselineAdminNetworkPolicy: SpecObject
  ClusterNetworkPolicy: SpecObject
  CalicoTier: SpecObject
  /** Addresses under labels, which selectors of Calico's policies find as they find pods. */
  CalicoNetworkSet: SpecObject
  CalicoGlobalNetworkSet: SpecObject
  /** Where Calico is told to encrypt between nodes. */
  CalicoFelixConfiguration: SpecObject
  AntreaNetworkPolicy: SpecObject
  AntreaClusterNetworkPolicy: SpecObject
  IstioGateway: SpecObject
  IstioVirtualService: SpecObject
  IstioPeerAuthentication: SpecObject
  ServiceMonitor: SpecObject
  PodMonitor: SpecObject
  KyvernoClusterPolicy: SpecObject
  KyvernoPolicy: SpecObject
  KyvernoValidatingPolicy: SpecObject
  GatekeeperConstraintTemplate: SpecObject
  PrometheusRule: SpecObject
  /** Which requests share a limit (API Priority and Fairness). */
  FlowSchema: SpecObject
  /** Files of the control plane and the nodes. They are read by the manifests source only; `metadata.name` is the file's name. */
  ClusterConfiguration: ConfigFile
  KubeletConfiguration: ConfigFile
  EncryptionConfiguration: ConfigFile
  AuditPolicy: ConfigFile
  AuthenticationConfiguration: ConfigFile
  AuthorizationConfiguration: ConfigFile
  AdmissionConfiguration: ConfigFile
  /** admin.conf and its like. */
  Kubeconfig: KubeconfigObject
  /** A `.crt` of a PKI directory. */
  CertificateFile: CertificateFileObject
  /** Add-ons that fetch secrets from a store outside of the cluster. */
  SecretStore: SpecObject
  ClusterSecretStore: SpecObject
  SecretProviderClass: SpecObject
}
export interface ConfigFile extends KubeObject {
  readonly [field: string]: unknown
}
export type Kind = keyof Kinds

/** Things that are no API objects, gathered by sources/facts/. */
export interface Facts {
  /** `GET /version`. */
  ServerVersion: { readonly gitVersion: string; readonly minor: number; readonly platform?: string }
  /** `GET /flagz` of the API server that answered (≥ 1.36): every flag's effective value, defaults included. */
  ApiServerFlagz: { readonly flags: Readonly<Record<string, string>> }
  /** How many API servers there are, as far as the API tells. */
  ApiServers: {
    /** One an API server that renews its Lease (KEP-1965): its hostname, else the Lease's name. Empty where none has one, or they may not be read. */
    readonly leases: readonly string[]
    /** Of the endpoints of `default/kubernetes`; behind one of them may stand several. */
    readonly addresses: readonly string[]
  }
  /** The families of `GET /metrics` that some control reads. */
  ApiServerMetrics: {
    readonly samples: readonly MetricSample[]
    /** When they were read, epoch milliseconds. */
    readonly at?: number
  }
  /** In what form etcd holds Secrets and ConfigMaps; empty where nothing says that anything is encrypted. */
  StoredForm: { readonly resources: readonly StoredForm[] }
  /** Discovery: plural resources of every group ('' is core) in any served version, subresources as `pods/exec`. */
  ServedResources: { readonly groups: readonly ServedGroup[] }
  /** Names of the checks listed by `GET /readyz?verbose`. */
  ApiServerHealth: { readonly checks: readonly string[] }
  /** What an unauthenticated client is answered, by path. */
  AnonymousProbe: { readonly answers: readonly { readonly path: string; readonly status: number; readonly user?: string }[] }
  /** `GET /.well-known/openid-configuration`: who signs the tokens of service accounts (OpenID Connect Discovery 1.0). */
  IssuerDiscovery: { readonly issuer: string; readonly jwksUri?: string }
  /** `GET /debug/pprof/` as ourselves: 404 means profiling is off. */
  ProfilingProbe: { readonly status: number }
  /** The address in the kubeconfig, as seen from here. */
  Endpoint: EndpointFact
  /** How the operator's own kubeconfig logs in, and as whom. */
  Credential: CredentialFact
  /** The kubeconfig files of the operator, all contexts, read without asking any cluster. */
  KubeconfigFiles: { readonly files: readonly KubeconfigFile[] }
  /** Whom the provider lets in. Only there where the operator had its CLI asked (`--cloud-iam`). */
  CloudIam: CloudIamFact
  /** `GET /api/v1/nodes/N/proxy/configz`, one entry a node. */
  KubeletConfigz: { readonly nodes: readonly KubeletAnswer[] }
  /** What image configurations say (OCI image-spec `config`), by the reference a container names. Only there where the operator asked for it. */
  ImageConfigs: { readonly images: readonly ImageConfig[] }
  /** Everything of constraints.gatekeeper.sh, and the namespaces that a Config of config.gatekeeper.sh leaves out (`kube-*` is a pattern). */
  GatekeeperConstraints: { readonly constraints: readonly GatekeeperConstraint[]; readonly excluded: readonly string[] }
  /** What dry runs of a privileged pod were answered; empty where there was no need or no place to ask. */
  PodSecurityProbe: { readonly answers: readonly PodSecurityAnswer[] }
  /** What an audit log says of who did what. Only there where the operator gave one (`--audit-log`). */
  ObservedRequests: ObservedRequests
  /** What a record of the network's flows says of who talks to whom. Only there where the operator gave one (`--flows`). */
  ObservedFlows: ObservedFlows
  /** Files of nodes. Only there where the operator said how they are reached (`--host`); one entry a node that was named. */
  Hosts: { readonly hosts: readonly HostSeen[] }
}
export type FactName = keyof Facts

export type Readables = Kinds & Facts
export type Readable = keyof Readables

/** Why something could not be read, and what would answer it. */
export interface Unread {
  readonly what: Readable
  readonly why: 'forbidden' | 'not-served' | 'unreachable' | 'not-in-manifests' | 'partial' | 'not-asked'
  /** One clause for the operator: "the API server refused to list secrets (403)". */
  readonly because: string
  /** The permission or the command that would answer: "allow list on secrets", "oci ce cluster get …". */
  readonly answer: string
}

export interface SourceInfo {
  readonly kind: 'live' | 'manifests' | 'sample'
  /** Context name, path, or `sample`. */
  readonly name: string
  readonly server?: string
  /** gitVersion, once known. In files: of the control plane's images or ClusterConfiguration. */
  readonly kubernetes?: string
  /** Namespaces the operator narrowed the scan to (`-n`); absent means all. */
  readonly namespaces?: readonly string[]
  /** Kinds that were read in all namespaces although the scan is narrowed: what they tell of a namespace lies in others. */
  readonly whole?: readonly Kind[]
}

/** Read-only window on a snapshot, narrowed by the compiler to what a control declared. */
export interface View<R extends Readable = Readable> {
  readonly revision: number
  readonly source: SourceInfo
  /** When the snapshot was published, epoch milliseconds: the only clock a control may use. */
  readonly now: number
  /** All objects of a kind; empty where the kind is unread (ask `unread`). Order is the source's. */
  all<K extends R & Kind>(kind: K): readonly Kinds[K][]
  find<K extends R & Kind>(kind: K, namespace: string | undefined, name: string): Kinds[K] | undefined
  fact<K extends R & FactName>(fact: K): Facts[K] | undefined
  unread(what: R): Unread | undefined
  /** File position of a path in an object that came from a file. */
  locate(ref: ObjectRef, at?: Path): { readonly file: string; readonly line: number } | undefined
}
export interface Snapshot extends View<Readable> {
  readonly unreads: readonly Unread[]
  /** All kinds are in (or known to be unreadable). Until then outcomes are provisional. */
  readonly synced: boolean
  readonly objects: number
}

export type SourceEvent =
  | { readonly type: 'source'; readonly info: SourceInfo }
  /** The whole set of a kind: after a first or repeated LIST. Keys are unique within the kind (`namespace/name`, plus `@file#n` for doubles in files). */
  | { readonly type: 'replace'; readonly kind: Kind; readonly items: readonly (readonly [key: string, object: KubeObject])[] }
  | { readonly type: 'upsert'; readonly kind: Kind; readonly key: string; readonly object: KubeObject }
  | { readonly type: 'remove'; readonly kind: Kind; readonly key: string }
  | { readonly type: 'fact'; readonly fact: FactName; readonly value: Facts[FactName] }
  /** From now on this is not known. A later replace, upsert of a full set, or fact takes it back. */
  | { readonly type: 'unread'; readonly unread: Unread }
  /** A file that could not be understood: the rest is still scanned. An empty message takes it back. */
  | { readonly type: 'problem'; readonly file: string; readonly line: number; readonly message: string }
  | { readonly type: 'synced' }

export interface ClusterSource {
  readonly info: SourceInfo
  /** Ends only when aborted, or after `synced` when `follow` is false. What a cluster may do wrong arrives as `unread`, never as a throw. */
  events(options: {
    readonly signal: AbortSignal
    readonly follow: boolean
    readonly wanted: ReadonlySet<Readable>
  }): AsyncIterable<SourceEvent | readonly SourceEvent[]>
  locate?(ref: ObjectRef, at?: Path): { readonly file: string; readonly line: number } | undefined
  /** While it is followed: asks again for what has no watch, facts and files of nodes; resolves when what is new has been handed on. */
  lookAgain?(): Promise<void>
}

/** Structural helper for facts parsed from files: where a value of type Json came from. */
export interface Located {
  readonly ref: ObjectRef
  readonly at: Path
  readonly value: Json
}
