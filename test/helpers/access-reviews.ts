/** RBAC objects on a test cluster, as a snapshot; and the API server's own answers, by SubjectAccessReview. */
import { expect } from 'vitest'
import type { Facts, Kind, KubeObject, Snapshot } from '../../src/model/index.ts'
import { RBAC_KINDS } from '../../src/objects/rbac-grants.ts'
import type { AccessRequest } from '../../src/objects/rbac-rules.ts'
import { keyOf } from '../../src/objects/ref.ts'
import type { ApiClient } from '../cluster/api-client.ts'
import { snapshotFrom } from './world.ts'

export const GROUP = 'rbac.authorization.k8s.io'
export const ROOT = `/apis/${GROUP}/v1`
const PLURALS = {
  Role: 'roles',
  ClusterRole: 'clusterroles',
  RoleBinding: 'rolebindings',
  ClusterRoleBinding: 'clusterrolebindings',
} as const

export async function snapshot(api: ApiClient, facts: Partial<Facts> = {}): Promise<Snapshot> {
  const kinds = await Promise.all(
    RBAC_KINDS.map(async (kind) => {
      const { items } = await api.get<{ items: KubeObject[] }>(`${ROOT}/${PLURALS[kind]}`)
      return [
        kind as Kind,
        new Map(items.map((item) => [keyOf(item.metadata.namespace, item.metadata.name), { ...item, apiVersion: `${GROUP}/v1`, kind }])),
      ] as const
    }),
  )
  return snapshotFrom({ kubernetes: 'v1.37.2', facts }, new Map(kinds))
}

export const pathOf = ({ kind, metadata }: KubeObject): string =>
  `${ROOT}/${metadata.namespace === undefined ? '' : `namespaces/${metadata.namespace}/`}${PLURALS[kind as keyof typeof PLURALS]}`

export interface Question {
  readonly user: string
  readonly groups: readonly string[]
  readonly request: AccessRequest
}
export async function ask(api: ApiClient, { user, groups, request }: Question): Promise<boolean> {
  const attributes = 'path' in request ? { nonResourceAttributes: request } : { resourceAttributes: request }
  const { status } = await api.create<{ status: { allowed: boolean } }>('/apis/authorization.k8s.io/v1/subjectaccessreviews', {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SubjectAccessReview',
    spec: { user, groups, ...attributes },
  })
  return status.allowed
}

/** Roles and bindings reach the authorizer through four watches: wait until the last of each is there. */
export async function settled(api: ApiClient, mark: string, someNamespace: string): Promise<void> {
  const rules = [{ verbs: ['get'], apiGroups: ['settled'], resources: [mark] }]
  for (const namespace of [undefined, someNamespace]) {
    const kind = namespace === undefined ? 'ClusterRole' : 'Role'
    const metadata = { name: mark, ...(namespace && { namespace }) }
    const objects = [
      { apiVersion: `${GROUP}/v1`, kind, metadata, rules },
      {
        apiVersion: `${GROUP}/v1`,
        kind: `${kind}Binding`,
        metadata,
        roleRef: { apiGroup: GROUP, kind, name: mark },
        subjects: [{ apiGroup: GROUP, kind: 'User', name: `${mark}-${kind}` }],
      },
    ]
    for (const object of objects) await api.create(pathOf(object), object)
    await expect
      .poll(
        () =>
          ask(api, {
            user: `${mark}-${kind}`,
            groups: [],
            request: { verb: 'get', group: 'settled', resource: mark, namespace: namespace ?? '' },
          }),
        { timeout: 20_000 },
      )
      .toBe(true)
  }
}

export async function inParallel<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  for (let at = 0; at < items.length; at += 20) results.push(...(await Promise.all(items.slice(at, at + 20).map(work))))
  return results
}
