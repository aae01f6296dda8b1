/** Three hundred roles, forty subjects, twelve ways to cluster-admin: all found, no thirteenth; closed, and nobody's day is any different. */
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { expect, test, vi } from 'vitest'
import { ApiClient } from '../../src/apiserver/client.ts'
import { pickContext } from '../../src/apiserver/context.ts'
import type { KubeObject, RbacSubject } from '../../src/model/index.ts'
import { subjectText } from '../../src/objects/rbac-bootstrap.ts'
import { serviceAccountGroups, serviceAccountUser } from '../../src/objects/rbac-grants.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { describeCluster } from '../cluster/with-cluster.ts'
import { BIN } from '../helpers/cli.ts'
import { comparable } from './apply-harness.ts'
import { type Call, FORTY, type FortySubject, fortyObjects } from './rbac-forty.ts'

vi.setConfig({ testTimeout: 600_000, hookTimeout: 120_000 })
const GROUP = 'rbac.authorization.k8s.io'
const VERSIONS: Readonly<Record<string, string>> = { '': 'api/v1', apps: 'apis/apps/v1' }

const PLURALS: Readonly<Record<string, string>> = {
  Namespace: 'namespaces',
  ServiceAccount: 'serviceaccounts',
  Secret: 'secrets',
  Pod: 'pods',
  Deployment: 'deployments',
  Role: 'roles',
  ClusterRole: 'clusterroles',
  RoleBinding: 'rolebindings',
  ClusterRoleBinding: 'clusterrolebindings',
}
const inNamespace = (namespace: string | undefined): string => (namespace === undefined ? '' : `namespaces/${namespace}/`)
const collectionOf = ({ apiVersion, kind, metadata }: KubeObject): string =>
  `/${apiVersion === 'v1' ? 'api/v1' : `apis/${apiVersion}`}/${inNamespace(metadata.namespace)}${PLURALS[kind]}`
const pathOf = ({ group = '', resource, subresource, namespace, name, verb }: Call): string =>
  `/${VERSIONS[group] ?? `apis/${group}/v1`}/${inNamespace(namespace)}${resource}${name === undefined || (verb === 'create' && subresource === undefined) ? '' : `/${name}`}${subresource === undefined ? '' : `/${subresource}`}`

interface Found {
  readonly origin: string
  readonly evidence: { readonly goal?: string; readonly path?: readonly { readonly by: string }[]; readonly remove: readonly RbacSubject[] }
}
interface Identity {
  readonly user: string
  readonly groups: readonly string[]
}
function identityOf({ subject }: FortySubject): Identity {
  const { kind, name, namespace = '' } = subject
  if (kind === 'ServiceAccount') return { user: serviceAccountUser(namespace, name), groups: serviceAccountGroups(namespace) }
  return kind === 'Group'
    ? { user: `one-of-${name}`, groups: [name, 'system:authenticated'] }
    : { user: name, groups: ['system:authenticated'] }
}

/** Whether it works or not does not matter: the authorizer has let it through. */
async function call(client: ApiClient, one: Call): Promise<boolean> {
  const path = pathOf(one)
  const answer =
    one.verb === 'create'
      ? await client.create(path, {})
      : one.verb === 'delete'
        ? await client.delete(path)
        : one.verb === 'patch'
          ? await client.patch(path, [])
          : await client.get(path)
  return answer.ok || answer.refusal.status !== 403
}

async function allowed({ api }: Cluster, { user, groups }: Identity, { verb, group = '', ...rest }: Call): Promise<boolean> {
  const { name, ...unnamed } = rest
  const attributes = verb === 'create' && rest.subresource === undefined ? unnamed : { ...unnamed, ...(name !== undefined && { name }) }
  const { status } = await api.create<{ status: { allowed: boolean } }>('/apis/authorization.k8s.io/v1/subjectaccessreviews', {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SubjectAccessReview',
    spec: { user, groups, resourceAttributes: { verb, group, ...attributes } },
  })
  return status.allowed
}

describeCluster('twelve of forty', { controllerManager: true, scheduler: true, kwokNodes: 1 }, (cluster) => {
  const run = async (args: readonly string[], state: string) => {
    const { stdout, stderr, exitCode } = await execa(process.execPath, [BIN, ...args], {
      env: { KUBECONFIG: cluster().kubeconfig, NO_COLOR: '1', XDG_STATE_HOME: state },
      stdin: 'ignore',
      reject: false,
      maxBuffer: 2 ** 28,
    })
    return { stdout, stderr, exitCode }
  }
  /** Subjects that are found to reach cluster-admin, by the scan's own words. */
  async function reaching(state: string): Promise<readonly string[]> {
    const { stdout } = await run(
      ['scan', '-o', 'json', '--fail-on', 'none', '--control', 'rbac-admin-equivalent-role', '--control', 'rbac-cluster-admin-bindings'],
      state,
    )
    const { results } = JSON.parse(stdout) as { results: { status: string; findings: Found[] }[] }
    expect(results.map(({ status }) => status)).not.toContain('unknown')
    const found = results.flatMap(({ findings }) => findings).filter(({ origin }) => origin === 'workload')
    return [
      ...new Set(
        found.flatMap(({ evidence: { goal, path, remove } }) =>
          path === undefined ? remove.map((one) => subjectText(one)) : goal === 'cluster-admin' ? [path[0]!.by.replace(':', ' ')] : [],
        ),
      ),
    ].sort()
  }
  const rbacObjects = async () => {
    const lists = await Promise.all(
      ['roles', 'clusterroles', 'rolebindings', 'clusterrolebindings'].map((plural) =>
        cluster().api.get<{ items: KubeObject[] }>(`/apis/${GROUP}/v1/${plural}`),
      ),
    )
    return lists.flatMap(({ items }) => items.map((item) => comparable(item)))
  }

  test('are found, closed and proved, and what was recorded is allowed all the same; undo puts every binding back', async () => {
    const state = await mkdtemp(join(tmpdir(), 'k8s-harden-forty-'))
    for (const object of fortyObjects()) await cluster().api.create(collectionOf(object), object)
    await cluster().kubectl(['-n', 'kube-system', 'wait', '--for=condition=Ready', 'pod/aggregator', '--timeout=60s'])

    // A day's work, as themselves.
    const mark = await cluster().auditMark()
    for (const one of FORTY) {
      const { user, groups } = identityOf(one)
      const { kind, namespace = '', name } = one.subject
      const kubeconfig =
        kind === 'ServiceAccount'
          ? await cluster().serviceAccountKubeconfig(namespace, name)
          : await cluster().kubeconfigFor({ user, groups: groups.filter((group) => group !== 'system:authenticated') })
      const client = new ApiClient(pickContext({ kubeconfig }))
      for (const does of one.does) expect(await call(client, does), `${user} ${JSON.stringify(does)}`).toBe(true)
      await client.close()
    }
    expect((await cluster().auditSince(mark)).length).toBeGreaterThan(60)
    const log = join(cluster().dir, 'audit.log')

    const expected = FORTY.filter(({ reaches }) => reaches !== undefined).map(({ subject }) => subjectText(subject))
    expect(expected).toHaveLength(12)
    expect(await reaching(state)).toEqual([...expected].sort())

    const before = await rbacObjects()
    const done = await run(
      ['apply', '--yes', '--accept-risk', 'may-break', '--practice', 'rbac', '--audit-log', log, '--steady', '0'],
      state,
    )
    expect(done.stdout).toContain('whose access changes by all of these steps:')
    expect(done.stdout).not.toContain('would be refused')
    expect(done.stdout).toMatch(/access reviews: \d+ of \d+ recorded or kept requests still allowed/)

    expect(await reaching(state)).toEqual([])
    for (const one of FORTY)
      for (const does of one.does)
        expect(await allowed(cluster(), identityOf(one), does), `${subjectText(one.subject)} ${JSON.stringify(does)}`).toBe(true)

    const undone = await run(['undo', '--yes'], state)
    expect(undone.exitCode, undone.stderr).toBe(0)
    expect(await rbacObjects()).toEqual(before)
  }, 600_000)

  test('are closed without an audit log as well', async () => {
    const state = await mkdtemp(join(tmpdir(), 'k8s-harden-forty-'))
    const before = await rbacObjects()
    expect(await reaching(state)).toHaveLength(12)
    const done = await run(['apply', '--yes', '--accept-risk', 'may-break', '--practice', 'rbac', '--steady', '0'], state)
    expect(done.stdout + done.stderr).not.toMatch(/undone|not-mended/)
    expect(await reaching(state), done.stdout).toEqual([])
    const undone = await run(['undo', '--yes'], state)
    expect(undone.exitCode, undone.stderr).toBe(0)
    expect(await rbacObjects()).toEqual(before)
  }, 300_000)
})
