/** Rights made less on a real API server, by what an audit log shows: nothing in use is lost, and undo gives everything back. */
import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { expect, test, vi } from 'vitest'
import type { BindingObject, KubeObject } from '../../src/model/index.ts'
import { serviceAccountGroups, serviceAccountUser } from '../../src/objects/rbac-grants.ts'
import type { ResourceRequest } from '../../src/objects/rbac-rules.ts'
import type { ApiClient } from '../cluster/api-client.ts'
import { describeCluster } from '../cluster/with-cluster.ts'
import { BIN } from '../helpers/cli.ts'
import { comparable } from './apply-harness.ts'

vi.setConfig({ testTimeout: 180_000, hookTimeout: 120_000 })
const GROUP = 'rbac.authorization.k8s.io'
const ROOT = `/apis/${GROUP}/v1`
const LISTS = ['clusterroles', 'roles', 'clusterrolebindings', 'rolebindings'] as const

const account = (namespace: string, name: string) => ({ kind: 'ServiceAccount', name, namespace })
const user = (name: string) => ({ apiGroup: GROUP, kind: 'User', name })
const role = (name: string, ...rules: object[]) => ({ apiVersion: `${GROUP}/v1`, kind: 'ClusterRole', metadata: { name }, rules })
const binding = (name: string, to: string, ...subjects: object[]) => ({
  apiVersion: `${GROUP}/v1`,
  kind: 'ClusterRoleBinding',
  metadata: { name },
  roleRef: { apiGroup: GROUP, kind: 'ClusterRole', name: to },
  subjects,
})
const WORLD = [
  ...['shop', 'pay'].map((name) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } })),
  ...['ci', 'deployer', 'operator'].map((name) => ({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace: 'shop' } })),
  role('secret-keepers', { apiGroups: [''], resources: ['secrets', 'configmaps'], verbs: ['*'] }),
  role('pod-makers', { apiGroups: [''], resources: ['pods', 'pods/exec'], verbs: ['*'] }),
  role('readers', { apiGroups: [''], resources: ['configmaps'], verbs: ['get', 'list', 'watch'] }),
  binding('admins', 'cluster-admin', user('boss'), account('shop', 'ci'), user('trainee')),
  binding('keepers', 'secret-keepers', user('jane'), user('joe')),
  binding('makers', 'pod-makers', account('shop', 'deployer')),
  binding('operators', 'readers', account('shop', 'operator'), { apiGroup: GROUP, kind: 'Group', name: 'auditors' }),
]

interface Asked extends ResourceRequest {
  readonly user: string
}
const ci = serviceAccountUser('shop', 'ci')
const deployer = serviceAccountUser('shop', 'deployer')
const operator = serviceAccountUser('shop', 'operator')
const USED: readonly Asked[] = [
  { user: ci, verb: 'create', group: 'apps', resource: 'deployments', namespace: 'shop' },
  { user: ci, verb: 'patch', group: 'apps', resource: 'deployments', namespace: 'shop', name: 'web' },
  { user: ci, verb: 'get', group: '', resource: 'configmaps', namespace: 'pay', name: 'settings' },
  { user: 'boss', verb: 'list', group: '', resource: 'nodes' },
  { user: 'jane', verb: 'get', group: '', resource: 'secrets', namespace: 'shop', name: 'db' },
  { user: 'jane', verb: 'list', group: '', resource: 'configmaps' },
  { user: deployer, verb: 'create', group: '', resource: 'pods', namespace: 'shop' },
  { user: deployer, verb: 'get', group: '', resource: 'pods', namespace: 'shop', name: 'web-bcdfg' },
  { user: operator, verb: 'list', group: '', resource: 'configmaps', namespace: 'pay' },
  { user: operator, verb: 'watch', group: '', resource: 'configmaps', namespace: 'pay' },
]
const UNUSED: readonly Asked[] = [
  { user: ci, verb: 'escalate', group: GROUP, resource: 'clusterroles' },
  { user: ci, verb: 'get', group: '', resource: 'secrets', namespace: 'shop', name: 'db' },
  { user: 'trainee', verb: 'list', group: '', resource: 'nodes' },
  { user: 'boss', verb: 'delete', group: '', resource: 'nodes', name: 'one' },
  { user: 'jane', verb: 'get', group: '', resource: 'secrets', namespace: 'shop', name: 'other' },
  { user: 'jane', verb: 'list', group: '', resource: 'secrets' },
  { user: 'joe', verb: 'get', group: '', resource: 'secrets', namespace: 'shop', name: 'db' },
  { user: deployer, verb: 'create', group: '', resource: 'pods', subresource: 'exec', namespace: 'shop', name: 'web-bcdfg' },
  { user: operator, verb: 'list', group: '', resource: 'configmaps', namespace: 'shop' },
]
const groupsOf = (name: string): readonly string[] =>
  name.startsWith('system:serviceaccount:') ? serviceAccountGroups(name.split(':')[2]!) : ['system:authenticated']

/** As the API server logs it, on two days three weeks apart. */
const eventsOf = (asked: Asked, at: number): readonly string[] =>
  ['2026-11-01', '2026-11-22'].map((day) => {
    const { user: username, verb, group, resource, subresource, namespace, name } = asked
    const root = group === '' ? '/api/v1' : `/apis/${group}/v1`
    const parts = [namespace && `namespaces/${namespace}`, resource, name, subresource].filter((part) => part)
    return JSON.stringify({
      ...{ kind: 'Event', apiVersion: 'audit.k8s.io/v1', level: 'Metadata', auditID: `${day}-${at}`, stage: 'ResponseComplete' },
      ...{ requestURI: `${root}/${parts.join('/')}`, verb, user: { username, groups: groupsOf(username) } },
      objectRef: { resource, namespace, name, apiGroup: group || undefined, apiVersion: 'v1', subresource },
      responseStatus: { code: 200 },
      ...{ requestReceivedTimestamp: `${day}T10:00:00.000000Z`, stageTimestamp: `${day}T10:00:00.000000Z` },
    })
  })

async function refused(api: ApiClient, questions: readonly Asked[]): Promise<readonly Asked[]> {
  const answers = await Promise.all(
    questions.map(({ user, ...resourceAttributes }) =>
      api.create<{ status: { allowed: boolean } }>('/apis/authorization.k8s.io/v1/subjectaccessreviews', {
        apiVersion: 'authorization.k8s.io/v1',
        kind: 'SubjectAccessReview',
        spec: { user, groups: groupsOf(user), resourceAttributes },
      }),
    ),
  )
  return questions.filter((_, at) => !answers[at]!.status.allowed)
}
const everything = async (api: ApiClient): Promise<readonly unknown[]> =>
  (await Promise.all(LISTS.map((list) => api.get<{ items: (KubeObject & BindingObject)[] }>(`${ROOT}/${list}`)))).flatMap(({ items }) =>
    items.map((item) => comparable(item)),
  )

/** Those whose findings this world is made of. */
const CONTROLS = ['cluster-admin-bindings', 'secrets-read', 'pod-exec', 'wildcards', 'clusterwide-excess'].flatMap((name) => [
  '--control',
  `rbac-${name}`,
])

describeCluster('rights made less by an audit log', { controllerManager: true }, (cluster) => {
  test('what is in use stays allowed, what is not goes, and undo gives every binding back as it was', async () => {
    const { api } = cluster()
    await cluster().kubectl(['create', '-f', '-'], { input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items: WORLD }) })
    await expect.poll(() => refused(api, [...USED, ...UNUSED]), { timeout: 20_000 }).toEqual([])
    // The controller manager fills the aggregated roles.
    await expect
      .poll(async () => (await api.get<{ rules?: unknown[] }>(`${ROOT}/clusterroles/admin`)).rules?.length ?? 0, { timeout: 60_000 })
      .toBeGreaterThan(5)
    const before = await everything(api)
    const folder = await mkdtemp(join(tmpdir(), 'k8s-harden-tighten-'))
    const log = join(folder, 'audit.log')
    await writeFile(log, `${USED.flatMap(eventsOf).join('\n')}\n`)
    const harden = (...args: string[]) =>
      execa(process.execPath, [BIN, ...args], {
        env: { KUBECONFIG: cluster().kubeconfig, NO_COLOR: '1', XDG_STATE_HOME: folder },
        stdin: 'ignore',
        reject: false,
      })

    const applied = await harden('apply', '--audit-log', log, '--yes', '--accept-risk', 'may-break', ...CONTROLS, '--steady', '1')
    expect(applied.stdout + applied.stderr).not.toMatch(/undone|failed/)
    await expect.poll(() => refused(api, UNUSED), { timeout: 20_000 }).toEqual(UNUSED)
    expect(await refused(api, USED), applied.stdout).toEqual([])

    const undone = await harden('undo', '--yes')
    expect(undone.exitCode, undone.stdout + undone.stderr).toBe(0)
    expect(await everything(api)).toEqual(before)
  })
})
