/** Constrained impersonation as the escalation graph has it, carried out on a real API server; and refused to those it clears. */
import { readFileSync } from 'node:fs'
import { request } from 'node:https'
import { expect, test } from 'vitest'
import type { Kind, KubeObject } from '../../src/model/index.ts'
import { goalOf, rbacGraph } from '../../src/objects/rbac-graph.ts'
import { keyOf } from '../../src/objects/ref.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { describeCluster } from '../cluster/with-cluster.ts'
import { snapshotFrom } from '../helpers/world.ts'
import { account, binding, holds, namespace } from '../objects/rbac-graph-worlds.ts'

const RBAC = '/apis/rbac.authorization.k8s.io/v1'
const AUTHENTICATION = 'authentication.k8s.io'
const ACT = `impersonate:user-info ${AUTHENTICATION}/users named root`
const BIND = 'impersonate-on:user-info:create rbac.authorization.k8s.io/clusterrolebindings'
/** Who gets there, and who nearly does. */
const WHO: Readonly<Record<string, readonly string[]>> = {
  acts: [ACT, BIND],
  alone: [ACT],
  otherwise: [ACT, BIND.replace('user-info', 'serviceaccount')],
  reads: [ACT, BIND.replace(':create', ':get')],
  another: [ACT.replace('root', 'joe'), BIND],
}
const PATHS: Partial<Record<Kind, string>> = {
  Namespace: '/api/v1/namespaces',
  ServiceAccount: '/api/v1/namespaces/acting/serviceaccounts',
  ClusterRole: `${RBAC}/clusterroles`,
  ClusterRoleBinding: `${RBAC}/clusterrolebindings`,
}

/** The status of a request that binds the account to cluster-admin, made as root. */
const bindAsRoot = ({ url, caFile }: Cluster, token: string, name: string): Promise<number> =>
  new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json', 'impersonate-user': 'root' }
    const outgoing = request(
      new URL(`${RBAC}/clusterrolebindings`, url),
      { method: 'POST', ca: readFileSync(caFile), headers },
      (response) => {
        response.resume()
        response.on('end', () => resolve(response.statusCode ?? 0))
      },
    )
    outgoing.on('error', reject)
    outgoing.end(JSON.stringify(binding(`own-${name}`, 'ClusterRole', 'cluster-admin', [`ServiceAccount:acting/${name}`])))
  })

describeCluster('constrained impersonation', { audit: false }, (cluster: () => Cluster) => {
  test('is a way for whom the graph says, and for nobody else', { timeout: 180_000 }, async () => {
    const { api } = cluster()
    const objects: readonly KubeObject[] = [
      namespace('acting', 'baseline'),
      ...Object.keys(WHO).map((name) => account('acting', name)),
      binding('roots', 'ClusterRole', 'cluster-admin', ['User:root']),
      ...Object.entries(WHO).flatMap(([name, rules]) => holds(`ServiceAccount:acting/${name}`, rules)),
    ]
    for (const object of objects) {
      const { status, text } = await api.request('POST', PATHS[object.kind as Kind]!, { body: object })
      expect(status, `${object.kind} ${object.metadata.name}: ${text}`).toBe(201)
    }
    const kinds = ['Namespace', 'ServiceAccount', 'ClusterRole', 'ClusterRoleBinding'] as const
    const all = await Promise.all(
      kinds.map(async (kind) => {
        const { items } = await api.get<{ items: KubeObject[] }>(PATHS[kind]!)
        return [
          kind as Kind,
          new Map(items.map((item) => [keyOf(item.metadata.namespace, item.metadata.name), { ...item, kind }])),
        ] as const
      }),
    )
    const graph = rbacGraph(snapshotFrom({ kubernetes: 'v1.37.2' }, new Map(all)))
    for (const name of Object.keys(WHO)) {
      const {
        status: { token },
      } = await api.create<{ status: { token: string } }>(`/api/v1/namespaces/acting/serviceaccounts/${name}/token`, {
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenRequest',
        spec: {},
      })
      const isAdmin = goalOf(graph, `ServiceAccount:acting/${name}`) === 'cluster-admin'
      expect(isAdmin, name).toBe(name === 'acts')
      expect(await bindAsRoot(cluster(), token, name), name).toBe(isAdmin ? 201 : 403)
    }
  })
})
