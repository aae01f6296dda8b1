/** Small worlds for the escalation graph, in a few words each. */
import type { BindingObject, Kind, KubeObject, PolicyRule, RoleObject, Snapshot } from '../../src/model/index.ts'
import { keyOf } from '../../src/objects/ref.ts'
import { snapshotFrom, type World } from '../helpers/world.ts'

const API = 'rbac.authorization.k8s.io/v1'
/** `get,list secrets`, `update apps/deployments named web`, `bind rbac.authorization.k8s.io/clusterroles`; `rbac/` for short. */
export function rule(text: string): PolicyRule {
  const [verbs, what, , names] = text.split(' ') as [string, string, string?, string?]
  const slash = what.search(/[a-z0-9.*-]*\.[a-z0-9.-]*\/|^(apps|batch|rbac|\*)\//) === 0 ? what.indexOf('/') : -1
  const group = slash < 0 ? '' : what.slice(0, slash)
  return {
    verbs: verbs.split(','),
    apiGroups: [group === 'rbac' ? 'rbac.authorization.k8s.io' : group],
    resources: what.slice(slash + 1).split(','),
    ...(names !== undefined && { resourceNames: names.split(',') }),
  }
}
export const role = (name: string, rules: readonly string[], namespace?: string): RoleObject => ({
  apiVersion: API,
  kind: namespace ? 'Role' : 'ClusterRole',
  metadata: { name, ...(namespace && { namespace }) },
  rules: rules.map(rule),
})
/** Subjects as `User:jane`, `Group:dev`, `ServiceAccount:shop/cart`. */
export const binding = (name: string, kind: string, target: string, subjects: readonly string[], namespace?: string): BindingObject => ({
  apiVersion: API,
  kind: namespace ? 'RoleBinding' : 'ClusterRoleBinding',
  metadata: { name, ...(namespace && { namespace }) },
  roleRef: { kind, name: target },
  subjects: subjects.map((subject) => {
    const [what, rest] = subject.split(':') as [string, string]
    if (what !== 'ServiceAccount') return { kind: what, name: subject.slice(what.length + 1) }
    const [ns, account] = rest.split('/') as [string, string]
    return { kind: what, name: account, namespace: ns }
  }),
})
/** `subject` holds `rules`: in a namespace, or in the cluster. */
export const holds = (subject: string, rules: readonly string[], namespace?: string): readonly KubeObject[] => {
  const name = `${subject}-${namespace ?? 'cluster'}`.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')
  return [role(name, rules), binding(name, 'ClusterRole', name, [subject], namespace)]
}
export const account = (namespace: string, name: string): KubeObject => ({
  apiVersion: 'v1',
  kind: 'ServiceAccount',
  metadata: { name, namespace },
})
export const namespace = (name: string, level?: string): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name, ...(level && { labels: { 'pod-security.kubernetes.io/enforce': level } }) },
})
export const node = (name: string, controlPlane = false): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name, ...(controlPlane && { labels: { 'node-role.kubernetes.io/control-plane': '' } }) },
})
export const pod = (ns: string, name: string, serviceAccountName: string, more: object = {}, privileged = false): KubeObject =>
  ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: ns },
    spec: {
      serviceAccountName,
      containers: [{ name: 'c', image: 'i', ...(privileged && { securityContext: { privileged: true } }) }],
      ...more,
    },
    status: { phase: 'Running' },
  }) as KubeObject
export const tokenSecret = (ns: string, name: string, of: string): KubeObject =>
  ({
    apiVersion: 'v1',
    kind: 'Secret',
    type: 'kubernetes.io/service-account-token',
    metadata: { name, namespace: ns, annotations: { 'kubernetes.io/service-account.name': of } },
  }) as KubeObject

export function viewOf(objects: readonly KubeObject[], world: World = {}): Snapshot {
  const byKind = new Map<Kind, Map<string, KubeObject>>()
  for (const object of objects) {
    const kind = object.kind as Kind
    byKind.set(kind, (byKind.get(kind) ?? new Map()).set(keyOf(object.metadata.namespace, object.metadata.name), object))
  }
  return snapshotFrom(world, byKind)
}
