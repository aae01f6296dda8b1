/** Paths of a node, as hostPath volumes name them. */
import type { VolumeMount } from '../model/index.ts'

/** `/var//lib/../run/` → `/var/run`. Symbolic links are not known from here. */
export function normalise(path: string): string {
  const parts: string[] = []
  for (const part of path.split('/')) {
    if (part === '..') parts.pop()
    else if (part !== '' && part !== '.') parts.push(part)
  }
  return `/${parts.join('/')}`
}

/** Whoever writes anywhere below these, or reads what lies there, has the node or its secrets. */
const SENSITIVE_TREES = [
  '/etc/kubernetes',
  '/root',
  '/var/lib/kubelet',
  '/var/lib/docker',
  '/var/lib/containerd',
  '/var/lib/rancher',
  '/var/lib/etcd',
  '/var/lib/crio',
  '/var/lib/cni',
  '/proc',
  '/sys',
  '/dev',
  '/boot',
  '/run/containerd',
  '/run/crio',
  '/run/docker',
  '/run/docker.sock',
  '/run/cri-dockerd.sock',
  '/run/podman',
  '/run/k3s',
  '/etc/cni',
  '/opt/cni',
  '/usr/bin',
  '/usr/sbin',
  '/usr/local/bin',
  '/bin',
  '/sbin',
  '/etc/cron.d',
  '/etc/systemd',
  '/etc/ssh',
  '/home',
]
/** These themselves, but not all that lies below. */
const SENSITIVE_PLACES = ['/etc', '/var', '/run', '/lib', '/usr']

/** On every node of today /var/run is a link to /run. */
const throughRun = (path: string): string => path.replace(/^\/var\/run(?=\/|$)/, '/run')

/** `path` normalised: it is, or contains, or lies in a part of the node that gives the node away. */
export function isSensitive(given: string): boolean {
  const path = throughRun(given)
  return (
    [...SENSITIVE_TREES, ...SENSITIVE_PLACES].some((tree) => isWithin(tree, path)) || SENSITIVE_TREES.some((tree) => isWithin(path, tree))
  )
}

/** Is `path` the same as `tree` or below it? */
export const isWithin = (path: string, tree: string): boolean => path === tree || tree === '/' || path.startsWith(`${tree}/`)

export const canWriteTo = (mount: VolumeMount): boolean => mount.readOnly !== true

/** A read-only mount keeps nobody from talking to a socket. `type` as the volume says it, which it need not. */
export const isSocket = (path: string, type: string | undefined): boolean => type === 'Socket' || path.endsWith('.sock')

/** Whoever talks to one of these starts containers on the node as the runtime does: with any right, beside the API server. */
const RUNTIME_SOCKETS: readonly (readonly [path: string, runtime: string])[] = [
  ['/run/docker.sock', 'Docker'],
  ['/run/docker/containerd/containerd.sock', 'containerd'],
  ['/run/containerd/containerd.sock', 'containerd'],
  ['/run/k3s/containerd/containerd.sock', 'containerd'],
  ['/run/k0s/containerd.sock', 'containerd'],
  ['/var/snap/microk8s/common/run/containerd.sock', 'containerd'],
  ['/run/crio/crio.sock', 'CRI-O'],
  ['/run/cri-dockerd.sock', 'Docker'],
  ['/run/dockershim.sock', 'Docker'],
  ['/run/podman/podman.sock', 'Podman'],
]
const RUNTIME_NAMES: Readonly<Record<string, string>> = {
  docker: 'Docker',
  dockershim: 'Docker',
  'cri-dockerd': 'Docker',
  containerd: 'containerd',
  crio: 'CRI-O',
  podman: 'Podman',
}
/** Where the kubelet answers and takes in plugins; nothing comes of only reading there. */
const KUBELET_PLUGINS = ['/var/lib/kubelet/device-plugins', '/var/lib/kubelet/pod-resources']

export interface Reach {
  /** `itself`: the path is the socket. `below`: it lies somewhere under the path. */
  readonly how: 'itself' | 'below'
  readonly who: readonly string[]
}
/** Container runtimes whose socket is at a normalised path or below it; undefined for none. */
export function runtimesAt(given: string): Reach | undefined {
  const path = throughRun(given)
  const named = RUNTIME_NAMES[/\/([a-z-]+)\.sock$/.exec(path)?.[1] ?? '']
  if (named !== undefined) return { how: 'itself', who: [named] }
  const below = RUNTIME_SOCKETS.filter(([socket]) => isWithin(socket, path)).map(([, runtime]) => runtime)
  return below.length === 0 ? undefined : { how: 'below', who: [...new Set(below)] }
}

/** A path through which plugins of the kubelet can be put in its place. */
export const holdsKubeletPlugins = (path: string): boolean =>
  KUBELET_PLUGINS.some((directory) => isWithin(directory, path) || isWithin(path, directory))
