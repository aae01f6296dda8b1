/**
 * In a process of its own: connecting until the first finding and until everything is judged; then, twenty times, a new Deployment
 * with a privileged container, from its creation until its finding is in the state. Usage: latency.ts KUBECONFIG; prints one JSON line.
 */

import { ApiClient } from '../../src/apiserver/client.ts'
import { pickContext } from '../../src/apiserver/context.ts'
import { sizeNursery } from '../../src/cli/nursery.ts'
import { controls } from '../../src/controls/index.gen.ts'
import { LiveScan } from '../../src/session/live-scan.ts'
import { liveSource } from '../../src/sources/live.ts'

export interface Latency {
  readonly firstFindingMs: number
  readonly syncedMs: number
  readonly eventMs: number
  readonly worstEventMs: number
  readonly events: number
  readonly requests: number
  readonly bytes: number
}

// As opening a source on the command line does.
sizeNursery()
const context = pickContext({ kubeconfig: process.argv[2] ?? '' })
const client = new ApiClient(context)
const started = performance.now()
const scan = new LiveScan({ source: liveSource({ client, context: context.name }), controls, follow: true })
let firstFindingMs = 0
scan.subscribe((state) => {
  if (firstFindingMs === 0 && state.outcomes.values().some((outcome) => outcome.findings.length > 0))
    firstFindingMs = performance.now() - started
})
const stop = new AbortController()
const ended = scan.run(stop.signal)
await scan.until((state) => state.synced, 120_000)
const syncedMs = performance.now() - started
const { requests, bytes } = client

const writer = new ApiClient(context)
const times: number[] = []
for (let index = 0; index < 20; index++) {
  const name = `bench-${process.pid}-${index}`
  const labels = { app: name }
  const sent = performance.now()
  const answer = await writer.create('/apis/apps/v1/namespaces/default/deployments', {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace: 'default' },
    spec: {
      replicas: 0,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: { containers: [{ name: 'app', image: 'registry.example.com/app:1', securityContext: { privileged: true } }] },
      },
    },
  })
  if (!answer.ok) throw new Error(answer.refusal.message)
  const isFound = () => scan.state.outcomes.get('pod-privileged')?.findings.some((finding) => finding.subject.name === name) === true
  if (!(await scan.until(isFound, 10_000))) throw new Error(`no finding for ${name} within 10 s`)
  times.push(performance.now() - sent)
}
stop.abort()
await ended
client.close()
writer.close()
const result: Latency = {
  firstFindingMs,
  syncedMs,
  requests,
  bytes,
  eventMs: times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)]!,
  worstEventMs: Math.max(...times),
  events: times.length,
}
process.stdout.write(`${JSON.stringify(result)}\n`)
