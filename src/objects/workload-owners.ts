/** Who owns whom among workloads: controlling owner references, followed upwards. */
import type { KubeObject, OwnerReference, View } from '../model/index.ts'
import { lasting } from './derived.ts'

export const CONTROLLERS = ['Deployment', 'StatefulSet', 'DaemonSet', 'ReplicationController', 'CronJob', 'ReplicaSet', 'Job'] as const
const READ: ReadonlySet<string> = new Set(CONTROLLERS)
type OwnerView = View<(typeof CONTROLLERS)[number]>

/** What heads a chain of owners: an object that was read, or only a reference to one that was not. */
export interface Top {
  readonly object?: KubeObject
  readonly owner?: OwnerReference
}
/** The controlling owner; that of a static pod is its Node, which is none. */
export const controllerOf = ({ metadata }: KubeObject): OwnerReference | undefined => {
  const owner = metadata.ownerReferences?.find((one) => one.controller === true)
  return owner?.kind === 'Node' ? undefined : owner
}

type FindOwner = (owner: OwnerReference, namespace: string | undefined) => KubeObject | undefined

/** Finds the object that an owner reference means. */
export function ownersOf(view: OwnerView): FindOwner {
  const byUid = controllersByUid(view)
  return (owner, namespace) => {
    const found = byUid.get(owner.uid)
    if (found !== undefined) return found.kind === owner.kind ? found : undefined
    // In files there are no uids; on a cluster another uid is another object: the owner itself is gone.
    if (owner.uid !== undefined || !READ.has(owner.kind) || !/^(apps\/|batch\/|v1$)/.test(owner.apiVersion)) return undefined
    return view.find(owner.kind as (typeof CONTROLLERS)[number], namespace, owner.name)
  }
}

const controllersByUid: (view: OwnerView) => ReadonlyMap<string, KubeObject> = lasting(CONTROLLERS, (view) => {
  const byUid = new Map<string, KubeObject>()
  for (const kind of CONTROLLERS)
    for (const object of view.all(kind)) if (object.metadata.uid !== undefined) byUid.set(object.metadata.uid, object)
  return byUid
})

/** Heads that were found, good for as long as no controller changes. */
const tops: (view: OwnerView) => Map<KubeObject, Top> = lasting(CONTROLLERS, () => new Map())

/**
 * Follows controlling owners upwards. A Deployment, StatefulSet, DaemonSet or CronJob that a custom resource owns stays the
 * workload (one resource may own several of them; `managedBy` then says operator); a ReplicaSet or Job gives way to its owner.
 */
export function topFinder(view: OwnerView, find: FindOwner): (object: KubeObject) => Top {
  const known = tops(view)
  const climb = (object: KubeObject, depth: number): Top => {
    const cached = known.get(object)
    if (cached !== undefined) return cached
    const owner = controllerOf(object)
    let top: Top = { object }
    if (owner !== undefined && depth < 8) {
      const parent = find(owner, object.metadata.namespace)
      if (parent !== undefined) top = climb(parent, depth + 1)
      else if (object.kind === 'ReplicaSet' || object.kind === 'Job') top = { owner }
    }
    known.set(object, top)
    return top
  }
  return (object) => climb(object, 0)
}
