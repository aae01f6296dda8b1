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

/** `path` normalised: it is, or contains, or lies in a part of the node that gives the node away. */
export function isSensitive(given: string): boolean {
  // On every node of today /var/run is a link to /run.
  const path = given.replace(/^\/var\/run(?=\/|$)/, '/run')
  return (
    [...SENSITIVE_TREES, ...SENSITIVE_PLACES].some((tree) => isWithin(tree, path)) || SENSITIVE_TREES.some((tree) => isWithin(path, tree))
  )
}

/** Is `path` the same as `tree` or below it? */
export const isWithin = (path: string, tree: string): boolean => path === tree || tree === '/' || path.startsWith(`${tree}/`)

export const canWriteTo = (mount: VolumeMount): boolean => mount.readOnly !== true

/** A read-only mount keeps nobody from talking to a socket. `type` as the volume says it, which it need not. */
export const isSocket = (path: string, type: string | undefined): boolean => type === 'Socket' || path.endsWith('.sock')
