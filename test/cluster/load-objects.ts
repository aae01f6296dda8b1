import { createHash, randomUUID } from 'node:crypto'
import { containerOf, flavourOf } from './load-containers.ts'
import { deploymentFields, podFields, podStatusFields } from './load-fields.ts'

/** An object as it stands in etcd. */
export interface Stored {
  readonly key: string
  readonly object: unknown
}

const now = new Date().toISOString().replace(/\.\d+Z$/, 'Z')

interface Named {
  readonly metadata: { readonly name: string; readonly namespace?: string }
}

/** Adds what the API server gives every object when it is created. */
export function stamped<T extends Named>(object: T) {
  return { ...object, metadata: { ...object.metadata, uid: randomUUID(), generation: 1, creationTimestamp: now } }
}

/** A namespace and what controllers put into each, with rights and a policy as teams write them. */
export function* namespaceObjects(name: string): Generator<Stored> {
  const labels = { 'kubernetes.io/metadata.name': name }
  yield {
    key: `/registry/namespaces/${name}`,
    object: stamped({
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name, labels },
      spec: { finalizers: ['kubernetes'] },
      status: { phase: 'Active' },
    }),
  }
  yield stored('serviceaccounts', { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default', namespace: name } })
  yield stored('networkpolicies', {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name: 'same-namespace', namespace: name },
    spec: { podSelector: {}, ingress: [{ from: [{ podSelector: {} }] }], policyTypes: ['Ingress'] },
  })
}

interface Order {
  readonly index: number
  readonly namespace: string
  readonly replicas: number
  readonly nodes: number
}

/** A rolled-out Deployment: its ReplicaSet, its pods, its account with rights, its configuration. */
export function* deploymentObjects({ index, namespace, replicas, nodes }: Order): Generator<Stored> {
  const name = appName(index)
  const labels = labelsOf(index)
  const hash = createHash('sha256').update(name).digest('hex').slice(0, 10)
  const template = templateOf(index)
  const selector = { matchLabels: labels }
  const counts = { replicas, readyReplicas: replicas, availableReplicas: replicas, observedGeneration: 1 }

  const deployment = stamped({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace, labels, annotations: revision, managedFields: deploymentFields(now) },
    spec: { replicas, selector, template, strategy: rolling, revisionHistoryLimit: 10, progressDeadlineSeconds: 600 },
    status: { ...counts, updatedReplicas: replicas, conditions: [condition('Available'), condition('Progressing')] },
  })
  yield { key: `/registry/deployments/${namespace}/${name}`, object: deployment }

  const podLabels = { ...labels, 'pod-template-hash': hash }
  const replicaSet = stamped({
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: {
      name: `${name}-${hash}`,
      namespace,
      labels: podLabels,
      annotations: revision,
      ownerReferences: [ownedBy('apps/v1', 'Deployment', deployment.metadata)],
    },
    spec: {
      replicas,
      selector: { matchLabels: podLabels },
      template: { metadata: { labels: podLabels }, spec: template.spec },
    },
    status: { ...counts, fullyLabeledReplicas: replicas },
  })
  yield { key: `/registry/replicasets/${namespace}/${name}-${hash}`, object: replicaSet }

  for (let pod = 0; pod < replicas; pod++) {
    const ownerReferences = [ownedBy('apps/v1', 'ReplicaSet', replicaSet.metadata)]
    const suffix = pod.toString(36).padStart(5, 'x')
    const metadata = { name: `${name}-${hash}-${suffix}`, namespace, labels: podLabels, ownerReferences }
    yield podObject(metadata, template.spec, (index * replicas + pod) % nodes)
  }
  yield* companions(index, namespace)
}

/** What stands beside a Deployment. */
function* companions(index: number, namespace: string): Generator<Stored> {
  const metadata = { name: appName(index), namespace, labels: labelsOf(index) }
  const role = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: metadata.name }
  yield stored('serviceaccounts', { apiVersion: 'v1', kind: 'ServiceAccount', metadata })
  yield stored('configmaps', { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { 'app.conf': `shard=${index}\n` } })
  if (index % 2 === 1) return
  const resources = [index % 10 === 0 ? '*' : 'configmaps']
  yield stored('roles', {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'Role',
    metadata,
    rules: [{ apiGroups: [''], resources, verbs: ['get', 'list', 'watch'] }],
  })
  yield stored('rolebindings', {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'RoleBinding',
    metadata,
    subjects: [{ kind: 'ServiceAccount', name: metadata.name, namespace }],
    roleRef: role,
  })
}

/** The Service in front of a Deployment, as a client sends it. */
export function serviceOf(index: number) {
  const spec = { selector: labelsOf(index), ports: [{ name: 'http', port: 80, targetPort: 8080 }] }
  return { apiVersion: 'v1', kind: 'Service', metadata: { name: appName(index), labels: labelsOf(index) }, spec }
}

/** A Secret of a Deployment, as a client sends it. */
export function secretOf(index: number) {
  const stringData = { password: `not-a-secret-${index}` }
  return { apiVersion: 'v1', kind: 'Secret', metadata: { name: appName(index) }, type: 'Opaque', stringData }
}

const revision = { 'deployment.kubernetes.io/revision': '1' }
const rolling = { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' } }

function appName(index: number): string {
  return `app-${index}`
}

function labelsOf(index: number) {
  return { 'app.kubernetes.io/name': appName(index), 'app.kubernetes.io/part-of': `product-${index % 20}` }
}

function templateOf(index: number) {
  const { pod } = flavourOf(index)
  const spec = {
    serviceAccountName: appName(index),
    serviceAccount: appName(index),
    containers: [containerOf(index)],
    restartPolicy: 'Always',
    terminationGracePeriodSeconds: 30,
    dnsPolicy: 'ClusterFirst',
    schedulerName: 'default-scheduler',
    securityContext: {},
    ...pod,
  }
  return { metadata: { labels: labelsOf(index) }, spec }
}

function podObject(metadata: Named['metadata'], spec: ReturnType<typeof templateOf>['spec'], node: number): Stored {
  const [container] = spec.containers
  const mount = { name: 'kube-api-access-9x7fd', readOnly: true, mountPath: '/var/run/secrets/kubernetes.io/serviceaccount' }
  const address = `10.${64 + (node >> 8)}.${node & 255}.${Number.parseInt(metadata.name.slice(-2), 36) % 250}`
  const object = stamped({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { ...metadata, generateName: metadata.name.slice(0, -5), managedFields: [...podFields(now), ...podStatusFields(now)] },
    spec: {
      ...spec,
      nodeName: `load-node-${node}`,
      containers: [{ ...container, volumeMounts: [...(container?.volumeMounts ?? []), mount] }],
      volumes: [...(spec.volumes ?? []), { name: mount.name, projected: tokenProjection }],
      tolerations: ['not-ready', 'unreachable'].map((what) => ({
        key: `node.kubernetes.io/${what}`,
        operator: 'Exists',
        effect: 'NoExecute',
        tolerationSeconds: 300,
      })),
      enableServiceLinks: true,
      preemptionPolicy: 'PreemptLowerPriority',
      priority: 0,
    },
    status: statusOf(container?.image ?? '', address, node),
  })
  return { key: `/registry/pods/${metadata.namespace}/${metadata.name}`, object }
}

const tokenProjection = {
  defaultMode: 420,
  sources: [
    { serviceAccountToken: { expirationSeconds: 3607, path: 'token' } },
    { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
    { downwardAPI: { items: [{ path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } }] } },
  ],
}

function statusOf(image: string, podIP: string, node: number) {
  const id = createHash('sha256').update(image).digest('hex')
  return {
    phase: 'Running',
    qosClass: 'Burstable',
    hostIP: `10.1.${node >> 8}.${node & 255}`,
    podIP,
    podIPs: [{ ip: podIP }],
    startTime: now,
    observedGeneration: 1,
    conditions: ['PodReadyToStartContainers', 'Initialized', 'Ready', 'ContainersReady', 'PodScheduled'].map(condition),
    containerStatuses: [
      {
        name: 'app',
        image,
        imageID: `${image.split(':')[0]}@sha256:${id}`,
        containerID: `containerd://${id}`,
        ready: true,
        started: true,
        restartCount: 0,
        state: { running: { startedAt: now } },
        lastState: {},
      },
    ],
  }
}

function condition(type: string) {
  return { type, status: 'True', lastTransitionTime: now }
}

function ownedBy(apiVersion: string, kind: string, { name, uid }: { name: string; uid: string }) {
  return { apiVersion, kind, name, uid, controller: true, blockOwnerDeletion: true }
}

function stored(resource: string, object: Named & { readonly [field: string]: unknown }): Stored {
  return { key: `/registry/${resource}/${object.metadata.namespace}/${object.metadata.name}`, object: stamped(object) }
}
