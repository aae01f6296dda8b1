/** PersistentVolumes that lie on a node, and the claims through which pods get at them. */
import type { PersistentVolumeClaimObject, PersistentVolumeObject, View } from '../model/index.ts'
import { normalise } from './host-paths.ts'
import { keyOf } from './ref.ts'
import { matchesSelector } from './selectors.ts'

export interface NodeVolume {
  readonly volume: PersistentVolumeObject
  readonly type: 'hostPath' | 'local'
  /** Normalised. */
  readonly path: string
  /** `namespace/name`; absent where nobody claims it yet. */
  readonly claim?: string
  /** The driver that made it for its claim, on a path of its own choice: `rancher.io/local-path`. Absent where a person named the path. */
  readonly provisioner?: string
}

export function* volumesOnNodes(view: View<'PersistentVolume' | 'PersistentVolumeClaim'>): Iterable<NodeVolume> {
  for (const volume of view.all('PersistentVolume')) {
    const { hostPath, local } = volume.spec ?? {}
    const source = hostPath ?? local
    if (source == null) continue
    const claim = claimOf(volume, view)
    const provisioner = volume.metadata.annotations?.['pv.kubernetes.io/provisioned-by']
    yield {
      volume,
      type: hostPath == null ? 'local' : 'hostPath',
      path: normalise(String(source.path ?? '')),
      ...(claim !== undefined && { claim }),
      ...(provisioner !== undefined && { provisioner }),
    }
  }
}

/** As the volume says itself once it is bound; before that, as in files, the claim that names it or that it would be bound to. */
function claimOf(volume: PersistentVolumeObject, view: View<'PersistentVolumeClaim'>): string | undefined {
  const { claimRef } = volume.spec ?? {}
  if (claimRef?.name !== undefined) return keyOf(claimRef.namespace ?? 'default', claimRef.name)
  const claims = view.all('PersistentVolumeClaim')
  const found = claims.find(({ spec }) => spec?.volumeName === volume.metadata.name) ?? claims.find((claim) => fits(claim, volume))
  return found === undefined ? undefined : keyOf(found.metadata.namespace, found.metadata.name)
}

/** The binder's rules but for sizes: storage class, access modes, selector (k8s.io/kubernetes pkg/controller/volume/persistentvolume). */
function fits({ spec: asked = {} }: PersistentVolumeClaimObject, { spec: given = {}, metadata }: PersistentVolumeObject): boolean {
  return (
    !asked.volumeName &&
    (asked.storageClassName ?? '') === (given.storageClassName ?? '') &&
    (asked.accessModes ?? []).every((mode) => given.accessModes?.includes(mode)) &&
    (asked.selector == null || matchesSelector(asked.selector, metadata.labels))
  )
}
