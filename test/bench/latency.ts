import { ApiClient } from '../../src/apiserver/client.ts'
import { pickContext } from '../../src/apiserver/context.ts'
import { controls } from '../../src/controls/index.gen.ts'
import { LiveScan } from '../../src/session/live-scan.ts'
import { liveSource } from '../../src/sources/live.ts'
import type { Cluster } from '../cluster/cluster.ts'

export interface Latency {
  readonly firstFindingMs: number
  readonly syncedMs: number
  readonly eventMs: number
  readonly worstEventMs: number
  readonly events: number
  readonly requests: number
  readonly bytes: number
}

/** In process: connecting until the first finding and until everything is judged; then from a change's answer to its finding, 20 times. */
export async function liveLatency(cluster: Cluster): Promise<Latency> {
  const stop = new AbortController()
  const context = pickContext({ kubeconfig: cluster.kubeconfig })
  const client = new ApiClient(context)
  const started = performance.now()
  const scan = new LiveScan({ source: liveSource({ client, context: context.name }), controls, follow: true })
  let firstFindingMs = 0
  scan.subscribe((state) => {
    if (firstFindingMs === 0 && state.outcomes.values().some((outcome) => outcome.findings.length > 0))
      firstFindingMs = performance.now() - started
  })
  const ended = scan.run(stop.signal)
  await scan.until((state) => state.synced, 120_000)
  const syncedMs = performance.now() - started
  const { requests, bytes } = client
  const times = await events(cluster, scan)
  stop.abort()
  await ended
  client.close()
  return {
    firstFindingMs,
    syncedMs,
    requests,
    bytes,
    eventMs: times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)]!,
    worstEventMs: Math.max(...times),
    events: times.length,
  }
}

/** A new Deployment with a privileged container, twenty times: from its creation until its finding is in the state. */
async function events(cluster: Cluster, scan: LiveScan): Promise<number[]> {
  const times: number[] = []
  for (let index = 0; index < 20; index++) {
    const name = `bench-${index}`
    const labels = { app: name }
    const sent = performance.now()
    await cluster.api.create('/apis/apps/v1/namespaces/default/deployments', {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name },
      spec: {
        replicas: 0,
        selector: { matchLabels: labels },
        template: {
          metadata: { labels },
          spec: { containers: [{ name: 'app', image: 'registry.example.com/app:1', securityContext: { privileged: true } }] },
        },
      },
    })
    const found = await scan.until(
      (state) => state.outcomes.get('pod-privileged')?.findings.some((finding) => finding.subject.name === name) === true,
      10_000,
    )
    if (!found) throw new Error(`no finding for ${name} within 10 s`)
    times.push(performance.now() - sent)
  }
  return times
}
