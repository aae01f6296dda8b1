/** Changes of all kinds to a real API server, with strings in them that must never be found in its log. */
export interface Write {
  readonly method: 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'GET'
  readonly path: string
  readonly body?: unknown
  readonly contentType?: string
}

/** Each stands in the body of something that carries credentials. */
export const MARKERS = Array.from({ length: 12 }, (_, n) => `never-in-the-log-${n}-${'x'.repeat(n)}z`)
/** Stands in the environment of a container, in the clear. */
export const OPEN = 'in-the-clear-in-a-template'
export const CARRIERS = ['secrets', 'configmaps', 'tokenreviews']

const CORE = '/api/v1'
const HERE = `${CORE}/namespaces/default`
const meta = (name: string, more: object = {}) => ({ name, ...more })
const apply = (path: string, body: object): Write => ({
  method: 'PATCH',
  path: `${path}?fieldManager=audit&force=true`,
  body: JSON.stringify(body),
  contentType: 'application/apply-patch+yaml',
})
const merge = (path: string, body: object): Write => ({ method: 'PATCH', path, body, contentType: 'application/merge-patch+json' })
const jsonPatch = (path: string, body: object): Write => ({ method: 'PATCH', path, body, contentType: 'application/json-patch+json' })
const strategic = (path: string, body: object): Write => ({
  method: 'PATCH',
  path,
  body,
  contentType: 'application/strategic-merge-patch+json',
})
const post = (path: string, body: object): Write => ({ method: 'POST', path, body })
const put = (path: string, body: object): Write => ({ method: 'PUT', path, body })
const remove = (path: string): Write => ({ method: 'DELETE', path })
const object = (apiVersion: string, kind: string, name: string, more: object = {}) => ({ apiVersion, kind, metadata: meta(name), ...more })

const secret = (name: string, value: string) => object('v1', 'Secret', name, { stringData: { password: value } })
const map = (name: string, value: string) => object('v1', 'ConfigMap', name, { data: { key: value } })
const container = { name: 'app', image: 'example.test/app:1', env: [{ name: 'PASSWORD', value: OPEN }] }
const template = { metadata: { labels: { app: 'web' } }, spec: { containers: [container] } }
const [m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11] = MARKERS as [string, ...string[]] as string[]

const SECRETS: readonly Write[] = [
  post(`${HERE}/secrets`, secret('s', m0!)),
  post(`${HERE}/secrets?dryRun=All`, secret('rehearsed', m11!)),
  put(`${HERE}/secrets/s`, secret('s', m1!)),
  merge(`${HERE}/secrets/s`, { stringData: { other: m2 } }),
  jsonPatch(`${HERE}/secrets/s`, [{ op: 'add', path: '/data/third', value: Buffer.from(m3!).toString('base64') }]),
  strategic(`${HERE}/secrets/s`, { stringData: { fourth: m4 } }),
  apply(`${HERE}/secrets/owned`, secret('owned', m5!)),
  { method: 'GET', path: `${HERE}/secrets/s` },
  { method: 'GET', path: `${CORE}/secrets` },
  { method: 'GET', path: `${CORE}/secrets?watch=1&timeoutSeconds=1` },
  remove(`${HERE}/secrets/s`),
  remove(`${HERE}/secrets`),
  post(`${HERE}/configmaps`, map('c', m6!)),
  put(`${HERE}/configmaps/c`, map('c', m7!)),
  merge(`${HERE}/configmaps/c`, { data: { other: m8 } }),
  apply(`${HERE}/configmaps/owned`, map('owned', m9!)),
  { method: 'GET', path: `${HERE}/configmaps` },
  remove(`${HERE}/configmaps/c`),
  remove(`${HERE}/configmaps?labelSelector=a%3Db`),
  post(
    '/apis/authentication.k8s.io/v1/tokenreviews',
    object('authentication.k8s.io/v1', 'TokenReview', 'review', { spec: { token: m10 } }),
  ),
  post(`${HERE}/serviceaccounts`, object('v1', 'ServiceAccount', 'robot')),
  post(`${HERE}/serviceaccounts/robot/token`, object('authentication.k8s.io/v1', 'TokenRequest', 'robot', { spec: {} })),
  merge(`${HERE}/serviceaccounts/robot`, { automountServiceAccountToken: false }),
]

const RBAC = '/apis/rbac.authorization.k8s.io/v1'
const rules = [{ apiGroups: [''], resources: ['pods'], verbs: ['get'] }]
const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'r' }
const ACCESS: readonly Write[] = [
  post(`${RBAC}/clusterroles`, object('rbac.authorization.k8s.io/v1', 'ClusterRole', 'r', { rules })),
  merge(`${RBAC}/clusterroles/r`, { metadata: { labels: { a: 'b' } } }),
  post(`${RBAC}/namespaces/default/roles`, object('rbac.authorization.k8s.io/v1', 'Role', 'r', { rules })),
  post(`${RBAC}/namespaces/default/rolebindings`, object('rbac.authorization.k8s.io/v1', 'RoleBinding', 'b', { roleRef })),
  post(`${RBAC}/clusterrolebindings`, object('rbac.authorization.k8s.io/v1', 'ClusterRoleBinding', 'b', { roleRef })),
  remove(`${RBAC}/clusterrolebindings/b`),
  remove(`${RBAC}/namespaces/default/rolebindings`),
  post('/apis/authorization.k8s.io/v1/subjectaccessreviews', {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SubjectAccessReview',
    spec: { user: 'jane', resourceAttributes: { verb: 'get', resource: 'pods' } },
  }),
  post('/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SelfSubjectAccessReview',
    spec: { resourceAttributes: { verb: 'get', resource: 'pods' } },
  }),
  merge('/apis/certificates.k8s.io/v1/certificatesigningrequests/none/approval', { status: {} }),
  remove('/apis/certificates.k8s.io/v1/certificatesigningrequests'),
]

const WORKLOADS: readonly Write[] = [
  post(`${HERE}/pods`, object('v1', 'Pod', 'p', { spec: template.spec })),
  merge(`${HERE}/pods/p`, { metadata: { labels: { a: 'b' } } }),
  merge(`${HERE}/pods/p/status`, { status: { phase: 'Running' } }),
  strategic(`${HERE}/pods/p/ephemeralcontainers`, { spec: { ephemeralContainers: [{ name: 'debug', image: 'example.test/debug:1' }] } }),
  { method: 'POST', path: `${HERE}/pods/none/exec?command=id` },
  { method: 'POST', path: `${HERE}/pods/none/attach` },
  { method: 'POST', path: `${HERE}/pods/none/portforward` },
  { method: 'GET', path: `${HERE}/pods/none/exec?command=id` },
  { method: 'POST', path: `${HERE}/services/none/proxy/path` },
  { method: 'DELETE', path: `${HERE}/pods/none/proxy/path` },
  { method: 'PUT', path: `${CORE}/nodes/none/proxy/run` },
  post(`${HERE}/pods/p/eviction`, object('policy/v1', 'Eviction', 'p')),
  post(`${HERE}/pods/none/binding`, object('v1', 'Binding', 'none', { target: { kind: 'Node', name: 'n' } })),
  remove(`${HERE}/pods/p?gracePeriodSeconds=0`),
  remove(`${HERE}/pods`),
  post(
    '/apis/apps/v1/namespaces/default/deployments',
    object('apps/v1', 'Deployment', 'web', { spec: { selector: { matchLabels: { app: 'web' } }, template } }),
  ),
  merge('/apis/apps/v1/namespaces/default/deployments/web/scale', { spec: { replicas: 2 } }),
  merge('/apis/apps/v1/namespaces/default/deployments/web/status', { status: { replicas: 1 } }),
  apply('/apis/apps/v1/namespaces/default/deployments/web', object('apps/v1', 'Deployment', 'web', { spec: { replicas: 3 } })),
  remove('/apis/apps/v1/namespaces/default/deployments/web'),
  remove('/apis/apps/v1/namespaces/default/statefulsets'),
  post(
    '/apis/batch/v1/namespaces/default/jobs',
    object('batch/v1', 'Job', 'j', { spec: { template: { spec: { ...template.spec, restartPolicy: 'Never' } } } }),
  ),
  remove('/apis/batch/v1/namespaces/default/jobs/j'),
  post(`${HERE}/services`, object('v1', 'Service', 'svc', { spec: { ports: [{ port: 80 }] } })),
  merge(`${HERE}/services/svc/status`, { status: {} }),
  remove(`${HERE}/services/svc`),
]

const CRD = object('apiextensions.k8s.io/v1', 'CustomResourceDefinition', 'vaults.k8s-harden.test', {
  spec: {
    group: 'k8s-harden.test',
    scope: 'Namespaced',
    names: { plural: 'vaults', singular: 'vault', kind: 'Vault', listKind: 'VaultList' },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
        subresources: { status: {} },
      },
    ],
  },
})
const CLUSTER: readonly Write[] = [
  post(`${CORE}/namespaces`, object('v1', 'Namespace', 'made')),
  merge(`${CORE}/namespaces/made`, { metadata: { labels: { 'pod-security.kubernetes.io/enforce': 'baseline' } } }),
  remove(`${CORE}/namespaces/made`),
  post(`${CORE}/nodes`, object('v1', 'Node', 'n')),
  merge(`${CORE}/nodes/n/status`, { status: { conditions: [] } }),
  remove(`${CORE}/nodes/n`),
  post(
    `${CORE}/persistentvolumes`,
    object('v1', 'PersistentVolume', 'v', {
      spec: { capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'], hostPath: { path: '/x' } },
    }),
  ),
  remove(`${CORE}/persistentvolumes/v`),
  post(
    '/apis/networking.k8s.io/v1/namespaces/default/networkpolicies',
    object('networking.k8s.io/v1', 'NetworkPolicy', 'deny', { spec: { podSelector: {} } }),
  ),
  remove('/apis/networking.k8s.io/v1/namespaces/default/networkpolicies/deny'),
  post(
    '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations',
    object('admissionregistration.k8s.io/v1', 'ValidatingWebhookConfiguration', 'hook', { webhooks: [] }),
  ),
  remove('/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/hook'),
  post('/apis/storage.k8s.io/v1/storageclasses', object('storage.k8s.io/v1', 'StorageClass', 'sc', { provisioner: 'example.test/none' })),
  remove('/apis/storage.k8s.io/v1/storageclasses/sc'),
  post('/apis/apiextensions.k8s.io/v1/customresourcedefinitions', CRD),
  post('/apis/k8s-harden.test/v1/namespaces/default/vaults', object('k8s-harden.test/v1', 'Vault', 'x', { spec: { password: m0 } })),
  apply('/apis/k8s-harden.test/v1/namespaces/default/vaults/x', object('k8s-harden.test/v1', 'Vault', 'x', { spec: { password: m1 } })),
  remove('/apis/k8s-harden.test/v1/namespaces/default/vaults/x'),
  remove('/apis/apiextensions.k8s.io/v1/customresourcedefinitions/vaults.k8s-harden.test'),
  post('/apis/coordination.k8s.io/v1/namespaces/kube-system/leases', object('coordination.k8s.io/v1', 'Lease', 'mine')),
  merge('/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/mine', { spec: { holderIdentity: 'me' } }),
  remove('/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/mine'),
  post(`${HERE}/events`, object('v1', 'Event', 'told', { involvedObject: { kind: 'Pod', name: 'p', namespace: 'default' } })),
  merge(`${HERE}/events/told`, { message: 'again' }),
  remove(`${HERE}/events/told`),
  remove(`${HERE}/events`),
  remove('/apis/events.k8s.io/v1/namespaces/default/events'),
]

/** In this order. */
export const WRITES: readonly Write[] = [...SECRETS, ...ACCESS, ...WORKLOADS, ...CLUSTER]
