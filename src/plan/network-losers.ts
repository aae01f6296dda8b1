/** Whose ways policies cut: pods, also of other namespaces, that reach less or are reached by less. */
import type { KubeObject, PodObject, Snapshot, Step } from '../model/index.ts'
import type { PodEnd } from '../objects/network-ends.ts'
import { difference, isNone } from '../objects/network-ports.ts'
import { type Reach, reach } from '../objects/network-reach.ts'
import { applyPlan } from './in-memory.ts'
import { uidOf } from './pod-health.ts'

/**
 * True of pods that lose a way to or from the namespace by the steps. `elsewhere`: pods that the snapshot does not hold because it was
 * narrowed to some namespaces; what policies theirs have is not known, and taken to be none.
 */
export function losersOf(
  before: Snapshot,
  steps: readonly Step[],
  namespace: string,
  elsewhere: readonly PodObject[],
): (pod: PodObject) => boolean {
  const all = elsewhere.length === 0 ? before : applyPlan(before, [adding(elsewhere)])
  let then: Reach
  try {
    then = reach(applyPlan(all, steps))
  } catch {
    // What it changes is not what was planned any more: then only the namespace itself is held against it.
    return () => false
  }
  const now = reach(all)
  const after = new Map(then.ends.map((end) => [keyOf(end), end]))
  const inside = [...new Map(now.ends.filter((end) => end.namespace.name === namespace).map((end) => [classOf(end), end])).values()]
  const known = new Map<string, boolean>()
  const loses = (from: PodEnd, to: PodEnd): boolean => {
    const [later, target] = [after.get(keyOf(from)), after.get(keyOf(to))]
    if (later === undefined || target === undefined) return false
    return !isNone(difference(now.connection(from, to).perhaps, then.connection(later, target).ports))
  }
  const byPod = new Map(now.ends.map((end) => [end.pod === undefined ? '' : uidOf(end.pod), end]))
  return (pod) => {
    const end = byPod.get(uidOf(pod))
    if (end === undefined) return false
    const kind = classOf(end)
    let is = known.get(kind)
    if (is === undefined) known.set(kind, (is = inside.some((one) => loses(end, one) || loses(one, end))))
    return is
  }
}
const keyOf = ({ pod, workload: { ref } }: PodEnd): string => (pod === undefined ? `${ref.kind}/${ref.namespace}/${ref.name}` : uidOf(pod))
/** Those that policies cannot tell apart, addresses aside. */
const classOf = ({ namespace, labels, hostNetwork, node }: PodEnd): string =>
  `${namespace.name} ${JSON.stringify(labels)} ${hostNetwork ? node : ''}`

const adding = (pods: readonly PodObject[]): Step =>
  ({
    changes: pods.map((pod) => ({ type: 'create', object: { ...pod, apiVersion: 'v1', kind: 'Pod' } satisfies KubeObject })),
  }) as unknown as Step
