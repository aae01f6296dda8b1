/** The audit policy that this tool writes (controls.md 7(e)): who did what to what, without the content of anything that carries credentials. */
import type { AuditPolicy, AuditRule } from './audit-policy.ts'

export interface ExplainedRule {
  readonly because: string
  readonly rule: AuditRule
}

const WRITES = ['create', 'update', 'patch', 'delete', 'deletecollection']

/** Bodies of these carry credentials, or whatever people keep in ConfigMaps. */
export const CREDENTIALS: ExplainedRule = {
  because: 'These carry credentials in their bodies: who and what, never the content.',
  rule: {
    level: 'Metadata',
    resources: [
      { group: '', resources: ['secrets', 'configmaps', 'serviceaccounts/token'] },
      { group: 'authentication.k8s.io', resources: ['tokenreviews'] },
    ],
  },
}
export const ANONYMOUS: ExplainedRule = {
  because: 'Whoever has not logged in is probing.',
  rule: { level: 'Metadata', userGroups: ['system:unauthenticated'] },
}
/** What gives somebody a way into a container or through the API server, and what decides who may do what. */
export const SENSITIVE: readonly ExplainedRule[] = [
  {
    because: 'Ways into containers, and through the API server to pods and nodes, whoever takes them.',
    rule: {
      level: 'Request',
      resources: [
        {
          group: '',
          resources: [
            'pods/exec',
            'pods/attach',
            'pods/portforward',
            'pods/proxy',
            'services/proxy',
            'nodes/proxy',
            'pods/ephemeralcontainers',
            'pods/eviction',
          ],
        },
      ],
    },
  },
  {
    because: 'Whatever decides who may do what, what is admitted, and what talks to what.',
    rule: {
      level: 'Request',
      verbs: WRITES,
      resources: [
        { group: 'rbac.authorization.k8s.io' },
        { group: 'admissionregistration.k8s.io' },
        { group: 'apiextensions.k8s.io' },
        { group: 'apiregistration.k8s.io' },
        { group: 'certificates.k8s.io' },
        { group: 'networking.k8s.io' },
        { group: 'policy.networking.k8s.io' },
        { group: 'policy' },
        { group: 'storage.k8s.io' },
        { group: '', resources: ['namespaces', 'namespaces/finalize', 'nodes', 'persistentvolumes', 'serviceaccounts'] },
      ],
    },
  },
  {
    because: 'Changes of pods, of whatever makes pods, and of the rest of the core API.',
    rule: { level: 'Request', verbs: WRITES, resources: [{ group: '' }, { group: 'apps' }, { group: 'batch' }, { group: 'autoscaling' }] },
  },
]
export const CATCH_ALL: ExplainedRule = {
  because: 'Everything else: a request that no rule matches would not be logged at all.',
  rule: { level: 'Metadata' },
}

/** Left out by exact user, never by a broad group: what components of the control plane ask for every few seconds. */
const NOISE: readonly ExplainedRule[] = [
  {
    because: 'kube-proxy watches these on every node.',
    rule: {
      level: 'None',
      users: ['system:kube-proxy', 'system:serviceaccount:kube-system:kube-proxy'],
      verbs: ['watch'],
      resources: [
        { group: '', resources: ['endpoints', 'services', 'services/status'] },
        { group: 'discovery.k8s.io', resources: ['endpointslices'] },
      ],
    },
  },
  {
    because: 'Kubelets read their own node.',
    rule: { level: 'None', userGroups: ['system:nodes'], verbs: ['get'], resources: [{ group: '', resources: ['nodes', 'nodes/status'] }] },
  },
  {
    because: 'Leader election.',
    rule: {
      level: 'None',
      users: ['system:kube-controller-manager', 'system:kube-scheduler'],
      verbs: ['get', 'update'],
      namespaces: ['kube-system'],
      resources: [
        { group: 'coordination.k8s.io', resources: ['leases'] },
        { group: '', resources: ['endpoints'] },
      ],
    },
  },
  {
    because: 'The API server looks at its own namespaces.',
    rule: {
      level: 'None',
      users: ['system:apiserver'],
      verbs: ['get'],
      resources: [{ group: '', resources: ['namespaces', 'namespaces/status', 'namespaces/finalize'] }],
    },
  },
  {
    because: 'Controllers read metrics to scale by.',
    rule: {
      level: 'None',
      users: ['system:kube-controller-manager', 'system:serviceaccount:kube-system:horizontal-pod-autoscaler'],
      verbs: ['get', 'list'],
      resources: [{ group: 'metrics.k8s.io' }],
    },
  },
  { because: 'Discovery.', rule: { level: 'None', verbs: ['get'], nonResourceURLs: ['/version', '/openapi*'] } },
  {
    because: 'Events say what happened elsewhere. Who removes them may be covering tracks: that is logged.',
    rule: {
      level: 'None',
      verbs: ['get', 'list', 'watch', 'create', 'update', 'patch'],
      resources: [
        { group: '', resources: ['events'] },
        { group: 'events.k8s.io', resources: ['events'] },
      ],
    },
  },
]

/** All rules in order. */
export const RECOMMENDED_RULES: readonly ExplainedRule[] = [
  {
    because: 'Probes of load balancers and kubelets.',
    rule: { level: 'None', verbs: ['get', 'head'], nonResourceURLs: ['/healthz*', '/livez*', '/readyz*'] },
  },
  ANONYMOUS,
  ...NOISE,
  CREDENTIALS,
  SENSITIVE[0]!,
  SENSITIVE[1]!,
  {
    because: 'Kubelets report what runs.',
    rule: {
      level: 'Request',
      userGroups: ['system:nodes'],
      verbs: ['update', 'patch'],
      resources: [{ group: '', resources: ['nodes/status', 'pods/status'] }],
    },
  },
  {
    because: 'What is removed with a namespace.',
    rule: { level: 'Request', users: ['system:serviceaccount:kube-system:namespace-controller'], verbs: ['deletecollection'] },
  },
  { because: 'Reading: who looked at what.', rule: { level: 'Metadata', verbs: ['get', 'list', 'watch'] } },
  SENSITIVE[2]!,
  CATCH_ALL,
]
export const RECOMMENDED_OMIT_STAGES = ['RequestReceived']
export const RECOMMENDED_POLICY: AuditPolicy = { rules: RECOMMENDED_RULES.map(({ rule }) => rule), omitStages: RECOMMENDED_OMIT_STAGES }
