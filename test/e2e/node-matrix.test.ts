import { mkdir, mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { execa } from 'execa'
import { describe, expect, test, vi } from 'vitest'
import type { PodObject } from '../../src/model/index.ts'
import { strictestLevel } from '../../src/objects/pod-security.ts'
import { templateOf } from '../../src/objects/workloads.ts'
import { images } from '../cluster/nodes/images.ts'
import { describeNode } from '../cluster/with-cluster.ts'
import { BIN } from '../helpers/cli.ts'
import { type Forced, workloads as known, type NodeWorkload, objectOf } from './node-workloads.ts'
import { more } from './node-workloads-more.ts'

vi.setConfig({ hookTimeout: 120_000 })
const AT_ONCE = 10
/** `all`, `more`, or names of workloads; by default what tells most in a few minutes. */
const asked = process.env['K8S_HARDEN_MATRIX'] ?? ''
const all: readonly NodeWorkload[] = [...known, ...more]
const suite = all.filter((workload) => known.includes(workload) || workload.isTelling === true)
const chosen =
  asked === '' ? suite : asked === 'all' ? all : asked === 'more' ? more : all.filter(({ name }) => asked.split(',').includes(name))
/** What waits for its next minute comes first. */
const workloads = chosen.toSorted((a, b) => Number(b.kind === 'CronJob') - Number(a.kind === 'CronJob'))

const merge = (body: object) => ({ body, contentType: 'application/merge-patch+json' })

type Actual = 'kept' | 'undone' | 'broke unnoticed'
interface Trial {
  readonly workload: string
  readonly change: string
  readonly predicted: 'keeps' | 'may break'
  readonly actual: Actual
  readonly said: string
  /** Where its journal is. */
  readonly state: string
}

describeNode('what is predicted of a change, and what comes of it on a real node', {}, (cluster) => {
  const trials: Trial[] = []
  const reached = new Map<string, string>()

  const harden = (state: string, ...args: readonly string[]) => {
    const env = { KUBECONFIG: cluster().kubeconfig, NO_COLOR: '1', XDG_STATE_HOME: state }
    return execa(process.execPath, [BIN, ...args], { env, stdin: 'ignore', reject: false, all: true })
  }
  const apply = (state: string, namespace: string, ...args: string[]) =>
    harden(state, 'apply', '--yes', '-n', namespace, '--steady', '6', '--timeout', '100', ...args)
  const livePods = async (namespace: string) =>
    (await cluster().api.get<{ items: PodObject[] }>(`/api/v1/namespaces/${namespace}/pods`)).items.filter(
      ({ metadata }) => metadata.deletionTimestamp === undefined,
    )
  const resource = (kind: NodeWorkload['kind']) =>
    ({ Deployment: 'deployments', StatefulSet: 'statefulsets', DaemonSet: 'daemonsets', CronJob: 'cronjobs', Job: 'jobs', Pod: 'pods' })[
      kind ?? 'Deployment'
    ]
  const url = ({ name, kind }: NodeWorkload) =>
    `/${kind === 'Pod' ? 'api' : kind === 'CronJob' || kind === 'Job' ? 'apis/batch' : 'apis/apps'}/v1/namespaces/${name}/${resource(kind)}/${name}`

  /** Every pod that is there answers; for what runs to its end, the newest run ended well. */
  const serves = async ({ name, port, kind, isIdle = false }: NodeWorkload): Promise<boolean> => {
    if (isIdle) return true
    const pods = await livePods(name)
    if (kind === 'CronJob') {
      const newest = pods.toSorted((a, b) => b.metadata.creationTimestamp!.localeCompare(a.metadata.creationTimestamp!))
      return newest.find(({ status }) => status?.phase !== 'Pending' && status?.phase !== 'Running')?.status?.phase === 'Succeeded'
    }
    const answers = pods.map(({ status }) =>
      fetch(`http://${status?.podIP}:${port}/`, { signal: AbortSignal.timeout(3000) }).then(
        (answer) => answer.ok,
        () => false,
      ),
    )
    return pods.length > 0 && (await Promise.all(answers)).every(Boolean)
  }
  const serving = async (workload: NodeWorkload, seconds: number): Promise<boolean> => {
    for (const end = Date.now() + seconds * 1000; ; await sleep(500)) {
      if (await serves(workload).catch(() => false)) return true
      if (Date.now() > end) return false
    }
  }

  const keepsServing = async (workload: NodeWorkload): Promise<boolean> => {
    if (!(await serving(workload, 10))) return false
    await sleep(2000)
    return serving(workload, 1)
  }

  const tried = async (workload: NodeWorkload, change: string, predicted: Trial['predicted'], args: readonly string[]): Promise<Trial> => {
    const state = await mkdtemp(join(tmpdir(), 'k8s-harden-xdg-'))
    const { exitCode, all: said } = await apply(state, workload.name, ...(workload.flags ?? []), ...args)
    const undone = said?.includes('taking it back') === true
    // What an undo brought back is given time to come up again; a change that was kept must serve at once and go on doing so.
    const works = undone ? await serving(workload, 90) : await keepsServing(workload)
    const isCronKept = workload.kind === 'CronJob' && !undone
    const actual: Actual =
      undone && works && exitCode === 4 ? 'undone' : works && (exitCode === 0 || isCronKept) ? 'kept' : 'broke unnoticed'
    const trial = { workload: workload.name, change, predicted, actual, said: `exit code ${exitCode}\n${said}`, state }
    trials.push(trial)
    if (process.env['K8S_HARDEN_VERBOSE']) console.log(`${trial.workload}, ${change}: ${actual}`)
    return trial
  }
  const namespaceOf = (name: string) =>
    cluster()
      .api.get<{ metadata: { labels: object } }>(`/api/v1/namespaces/${name}`)
      .then(({ metadata }) => metadata.labels)
  const standing = async (workload: NodeWorkload) => {
    const { spec } = await cluster().api.get<{ spec: object }>(url(workload))
    return { spec: workload.kind === 'Pod' ? undefined : spec, labels: await namespaceOf(workload.name) }
  }

  const walk = async (workload: NodeWorkload): Promise<readonly string[]> => {
    const { name, labels = {}, labelsAfter, ownAfter, beside = [] } = workload
    await cluster().api.create('/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } })
    for (const { url: collection, object } of beside) await cluster().api.create(collection, object)
    await cluster().api.create(url(workload).replace(/\/[^/]*$/, ''), objectOf(workload))
    if (!(await serving(workload, 150))) return [`${name} does not work even before`]
    if (workload.isIll === true && workload.isIdle === true) await sleep(70_000)
    if (labelsAfter !== undefined)
      await cluster().api.request('PATCH', `/api/v1/namespaces/${name}`, merge({ metadata: { labels: labelsAfter } }))
    if (ownAfter !== undefined) await cluster().api.request('PATCH', url(workload), merge({ spec: ownAfter }))
    const before = await standing(workload)
    const faults: string[] = []
    const calm = await tried(workload, 'up to restarts-pods', 'keeps', ['--accept-risk', 'restarts-pods', '--practice', 'nodes-and-pods'])
    if (calm.actual !== (workload.calm ?? 'kept')) faults.push(`${name}, ${calm.change}: ${calm.actual}\n${calm.said}`)
    const template = templateOf(await cluster().api.get(url(workload)))!
    const level = strictestLevel({ spec: template.spec, annotations: template.annotations })
    reached.set(name, level)
    if (level !== workload.reaches) faults.push(`${name} reaches ${level}, not ${workload.reaches}`)
    const runs = [calm]
    for (const forced of workload.forced ?? []) {
      const { trial, fault } = await force(workload, forced)
      runs.push(trial)
      if (fault !== undefined) faults.push(fault)
    }
    if (!known.includes(workload)) faults.push(...(await takeBack(workload, runs, before)))
    await cluster().api.request('DELETE', `/api/v1/namespaces/${name}`)
    return faults
  }
  const force = async (workload: NodeWorkload, { control, practice, set = [], breaks }: Forced) => {
    const settings = set.flatMap((one) => ['--set', one])
    const what = control === undefined ? ['--practice', practice!] : ['--control', control]
    const trial = await tried(workload, `${what[1]} forced`, 'may break', ['--accept-risk', 'may-break', ...what, ...settings])
    const wanted = breaks ? 'undone' : 'kept'
    const isOne = control === undefined || /^[12] steps? for/m.test(trial.said)
    const fault =
      trial.actual === wanted && isOne ? undefined : `${workload.name}, ${trial.change}: ${trial.actual}, not ${wanted}\n${trial.said}`
    return { trial, fault }
  }
  /** What was kept is undone by hand, run by run: everything is as it was, and serves. */
  const takeBack = async (workload: NodeWorkload, runs: readonly Trial[], before: object): Promise<readonly string[]> => {
    const faults: string[] = []
    for (const run of runs.toReversed()) {
      if (!run.said.includes('undo with')) continue
      const { exitCode, all: said } = await harden(run.state, 'undo', '--yes')
      if (exitCode !== 0) faults.push(`${workload.name}, undo of ${run.change}: exit code ${exitCode}\n${said}`)
    }
    const now = await standing(workload)
    if (!isDeepStrictEqual(now, before)) faults.push(`${workload.name}: not as before: ${JSON.stringify(before)} ${JSON.stringify(now)}`)
    if (!(await serving(workload, 90))) faults.push(`${workload.name} does not serve after the undo`)
    return faults
  }

  test(`${workloads.length} workloads: what is predicted to keep serving does, and what breaks is taken back`, {
    timeout: 1_800_000,
  }, async () => {
    const [node] = cluster().nodes
    await node!.addImages(Object.values(images))
    await mkdir(node!.path('/var/lib/k8s-harden-test'), { recursive: true })
    await writeFile(node!.path('/var/lib/k8s-harden-test/wanted'), 'here')
    // What is mended once for the whole cluster: ten runs at a time would race for it.
    const guarded = await harden(await mkdtemp(join(tmpdir(), 'k8s-harden-xdg-')), 'apply', '--yes', '--control', 'net-external-ips')
    expect(guarded.exitCode, guarded.all).toBe(0)
    const waiting = workloads.values()
    const faults: string[] = []
    await Promise.all(
      Array.from({ length: AT_ONCE }, async () => {
        for (const workload of waiting)
          faults.push(...(await walk(workload).catch((error: unknown) => [`${workload.name}: ${String(error)}`])))
      }),
    )
    console.log(matrix(trials, reached))
    if (process.env['K8S_HARDEN_VERBOSE']) console.log(faults.join('\n\n'))
    expect(faults).toEqual([])
    const knownToBreak = workloads.filter(({ calm }) => calm !== undefined).map(({ name }) => name)
    expect(
      trials
        .filter(({ predicted, actual }) => predicted === 'keeps' && actual !== 'kept')
        .map(({ workload }) => workload)
        .toSorted(),
    ).toEqual(knownToBreak.toSorted())
    expect(trials.filter(({ predicted, actual }) => predicted === 'may break' && actual === 'broke unnoticed')).toEqual([])
  })
})

function matrix(trials: readonly Trial[], reached: ReadonlyMap<string, string>): string {
  const columns: readonly Actual[] = ['kept', 'undone', 'broke unnoticed']
  const rows = (['keeps', 'may break'] as const).map((predicted) => {
    const counts = columns.map((actual) => trials.filter((trial) => trial.predicted === predicted && trial.actual === actual).length)
    return `predicted ${predicted.padEnd(10)} ${counts.map((count) => String(count).padStart(16)).join('')}`
  })
  const levels = Map.groupBy(reached.values(), (level) => level)
  return [
    `${''.padEnd(20)} ${columns.map((column) => column.padStart(16)).join('')}`,
    ...rows,
    `after what only restarts pods: ${[...levels].map(([level, all]) => `${all.length} ${level}`).join(', ')}`,
  ].join('\n')
}

describe('the matrix', () => {
  test('holds every kind of need, each once by name', () => {
    expect(suite.length).toBeGreaterThanOrEqual(24)
    expect(new Set(all.map(({ name }) => name)).size).toBe(all.length)
    expect(new Set(suite.map(({ kind = 'Deployment' }) => kind)).size).toBeGreaterThanOrEqual(4)
    expect(suite.flatMap(({ forced = [] }) => forced).filter(({ breaks }) => breaks).length).toBeGreaterThan(10)
  })
})
