/** What is seen of the nodes' files, looked up by controls and remedies. Nothing is known of a node that no `--host` names. */
import type { ControlPlaneComponent, HostFileSeen, HostSeen, KubeObject, PodObject, RancherSeen, View } from '../model/index.ts'
import { derived } from './derived.ts'
import { parsed } from './flag-kubeadm.ts'
import { commandLineOf, staticPods } from './flag-parse.ts'
import { positionOf } from './ref.ts'

export type HostsView = View<'Hosts'>

const byNode = (view: HostsView): ReadonlyMap<string, HostSeen> => derived(view, index)
const index = (view: HostsView): ReadonlyMap<string, HostSeen> =>
  new Map((view.fact('Hosts')?.hosts ?? []).map((host) => [host.node, host]))

/** Undefined where no `--host` names the node. It may have been refused: see its `refused`. */
export const hostOf = (view: HostsView, node: string): HostSeen | undefined => byNode(view).get(node)

/** The manifest of a component's static pod, with its text. */
export function staticPodFile(
  view: HostsView,
  node: string,
  component: ControlPlaneComponent,
): (HostFileSeen & { readonly text: string }) | undefined {
  return hostOf(view, node)?.files.find(
    (file): file is HostFileSeen & { readonly text: string } =>
      file.role === 'static-pod' && file.text !== undefined && runs(parsed(file.text), component),
  )
}
const runs = (pod: Readonly<Record<string, unknown>> | undefined, component: ControlPlaneComponent): boolean =>
  ((pod as unknown as PodObject | undefined)?.spec?.containers ?? []).some((container) => commandLineOf(container, component) !== undefined)

/** How k3s or RKE2 is told to start on the nodes that could be read and run a control plane. */
export const rancherServers = (view: HostsView): readonly RancherSeen[] =>
  [...byNode(view).values()].flatMap(({ rancher }) => (rancher?.server === true ? [rancher] : []))

export interface ReachableApiServers {
  /** Nodes that run an API server as a static pod, sorted. */
  readonly nodes: readonly string[]
  /** Those of them whose manifest cannot be read, each with the reason as a clause. */
  readonly missing: readonly { readonly node: string; readonly because: string }[]
  /** There is one, all are known, and all can be read: only then may something be done that must happen on every one. */
  readonly all: boolean
}

/** Of the mirror pods of kube-apiserver, which stand on nodes whose files are reached. */
export const reachableApiServers = (view: View<'Hosts' | 'Pod'>): ReachableApiServers => derived(view, reachable)

function reachable(view: View<'Hosts' | 'Pod'>): ReachableApiServers {
  const pods = staticPods(view).filter((pod) =>
    (pod.spec?.containers ?? []).some((one) => commandLineOf(one, 'kube-apiserver') !== undefined),
  )
  const nodes = [...new Set(pods.flatMap((pod) => pod.spec.nodeName ?? []))].sort()
  const missing = nodes.flatMap((node) => {
    const because = whyNot(view, node)
    return because === undefined ? [] : [{ node, because }]
  })
  const all = view.source.kind === 'live' && view.unread('Pod') === undefined && nodes.length > 0 && missing.length === 0
  return { nodes, missing, all }
}

function whyNot(view: HostsView, node: string): string | undefined {
  const host = hostOf(view, node)
  if (host === undefined) return `no --host says how node ${node} is reached`
  if (host.refused !== undefined) return `node ${node} cannot be read: ${host.refused}`
  return staticPodFile(view, node, 'kube-apiserver') === undefined ? `no manifest of an API server was found on node ${node}` : undefined
}

/** Where an object that was read from a node stands: `{ node: 'cp-1', path: '/etc/kubernetes/enc.yaml' }`. */
export function nodePathOf(object: KubeObject): { readonly node: string; readonly path: string } | undefined {
  const [, node, path] = /^([^/:]+):(\/.+)$/.exec(positionOf(object)?.file ?? '') ?? []
  return node === undefined || path === undefined ? undefined : { node, path }
}
