/** The forecast of a log's size, against the log that a real API server writes. */
import { stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { recommendedPolicyText } from '../../remediations/audit-policy.ts'
import { ApiClient } from '../../src/apiserver/client.ts'
import { pickContext } from '../../src/apiserver/context.ts'
import { type AuditForecast, auditForecast, auditMeasured, type Metrics } from '../../src/objects/audit-forecast.ts'
import type { AuditPolicy } from '../../src/objects/audit-policy.ts'
import { RECOMMENDED_POLICY } from '../../src/objects/audit-policy-recommended.ts'
import { apiServerMetrics } from '../../src/sources/facts/api-server-metrics.ts'
import type { Asking } from '../../src/sources/facts/fact.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { describeCluster } from '../cluster/with-cluster.ts'

const options = { audit: recommendedPolicyText(), controllerManager: true, scheduler: true, kwokNodes: 2 }
/** Under another policy the old log goes on: only what is written anew counts. */
const POLICIES: readonly (readonly [name: string, policy: AuditPolicy])[] = [
  ['that logs bodies of whatever is changed', { omitStages: ['RequestReceived'], rules: [{ level: 'Request' }] }],
  ['that logs metadata at both stages', { omitStages: [], rules: [{ level: 'Metadata' }] }],
]

describeCluster('the forecast of an audit log', options, (cluster) => {
  test('is right within a factor of two under the recommended policy, for a mix of rollouts, reads and changes', async () => {
    await mix(cluster(), 'a')
    expect(await ratio(cluster(), RECOMMENDED_POLICY, 0)).toSatisfy(withinTwo)
  })

  test('and so is what is told of a log that is written already', async () => {
    const { measured, written } = await sizes(cluster(), RECOMMENDED_POLICY, 0)
    expect(measured / written).toSatisfy(withinTwo)
  })

  test.each(POLICIES)('as well as under a policy %s', async (name, policy) => {
    const path = join(cluster().dir, `${name.length}.yaml`)
    await writeFile(path, JSON.stringify({ apiVersion: 'audit.k8s.io/v1', kind: 'Policy', ...policy }))
    const before = await logSize(cluster())
    await cluster().restartApiServer({ flags: { 'audit-policy-file': path } })
    await mix(cluster(), `b${name.length}`)
    expect(await ratio(cluster(), policy, before)).toSatisfy(withinTwo)
  })
})

const withinTwo = (ratio: number): boolean => ratio > 0.5 && ratio < 2
const logSize = async ({ dir }: Cluster): Promise<number> => (await stat(join(dir, 'audit.log'))).size
const ratio = async (cluster: Cluster, policy: AuditPolicy, before: number): Promise<number> => {
  const { forecast, written } = await sizes(cluster, policy, before)
  return forecast / written
}

/** Bytes since the API server started: as forecast, as told by its own counters, and as they are. */
async function sizes(cluster: Cluster, policy: AuditPolicy, before: number) {
  // The last events are on their way.
  await cluster.auditMark()
  const written = (await logSize(cluster)) - before
  const metrics = await metricsOf(cluster)
  const middle = ({ bytesPerHour: { low, high }, seconds }: AuditForecast): number => (((low + high) / 2) * seconds) / 3600
  return { forecast: middle(auditForecast(metrics, policy, 0)!), measured: middle(auditMeasured(metrics, 0)!), written }
}

/** A test does not wait for the minute that a forecast wants to have seen; whatever the span is, it cancels out. */
async function metricsOf({ kubeconfig }: Cluster): Promise<Metrics> {
  const client = new ApiClient(pickContext({ kubeconfig }))
  const answer = await apiServerMetrics({ client, signal: AbortSignal.timeout(20_000) } as Asking)
  if ('unread' in answer) throw new Error(answer.unread.because)
  return { ...answer.value, at: answer.value.at! + 3_600_000 }
}

async function mix(cluster: Cluster, name: string): Promise<void> {
  const { api, kubectl } = cluster
  await kubectl(['create', 'namespace', name])
  for (const app of ['one', 'two']) await kubectl(['create', 'deployment', app, '--image=example.test/app:1', '--replicas=4', '-n', name])
  await kubectl(['rollout', 'status', 'deployment', 'two', '-n', name, '--timeout=60s'])
  await kubectl(['set', 'image', 'deployment/one', '*=example.test/app:2', '-n', name])
  for (let n = 0; n < 30; n++) {
    await api.create(`/api/v1/namespaces/${name}/secrets`, {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: `s${n}` },
      stringData: { a: 'x'.repeat(3000) },
    })
    await api.get(`/api/v1/namespaces/${name}/secrets/s${n}`)
    await api.get(`/api/v1/namespaces/${name}/pods`)
    await api.request('PATCH', `/api/v1/namespaces/${name}/secrets/s${n}`, {
      body: { data: { b: 'eA==' } },
      contentType: 'application/merge-patch+json',
    })
  }
  await kubectl(['rollout', 'status', 'deployment', 'one', '-n', name, '--timeout=60s'])
  await kubectl(['delete', 'secrets', '--all', '-n', name])
}
