/** Pods that open a file of their node, and whether they still could with other rights on it. */
import type { FileRights, PodObject, Readable, View } from '../model/index.ts'
import { isWithin, normalise } from './host-paths.ts'
import { runAsGroup, runAsNonRoot, runAsUser } from './security-context.ts'

export interface FileReader {
  /** `kube-system/etcd-cp-1` */
  readonly pod: string
  /** Undefined: up to its image, which runs as somebody other than root for all that is known. */
  readonly uid: number | undefined
  readonly gids: readonly number[]
}

/** Of the pods on that node; those that certainly run as root are left out, since root reads everything. */
export function readersOf(node: string, path: string, view: View<Readable>): readonly FileReader[] {
  return view
    .all('Pod')
    .filter(({ spec, status }) => spec.nodeName === node && status?.phase !== 'Succeeded' && status?.phase !== 'Failed')
    .flatMap((pod) => readersIn(pod, path))
}

function readersIn({ metadata, spec }: PodObject, path: string): FileReader[] {
  const volumes = new Set(
    (spec.volumes ?? [])
      .filter(({ hostPath }) => hostPath != null && (isWithin(path, normalise(hostPath.path)) || isWithin(normalise(hostPath.path), path)))
      .map(({ name }) => name),
  )
  // The images of a static pod's components run as root unless the manifest says otherwise.
  const isStatic = metadata.annotations?.['kubernetes.io/config.mirror'] !== undefined
  return [...(spec.initContainers ?? []), ...spec.containers]
    .filter(({ volumeMounts = [] }) => volumeMounts.some(({ name }) => volumes.has(name)))
    .flatMap((container) => {
      const said = runAsUser(spec, container).value
      const uid = said ?? (isStatic && runAsNonRoot(spec, container).value !== true ? 0 : undefined)
      if (uid === 0) return []
      const group = runAsGroup(spec, container).value
      const gids = [...(group === undefined ? [] : [group]), ...(spec.securityContext?.supplementalGroups ?? [])]
      return [{ pod: `${metadata.namespace}/${metadata.name}`, uid, gids }]
    })
}

/** As the kernel has it: one class of bits counts, the owner's before the group's before that of all others. Into a directory leads `x`. */
export function mayOpen({ mode, uid, gid }: FileRights, reader: FileReader, is: 'file' | 'directory'): boolean {
  const bits = reader.uid === uid ? mode >> 6 : reader.gids.includes(gid) ? mode >> 3 : mode
  return (bits & (is === 'file' ? 0o4 : 0o1)) !== 0
}
