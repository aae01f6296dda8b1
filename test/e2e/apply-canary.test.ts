import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { expect, test, vi } from 'vitest'
import type { KubeObject, PodObject } from '../../src/model/index.ts'
import { describeCluster } from '../cluster/with-cluster.ts'
import { BIN } from '../helpers/cli.ts'
import { comparable } from './apply-harness.ts'

vi.setConfig({ testTimeout: 180_000, hookTimeout: 120_000 })
const REPLICAS = 4

describeCluster('k8s-harden apply --canary', { controllerManager: true, scheduler: true, kwokNodes: 1 }, (cluster) => {
  const deploy = async (name: string, labels: Record<string, string> = {}) => {
    const template = {
      metadata: { labels: { app: name, ...labels } },
      spec: { containers: [{ name: 'app', image: 'example.test/app:1' }] },
    }
    const spec = { replicas: REPLICAS, selector: { matchLabels: { app: name } }, template }
    await cluster().api.create(`/api/v1/namespaces`, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } })
    await cluster().api.create(`/apis/apps/v1/namespaces/${name}/deployments`, {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name },
      spec,
    })
    await cluster().kubectl(['rollout', 'status', `deployment/${name}`, '-n', name, '--timeout=60s'])
  }
  const deployment = (name: string) => cluster().api.get<KubeObject>(`/apis/apps/v1/namespaces/${name}/deployments/${name}`)
  const uids = async (name: string) =>
    (await cluster().api.get<{ items: PodObject[] }>(`/api/v1/namespaces/${name}/pods`)).items
      .filter((pod) => pod.metadata.deletionTimestamp === undefined)
      .map((pod) => pod.metadata.uid!)
  const run = (state: string, ...args: string[]) =>
    execa(process.execPath, [BIN, ...args, '--yes'], {
      env: { KUBECONFIG: cluster().kubeconfig, NO_COLOR: '1', XDG_STATE_HOME: state },
      stdin: 'ignore',
      reject: false,
    })
  const fresh = () => mkdtemp(join(tmpdir(), 'k8s-harden-xdg-'))
  const apply = (state: string, name: string, ...args: string[]) => run(state, 'apply', '--canary', '-n', name, ...args)

  test('lets one new pod run beside all the old ones before the others follow, and leaves the strategy as it was', async () => {
    await deploy('calm')
    const [before, old] = [await deployment('calm'), new Set(await uids('calm'))]
    const seen: { old: number; fresh: number }[] = []
    const state = await fresh()
    const applying = apply(state, 'calm', '--accept-risk', 'restarts-pods', '--control', 'pod-seccomp', '--steady', '8')
    let over = false
    void applying.finally(() => (over = true))
    while (!over) {
      const now = await uids('calm')
      seen.push({ old: now.filter((uid) => old.has(uid)).length, fresh: now.filter((uid) => !old.has(uid)).length })
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    const { stdout, exitCode } = await applying
    expect([exitCode, stdout]).toEqual([0, expect.stringContaining('one new pod is ready')])
    // Most of the eight seconds that the first pod is watched there is one of it, and no old one less.
    expect(seen.filter((one) => one.fresh === 1 && one.old === REPLICAS).length).toBeGreaterThan(10)
    expect(seen.at(-1)).toEqual({ old: 0, fresh: REPLICAS })
    const { spec, ...after } = comparable(await deployment('calm')) as { spec: { template: { spec: object } } }
    const was = comparable(before) as unknown as { spec: { template: { spec: object } } }
    expect({ ...spec, template: null }).toEqual({ ...was.spec, template: null })
    expect(spec.template.spec).toMatchObject({ securityContext: { seccompProfile: { type: 'RuntimeDefault' } } })
    expect(after).toBeDefined()
    expect(await run(state, 'undo')).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('taken back') })
    expect(comparable(await deployment('calm'))).toEqual(comparable(before))
  })

  test('takes a first pod that does not start back, and no old pod ever went', async () => {
    await deploy('rooted', { 'k8s-harden.test/image-user': 'root' })
    const [before, old] = [await deployment('rooted'), await uids('rooted')]
    const { stdout, exitCode } = await apply(
      await fresh(),
      'rooted',
      '--accept-risk',
      'may-break',
      '--control',
      'pod-run-as-root',
      '--timeout',
      '60',
    )
    expect([exitCode, stdout]).toEqual([4, expect.stringContaining('taking it back: container app of new pod rooted-')])
    expect(stdout).toContain('skipped')
    expect(comparable(await deployment('rooted'))).toEqual(comparable(before))
    await expect.poll(async () => (await uids('rooted')).sort(), { timeout: 30_000 }).toEqual(old.sort())
  })
})
