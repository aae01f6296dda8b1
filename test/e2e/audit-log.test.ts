/** From a real audit log to a role on the same server: what was done is allowed by the new role alone, and nothing else is. */
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { serviceAccountGroups, serviceAccountUser } from '../../src/objects/rbac-grants.ts'
import type { AccessRequest } from '../../src/objects/rbac-rules.ts'
import { readAuditLogs } from '../../src/sources/audit-log-read.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { describeCluster } from '../cluster/with-cluster.ts'
import { BIN, cli, freshState } from '../helpers/cli.ts'

const RBAC = 'rbac.authorization.k8s.io'
const ROOT = `/apis/${RBAC}/v1`
const configMap = (name: string) => JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { a: '1' } })

/** What the account does, as kubectl's words, and the question that it amounts to. */
const DONE: readonly (readonly [args: readonly string[], input: string | undefined, question: AccessRequest])[] = [
  [['create', '--raw', '/api/v1/namespaces/shop/configmaps', '-f', '-'], configMap('settings'), about('create configmaps shop')],
  [['get', '--raw', '/api/v1/namespaces/shop/configmaps/settings'], undefined, about('get configmaps shop settings')],
  [
    ['replace', '--raw', '/api/v1/namespaces/shop/configmaps/settings', '-f', '-'],
    configMap('settings'),
    about('update configmaps shop settings'),
  ],
  [['get', '--raw', '/api/v1/namespaces/shop/services?limit=5'], undefined, about('list services shop')],
  [['get', '--raw', '/api/v1/namespaces/pay/services?limit=5'], undefined, about('list services pay')],
  [['get', '--raw', '/api/v1/namespaces/shop/secrets?fieldSelector=metadata.name%3Ddb'], undefined, about('list secrets shop db')],
  [['get', '--raw', '/api/v1/endpoints?watch=1&timeoutSeconds=1'], undefined, about('watch endpoints')],
  [['get', '--raw', '/api/v1/nodes?limit=5'], undefined, about('list nodes')],
  [['get', '--raw', '/metrics'], undefined, { verb: 'get', path: '/metrics' }],
  [['get', '--raw', '/api/v1/namespaces/shop'], undefined, about('get namespaces shop shop')],
  [
    ['create', '--raw', '/api/v1/namespaces/shop/serviceaccounts/robot/token', '-f', '-'],
    JSON.stringify({ apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: {} }),
    about('create serviceaccounts/token shop robot'),
  ],
  [['get', '--raw', '/version', '--as=jane', '--as-group=ops'], undefined, asUser('users', 'jane')],
  [['delete', '--raw', '/api/v1/namespaces/shop/configmaps/settings'], undefined, about('delete configmaps shop settings')],
]
/** Whoever holds every verb is asked for the constrained kind first, from 1.36 on. */
function asUser(resource: string, name: string): AccessRequest {
  return { verb: 'impersonate:user-info', group: 'authentication.k8s.io', resource, name }
}
const NOT_DONE: readonly AccessRequest[] = [
  ...[
    'get secrets shop db',
    'list secrets shop',
    'create pods shop',
    'list configmaps shop',
    'get configmaps pay settings',
    'list pods',
  ].map(about),
  ...[
    'list services',
    'get nodes - node-0',
    'create serviceaccounts/token shop other',
    'impersonate users - joe',
    'impersonate groups - admins',
  ].map(about),
  ...['escalate clusterroles', 'bind clusterroles', 'create clusterrolebindings'].map((words) => ({ ...about(words), group: RBAC })),
  { verb: 'get', path: '/logs/kube.log' },
]

function about(words: string): AccessRequest {
  const [verb = '', full = '', namespace = '-', name = ''] = words.split(' ')
  const [resource = '', subresource = ''] = full.split('/')
  return { verb, group: '', resource, subresource, namespace: namespace === '-' ? '' : namespace, name }
}

async function mayRobot({ api }: Cluster, request: AccessRequest): Promise<boolean> {
  const { status } = await api.create<{ status: { allowed: boolean } }>('/apis/authorization.k8s.io/v1/subjectaccessreviews', {
    ...{ apiVersion: 'authorization.k8s.io/v1', kind: 'SubjectAccessReview' },
    spec: {
      user: serviceAccountUser('shop', 'robot'),
      groups: serviceAccountGroups('shop'),
      ...('path' in request ? { nonResourceAttributes: request } : { resourceAttributes: request }),
    },
  })
  return status.allowed
}
const answers = async (cluster: Cluster, questions: readonly AccessRequest[], wanted: boolean) => {
  const wrong: string[] = []
  for (const one of questions) if ((await mayRobot(cluster, one)) !== wanted) wrong.push(JSON.stringify(one))
  return wrong
}

describeCluster('a role learned from an audit log', {}, (cluster) => {
  test('allows what was done and nothing else, and undo brings the old binding back', async () => {
    const { api, kubeconfig, kubectl, dir } = cluster()
    for (const name of ['shop', 'pay']) await api.create('/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name } })
    for (const name of ['robot', 'other'])
      await api.create('/api/v1/namespaces/shop/serviceaccounts', { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name } })
    const rules = [
      { apiGroups: ['*'], resources: ['*'], verbs: ['*'] },
      { nonResourceURLs: ['*'], verbs: ['*'] },
    ]
    await api.create(`${ROOT}/clusterroles`, { apiVersion: `${RBAC}/v1`, kind: 'ClusterRole', metadata: { name: 'robot' }, rules })
    await api.create(`${ROOT}/clusterrolebindings`, {
      ...{ apiVersion: `${RBAC}/v1`, kind: 'ClusterRoleBinding', metadata: { name: 'robot' } },
      roleRef: { apiGroup: RBAC, kind: 'ClusterRole', name: 'robot' },
      subjects: [{ kind: 'ServiceAccount', name: 'robot', namespace: 'shop' }],
    })
    const before = await api.get<object>(`${ROOT}/clusterrolebindings/robot`)
    await expect.poll(() => mayRobot(cluster(), about('create pods shop')), { timeout: 20_000 }).toBe(true)
    const as = await cluster().serviceAccountKubeconfig('shop', 'robot')
    for (const [args, input] of DONE) await kubectl(args, { as, ...(input !== undefined && { input }) })
    // Every verb is somebody's, so that none is blind.
    await api.request('PATCH', '/api/v1/namespaces/pay', {
      body: { metadata: { labels: { a: 'b' } } },
      contentType: 'application/merge-patch+json',
    })
    await api.request('DELETE', '/api/v1/namespaces/pay/configmaps')
    await cluster().auditEvents()

    // The log as it would be kept: the older half rotated and packed.
    const lines = readFileSync(join(dir, 'audit.log'), 'utf8').split('\n')
    const [older, newer] = [join(dir, 'kept-1.log.gz'), join(dir, 'kept-2.log')]
    writeFileSync(older, gzipSync(lines.slice(0, lines.length / 2).join('\n')))
    writeFileSync(newer, lines.slice(lines.length / 2).join('\n'))
    expect(await readAuditLogs([older, newer])).toMatchObject({ blind: [], doubts: [] })

    const env = { XDG_STATE_HOME: freshState() }
    const log = ['--audit-log', older, '--audit-log', newer]
    const chosen = ['--kubeconfig', kubeconfig, '--control', 'rbac-unused-rights']
    const scan = await cli(['scan', ...chosen, ...log, '-o', 'json'], { env })
    expect(JSON.parse(scan.stdout)).toMatchObject({ results: [{ status: 'fail', findings: [{ subject: { name: 'robot' } }] }] })
    const applied = await cli(['apply', ...chosen, ...log, '--yes', '--accept-risk', 'may-break'], { env, timeout: 120_000 })
    expect(applied, applied.stdout + applied.stderr).toMatchObject({ exitCode: 0 })

    await expect.poll(() => mayRobot(cluster(), about('create pods shop')), { timeout: 20_000 }).toBe(false)
    const questions = DONE.map(([, , question]) => question)
    await expect.poll(() => answers(cluster(), [...questions, asUser('groups', 'ops')], true), { timeout: 20_000 }).toEqual([])
    expect(await answers(cluster(), NOT_DONE, false)).toEqual([])
    // And not by review only: the same requests go through.
    for (const [args, input] of DONE) await kubectl(args, { as, ...(input !== undefined && { input }) })

    const again = await cli(['scan', ...chosen, ...log, '-o', 'json'], { env })
    expect(JSON.parse(again.stdout)).toMatchObject({ results: [{ status: 'pass' }] })
    const undone = await cli(['undo', '--yes'], { env, timeout: 120_000 })
    expect(undone, undone.stdout + undone.stderr).toMatchObject({ exitCode: 0 })
    const after = await api.get<object>(`${ROOT}/clusterrolebindings/robot`)
    const essence = ({ roleRef, subjects }: Record<string, unknown>) => ({ roleRef, subjects })
    expect(essence(after as never)).toEqual(essence(before as never))
    expect((await api.request('GET', `${ROOT}/clusterroles/shop-robot-used`)).status).toBe(404)
  })

  test('standard input is read like a file', async () => {
    const { kubeconfig, dir } = cluster()
    const text = execFileSync(
      process.execPath,
      [BIN, 'scan', '--kubeconfig', kubeconfig, '--control', 'rbac-unused-rights', '--audit-log', '-', '-o', 'json', '--fail-on', 'none'],
      {
        input: gzipSync(readFileSync(join(dir, 'audit.log'))),
        encoding: 'utf8',
      },
    )
    expect(JSON.parse(text)).toMatchObject({ results: [{ status: 'fail' }] })
  })
})
