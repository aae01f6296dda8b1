/** The user that a container's process starts as, from whoever knows: the specification, the kubelet, the image. */
import type { ContainerSpec, View } from '../model/index.ts'
import { statusOf } from './containers.ts'
import { imageConfigOf, numericUser } from './image-config.ts'
import { runAsNonRoot, runAsUser } from './security-context.ts'
import type { Workload } from './workloads.ts'

export interface KnownUser {
  /** Numeric user id, 0 is root; absent where only `isRoot` is known, or nothing. */
  readonly uid?: number
  /** Its primary group, where the kubelet reports one for every pod. */
  readonly gid?: number
  /** Absent: not known from here. */
  readonly isRoot?: boolean
  /**
   * `spec`: runAsUser (container before pod), or runAsNonRoot, under which the kubelet starts no root. `kubelet`:
   * `status.containerStatuses[].user.linux` of every live pod (KEP-3619). `image`: its configuration. `nobody`: up to the image.
   */
  readonly from: 'spec' | 'kubelet' | 'image' | 'nobody'
  /** The image names its user instead of giving a number: under runAsNonRoot alone the kubelet refuses it. */
  readonly named?: string
}

/** New pods start as the specification says; what live pods run as counts where it says nothing. */
export function knownUser(workload: Workload, container: ContainerSpec, view: View<'ImageConfigs'>): KnownUser {
  const declared = runAsUser(workload.spec, container).value
  if (declared !== undefined) return { uid: declared, isRoot: declared === 0, from: 'spec' }
  const pods = workload.pods.length === 0 && workload.over !== undefined ? [workload.over] : workload.pods
  const reported = pods.map((pod) => statusOf(pod, container.name)?.user?.linux)
  const [first] = reported
  if (reported.some((user) => user?.uid === 0)) return { uid: 0, isRoot: true, from: 'kubelet' }
  if (first?.uid !== undefined && reported.every((user) => user?.uid !== undefined)) {
    const gid = reported.every((user) => user?.gid === first.gid) ? first.gid : undefined
    return { uid: first.uid, ...(gid !== undefined && { gid }), isRoot: false, from: 'kubelet' }
  }
  if (runAsNonRoot(workload.spec, container).value === true) return { isRoot: false, from: 'spec' }
  return ofImage(view, container) ?? { from: 'nobody' }
}

function ofImage(view: View<'ImageConfigs'>, { image }: ContainerSpec): KnownUser | undefined {
  const config = imageConfigOf(view, image ?? '')
  const user = numericUser(config)
  if (user === undefined) return undefined
  if (user === 'root') return { uid: 0, isRoot: true, from: 'image' }
  return user === 'named' ? { from: 'image', named: config?.user ?? '' } : { ...user, isRoot: false, from: 'image' }
}
