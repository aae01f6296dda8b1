/** What the escalation graph says, carried out on a real API server with the subjects' own tokens; and refused to those it clears. */
import { readFileSync } from 'node:fs'
import { request as httpsRequest } from 'node:https'
import { expect, test } from 'vitest'
import type { Kind, KubeObject, Snapshot } from '../../src/model/index.ts'
import { beginnings } from '../../src/objects/rbac-graph-beginnings.ts'
import { sentenceOf } from '../../src/objects/rbac-graph-path.ts'
import { keyOf } from '../../src/objects/ref.ts'
import type { ApiClient } from '../cluster/api-client.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { describeCluster } from '../cluster/with-cluster.ts'
import { snapshotFrom } from '../helpers/world.ts'
import { type Escalator, escalatorWorld, VAULT } from './rbac-escalators.ts'

const RBAC = '/apis/rbac.authorization.k8s.io/v1'
const PATHS = {
  Namespace: '/api/v1/namespaces',
  ServiceAccount: '/api/v1/serviceaccounts',
  Secret: '/api/v1/secrets',
  Node: '/api/v1/nodes',
  Pod: '/api/v1/pods',
  Role: `${RBAC}/roles`,
  ClusterRole: `${RBAC}/clusterroles`,
  RoleBinding: `${RBAC}/rolebindings`,
  ClusterRoleBinding: `${RBAC}/clusterrolebindings`,
} as const satisfies Partial<Record<Kind, string>>

async function snapshot(api: ApiClient): Promise<Snapshot> {
  const kinds = await Promise.all(
    Object.entries(PATHS).map(async ([kind, path]) => {
      const { items } = await api.get<{ items: KubeObject[] }>(path)
      const named = items.map((item) => ({ ...item, apiVersion: path.startsWith(RBAC) ? 'rbac.authorization.k8s.io/v1' : 'v1', kind }))
      return [kind as Kind, new Map(named.map((item) => [keyOf(item.metadata.namespace, item.metadata.name), item]))] as const
    }),
  )
  return snapshotFrom({ kubernetes: 'v1.37.2' }, new Map(kinds))
}

function pathTo({ kind, metadata }: KubeObject): string {
  const path = PATHS[kind as keyof typeof PATHS]
  const slash = path.lastIndexOf('/')
  return metadata.namespace === undefined ? path : `${path.slice(0, slash)}/namespaces/${metadata.namespace}${path.slice(slash)}`
}

interface Answer {
  readonly status: number
  readonly body: any
}
type Ask = (method: string, path: string, body?: unknown, headers?: Readonly<Record<string, string | readonly string[]>>) => Promise<Answer>

/** Requests by bearer token. */
const as =
  ({ url, caFile }: Cluster, token: string): Ask =>
  (method, path, body, headers = {}) =>
    new Promise((resolve, reject) => {
      const outgoing = httpsRequest(
        new URL(path, url),
        { method, ca: readFileSync(caFile), headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers } },
        (response) => {
          let text = ''
          response.setEncoding('utf8')
          response.on('data', (chunk: string) => (text += chunk))
          response.on('end', () => resolve({ status: response.statusCode ?? 0, body: text.startsWith('{') ? JSON.parse(text) : text }))
        },
      )
      outgoing.on('error', reject)
      outgoing.end(body === undefined ? undefined : JSON.stringify(body))
    })

const tokenOf = async (api: ApiClient, namespace: string, name: string): Promise<string> =>
  (
    await api.create<{ status: { token: string } }>(`/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`, {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      spec: {},
    })
  ).status.token

/** Whoever may do everything is there. */
async function isAdmin(ask: Ask, headers: Readonly<Record<string, string>> = {}): Promise<boolean> {
  const { body } = await ask(
    'POST',
    '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
    {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SelfSubjectAccessReview',
      spec: { resourceAttributes: { verb: '*', group: '*', resource: '*' } },
    },
    headers,
  )
  return body.status?.allowed === true
}

const STAR = [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }]
const secretOf = (name: string) => ({
  apiVersion: 'v1',
  kind: 'Secret',
  type: 'kubernetes.io/service-account-token',
  metadata: { name, annotations: { 'kubernetes.io/service-account.name': 'boss' } },
})

/** Each does what its primitive says, from `ask` alone; true when it ends as cluster-admin. */
const ATTEMPTS: Readonly<Record<string, (cluster: Cluster, ask: Ask, role: string, who: string) => Promise<boolean>>> = {
  E01: (_cluster, ask) => isAdmin(ask),
  E02: async (_cluster, ask, role) => {
    const { status } = await ask(
      'PATCH',
      `${RBAC}/clusterroles/${role}`,
      { rules: STAR },
      { 'content-type': 'application/merge-patch+json' },
    )
    if (status !== 200) return false
    await expect.poll(() => isAdmin(ask), { timeout: 10_000 }).toBe(true)
    return true
  },
  E03: async (_cluster, ask, role, who) => {
    const [, , namespace, name] = who.split(':') as [string, string, string, string]
    const { status } = await ask('POST', `${RBAC}/clusterrolebindings`, {
      metadata: { name: `own-${role}` },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
      subjects: [{ kind: 'ServiceAccount', namespace, name }],
    })
    if (status !== 201) return false
    await expect.poll(() => isAdmin(ask), { timeout: 10_000 }).toBe(true)
    return true
  },
  E05: (_cluster, ask) => isAdmin(ask, { 'impersonate-user': 'anybody', 'impersonate-group': 'system:masters' }),
  'E05 accounts': (_cluster, ask) => isAdmin(ask, { 'impersonate-user': `system:serviceaccount:${VAULT}:boss` }),
  E07: async (cluster, ask) => {
    const { status, body } = await ask('GET', `/api/v1/namespaces/${VAULT}/secrets/boss-token`)
    return status === 200 && isAdmin(as(cluster, Buffer.from(body.data.token, 'base64').toString()))
  },
  E08: async (cluster, ask, role) => {
    const path = `/api/v1/namespaces/${VAULT}/secrets`
    if ((await ask('POST', path, secretOf(`own-${role}`))).status !== 201) return false
    let token: string | undefined
    for (let tries = 0; tries < 40 && token === undefined; tries++) {
      const { status, body } = await ask('GET', `${path}/own-${role}`)
      if (status === 403) return false
      token = body.data?.token
      if (token === undefined) await new Promise((done) => setTimeout(done, 250))
    }
    return isAdmin(as(cluster, Buffer.from(token!, 'base64').toString()))
  },
  E09: async (cluster, ask) => {
    const { status, body } = await ask('POST', `/api/v1/namespaces/${VAULT}/serviceaccounts/boss/token`, { spec: {} })
    return status === 201 && isAdmin(as(cluster, body.status.token))
  },
  // No kubelet runs it here: that it is let in is what the graph claims.
  E10: async (_cluster, ask, role) =>
    (await ask('POST', `/api/v1/namespaces/${VAULT}/pods`, { metadata: { name: `own-${role}` }, spec: podSpec })).status === 201,
  E11: async (_cluster, ask, role) =>
    (
      await ask('POST', `/apis/batch/v1/namespaces/${VAULT}/jobs`, {
        metadata: { name: `own-${role}` },
        spec: { template: { spec: { ...podSpec, restartPolicy: 'Never' } } },
      })
    ).status === 201,
  E23: async (_cluster, ask, role) =>
    (
      await ask('POST', '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations?dryRun=All', {
        metadata: { name: `own-${role}` },
        webhooks: [],
      })
    ).status === 201,
}
const podSpec = { serviceAccountName: 'boss', containers: [{ name: 'c', image: 'registry.example.com/c' }] }
const keyOfSubject = ({ kind, namespace, name }: Escalator['subject']): string =>
  `${kind}:${namespace === undefined ? '' : `${namespace}/`}${name}`

describeCluster('the escalation graph', { controllerManager: true, audit: false }, (cluster: () => Cluster) => {
  test('finds the twelve that get there and no thirteenth, and the API server agrees', { timeout: 240_000 }, async () => {
    const { api } = cluster()
    const seed = Number(process.env['RBAC_SEED'] ?? Date.now() % 1_000_000)
    console.info(`RBAC_SEED=${seed}`)
    const { objects, escalators, harmless } = escalatorWorld(seed)
    expect([objects.filter(({ kind }) => kind === 'ClusterRole').length, escalators.length + harmless.length]).toEqual([300, 40])
    for (const object of objects) {
      const { status, text } = await api.request('POST', pathTo(object), { body: object })
      expect(status, `${object.kind} ${object.metadata.name}: ${text}`).toBe(201)
    }
    const found = beginnings(await snapshot(api)).all.filter(({ goal }) => goal === 'cluster-admin')
    const told = found.map(({ path }) => sentenceOf(path)).join('\n')
    expect([...new Set(found.map(({ holder }) => holder.key))].sort(), told).toEqual(
      escalators.map(({ subject }) => keyOfSubject(subject)).sort(),
    )

    const attempt = async ({ primitive, subject: { namespace, name } }: Escalator, role: string): Promise<boolean> => {
      const ask = as(cluster(), await tokenOf(api, namespace!, name))
      return ATTEMPTS[primitive]!(cluster(), ask, role, `system:serviceaccount:${namespace}:${name}`)
    }
    // Those who are cleared first: the others change what everybody may do.
    for (const one of harmless.filter(({ primitive, subject }) => primitive in ATTEMPTS && subject.kind === 'ServiceAccount'))
      expect(await attempt(one, one.subject.name.replace('harmless', 'nearly')), `${one.primitive} ${keyOfSubject(one.subject)}`).toBe(
        false,
      )
    for (const one of escalators.filter(({ primitive }) => primitive in ATTEMPTS))
      expect(
        await attempt(one, `way-${one.primitive.toLowerCase().replaceAll(' ', '-')}`),
        `${one.primitive} ${keyOfSubject(one.subject)}`,
      ).toBe(true)
  })
})
