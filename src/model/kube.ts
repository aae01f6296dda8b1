/**
 * Wire JSON of the kinds we read, narrowed to the fields a control looks at. Never client-node's generated classes: those
 * rename fields and turn timestamps into Dates. In files nothing is defaulted, so every field may be absent.
 */
import type { CertificateSeen, ClientCertificate, KubeconfigCluster, KubeconfigUser } from './credential.ts'
import type { Json } from './names.ts'

export interface Metadata {
  readonly name: string
  readonly namespace?: string
  readonly uid?: string
  readonly resourceVersion?: string
  readonly generation?: number
  readonly creationTimestamp?: string
  readonly deletionTimestamp?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
  readonly ownerReferences?: readonly OwnerReference[]
  /** Distinct `managedFields[].manager` values; managedFields itself is dropped as an object arrives. */
  readonly managers?: readonly string[]
  /** Of Secrets: the newest `managedFields[].time`, ISO 8601; the last time that anything of it was written. */
  readonly written?: string
}
export interface OwnerReference {
  readonly apiVersion: string
  readonly kind: string
  readonly name: string
  readonly uid: string
  readonly controller?: boolean
}
export interface KubeObject {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: Metadata
}

export interface LabelSelector {
  readonly matchLabels?: Readonly<Record<string, string>>
  readonly matchExpressions?: readonly {
    readonly key: string
    readonly operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist'
    readonly values?: readonly string[]
  }[]
}

// ── pods ───────────────────────────────────────────────────────────────────────────────────────
export interface SeccompProfile {
  readonly type?: string
  readonly localhostProfile?: string
}
export interface PodSecurityContext {
  readonly runAsUser?: number
  readonly runAsGroup?: number
  readonly runAsNonRoot?: boolean
  readonly fsGroup?: number
  readonly supplementalGroups?: readonly number[]
  readonly seccompProfile?: SeccompProfile
  readonly appArmorProfile?: SeccompProfile
  readonly seLinuxOptions?: Readonly<Record<string, string>>
  readonly sysctls?: readonly { readonly name: string; readonly value: string }[]
  readonly windowsOptions?: { readonly hostProcess?: boolean; readonly runAsUserName?: string }
}
export interface ContainerSecurityContext {
  readonly privileged?: boolean
  readonly allowPrivilegeEscalation?: boolean
  readonly readOnlyRootFilesystem?: boolean
  readonly runAsUser?: number
  readonly runAsGroup?: number
  readonly runAsNonRoot?: boolean
  readonly capabilities?: { readonly add?: readonly string[]; readonly drop?: readonly string[] }
  readonly seccompProfile?: SeccompProfile
  readonly appArmorProfile?: SeccompProfile
  readonly seLinuxOptions?: Readonly<Record<string, string>>
  readonly procMount?: string
  readonly windowsOptions?: { readonly hostProcess?: boolean; readonly runAsUserName?: string }
}
export interface EnvVar {
  readonly name: string
  readonly value?: string
  readonly valueFrom?: {
    readonly secretKeyRef?: { readonly name?: string; readonly key?: string }
    readonly configMapKeyRef?: { readonly name?: string; readonly key?: string }
    readonly fieldRef?: Json
    readonly resourceFieldRef?: Json
    readonly fileKeyRef?: Json
  }
}
export interface ContainerPort {
  readonly name?: string
  readonly containerPort: number
  readonly hostPort?: number
  readonly hostIP?: string
  readonly protocol?: string
}
export interface VolumeMount {
  readonly name: string
  readonly mountPath: string
  readonly readOnly?: boolean
  readonly subPath?: string
  readonly mountPropagation?: string
}
export interface ContainerSpec {
  readonly name: string
  readonly image?: string
  readonly imagePullPolicy?: string
  readonly command?: readonly string[]
  readonly args?: readonly string[]
  readonly env?: readonly EnvVar[]
  readonly envFrom?: readonly {
    readonly prefix?: string
    readonly secretRef?: { readonly name?: string }
    readonly configMapRef?: { readonly name?: string }
  }[]
  readonly ports?: readonly ContainerPort[]
  readonly volumeMounts?: readonly VolumeMount[]
  readonly securityContext?: ContainerSecurityContext
  readonly restartPolicy?: string
  readonly livenessProbe?: Json
  readonly readinessProbe?: Json
  readonly startupProbe?: Json
  readonly lifecycle?: Json
  readonly resources?: ResourceRequirements | null
}
/** Quantities as written: `500m`, `64Mi`, or a bare number in a file. */
export type ResourceList = Readonly<Record<string, string | number>>
export interface ResourceRequirements {
  readonly limits?: ResourceList | null
  readonly requests?: ResourceList | null
}
export interface Volume {
  readonly name: string
  readonly hostPath?: { readonly path: string; readonly type?: string }
  readonly secret?: { readonly secretName?: string; readonly optional?: boolean }
  readonly configMap?: { readonly name?: string }
  readonly emptyDir?: Json
  readonly persistentVolumeClaim?: { readonly claimName: string; readonly readOnly?: boolean }
  readonly projected?: {
    readonly sources?: readonly {
      readonly serviceAccountToken?: { readonly audience?: string; readonly expirationSeconds?: number; readonly path: string }
      readonly secret?: { readonly name?: string }
      readonly configMap?: { readonly name?: string }
      readonly downwardAPI?: Json
    }[]
  }
  readonly [source: string]: unknown
}
export interface PodSpec {
  readonly containers: readonly ContainerSpec[]
  readonly initContainers?: readonly ContainerSpec[]
  readonly ephemeralContainers?: readonly ContainerSpec[]
  readonly volumes?: readonly Volume[]
  readonly securityContext?: PodSecurityContext
  readonly hostPID?: boolean
  readonly hostIPC?: boolean
  readonly hostNetwork?: boolean
  readonly hostUsers?: boolean
  readonly shareProcessNamespace?: boolean
  readonly dnsPolicy?: string
  readonly serviceAccountName?: string
  /** Deprecated alias of serviceAccountName; the API server copies it, a file may hold only it. */
  readonly serviceAccount?: string
  readonly automountServiceAccountToken?: boolean
  readonly imagePullSecrets?: readonly { readonly name?: string }[]
  readonly nodeName?: string
  readonly nodeSelector?: Readonly<Record<string, string>>
  readonly tolerations?: readonly { readonly key?: string; readonly operator?: string; readonly value?: string; readonly effect?: string }[]
  readonly os?: { readonly name?: string }
  readonly runtimeClassName?: string
  readonly restartPolicy?: string
  /** Of the pod as a whole (KEP-2837 PodLevelResources; on by default from 1.34). */
  readonly resources?: ResourceRequirements | null
}
export interface ContainerStatus {
  readonly name: string
  readonly image?: string
  readonly imageID?: string
  readonly ready?: boolean
  readonly restartCount?: number
  readonly state?: {
    readonly waiting?: { readonly reason?: string; readonly message?: string }
    readonly running?: { readonly startedAt?: string }
    readonly terminated?: { readonly reason?: string; readonly exitCode?: number; readonly message?: string }
  }
  /** `user.linux.uid` is what really runs (KEP-3619; beta 1.33, GA 1.35; needs runtime support). */
  readonly user?: { readonly linux?: { readonly uid?: number; readonly gid?: number } }
}
export interface PodObject extends KubeObject {
  readonly spec: PodSpec
  readonly status?: {
    readonly phase?: string
    readonly podIP?: string
    /** Only where there are several (dual stack). */
    readonly podIPs?: readonly { readonly ip: string }[]
    readonly hostIP?: string
    readonly reason?: string
    readonly conditions?: readonly { readonly type: string; readonly status: string; readonly reason?: string; readonly message?: string }[]
    readonly containerStatuses?: readonly ContainerStatus[]
    readonly initContainerStatuses?: readonly ContainerStatus[]
    readonly ephemeralContainerStatuses?: readonly ContainerStatus[]
  }
}
export interface PodTemplateSpec {
  readonly metadata?: { readonly labels?: Readonly<Record<string, string>>; readonly annotations?: Readonly<Record<string, string>> }
  readonly spec?: PodSpec
}
/** Deployment, ReplicaSet, StatefulSet, DaemonSet, ReplicationController, Job. */
export interface ControllerObject extends KubeObject {
  readonly spec?: {
    readonly replicas?: number
    readonly selector?: LabelSelector | Readonly<Record<string, string>>
    readonly template?: PodTemplateSpec
    readonly suspend?: boolean
    readonly concurrencyPolicy?: string
    readonly progressDeadlineSeconds?: number
  }
  readonly status?: Readonly<Record<string, Json>>
}
export interface CronJobObject extends KubeObject {
  readonly spec?: {
    readonly schedule?: string
    readonly timeZone?: string
    readonly suspend?: boolean
    readonly concurrencyPolicy?: string
    readonly jobTemplate?: { readonly spec?: { readonly template?: PodTemplateSpec } }
  }
}
/** core/v1 PodTemplate: the template is at the top, not under spec. */
export interface PodTemplateObject extends KubeObject {
  readonly template?: PodTemplateSpec
}

// ── access ─────────────────────────────────────────────────────────────────────────────────────
export interface PolicyRule {
  readonly verbs: readonly string[]
  readonly apiGroups?: readonly string[]
  readonly resources?: readonly string[]
  readonly resourceNames?: readonly string[]
  readonly nonResourceURLs?: readonly string[]
}
export interface RoleObject extends KubeObject {
  readonly rules?: readonly PolicyRule[] | null
  readonly aggregationRule?: { readonly clusterRoleSelectors?: readonly LabelSelector[] }
}
export interface RbacSubject {
  readonly kind: string
  readonly name: string
  readonly namespace?: string
  readonly apiGroup?: string
}
export interface BindingObject extends KubeObject {
  readonly roleRef: { readonly apiGroup?: string; readonly kind: string; readonly name: string }
  readonly subjects?: readonly RbacSubject[] | null
}
export interface ServiceAccountObject extends KubeObject {
  readonly automountServiceAccountToken?: boolean
  readonly secrets?: readonly { readonly name?: string }[]
  readonly imagePullSecrets?: readonly { readonly name?: string }[]
}
/**
 * Metadata only: no value of a Secret ever reaches this process. `type` is known from field selectors, or from a file; live it is one of
 * `Opaque`, `kubernetes.io/service-account-token`, `…/dockerconfigjson`, `…/dockercfg`, `…/tls`, `bootstrap.kubernetes.io/token`,
 * `helm.sh/release.v1`, and undefined for every other type. A live annotation `kubectl.kubernetes.io/last-applied-configuration` is ''.
 */
export interface SecretObject extends KubeObject {
  readonly type?: string /** Names of the keys, known in files only. */
  readonly keys?: readonly string[]
  /** Of the certificate in a Secret of type `kubernetes.io/tls`; known in files only. */
  readonly certificates?: readonly CertificateSeen[]
  /** Of a bootstrap token (bootstrap.kubernetes.io/token) all but its secret; known in files only. */
  readonly bootstrap?: { readonly expiration?: string; readonly authentication: boolean; readonly groups: readonly string[] }
}
/** A certificate file of a PKI directory, such as /etc/kubernetes/pki; `metadata.name` is the file's name. */
export interface CertificateFileObject extends KubeObject {
  readonly certificates: readonly CertificateSeen[]
  /** The certificates themselves, of files on nodes: who signed them can be verified. */
  readonly pem?: string
}
export interface ConfigMapObject extends KubeObject {
  readonly data?: Readonly<Record<string, string>> /** Names of binaryData keys. */
  readonly binaryKeys?: readonly string[]
}

/**
 * certificates.k8s.io/v1: who asked for a certificate, by which signer, and what became of it. The request itself is not kept; of the
 * certificate that was issued, its subject and its time.
 */
export interface CertificateSigningRequestObject extends KubeObject {
  readonly spec?: {
    readonly signerName?: string
    readonly username?: string
    readonly groups?: readonly string[]
    readonly usages?: readonly string[]
    readonly expirationSeconds?: number
  }
  readonly status?: { readonly conditions?: readonly { readonly type: string }[]; readonly issued?: ClientCertificate }
}

// ── cluster ────────────────────────────────────────────────────────────────────────────────────
export interface NamespaceObject extends KubeObject {
  readonly status?: { readonly phase?: string }
}
export interface LimitRangeObject extends KubeObject {
  readonly spec?: {
    readonly limits?: readonly {
      readonly type?: string
      readonly default?: ResourceList
      readonly defaultRequest?: ResourceList
      readonly max?: ResourceList
      readonly min?: ResourceList
    }[]
  }
}
export interface ResourceQuotaObject extends KubeObject {
  /** With scopes it counts some pods only. */
  readonly spec?: { readonly hard?: ResourceList; readonly scopes?: readonly string[]; readonly scopeSelector?: Json }
}
/** core/v1: storage of the cluster. Of its source only what lies on a node is kept: a `hostPath`, or a `local` disk or directory. */
export interface PersistentVolumeObject extends KubeObject {
  readonly spec?: {
    readonly hostPath?: { readonly path?: string; readonly type?: string }
    readonly local?: { readonly path?: string }
    readonly claimRef?: { readonly namespace?: string; readonly name?: string }
    readonly storageClassName?: string
    readonly accessModes?: readonly string[]
  }
}
export interface PersistentVolumeClaimObject extends KubeObject {
  readonly spec?: {
    readonly volumeName?: string
    readonly storageClassName?: string
    readonly accessModes?: readonly string[]
    readonly selector?: LabelSelector
  }
}
/** policy/v1: how many of the pods it selects a drain may take at once. An empty selector means all pods of the namespace. */
export interface PodDisruptionBudgetObject extends KubeObject {
  readonly spec?: {
    readonly selector?: LabelSelector
    readonly minAvailable?: number | string
    readonly maxUnavailable?: number | string
  }
}
/** node.k8s.io/v1: which runtime of the node runs a pod; `handler` is its name in the configuration of the node. */
export interface RuntimeClassObject extends KubeObject {
  readonly handler?: string
  readonly scheduling?: { readonly nodeSelector?: Readonly<Record<string, string>> }
}
export interface NodeObject extends KubeObject {
  readonly spec?: {
    readonly providerID?: string
    readonly podCIDR?: string
    readonly unschedulable?: boolean
    readonly taints?: readonly { readonly key: string; readonly value?: string; readonly effect: string }[]
  }
  readonly status?: {
    readonly addresses?: readonly { readonly type: string; readonly address: string }[]
    readonly nodeInfo?: {
      readonly kubeletVersion?: string
      readonly kubeProxyVersion?: string
      readonly osImage?: string
      readonly kernelVersion?: string
      readonly containerRuntimeVersion?: string
      readonly operatingSystem?: string
      readonly architecture?: string
    }
    readonly conditions?: readonly { readonly type: string; readonly status: string }[]
    readonly images?: readonly { readonly names?: readonly string[]; readonly sizeBytes?: number }[]
  }
}

// ── network ────────────────────────────────────────────────────────────────────────────────────
export interface ServicePort {
  readonly name?: string
  readonly protocol?: string
  readonly port: number
  readonly targetPort?: number | string
  readonly nodePort?: number
}
export interface ServiceObject extends KubeObject {
  readonly spec?: {
    readonly type?: string
    readonly selector?: Readonly<Record<string, string>>
    readonly ports?: readonly ServicePort[]
    readonly clusterIP?: string
    readonly clusterIPs?: readonly string[]
    readonly externalIPs?: readonly string[]
    readonly externalName?: string
    readonly loadBalancerSourceRanges?: readonly string[]
    readonly loadBalancerClass?: string
    readonly allocateLoadBalancerNodePorts?: boolean
  }
  readonly status?: { readonly loadBalancer?: { readonly ingress?: readonly { readonly ip?: string; readonly hostname?: string }[] } }
}
export interface EndpointSliceObject extends KubeObject {
  readonly addressType?: string
  readonly endpoints?: readonly {
    readonly addresses: readonly string[]
    readonly targetRef?: { readonly kind?: string; readonly name?: string; readonly namespace?: string }
  }[]
  readonly ports?: readonly { readonly name?: string; readonly port?: number; readonly protocol?: string }[]
}
export interface IngressBackend {
  readonly service?: { readonly name: string; readonly port?: { readonly number?: number; readonly name?: string } }
}
export interface IngressObject extends KubeObject {
  readonly spec?: {
    readonly ingressClassName?: string
    readonly defaultBackend?: IngressBackend
    readonly tls?: readonly { readonly hosts?: readonly string[]; readonly secretName?: string }[]
    readonly rules?: readonly {
      readonly host?: string
      readonly http?: { readonly paths?: readonly { readonly path?: string; readonly backend: IngressBackend }[] }
    }[]
  }
}
/** HTTPRoute, TLSRoute, TCPRoute, UDPRoute, GRPCRoute of gateway.networking.k8s.io. */
export interface RouteObject extends KubeObject {
  readonly spec?: {
    readonly parentRefs?: readonly {
      readonly kind?: string
      readonly group?: string
      readonly name: string
      readonly namespace?: string
      readonly sectionName?: string
      readonly port?: number
    }[]
    readonly rules?: readonly {
      readonly filters?: readonly { readonly type?: string; readonly requestRedirect?: { readonly scheme?: string } }[]
      readonly backendRefs?: readonly {
        readonly kind?: string
        readonly group?: string
        readonly name: string
        readonly namespace?: string
        readonly port?: number
      }[]
    }[]
  }
}
export interface NetworkPolicyPeer {
  readonly podSelector?: LabelSelector
  readonly namespaceSelector?: LabelSelector
  readonly ipBlock?: { readonly cidr: string; readonly except?: readonly string[] }
}
export interface NetworkPolicyPort {
  readonly protocol?: string
  readonly port?: number | string
  readonly endPort?: number
}
export interface NetworkPolicyObject extends KubeObject {
  readonly spec?: {
    readonly podSelector?: LabelSelector
    readonly policyTypes?: readonly string[]
    readonly ingress?: readonly { readonly from?: readonly NetworkPolicyPeer[]; readonly ports?: readonly NetworkPolicyPort[] }[]
    readonly egress?: readonly { readonly to?: readonly NetworkPolicyPeer[]; readonly ports?: readonly NetworkPolicyPort[] }[]
  }
}

// ── admission and others ───────────────────────────────────────────────────────────────────────
export interface WebhookConfigurationObject extends KubeObject {
  readonly webhooks?: readonly {
    readonly name: string
    readonly clientConfig?: {
      readonly url?: string
      readonly service?: { readonly namespace: string; readonly name: string; readonly path?: string; readonly port?: number }
      /** Base64 of PEM; as a file has it. */
      readonly caBundle?: string
      /** Not on the wire: when the last certificate of the bundle expires, which is all that is kept of a live one. ISO 8601. */
      readonly caNotAfter?: string
    }
    readonly rules?: readonly {
      readonly apiGroups?: readonly string[]
      readonly apiVersions?: readonly string[]
      readonly operations?: readonly string[]
      readonly resources?: readonly string[]
      readonly scope?: string
    }[]
    readonly failurePolicy?: string
    readonly namespaceSelector?: LabelSelector
    readonly objectSelector?: LabelSelector
    readonly timeoutSeconds?: number
    readonly matchConditions?: readonly { readonly name: string; readonly expression: string }[]
  }[]
}
/** Any object whose spec is looked at by a few controls only (ValidatingAdmissionPolicy, CiliumNetworkPolicy, PrometheusRule, …). */
export interface SpecObject extends KubeObject {
  readonly spec?: { readonly [key: string]: Json }
  readonly specs?: readonly { readonly [key: string]: Json }[]
}
/** apiVersion, kind and metadata: all we need of e.g. CustomResourceDefinitions. */
export interface MetadataObject extends KubeObject {
  /** Of a CustomResourceDefinition in a file: when its conversion webhook is not trusted any more. */
  readonly caNotAfter?: string
}
/** A kubeconfig among files, such as admin.conf; `metadata.name` is the file's name. */
export interface KubeconfigObject extends KubeObject {
  readonly users: readonly KubeconfigUser[]
  readonly clusters?: readonly KubeconfigCluster[]
  /** Name of the user that its current context takes. */
  readonly current?: string
}
