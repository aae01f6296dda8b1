/**
 * `npm run bench -- [PODS]` (10,000 by default): the tool against a real API server with a generated cluster, beside the floor, in
 * one run. Prints a table; docs/benchmarks.md keeps the last one. Needs the test control plane (test/cluster) and a build.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { controls } from '../../src/controls/index.gen.ts'
import { wantedBy } from '../../src/engine/evaluator.ts'
import { isKind, served } from '../../src/objects/served.ts'
import { whyNoBinaries } from '../cluster/binaries.ts'
import { startCluster } from '../cluster/cluster.ts'
import { generateLoad } from '../cluster/seed.ts'
import { writeAuditLog } from './audit-log-made.ts'
import { writeFlows } from './flows-made.ts'
import type { Latency } from './latency.ts'
import { writeManifests } from './manifests.ts'
import { type Measured, measure, median } from './measure.ts'
import type { RbacGraphMeasure } from './rbac-graph.ts'
import { firstFrame } from './start-up.ts'

const RUNS = 5
const pods = Number(process.argv[2] ?? 10_000)
const root = join(import.meta.dirname, '..', '..')
const bin = join(root, 'bin', 'k8s-harden.js')
const node = process.execPath
const rows: [string, string, string][] = []
const say = (what: string, value: string, ratio = '') => {
  rows.push([what, value, ratio])
  process.stderr.write(`${what}: ${value} ${ratio}\n`)
}
const seconds = (value: number) => `${value.toFixed(2)} s`

const skip = whyNoBinaries()
if (skip !== undefined) process.stderr.write(`the live part is left out: ${skip}\n`)
else await live()
await manifests()
await auditLog()
await flows()
await escalations()
await startUp()
process.stdout.write(`| what | measured | ratio |\n|---|---|---|\n${rows.map((row) => `| ${row.join(' | ')} |\n`).join('')}`)

async function live(): Promise<void> {
  const cluster = await startCluster({})
  try {
    const load = await generateLoad(cluster, { pods })
    say('cluster', `${load.objects} objects, ${load.pods} pods, ${load.deployments} Deployments, ${load.namespaces} namespaces`)
    // The floor reads what the scan reads: the kinds that the controls want and the server serves.
    const kinds = [...wantedBy(controls)]
      .filter((what) => isKind(what))
      .map(served)
      .filter((one) => one.standing === 'builtIn')
    const paths = kinds.map(({ group, version, plural }) => `/${group === '' ? 'api' : `apis/${group}`}/${version}/${plural}`)
    const floor = await median(RUNS, () => measure(node, [join(import.meta.dirname, 'floor.ts'), cluster.kubeconfig, ...paths]))
    const bare = JSON.parse(floor.stdout) as { objects: number; bytes: number; ms: number; first: number }
    say(
      'floor: the same kinds streamed and parsed in bare Node',
      `${seconds(bare.ms / 1000)} (process ${seconds(floor.seconds)}), ${floor.peakMb.toFixed(0)} MB, ${(bare.bytes / 1e6).toFixed(0)} MB on the wire, first object ${bare.first.toFixed(0)} ms`,
    )
    const scan = await median(RUNS, () =>
      measure(node, [bin, 'scan', '--kubeconfig', cluster.kubeconfig, '-o', 'json', '--fail-on', 'none']),
    )
    say('full scan, whole process', seconds(scan.seconds), `${(scan.seconds / floor.seconds).toFixed(2)} × floor (target ≤ 1.6)`)
    say('peak memory of that scan', `${scan.peakMb.toFixed(0)} MB`, `target ≤ 256 MB`)
    say(
      'findings',
      String(
        (JSON.parse(scan.stdout) as { results: { findings: unknown[] }[] }).results.reduce(
          (sum, result) => sum + result.findings.length,
          0,
        ),
      ),
    )
    const latency = JSON.parse((await measure(node, [join(import.meta.dirname, 'latency.ts'), cluster.kubeconfig])).stdout) as Latency
    say('first finding after connecting', `${latency.firstFindingMs.toFixed(0)} ms`, 'target ≤ 500 ms')
    say(
      'all kinds read and judged, in process',
      `${latency.syncedMs.toFixed(0)} ms, ${latency.requests} requests, ${(latency.bytes / 1e6).toFixed(0)} MB`,
    )
    say(
      'watch event → finding',
      `median ${latency.eventMs.toFixed(0)} ms, worst ${latency.worstEventMs.toFixed(0)} ms of ${latency.events}`,
      'target ≤ 150 ms',
    )
  } finally {
    await cluster.stop()
  }
}

async function auditLog(): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'k8s-harden-bench-'))
  try {
    const file = join(dir, 'audit.log')
    await writeAuditLog(file, 1000)
    const floor = await median(3, () => measure(node, [join(import.meta.dirname, 'json-lines-floor.ts'), file]))
    const learn = await median(3, () => measure(node, [join(import.meta.dirname, 'audit-log-learn.ts'), file]))
    const { events, subjects, requests } = JSON.parse(learn.stdout) as { events: number; subjects: number; requests: number }
    say(
      `audit log of 1 GB: ${events} requests of ${subjects} subjects, ${requests} distinct`,
      `${seconds(learn.seconds)}, ${learn.peakMb.toFixed(0)} MB`,
      `${(learn.seconds / floor.seconds).toFixed(2)} × every line through readline and JSON.parse (${seconds(floor.seconds)}, ${floor.peakMb.toFixed(0)} MB); target ≤ 200 MB`,
    )
  } finally {
    rmSync(dir, { recursive: true })
  }
}

async function flows(): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'k8s-harden-bench-'))
  try {
    const file = join(dir, 'events.log')
    await writeFlows(file, 1000)
    const floor = await median(3, () => measure(node, [join(import.meta.dirname, 'json-lines-floor.ts'), file]))
    const learn = await median(3, () => measure(node, [join(import.meta.dirname, 'flows-learn.ts'), file]))
    const made = JSON.parse(learn.stdout) as { records: number; flows: number }
    say(
      `flows of Hubble, 1 GB: ${made.records} records, ${made.flows} distinct`,
      `${seconds(learn.seconds)}, ${learn.peakMb.toFixed(0)} MB`,
      `${(learn.seconds / floor.seconds).toFixed(2)} × every line through readline and JSON.parse (${seconds(floor.seconds)}, ${floor.peakMb.toFixed(0)} MB); target ≤ 200 MB`,
    )
  } finally {
    rmSync(dir, { recursive: true })
  }
}

async function manifests(): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'k8s-harden-bench-'))
  try {
    const bytes = writeManifests(dir)
    const bare = await median(RUNS, () => measure(node, ['-e', '0']))
    const scan = await median(RUNS, () => measure(node, [bin, 'scan', '--manifests', dir, '-o', 'json', '--fail-on', 'none']))
    say(
      `manifests: 5,000 objects, 200 files, ${(bytes / 1e6).toFixed(1)} MB`,
      `${seconds(scan.seconds)}, ${scan.peakMb.toFixed(0)} MB`,
      `${(scan.seconds / bare.seconds).toFixed(0)} × node -e 0 (${seconds(bare.seconds)}); target ≤ 1 s, ≤ 250 MB`,
    )
  } finally {
    rmSync(dir, { recursive: true })
  }
}

async function escalations(): Promise<void> {
  const { stdout } = await median(RUNS, () => measure(node, [join(import.meta.dirname, 'rbac-graph.ts')]))
  const graph = JSON.parse(stdout) as RbacGraphMeasure
  say(
    'escalation graph: 5,000 subjects, 2,000 roles, 3,000 pods, in process',
    `${graph.ms.toFixed(0)} ms (${graph.cpuMs.toFixed(0)} ms of processor), ${graph.reaching} ways, ${graph.mb.toFixed(0)} MB with its world`,
    'target ≤ 2 s',
  )
}

async function startUp(): Promise<void> {
  const bare: Measured = await median(RUNS, () => measure(node, ['-e', '0']))
  const frames: Awaited<ReturnType<typeof firstFrame>>[] = []
  for (let run = 0; run < RUNS; run++) frames.push(await firstFrame(node, [bin, '--sample']))
  const middle = (name: 'paintMs' | 'frameMs') => frames.map((frame) => frame[name]).toSorted((a, b) => a - b)[Math.floor(RUNS / 2)]!
  say(
    'wizard: first paint / first frame with findings',
    `${middle('paintMs').toFixed(0)} / ${middle('frameMs').toFixed(0)} ms`,
    `${(middle('paintMs') / 1000 / bare.seconds).toFixed(1)} × node -e 0; target ≤ 300 ms`,
  )
  const version = await median(RUNS, () => measure(node, [bin, '--version']))
  say('k8s-harden --version', seconds(version.seconds), `${(version.seconds / bare.seconds).toFixed(1)} × node -e 0`)
}
