/** Taints, tolerations, memory limits and namespace defaults on a real API server: written, seen to hold, and taken back. */
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { expect, test, vi } from 'vitest'
import type { ControllerObject, KubeObject, LimitRangeObject, NodeObject, PodObject } from '../../src/model/index.ts'
import { describeCluster } from '../cluster/with-cluster.ts'
import { BIN } from '../helpers/cli.ts'

vi.setConfig({ testTimeout: 180_000, hookTimeout: 120_000 })
const CONTROL_PLANE = 'node-role.kubernetes.io/control-plane'

describeCluster('pods kept apart and bounded', { controllerManager: true, scheduler: true, kwokNodes: 2 }, (cluster) => {
  const run = async (args: readonly string[], state: string) => {
    const { stdout, stderr, exitCode } = await execa(process.execPath, [BIN, ...args], {
      env: { KUBECONFIG: cluster().kubeconfig, NO_COLOR: '1', XDG_STATE_HOME: state },
      stdin: 'ignore',
      reject: false,
    })
    return { stdout, stderr, exitCode }
  }
  const state = () => mkdtemp(join(tmpdir(), 'k8s-harden-xdg-'))
  const apply = async (spec: object, namespace: string) => {
    await cluster().kubectl(['apply', '-f', '-'], {
      input: JSON.stringify({
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: { name: 'web', namespace },
        spec: {
          selector: { matchLabels: { app: 'web' } },
          template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'app', image: 'example.test/app:1' }], ...spec } },
        },
      }),
    })
    await cluster().kubectl(['-n', namespace, 'rollout', 'status', 'deployment/web', '--timeout=60s'])
  }
  const podSpec = async (namespace: string) =>
    (await cluster().api.get<ControllerObject>(`/apis/apps/v1/namespaces/${namespace}/deployments/web`)).spec!.template!.spec!
  const list = async <T extends KubeObject>(path: string) => (await cluster().api.get<{ items: T[] }>(path)).items

  test('the taint of a control-plane node, and a toleration of everything', async () => {
    const nodes = await list<NodeObject>('/api/v1/nodes')
    const name = nodes[0]!.metadata.name
    await cluster().kubectl(['label', 'node', name, `${CONTROL_PLANE}=`])
    await cluster().kubectl(['create', 'namespace', 'shop'])
    await apply({ tolerations: [{ operator: 'Exists' }] }, 'shop')
    const taints = async () => (await cluster().api.get<NodeObject>(`/api/v1/nodes/${name}`)).spec?.taints ?? []
    const home = await state()

    const done = await run(['apply', '--yes', '--accept-risk', 'may-break', '--control', 'pod-placement'], home)
    expect([done.exitCode, done.stderr]).toEqual([0, expect.any(String)])
    expect(await taints()).toContainEqual(expect.objectContaining({ key: CONTROL_PLANE, effect: 'NoSchedule' }))
    expect((await podSpec('shop')).tolerations ?? []).not.toContainEqual({ operator: 'Exists' })
    const scan = JSON.parse((await run(['scan', '-o', 'json', '--control', 'pod-placement'], home)).stdout) as {
      results: { status: string }[]
    }
    expect(scan.results[0]!.status).toBe('pass')

    const back = await run(['undo', '--yes'], home)
    expect([back.exitCode, back.stderr]).toEqual([0, expect.any(String)])
    expect(await taints()).not.toContainEqual(expect.objectContaining({ key: CONTROL_PLANE }))
    expect((await podSpec('shop')).tolerations).toEqual([{ operator: 'Exists' }])
  })

  test('a memory limit, and the defaults of a namespace, which then count for new pods', async () => {
    await cluster().kubectl(['create', 'namespace', 'bounded'])
    await apply({}, 'bounded')
    const home = await state()
    const asked = await run(['apply', '--yes', '--accept-risk', 'may-break', '--control', 'pod-resources'], home)
    expect(asked.stdout).toContain('app=QUANTITY')
    expect((await podSpec('bounded')).containers[0]!.resources ?? {}).toEqual({})

    const settings = ['memory=64Mi', 'cpu=10m', 'limitRange=memory=128Mi,cpu=20m'].flatMap((one) => ['--set', `pod-resources.${one}`])
    const done = await run(['apply', '--yes', '--accept-risk', 'may-break', '--control', 'pod-resources', ...settings], home)
    expect([done.exitCode, done.stderr]).toEqual([0, expect.any(String)])
    expect((await podSpec('bounded')).containers[0]!.resources).toEqual({ limits: { memory: '64Mi' }, requests: { cpu: '10m' } })
    const ranges = await list<LimitRangeObject>('/api/v1/namespaces/bounded/limitranges')
    expect(ranges[0]!.spec!.limits![0]).toMatchObject({ default: { memory: '128Mi' }, defaultRequest: { memory: '128Mi', cpu: '20m' } })

    // What our reading of a LimitRange says, the server's admission does.
    await cluster().api.create('/api/v1/namespaces/bounded/pods', {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'late' },
      spec: { containers: [{ name: 'app', image: 'example.test/app:1' }] },
    })
    const late = await cluster().api.get<PodObject>('/api/v1/namespaces/bounded/pods/late')
    expect(late.spec.containers[0]!.resources).toEqual({ limits: { memory: '128Mi' }, requests: { memory: '128Mi', cpu: '20m' } })

    const back = await run(['undo', '--yes'], home)
    expect([back.exitCode, back.stderr]).toEqual([0, expect.any(String)])
    expect(await list('/api/v1/namespaces/bounded/limitranges')).toEqual([])
    expect((await podSpec('bounded')).containers[0]!.resources ?? {}).toEqual({})
  })
})
