/** What the escalation graph has to know beside roles and bindings: what runs where, and which namespaces let privileged pods in. */
import type { NodeObject, PodObject, PodSpec, View } from '../model/index.ts'
import { derived, lasting, remembered, rememberedWith } from './derived.ts'
import { CLUSTER_DEFAULT_KINDS, clusterDefault } from './pod-security-default.ts'
import { ENGINE_READS, engines } from './pod-security-engines.ts'
import { isHeld } from './pod-security-held.ts'
import { mountsToken } from './rbac-accounts.ts'
import { worldDigest } from './rbac-graph-digest.ts'
import type { GraphWorld, Running } from './rbac-graph-facts.ts'
import { operatorsIn } from './rbac-graph-operators.ts'
import { CONSTRAINED_SINCE } from './rbac-impersonation.ts'
import { minorOf } from './version.ts'
import { WORKLOAD_KINDS, type Workload, workloads } from './workloads.ts'

/** What the graph looks at besides `RBAC_KINDS`; without some of it, paths are missed and none is made up. */
export const GRAPH_CONSULTS = [
  ...new Set([
    ...WORKLOAD_KINDS,
    ...ENGINE_READS,
    ...CLUSTER_DEFAULT_KINDS,
    'ServiceAccount',
    'Namespace',
    'Node',
    'Secret',
    'ConfigMap',
    'CustomResourceDefinition',
    'MutatingWebhookConfiguration',
    'ServerVersion',
  ] as const),
]
const TEMPLATES = ['Deployment', 'DaemonSet', 'StatefulSet', 'ReplicaSet', 'CronJob', 'ReplicationController'] as const
/** Built into every API server: where one of these cannot be read, ways that lead through it are missed, and nobody may be said to have none. */
export const LEADING_KINDS = [
  ...TEMPLATES,
  'Pod',
  'ServiceAccount',
  'Namespace',
  'Node',
  'Secret',
  'ConfigMap',
  'CustomResourceDefinition',
] as const
export type GraphWorldView = View<(typeof GRAPH_CONSULTS)[number]>

export type { GraphWorld, Running } from './rbac-graph-facts.ts'

export const graphWorld = (view: GraphWorldView): GraphWorld => derived(view, collect)

const CONTROL_PLANE = ['node-role.kubernetes.io/control-plane', 'node-role.kubernetes.io/master']

function collect(view: GraphWorldView): GraphWorld {
  const inFiles = view.source.kind !== 'live'
  const groups = workloads(view).map((workload) => runningOf(workload, mountsToken(workload, view) !== 'no', inFiles))
  const definitions = definitionsOf(view)
  const minor = view.fact('ServerVersion')?.minor ?? minorOf(view.source.kubernetes)
  const facts = {
    accounts: accountsOf(view),
    open: openNamespaces(view),
    legacy: legacyTokens(view),
    templates: templatesOf(view),
    ...nodesOf(view),
    awsAuth: view.find('ConfigMap', 'kube-system', 'aws-auth') !== undefined,
    webhooks: webhooksOf(view),
    definitions,
    operators: operatorsIn(workloads(view), definitions, view.source.kind === 'live'),
    execByGet: minor === undefined || minor < 35,
    constrained: minor === undefined || minor >= CONSTRAINED_SINCE,
  }
  return {
    ...facts,
    groups,
    running: groups.flat(),
    hasSecret: (namespace: string, name: string) => view.find('Secret', namespace, name) !== undefined,
    digest: worldDigest(facts),
  }
}

const accountsOf = lasting(['ServiceAccount'], (view) =>
  view.source.kind === 'live' && view.unread('ServiceAccount') === undefined ? accountsIn(view) : undefined,
)
const accountsIn = (view: View<'ServiceAccount'>): ReadonlySet<string> =>
  new Set(view.all('ServiceAccount').map(({ metadata }) => `${metadata.namespace ?? 'default'}/${metadata.name}`))

const templatesOf = lasting(
  TEMPLATES,
  (view) =>
    new Map(
      TEMPLATES.flatMap((kind) =>
        [...Map.groupBy(view.all(kind), ({ metadata }) => `${kind}:${metadata.namespace ?? 'default'}`)].map(
          ([key, list]) => [key, new Set(list.map(({ metadata }) => metadata.name))] as const,
        ),
      ),
    ),
)

const nodesOf = lasting(['Node'], (view) => {
  const nodes = view.all('Node')
  const isControlPlane = ({ metadata: { labels = {} } }: NodeObject) => CONTROL_PLANE.some((label) => Object.hasOwn(labels, label))
  return {
    controlPlane: new Set(nodes.filter(isControlPlane).map(({ metadata }) => metadata.name)),
    nodes: new Set(nodes.map(({ metadata }) => metadata.name)),
  }
})

const webhooksOf = lasting(['MutatingWebhookConfiguration'], (view) =>
  view.source.kind === 'live' && view.unread('MutatingWebhookConfiguration') === undefined
    ? new Set(view.all('MutatingWebhookConfiguration').map(({ metadata }) => metadata.name))
    : undefined,
)
const definitionsOf = lasting(
  ['CustomResourceDefinition'],
  (view) => new Set(view.all('CustomResourceDefinition').map(({ metadata }) => metadata.name)),
)

/** Workloads keep their identity while their pods do: after an event, all but one of them are known. */
const runningOf = rememberedWith((workload: Workload, asConfigured: boolean, inFiles: boolean): readonly Running[] => {
  const { namespace, serviceAccount, mirror } = workload
  if (!inFiles)
    return workload.pods.map((pod) => ({
      namespace,
      name: pod.metadata.name,
      ...(pod.spec.nodeName !== undefined && { node: pod.spec.nodeName }),
      account: pod.spec.serviceAccountName ?? serviceAccount,
      token: !mirror && (asConfigured || hasToken(pod)),
      onNode: ownsNode(pod.spec),
      mirror,
      ...(pod.status?.phase === 'Pending' && { waits: true as const }),
    }))
  // A PodTemplate makes nothing by itself.
  if (workload.ref.kind === 'PodTemplate') return []
  return [
    { namespace, name: workload.ref.name, account: serviceAccount, token: !mirror && asConfigured, onNode: hasNode(workload.spec), mirror },
  ]
})

/** A projected token for the API server: one for another audience is of no use there. */
const hasToken = ({ spec }: PodObject): boolean =>
  spec.volumes?.some(({ projected }) =>
    projected?.sources?.some(({ serviceAccountToken }) => serviceAccountToken !== undefined && serviceAccountToken.audience === undefined),
  ) === true

/** Pods of one template share their spec. */
const ownsNode = remembered((spec: PodSpec): boolean => hasNode(spec))

/** Whoever is in such a container is on the node: privileged, or the node's processes or files in reach. */
export function hasNode(spec: PodSpec): boolean {
  const containers = [...(spec.containers ?? []), ...(spec.initContainers ?? [])]
  return (
    containers.some(({ securityContext }) => securityContext?.privileged === true) ||
    (spec.hostPID === true && containers.some(({ securityContext }) => isPowerful(securityContext?.capabilities?.add ?? []))) ||
    (spec.volumes ?? []).some(({ hostPath }) => hostPath !== undefined && OWNS_NODE.test(hostPath.path.replace(/\/+$/, '') || '/'))
  )
}
const isPowerful = (added: readonly string[]): boolean => added.some((name) => /^(CAP_)?(ALL|SYS_ADMIN|SYS_PTRACE)$/i.test(name))
/** Paths by which the node, or all that its kubelet holds, is taken over. */
const OWNS_NODE =
  /^\/$|^\/(etc|root|proc|var|var\/lib|var\/run|run|etc\/kubernetes(\/.*)?|var\/lib\/kubelet(\/pods|\/pki)?|(var\/)?run\/(containerd|crio|docker)(\/.*\.sock|\.sock)?)$/

function openNamespaces(view: GraphWorldView): ReadonlyMap<string, boolean> {
  const byDefault = clusterDefault(view)
  const others = engines(view)
  return new Map(view.all('Namespace').map((namespace) => [namespace.metadata.name, !isHeld(namespace, byDefault, others)]))
}

const legacyTokens = lasting(['Secret'], (view): ReadonlyMap<string, ReadonlyMap<string, string>> => {
  const found = new Map<string, Map<string, string>>()
  for (const { metadata, type } of view.all('Secret')) {
    const account = metadata.annotations?.['kubernetes.io/service-account.name']
    if (type !== 'kubernetes.io/service-account-token' || account === undefined) continue
    const namespace = metadata.namespace ?? 'default'
    if (!found.has(namespace)) found.set(namespace, new Map())
    found.get(namespace)!.set(metadata.name, account)
  }
  return found
})
