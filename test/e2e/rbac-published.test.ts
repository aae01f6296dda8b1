/** The cluster-admin service account that Kubernetes Goat publishes: found, taken away or made less, proved, and given back. */
import { existsSync, globSync } from 'node:fs'
import { cp, mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { describe, expect, test, vi } from 'vitest'
import type { KubeObject, RbacSubject } from '../../src/model/index.ts'
import { serviceAccountGroups, serviceAccountUser } from '../../src/objects/rbac-grants.ts'
import type { ResourceRequest } from '../../src/objects/rbac-rules.ts'
import { describeCluster } from '../cluster/with-cluster.ts'
import { BIN } from '../helpers/cli.ts'
import { ask, ROOT, type Who } from './access-reviews.ts'
import { comparable } from './apply-harness.ts'

vi.setConfig({ testTimeout: 180_000, hookTimeout: 120_000 })
const PUBLISHED = join(import.meta.dirname, '../../../shared/corpora/kubernetes-goat/insecure-rbac-setup.yaml')
const isThere = existsSync(PUBLISHED)
const CONTROL = 'rbac-cluster-admin-bindings'
const RISKY = ['--yes', '--accept-risk', 'may-break', '--practice', 'rbac'] as const

const SUPERADMIN = { kind: 'ServiceAccount', name: 'superadmin', namespace: 'kube-system' }
const WHO: Who = { user: serviceAccountUser('kube-system', 'superadmin'), groups: serviceAccountGroups('kube-system') }
const USED: readonly ResourceRequest[] = [
  { verb: 'get', group: '', resource: 'configmaps', namespace: 'kube-system', name: 'settings' },
  { verb: 'list', group: '', resource: 'pods', namespace: 'default' },
]
const UNUSED: readonly ResourceRequest[] = [
  { verb: '*', group: '*', resource: '*' },
  { verb: 'get', group: '', resource: 'configmaps', namespace: 'kube-system', name: 'others' },
  { verb: 'list', group: '', resource: 'configmaps', namespace: 'kube-system' },
  { verb: 'update', group: '', resource: 'configmaps', namespace: 'kube-system', name: 'settings' },
  { verb: 'list', group: '', resource: 'pods', namespace: 'kube-system' },
  { verb: 'list', group: '', resource: 'pods' },
  { verb: 'create', group: '', resource: 'pods', namespace: 'default' },
  { verb: 'get', group: '', resource: 'secrets', namespace: 'kube-system', name: 'settings' },
]
/** Bound by the platform itself. */
const COMPONENTS: readonly (readonly [user: string, ResourceRequest])[] = [
  ['system:kube-scheduler', { verb: 'create', group: '', resource: 'pods', subresource: 'binding', namespace: 'default', name: 'a' }],
  ['system:kube-controller-manager', { verb: 'create', group: '', resource: 'serviceaccounts', namespace: 'default' }],
  [serviceAccountUser('kube-system', 'deployment-controller'), { verb: 'update', group: 'apps', resource: 'deployments', namespace: 'a' }],
]

interface Found {
  readonly origin: string
  readonly subject: { readonly kind: string; readonly name: string }
  readonly evidence: { readonly remove: readonly RbacSubject[] }
}
async function harden(env: Readonly<Record<string, string>>, ...args: readonly string[]) {
  return execa(process.execPath, [BIN, ...args], { env: { NO_COLOR: '1', ...env }, stdin: 'ignore', reject: false, maxBuffer: 2 ** 28 })
}
/** What is found of it, and only of it. */
function foundIn(stdout: string): readonly Found[] {
  const { results } = JSON.parse(stdout) as { results: { control: string; findings: Found[] }[] }
  return results
    .flatMap(({ control, findings }) => (control === CONTROL ? findings : []))
    .filter(({ subject, origin }) => subject.name === 'superadmin' && origin === 'workload')
}
const folderOf = async () => {
  const root = await mkdtemp(join(tmpdir(), 'k8s-harden-goat-'))
  const manifests = join(root, 'manifests')
  await cp(PUBLISHED, join(manifests, 'setup.yaml'))
  return { root, manifests, env: { XDG_STATE_HOME: join(root, 'state') } }
}
/** The two requests as the API server logs them, on two days three weeks apart. */
async function auditLog(folder: string): Promise<string> {
  const events = ['2026-11-01', '2026-11-22'].flatMap((day) =>
    USED.map(({ verb, resource, namespace, name }, at) => ({
      ...{ kind: 'Event', apiVersion: 'audit.k8s.io/v1', level: 'Metadata', auditID: `${day}-${at}`, stage: 'ResponseComplete', verb },
      requestURI: `/api/v1/namespaces/${namespace}/${resource}${name === undefined ? '?limit=500' : `/${name}`}`,
      user: { username: WHO.user, groups: WHO.groups },
      objectRef: { resource, namespace, name, apiVersion: 'v1' },
      responseStatus: { code: 200 },
      ...{ requestReceivedTimestamp: `${day}T10:00:00.000000Z`, stageTimestamp: `${day}T10:00:00.000000Z` },
    })),
  )
  const log = join(folder, 'audit.log')
  await writeFile(log, events.map((event) => `${JSON.stringify(event)}\n`).join(''))
  return log
}

describe('Kubernetes Goat’s superadmin, as a file', () => {
  test.skipIf(!isThere)('is found, taken out in place, and put back byte for byte', async () => {
    const { manifests, env } = await folderOf()
    const file = join(manifests, 'setup.yaml')
    const commented = `# kept\n${(await readFile(file, 'utf8')).replace('  name: superadmin\n', '  name: superadmin # kept too\n')}`
    await writeFile(file, commented)
    const scan = () => harden(env, 'scan', '--manifests', manifests, '--practice', 'rbac', '-o', 'json')

    const before = await scan()
    expect(before.exitCode).toBe(1)
    expect(foundIn(before.stdout)).toMatchObject([{ subject: { kind: 'ClusterRoleBinding' }, evidence: { remove: [SUPERADMIN] } }])

    const applied = await harden(env, 'apply', '--manifests', manifests, ...RISKY)
    expect([applied.exitCode, applied.stdout]).toEqual([0, expect.stringContaining('steps: 1 mended')])
    const mended = await readFile(file, 'utf8')
    expect(mended).not.toContain('cluster-admin')
    expect(mended.match(/#.*/g)).toEqual(['# kept', '# kept too'])
    const after = await scan()
    expect([after.exitCode, foundIn(after.stdout)]).toEqual([0, []])

    expect((await harden(env, 'undo', '--yes')).exitCode).toBe(0)
    expect(await readFile(file, 'utf8')).toBe(commented)
  })
})

describeCluster('Kubernetes Goat’s superadmin, on a real API server', { controllerManager: true, scheduler: true }, (cluster) => {
  const bindings = async () =>
    (
      await Promise.all(
        ['clusterroles', 'roles', 'clusterrolebindings', 'rolebindings'].map((list) =>
          cluster().api.get<{ items: KubeObject[] }>(`${ROOT}/${list}`),
        ),
      )
    ).flatMap(({ items }) => items.map((item) => comparable(item)))
  const allowed = async (requests: readonly ResourceRequest[]) => {
    const answers = await Promise.all(requests.map((request) => ask(cluster().api, WHO, request)))
    return requests.filter((_, at) => answers[at])
  }
  const refusedComponents = async () => {
    const answers = await Promise.all(COMPONENTS.map(([user, request]) => ask(cluster().api, { user, groups: [] }, request)))
    return COMPONENTS.filter((_, at) => !answers[at])
  }
  const prepared = async () => {
    const { root, env } = await folderOf()
    await cluster().kubectl(['apply', '-f', PUBLISHED])
    await expect.poll(() => allowed([...USED, ...UNUSED]), { timeout: 20_000 }).toEqual([...USED, ...UNUSED])
    await expect.poll(refusedComponents, { timeout: 20_000 }).toEqual([])
    // The controller manager fills the aggregated roles.
    await expect
      .poll(async () => (await cluster().api.get<{ rules?: unknown[] }>(`${ROOT}/clusterroles/admin`)).rules?.length ?? 0, {
        timeout: 60_000,
      })
      .toBeGreaterThan(5)
    const live = { ...env, KUBECONFIG: cluster().kubeconfig }
    return { root, run: (...args: readonly string[]) => harden(live, ...args) }
  }
  const scanned = async (run: (...args: readonly string[]) => ReturnType<typeof harden>) =>
    foundIn((await run('scan', '-o', 'json', '--practice', 'rbac', '--fail-on', 'none')).stdout)

  test.skipIf(!isThere)('is found in kube-system, explained, removed, proved, and restored', async () => {
    const { run } = await prepared()
    const before = await bindings()
    expect(await scanned(run)).toMatchObject([{ origin: 'workload', evidence: { remove: [SUPERADMIN] } }])
    const explained = await run('explain', '--subject', 'sa:kube-system:superadmin')
    expect(explained.stdout).toContain('cluster-admin')

    const applied = await run('apply', ...RISKY, '--steady', '0')
    expect(applied.stdout + applied.stderr).not.toMatch(/undone|would be refused/)
    await expect.poll(() => allowed([...USED, ...UNUSED]), { timeout: 20_000 }).toEqual([])
    expect([await scanned(run), await refusedComponents()]).toEqual([[], []])

    const undone = await run('undo', '--yes')
    expect(undone.exitCode, undone.stdout + undone.stderr).toBe(0)
    expect(await bindings()).toEqual(before)
    await expect.poll(() => allowed(UNUSED), { timeout: 20_000 }).toEqual(UNUSED)
  })

  test.skipIf(!isThere)('keeps what an audit log shows of it, and nothing else', async () => {
    const { root, run } = await prepared()
    const before = await bindings()
    const log = await auditLog(root)
    const applied = await run('apply', ...RISKY, '--audit-log', log, '--steady', '0')
    expect(applied.stdout).toContain('2 of 2 recorded requests stay allowed')
    await expect.poll(() => allowed(UNUSED), { timeout: 20_000 }).toEqual([])
    expect([await allowed(USED), await scanned(run), await refusedComponents()]).toEqual([USED, [], []])

    const undone = await run('undo', '--yes')
    expect(undone.exitCode, undone.stdout + undone.stderr).toBe(0)
    expect(await bindings()).toEqual(before)
  })

  test.skipIf(!isThere)('written as files: kubectl takes every one of them', async () => {
    const { root, manifests, env } = await folderOf()
    const { run } = await prepared()
    const out = join(root, 'patches')
    const given = ['--manifests', manifests, '--practice', 'rbac', '--audit-log', await auditLog(root), '--out', out]
    expect((await harden(env, 'generate', ...given)).exitCode).toBe(0)
    const resources = globSync('resources/*.yaml', { cwd: out }).sort()
    expect(resources).toHaveLength(4)
    for (const file of resources) await cluster().kubectl(['apply', '-f', join(out, file)])
    await cluster().kubectl(['delete', 'clusterrolebinding.rbac.authorization.k8s.io', 'superadmin'])
    await expect.poll(() => allowed(UNUSED), { timeout: 20_000 }).toEqual([])
    expect([await allowed(USED), await scanned(run)]).toEqual([USED, []])

    for (const file of globSync('undo/*.yaml', { cwd: out })) await cluster().kubectl(['create', '-f', join(out, file)])
    await expect.poll(() => allowed(UNUSED), { timeout: 20_000 }).toEqual(UNUSED)
  })
})
