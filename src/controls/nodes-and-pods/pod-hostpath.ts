import { type HostPathEvidence, hostPathRemedy } from '../../../remediations/host-path.ts'
import { control } from '../../model/define.ts'
import type { Observation, Severity } from '../../model/index.ts'
import { canWriteTo, isSensitive, isSocket, normalise } from '../../objects/host-paths.ts'
import { isSystemNamespace } from '../../objects/ownership.ts'
import { perPodSpec } from '../../objects/per-workload.ts'
import { type NodeVolume, volumesOnNodes } from '../../objects/persistent-volumes.ts'
import { refOf } from '../../objects/ref.ts'
import { eachVolume } from '../../objects/volumes.ts'
import { WORKLOAD_KINDS } from '../../objects/workloads.ts'

export default control({
  title: 'Pods must not mount paths of their node',
  severity: 'high',
  why: 'A hostPath volume reaches out of the container into the file system of the node: written to, it is a way to run code there; read, it gives away credentials and the data of other pods.',
  references: [
    { standard: 'PSS', section: 'baseline/hostPathVolumes' },
    { standard: 'CIS', section: '5.2.11' },
    { standard: 'NSA', section: 'P' },
    { standard: 'OWASP', section: '2025/K01' },
    { standard: 'KS', section: 'C-0045' },
    { standard: 'KS', section: 'C-0048' },
    { standard: 'KS', section: 'C-0203' },
  ],
  reads: [],
  consults: [...WORKLOAD_KINDS, 'PersistentVolume', 'PersistentVolumeClaim'],
  *evaluate(view) {
    const volumes = [...volumesOnNodes(view)]
    // A bound volume says itself who claims it.
    const asked = volumes.some(({ claim }) => claim === undefined)
      ? (['PersistentVolume', 'PersistentVolumeClaim'] as const)
      : (['PersistentVolume'] as const)
    for (const unread of asked.map((kind) => view.unread(kind)))
      if (unread !== undefined) yield { unknown: unread.because, answer: unread.answer }
    for (const volume of volumes) yield ofVolume(volume)
    yield* evaluateSpecs(view)
  },
  remedy: hostPathRemedy(),
  verify: 'List what the new container finds at the mount: it must not be what lies at that path of the node.',
})

const evaluateSpecs = perPodSpec<HostPathEvidence>(function* (spec) {
  for (const { volume, at, mounts } of eachVolume(spec)) {
    if (volume.hostPath == null) continue
    const path = normalise(String(volume.hostPath.path ?? ''))
    const writable = mounts.some(canWriteTo)
    const how = mounts.length === 0 ? 'declared but not mounted' : writable ? 'writable' : 'read-only'
    const socket = mounts.length > 0 && isSocket(path, volume.hostPath.type)
    yield {
      at: [...at, 'hostPath'],
      reason: socket ? 'mounts a socket of its node and can talk to it' : reasonFor(path, writable),
      detail: `${path}, ${how}`,
      severity: severityOf(path, writable || socket, mounts.length > 0),
      evidence: { volume: volume.name, path, access: how },
    }
  }
})

const reasonFor = (path: string, writable: boolean): string =>
  isSensitive(path) && writable ? 'mounts a sensitive path of its node and may write to it' : 'mounts a path of its node'

function severityOf(path: string, writable: boolean, mounted: boolean): Severity {
  if (isSensitive(path)) return writable ? 'critical' : 'high'
  return writable || !mounted ? 'high' : 'medium'
}

/**
 * A PersistentVolume on a path that somebody named is a hostPath that Pod Security does not see. Where a driver chose the path, or it is a
 * `local` disk, pods get that one directory, as they would of any storage: worth a look, no more.
 */
function ofVolume({ volume, type, path, claim, provisioner }: NodeVolume): Observation<HostPathEvidence> {
  const sensitive = isSensitive(path)
  const ordinary = !sensitive && (type === 'local' || provisioner !== undefined)
  const by = provisioner === undefined ? '' : `, made by ${provisioner}`
  return {
    subject: refOf(volume),
    at: ['spec', type],
    reason: ordinary ? 'keeps data on the disk of one node' : `gives its claim a ${sensitive ? 'sensitive ' : ''}path of a node`,
    detail: `${type} ${path}, ${claim === undefined ? 'not claimed yet' : `claimed by ${claim}`}${by}`,
    severity: ordinary || (claim === undefined && !sensitive) ? 'low' : sensitive ? 'high' : 'medium',
    ...(ordinary && { verdict: 'review' as const }),
    ...(isSystemNamespace(claim?.split('/', 1)[0]) && { origin: 'system' as const }),
    evidence: { volume: volume.metadata.name, path, access: claim ?? 'not claimed', ordinary },
  }
}
