/** Roles and bindings in a test cluster, and what the API server's own authorizer says of them. */
import { expect } from 'vitest'
import type { BindingObject, KubeObject, PolicyRule, RbacSubject, RoleObject } from '../../src/model/index.ts'
import type { ResourceRequest } from '../../src/objects/rbac-rules.ts'
import type { ApiClient } from '../cluster/api-client.ts'

export const GROUP = 'rbac.authorization.k8s.io'
export const ROOT = `/apis/${GROUP}/v1`
const PLURALS: Readonly<Record<string, string>> = {
  Role: 'roles',
  ClusterRole: 'clusterroles',
  RoleBinding: 'rolebindings',
  ClusterRoleBinding: 'clusterrolebindings',
}

export const collectionOf = ({ kind, metadata }: KubeObject): string =>
  `${ROOT}/${metadata.namespace === undefined ? '' : `namespaces/${metadata.namespace}/`}${PLURALS[kind]!}`

/** A Role where there is a namespace, else a ClusterRole. */
export const role = (namespace: string | undefined, name: string, ...rules: PolicyRule[]): RoleObject => ({
  apiVersion: `${GROUP}/v1`,
  kind: namespace === undefined ? 'ClusterRole' : 'Role',
  metadata: { name, ...(namespace !== undefined && { namespace }) },
  rules,
})
/** A RoleBinding where there is a namespace, else a ClusterRoleBinding. */
export const binding = (namespace: string | undefined, bound: RoleObject, ...subjects: RbacSubject[]): BindingObject => ({
  apiVersion: `${GROUP}/v1`,
  kind: namespace === undefined ? 'ClusterRoleBinding' : 'RoleBinding',
  metadata: { name: bound.metadata.name, ...(namespace !== undefined && { namespace }) },
  roleRef: { apiGroup: GROUP, kind: bound.kind, name: bound.metadata.name },
  subjects,
})
export const rule = (apiGroups: string[], resources: string[], verbs: string[], resourceNames?: string[]): PolicyRule => ({
  apiGroups,
  resources,
  verbs,
  ...(resourceNames && { resourceNames }),
})
export const account = (namespace: string, name: string): RbacSubject => ({ kind: 'ServiceAccount', name, namespace })
export const group = (name: string): RbacSubject => ({ apiGroup: GROUP, kind: 'Group', name })
export const user = (name: string): RbacSubject => ({ apiGroup: GROUP, kind: 'User', name })

export interface Who {
  readonly user: string
  readonly groups: readonly string[]
}
/** SubjectAccessReview. */
export async function ask(api: ApiClient, who: Who, request: ResourceRequest): Promise<boolean> {
  const { status } = await api.create<{ status: { allowed: boolean } }>('/apis/authorization.k8s.io/v1/subjectaccessreviews', {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SubjectAccessReview',
    spec: { ...who, resourceAttributes: request },
  })
  return status.allowed
}

/** Roles and bindings reach the authorizer through watches: waits until the last of both kinds of binding is there. */
export async function settled(api: ApiClient, mark: string, namespace: string): Promise<void> {
  for (const where of [undefined, namespace]) {
    const made = role(where, mark, rule(['settled'], [mark], ['get']))
    const name = `${mark}-${made.kind}`
    for (const object of [made, binding(where, made, user(name))]) await api.create(collectionOf(object), object)
    const request = { verb: 'get', group: 'settled', resource: mark, namespace: where ?? '' }
    await expect.poll(() => ask(api, { user: name, groups: [] }, request), { timeout: 20_000 }).toBe(true)
  }
}

export async function inParallel<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  for (let at = 0; at < items.length; at += 20) results.push(...(await Promise.all(items.slice(at, at + 20).map(work))))
  return results
}
