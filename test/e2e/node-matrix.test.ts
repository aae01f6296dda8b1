import { mkdir, mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { execa } from 'execa'
import { describe, expect, test, vi } from 'vitest'
import type { PodObject } from '../../src/model/index.ts'
import { strictestLevel } from '../../src/objects/pod-security.ts'
import { templateOf } from '../../src/objects/workloads.ts'
import { images } from '../cluster/nodes/images.ts'
import { describeNode } from '../cluster/with-cluster.ts'
import { type Forced, type NodeWorkload, objectOf, workloads } from './node-workloads.ts'

vi.setConfig({ hookTimeout: 120_000 })
const MAIN = join(import.meta.dirname, '../../src/cli/main.ts')
const AT_ONCE = 6

type Actual = 'kept' | 'undone' | 'broke unnoticed'
interface Trial {
  readonly workload: string
  readonly change: string
  readonly predicted: 'keeps' | 'may break'
  readonly actual: Actual
  readonly said: string
}

describeNode('what is predicted of a change, and what comes of it on a real node', {}, (cluster) => {
  const trials: Trial[] = []
  const reached = new Map<string, string>()

  const apply = async (namespace: string, ...args: string[]) => {
    const env = { KUBECONFIG: cluster().kubeconfig, NO_COLOR: '1', XDG_STATE_HOME: await mkdtemp(join(tmpdir(), 'k8s-harden-xdg-')) }
    const common = ['apply', '--yes', '-n', namespace, '--steady', '6', '--timeout', '100']
    return execa(process.execPath, [MAIN, ...common, ...args], { env, stdin: 'ignore', reject: false, all: true })
  }
  const livePods = async (namespace: string) =>
    (await cluster().api.get<{ items: PodObject[] }>(`/api/v1/namespaces/${namespace}/pods`)).items.filter(
      ({ metadata }) => metadata.deletionTimestamp === undefined,
    )
  const resource = (kind: NodeWorkload['kind']) =>
    ({ Deployment: 'deployments', StatefulSet: 'statefulsets', DaemonSet: 'daemonsets', CronJob: 'cronjobs' })[kind ?? 'Deployment']
  const url = ({ name, kind }: NodeWorkload) =>
    `/apis/${kind === 'CronJob' ? 'batch' : 'apps'}/v1/namespaces/${name}/${resource(kind)}/${name}`

  /** Every pod that is there answers; for what runs to its end, the newest run ended well. */
  const serves = async ({ name, port, kind }: NodeWorkload): Promise<boolean> => {
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
    const { exitCode, all } = await apply(workload.name, ...args)
    const undone = all?.includes('taking it back') === true
    // What an undo brought back is given time to come up again; a change that was kept must serve at once and go on doing so.
    const works = undone ? await serving(workload, 90) : await keepsServing(workload)
    const isCronKept = workload.kind === 'CronJob' && !undone
    const actual: Actual = undone && works ? 'undone' : works && (exitCode === 0 || isCronKept) ? 'kept' : 'broke unnoticed'
    const trial = { workload: workload.name, change, predicted, actual, said: all ?? '' }
    trials.push(trial)
    if (process.env['K8S_HARDEN_VERBOSE']) console.log(`${trial.workload}, ${change}: ${actual}`)
    return trial
  }

  const walk = async (workload: NodeWorkload): Promise<readonly string[]> => {
    const { name } = workload
    await cluster().api.create('/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name } })
    await cluster().api.create(url(workload).replace(/\/[^/]*$/, ''), objectOf(workload))
    if (!(await serving(workload, 150))) return [`${name} does not work even before`]
    const calm = await tried(workload, 'up to restarts-pods', 'keeps', ['--accept-risk', 'restarts-pods', '--practice', 'nodes-and-pods'])
    const faults = calm.actual === 'kept' ? [] : [`${name}, ${calm.change}: ${calm.actual}\n${calm.said}`]
    const template = templateOf(await cluster().api.get(url(workload)))!
    reached.set(name, strictestLevel({ spec: template.spec, annotations: template.annotations }))
    for (const forced of workload.forced ?? []) faults.push(...(await force(workload, forced)))
    await cluster().api.request('DELETE', `/api/v1/namespaces/${name}`)
    return faults
  }
  const force = async (workload: NodeWorkload, { control, set = [], breaks }: Forced): Promise<string[]> => {
    const settings = set.flatMap((one) => ['--set', one])
    const trial = await tried(workload, `${control} forced`, 'may break', ['--accept-risk', 'may-break', '--control', control, ...settings])
    const wanted = breaks ? 'undone' : 'kept'
    return trial.actual === wanted && /^1 step for/m.test(trial.said)
      ? []
      : [`${workload.name}, ${trial.change}: ${trial.actual}, not ${wanted}\n${trial.said}`]
  }

  test(`${workloads.length} workloads: what is predicted to keep serving does, and what breaks is taken back`, {
    timeout: 1_800_000,
  }, async () => {
    const [node] = cluster().nodes
    await node!.addImages(Object.values(images))
    await mkdir(node!.path('/var/lib/k8s-harden-test'), { recursive: true })
    await writeFile(node!.path('/var/lib/k8s-harden-test/wanted'), 'here')
    const waiting = workloads.values()
    const faults: string[] = []
    await Promise.all(
      Array.from({ length: AT_ONCE }, async () => {
        for (const workload of waiting) faults.push(...(await walk(workload)))
      }),
    )
    console.log(matrix(trials, reached))
    expect(faults).toEqual([])
    expect(trials.filter((trial) => trial.predicted === 'keeps' && trial.actual !== 'kept')).toEqual([])
    expect(trials.filter((trial) => trial.actual === 'broke unnoticed')).toEqual([])
    expect(Object.fromEntries(reached)).toEqual(Object.fromEntries(workloads.map(({ name, reaches }) => [name, reaches])))
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
    expect(workloads.length).toBeGreaterThanOrEqual(24)
    expect(new Set(workloads.map(({ name }) => name)).size).toBe(workloads.length)
    expect(new Set(workloads.map(({ kind = 'Deployment' }) => kind)).size).toBe(4)
    expect(workloads.flatMap(({ forced = [] }) => forced).filter(({ breaks }) => breaks).length).toBeGreaterThan(10)
  })
})
