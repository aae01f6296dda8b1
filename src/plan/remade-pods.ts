/** Pods as they will be once controllers have made them anew from a changed template: what policies look at of them. */
import type { Change, Edit, Json, PodObject, Snapshot } from '../model/index.ts'
import { refOf } from '../objects/ref.ts'
import { type Template, templateOf, workloads } from '../objects/workloads.ts'
import { applyChanges } from './in-memory.ts'
import { objectAt } from './objects-by-ref.ts'

/** `then`, in which the live pods of each workload whose template differs from that of `now` have its labels, network and ports. */
export function withRemadePods(now: Snapshot, then: Snapshot): Snapshot {
  const changes = workloads(then).flatMap(({ object, pods }): readonly Change[] => {
    if (object === undefined || object.kind === 'Pod' || pods.length === 0) return []
    const old = objectAt(now, refOf(object))
    if (old === undefined || old === object) return []
    const [before, after] = [templateOf(old), templateOf(object)]
    if (before === undefined || after === undefined) return []
    return pods.flatMap((pod): readonly Change[] => {
      const edits = editsOf(pod, before, after)
      return edits.length === 0 ? [] : [{ type: 'edit', target: refOf(pod), edits }]
    })
  })
  return changes.length === 0 ? then : applyChanges(then, changes)
}

function editsOf({ metadata, status }: PodObject, before: Template, after: Template): readonly Edit[] {
  const edits: Edit[] = []
  const same = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b)
  if (!same(before.labels, after.labels)) {
    // What is not of the template (pod-template-hash, the name in a StatefulSet) is given to the new pods as well.
    const kept = Object.entries(metadata.labels ?? {}).filter(([key]) => !Object.hasOwn(before.labels, key))
    edits.push({ set: ['metadata', 'labels'], to: { ...Object.fromEntries(kept), ...after.labels } })
  }
  if ((before.spec.hostNetwork ?? false) !== (after.spec.hostNetwork ?? false)) {
    edits.push({ set: ['spec', 'hostNetwork'], to: after.spec.hostNetwork ?? false })
    // It will have another address, and nobody knows which.
    if (status !== undefined) edits.push({ set: ['status'], to: { ...status, podIP: undefined, podIPs: [] } as unknown as Json })
  }
  for (const list of ['containers', 'initContainers'] as const)
    if (after.spec[list] !== undefined && !same(portsOf(before.spec[list]), portsOf(after.spec[list])))
      edits.push({ set: ['spec', list], to: after.spec[list] as unknown as Json })
  return edits
}
const portsOf = (list: readonly { readonly ports?: unknown }[] | undefined) => list?.map(({ ports }) => ports ?? [])
