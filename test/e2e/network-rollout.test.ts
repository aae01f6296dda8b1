import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { expect, test } from 'vitest'
import type { KubeObject } from '../../src/model/index.ts'
import { describeCluster } from '../cluster/with-cluster.ts'
import { BIN } from '../helpers/cli.ts'

const patience = { timeout: 60_000, interval: 50 }
const PROBE = 'Readiness probe failed: dial tcp 10.1.2.3:5432: i/o timeout'

/** No kubelet here: the tests say themselves how pods are. */
describeCluster('policies are rolled out under watch', {}, (cluster) => {
  const put = (path: string, object: object) => cluster().api.create(path, object)
  const say = async (namespace: string, name: string, ready: boolean, restarts = 0) => {
    const status = {
      phase: 'Running',
      conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }],
      containerStatuses: [{ name: 'app', image: 'a', imageID: 'a', ready, restartCount: restarts, state: { running: {} } }],
    }
    const path = `/api/v1/namespaces/${namespace}/pods/${name}/status`
    const { status: code } = await cluster().api.request('PATCH', path, { body: { status }, contentType: 'application/merge-patch+json' })
    expect(code).toBe(200)
  }
  const make = async (namespace: string, ...names: readonly string[]) => {
    await put('/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } })
    for (const name of names) {
      const spec = { containers: [{ name: 'app', image: 'example.test/app:1', ports: [{ containerPort: 80 }] }] }
      const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name, labels: { app: name } }, spec }
      await put(`/api/v1/namespaces/${namespace}/pods`, pod)
      await say(namespace, name, true)
    }
    const service = { selector: { app: names[0] }, ports: [{ port: 80 }], type: 'NodePort' }
    await put(`/api/v1/namespaces/${namespace}/services`, {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: names[0] },
      spec: service,
    })
  }
  const unhealthy = (namespace: string, name: string) =>
    put(`/api/v1/namespaces/${namespace}/events`, {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: `${name}-unhealthy` },
      involvedObject: { apiVersion: 'v1', kind: 'Pod', namespace, name },
      reason: 'Unhealthy',
      message: PROBE,
      type: 'Warning',
    })
  const policiesOf = async (namespace: string) =>
    (await cluster().api.get<{ items: KubeObject[] }>(`/apis/networking.k8s.io/v1/namespaces/${namespace}/networkpolicies`)).items.map(
      ({ metadata }) => metadata.name,
    )
  const isClosed = (namespace: string) => expect.poll(() => policiesOf(namespace), patience).toContain('default-deny-ingress')
  const harden = (state: string, ...args: readonly string[]) => {
    const env = { KUBECONFIG: cluster().kubeconfig, NO_COLOR: '1', XDG_STATE_HOME: state }
    return execa(process.execPath, [BIN, ...args], { env, stdin: 'ignore', reject: false, all: true })
  }
  const newState = () => mkdtemp(join(tmpdir(), 'k8s-harden-xdg-'))
  const apply = (state: string, namespace: string, steady: number) =>
    harden(
      state,
      ...['apply', '--yes', '--accept-risk', 'may-break', '--control', 'net-default-deny-ingress', '-n', namespace],
      ...['--steady', String(steady)],
    )
  /** In which order an undo deleted them, by the audit log. */
  const deleted = async (namespace: string) =>
    (await cluster().auditEvents())
      .filter(({ verb, objectRef }) => verb === 'delete' && objectRef?.resource === 'networkpolicies' && objectRef.namespace === namespace)
      .map(({ objectRef }) => objectRef?.name)

  test('pods that stay ready are said with the step', async () => {
    await make('calm', 'web', 'db')
    const { exitCode, all } = await apply(await newState(), 'calm', 1)
    expect(all).toMatch(/2 pods as ready as before for \d+ s, no restarts/)
    expect(exitCode).toBe(0)
    expect(await policiesOf('calm')).toContain('default-deny-ingress')
  })

  test('a pod that stops being ready while it is watched takes the whole set back, the deny first', async () => {
    await make('shop', 'web', 'db')
    const applying = apply(await newState(), 'shop', 100)
    await isClosed('shop')
    const made = await policiesOf('shop')
    expect(made.length, 'there are allows too').toBeGreaterThan(1)
    await unhealthy('shop', 'web')
    await say('shop', 'web', false)
    const { exitCode, all } = await applying
    expect(all).toContain(`pod shop/web is no longer ready: ${PROBE}; no ready pod is left behind Service shop/web`)
    expect(exitCode).toBe(4)
    expect(await policiesOf('shop')).toEqual([])
    const order = await deleted('shop')
    expect(order[0]).toBe('default-deny-ingress')
    expect(order.toSorted()).toEqual(made.toSorted())
  })

  test('a pod elsewhere that loses its way is watched too; one that was ill before is not', async () => {
    await make('data', 'db', 'ill')
    await say('data', 'ill', false, 7)
    await make('front', 'reader')
    const applying = apply(await newState(), 'data', 100)
    await isClosed('data')
    await say('data', 'ill', false, 9)
    await say('front', 'reader', false)
    const { exitCode, all } = await applying
    expect(all).toContain('pod front/reader is no longer ready')
    expect(exitCode).toBe(4)
    expect(await policiesOf('data')).toEqual([])
  })

  test('killed while it watches: the next start says so, and undo takes back exactly what was made', async () => {
    await make('killed', 'web', 'db')
    await put('/apis/networking.k8s.io/v1/namespaces/killed/networkpolicies', {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      metadata: { name: 'of-somebody-else' },
      spec: { podSelector: { matchLabels: { app: 'other' } } },
    })
    const state = await newState()
    const applying = apply(state, 'killed', 100)
    await isClosed('killed')
    applying.kill('SIGKILL')
    await applying
    const made = await policiesOf('killed')

    const next = await harden(state, 'apply', '--dry-run', '--control', 'net-default-deny-ingress', '-n', 'killed')
    expect(next.all).toMatch(
      /k8s-harden: run \S+ (died before it was seen whether all works after|was interrupted in) "NetworkPolicy killed\/default-deny-ingress/,
    )
    expect(next.all).toContain('k8s-harden undo')
    expect(await policiesOf('killed')).toEqual(made)

    expect((await harden(state, 'undo', '--yes')).exitCode).toBe(0)
    expect(await policiesOf('killed')).toEqual(['of-somebody-else'])
    expect((await deleted('killed'))[0]).toBe('default-deny-ingress')
  })
})
