/** The shapes of what we read: the fields that a control looks at, and whether they are text, lists or mappings. */
import type { Kind } from '../model/index.ts'
import { CONDITIONS, CONTAINER_STATUSES, type Fields, list, map, NAMED, POD_SPEC, SELECTOR, TEMPLATE } from './manifests-shape-pods.ts'

const CONTROLLER: Fields = { spec: map({ selector: SELECTOR, template: TEMPLATE }), status: map() }
const RULE = map({ verbs: 'texts', apiGroups: 'texts', resources: 'texts', resourceNames: 'texts', nonResourceURLs: 'texts' }, 'verbs')
const ROLE: Fields = { rules: list(RULE), aggregationRule: map({ clusterRoleSelectors: list(SELECTOR) }) }
const BINDING: Fields = {
  roleRef: map({ apiGroup: 'text', kind: 'text', name: 'text' }, 'kind', 'name'),
  subjects: list(map({ kind: 'text', name: 'text', namespace: 'text', apiGroup: 'text' }, 'kind', 'name')),
}
const BACKEND = map({ service: map({ name: 'text', port: map() }, 'name') })
const PEERS = list(map({ podSelector: SELECTOR, namespaceSelector: SELECTOR, ipBlock: map({ cidr: 'text', except: 'texts' }, 'cidr') }))
const SPEC: Fields = { spec: map(), specs: list() }
const WEBHOOK: Fields = {
  webhooks: list(
    map(
      {
        name: 'text',
        clientConfig: map({
          url: 'text',
          caBundle: 'text',
          service: map({ namespace: 'text', name: 'text', path: 'text' }, 'namespace', 'name'),
        }),
        failurePolicy: 'text',
        namespaceSelector: SELECTOR,
        objectSelector: SELECTOR,
        matchConditions: list(map({ name: 'text', expression: 'text' }, 'expression')),
        rules: list(map({ apiGroups: 'texts', apiVersions: 'texts', operations: 'texts', resources: 'texts', scope: 'text' })),
      },
      'name',
    ),
  ),
}
const TARGET = { kind: 'text', group: 'text', name: 'text', namespace: 'text' } as const
const ROUTE: Fields = {
  spec: map({
    parentRefs: list(map({ ...TARGET, sectionName: 'text' }, 'name')),
    rules: list(
      map({
        filters: list(map({ type: 'text', requestRedirect: map({ scheme: 'text' }) })),
        backendRefs: list(map(TARGET, 'name')),
      }),
    ),
  }),
}

export const NEEDED: Partial<Record<Kind, readonly string[]>> = { Pod: ['spec'], RoleBinding: ['roleRef'], ClusterRoleBinding: ['roleRef'] }
export const SHAPES: Partial<Record<Kind, Fields>> = {
  Namespace: { status: map({ phase: 'text' }) },
  Node: {
    spec: map({ providerID: 'text', podCIDR: 'text', taints: list(map({ key: 'text', value: 'text', effect: 'text' }, 'key', 'effect')) }),
    status: map({
      addresses: list(map({ type: 'text', address: 'text' }, 'type', 'address')),
      nodeInfo: map({
        kubeletVersion: 'text',
        kubeProxyVersion: 'text',
        osImage: 'text',
        kernelVersion: 'text',
        containerRuntimeVersion: 'text',
        operatingSystem: 'text',
        architecture: 'text',
      }),
      conditions: CONDITIONS,
      images: list(),
    }),
  },
  Pod: {
    spec: POD_SPEC,
    status: map({
      phase: 'text',
      conditions: CONDITIONS,
      containerStatuses: CONTAINER_STATUSES,
      initContainerStatuses: CONTAINER_STATUSES,
      ephemeralContainerStatuses: CONTAINER_STATUSES,
    }),
  },
  Deployment: CONTROLLER,
  ReplicaSet: CONTROLLER,
  StatefulSet: CONTROLLER,
  DaemonSet: CONTROLLER,
  Job: CONTROLLER,
  ReplicationController: { spec: map({ selector: 'labels', template: TEMPLATE }), status: map() },
  CronJob: { spec: map({ schedule: 'text', jobTemplate: map({ spec: map({ template: TEMPLATE }) }) }) },
  PodTemplate: { template: TEMPLATE },
  Service: {
    spec: map({
      type: 'text',
      selector: 'labels',
      ports: list(map({ name: 'text', protocol: 'text' })),
      clusterIP: 'text',
      clusterIPs: 'texts',
      externalIPs: 'texts',
      externalName: 'text',
      loadBalancerSourceRanges: 'texts',
      loadBalancerClass: 'text',
    }),
    status: map({ loadBalancer: map({ ingress: list(map({ ip: 'text', hostname: 'text' })) }) }),
  },
  EndpointSlice: { addressType: 'text', endpoints: list(map({ addresses: 'texts', targetRef: map() }, 'addresses')), ports: list() },
  Ingress: {
    spec: map({
      ingressClassName: 'text',
      defaultBackend: BACKEND,
      tls: list(map({ hosts: 'texts', secretName: 'text' })),
      rules: list(map({ host: 'text', http: map({ paths: list(map({ path: 'text', backend: BACKEND }, 'backend')) }) })),
    }),
  },
  HTTPRoute: ROUTE,
  TLSRoute: ROUTE,
  GRPCRoute: ROUTE,
  TCPRoute: ROUTE,
  UDPRoute: ROUTE,
  IngressClass: SPEC,
  Gateway: SPEC,
  NetworkPolicy: {
    spec: map({
      podSelector: SELECTOR,
      policyTypes: 'texts',
      ingress: list(map({ from: PEERS, ports: list() })),
      egress: list(map({ to: PEERS, ports: list() })),
    }),
  },
  LimitRange: {
    spec: map({
      limits: list(map({ type: 'text', default: 'labels', defaultRequest: 'labels', max: 'labels', min: 'labels' })),
    }),
  },
  ResourceQuota: { spec: map({ hard: 'labels' }) },
  PersistentVolume: {
    spec: map({
      hostPath: map({ path: 'text', type: 'text' }),
      local: map({ path: 'text' }),
      claimRef: map({ namespace: 'text', name: 'text' }),
      storageClassName: 'text',
      accessModes: 'texts',
    }),
  },
  PersistentVolumeClaim: {
    spec: map({ volumeName: 'text', storageClassName: 'text', accessModes: 'texts', selector: SELECTOR }),
  },
  PodDisruptionBudget: { spec: map({ selector: SELECTOR }) },
  RuntimeClass: { handler: 'text', scheduling: map({ nodeSelector: 'labels' }) },
  ServiceAccount: { automountServiceAccountToken: 'flag', secrets: list(NAMED), imagePullSecrets: list(NAMED) },
  Role: ROLE,
  ClusterRole: ROLE,
  RoleBinding: BINDING,
  ClusterRoleBinding: BINDING,
  Secret: { type: 'text' },
  ConfigMap: { data: 'labels', binaryData: map() },
  MutatingWebhookConfiguration: WEBHOOK,
  ValidatingWebhookConfiguration: WEBHOOK,
  CustomResourceDefinition: SPEC,
  ValidatingAdmissionPolicy: SPEC,
  ValidatingAdmissionPolicyBinding: SPEC,
  CiliumNetworkPolicy: SPEC,
  CiliumClusterwideNetworkPolicy: SPEC,
  CalicoNetworkPolicy: SPEC,
  CalicoGlobalNetworkPolicy: SPEC,
  AdminNetworkPolicy: SPEC,
  BaselineAdminNetworkPolicy: SPEC,
  CalicoFelixConfiguration: SPEC,
  IstioGateway: SPEC,
  IstioVirtualService: SPEC,
  IstioPeerAuthentication: SPEC,
  CalicoTier: SPEC,
  CalicoNetworkSet: SPEC,
  CalicoGlobalNetworkSet: SPEC,
  ClusterNetworkPolicy: SPEC,
  AntreaNetworkPolicy: SPEC,
  AntreaClusterNetworkPolicy: SPEC,
  KyvernoClusterPolicy: SPEC,
  KyvernoPolicy: SPEC,
  KyvernoValidatingPolicy: SPEC,
  GatekeeperConstraintTemplate: SPEC,
  PrometheusRule: { spec: map({ groups: list(map({ name: 'text', rules: list() })) }) },
  ClusterConfiguration: { kubernetesVersion: 'text', apiServer: map(), controllerManager: map(), scheduler: map(), etcd: map() },
  KubeletConfiguration: {
    authentication: map({ anonymous: map({ enabled: 'flag' }), webhook: map({ enabled: 'flag' }), x509: map() }),
    authorization: map({ mode: 'text' }),
    featureGates: map(),
    tlsCipherSuites: 'texts',
  },
  EncryptionConfiguration: { resources: list(map({ resources: 'texts', providers: list(map()) })) },
  AuthenticationConfiguration: {
    jwt: list(map({ issuer: map({ url: 'text', audiences: 'texts' }) })),
    anonymous: map({ enabled: 'flag', conditions: list(map({ path: 'text' })) }),
  },
  AuthorizationConfiguration: { authorizers: list(map({ type: 'text', name: 'text' })) },
  Kubeconfig: {
    users: list(map({ name: 'text', user: map() }, 'name')),
    contexts: list(map({ name: 'text', context: map({ user: 'text', cluster: 'text' }) })),
    'current-context': 'text',
  },
  AdmissionConfiguration: { plugins: list(map({ name: 'text', path: 'text', configuration: map() })) },
}
