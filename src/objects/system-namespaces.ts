/** Namespaces where writing leads to a node or to the whole cluster: the platform's own, and those that run privileged workloads. */
import type { PodSpec, View } from '../model/index.ts'
import { derived, remembered } from './derived.ts'
import { type WorkloadKind, workloads } from './workloads.ts'

/** By name; what makes each one: `Kubernetes itself`, or the first privileged workload, `DaemonSet agents/agent`. */
export const systemNamespaces = (view: View<WorkloadKind>): ReadonlyMap<string, string> => derived(view, find)

export const KUBE_SYSTEM = 'kube-system'

function find(view: View<WorkloadKind>): ReadonlyMap<string, string> {
  const found = new Map([[KUBE_SYSTEM, 'Kubernetes itself']])
  const privileged = workloads(view).filter(({ spec }) => ownsItsNode(spec))
  for (const { namespace, ref } of privileged.toSorted((a, b) => (`${a.ref.kind}${a.ref.name}` < `${b.ref.kind}${b.ref.name}` ? -1 : 1)))
    if (!found.has(namespace)) found.set(namespace, `${ref.kind} ${ref.name}`)
  return found
}

/** Privileged, in the process namespace of the node, or with its whole file system. */
const ownsItsNode = remembered(
  (spec: PodSpec): boolean =>
    spec.hostPID === true ||
    (spec.volumes ?? []).some((volume) => volume?.hostPath?.path === '/') ||
    [...(spec.containers ?? []), ...(spec.initContainers ?? [])].some(({ securityContext }) => securityContext?.privileged === true),
)
