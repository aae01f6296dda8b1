import { collectLogs } from '../../../remediations/log-collector.ts'
import { control } from '../../model/define.ts'
import type { ControllerObject, NodeObject, Observation, Remark } from '../../model/index.ts'
import { isVirtualNode, logCollector, reachesEveryNode } from '../../objects/log-collector.ts'
import { refOf, WHOLE_CLUSTER } from '../../objects/ref.ts'
import { whyNotOn } from '../../objects/scheduling.ts'

export default control({
  title: 'Logs of containers and nodes must be collected from every node',
  severity: 'medium',
  why: "The kubelet keeps a few megabytes of a container's log and drops them with the pod. Without a collector on its node, an intruder only has to delete the pod to be forgotten.",
  references: [
    { standard: 'NSA', section: 'L' },
    { standard: 'OWASP', section: '2022/K05' },
    { standard: 'OWASP', section: '2025/K10' },
  ],
  reads: ['DaemonSet'],
  consults: ['Node', 'ConfigMap'],
  *evaluate(view) {
    const sets = view.all('DaemonSet').flatMap((set) => {
      const by = logCollector(set)
      return by === undefined ? [] : [{ set, by }]
    })
    const virtual = view.all('Node').filter(isVirtualNode)
    const router = view.find('ConfigMap', 'aws-observability', 'aws-logging') !== undefined
    if (sets.length === 0) {
      const playedOnly = view.all('Node').length > 0 && virtual.length === view.all('Node').length
      if (!(playedOnly && router)) yield absent(view.unread('ConfigMap') === undefined)
      return
    }
    for (const { set } of sets) yield* judgeReady(set)
    yield { note: `collected by ${[...new Set(sets.map(({ by }) => by))].join(', ')}` }
    const unread = view.unread('Node')
    if (unread !== undefined) {
      if (!sets.some(({ set }) => reachesEveryNode(set.spec!.template!.spec!)))
        yield { unknown: `which nodes it runs on: ${unread.because}`, answer: unread.answer }
      return
    }
    yield* judgeCoverage(
      view.all('Node').filter((node) => !isVirtualNode(node)),
      sets.map(({ set }) => set),
    )
    if (virtual.length > 0 && !router)
      yield {
        subject: refOf(virtual[0]!),
        verdict: 'review',
        origin: 'workload',
        reason: 'runs pods whose logs no DaemonSet sees',
        detail: `${virtual.length} virtual nodes, and no ConfigMap aws-observability/aws-logging`,
        evidence: { nodes: virtual.length },
        key: 'virtual',
      }
  },
  remedy: collectLogs,
  verify: 'A marker line written by a pod on each node arrives in the store.',
})

const absent = (sawConfigMaps: boolean): Observation => ({
  subject: WHOLE_CLUSTER,
  verdict: 'review',
  reason: 'has no log collector among its DaemonSets',
  detail: `an agent of the node itself or a sidecar would not be seen${sawConfigMaps ? '' : '; ConfigMaps could not be read'}`,
  evidence: null,
  key: 'absent',
})

function* judgeReady(set: ControllerObject): Iterable<Observation> {
  const { desiredNumberScheduled: desired, numberReady: ready = 0 } = (set.status ?? {}) as {
    readonly desiredNumberScheduled?: number
    readonly numberReady?: number
  }
  if (desired === undefined || ready >= desired) return
  yield {
    subject: refOf(set),
    at: ['status', 'numberReady'],
    origin: 'workload',
    reason: 'is not ready on every node it belongs on',
    detail: `${ready} of ${desired} ready`,
    evidence: { desired, ready },
    key: 'ready',
  }
}

/** Nodes where no collector at all runs; said of the collector that reaches most. */
function* judgeCoverage(nodes: readonly NodeObject[], sets: readonly ControllerObject[]): Iterable<Observation | Remark> {
  const reasons = (node: NodeObject) => sets.map((set) => whyNotOn(node, set.spec!.template!.spec!))
  const bare = nodes.filter((node) => reasons(node).every((reason) => reason !== undefined))
  yield { note: `${nodes.length - bare.length} of ${nodes.length} nodes have a collector` }
  if (bare.length === 0) return
  const reach = (set: ControllerObject): number => nodes.filter((node) => whyNotOn(node, set.spec!.template!.spec!) === undefined).length
  const widest = sets.toSorted((a, b) => reach(b) - reach(a) || a.metadata.name.localeCompare(b.metadata.name))[0]!
  const names = bare.map((node) => `${node.metadata.name} (${whyNotOn(node, widest.spec!.template!.spec!)})`).sort()
  yield {
    subject: refOf(widest),
    at: ['spec', 'template', 'spec'],
    origin: 'workload',
    reason: 'does not run on every node',
    evidence: { nodes: names.slice(0, 50) },
    key: 'coverage',
    detail: `${names.slice(0, 3).join(', ')}${names.length > 3 ? ` and ${names.length - 3} more` : ''}`,
  }
}
