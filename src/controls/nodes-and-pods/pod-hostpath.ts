import { hostPathRemedy } from '../../../remediations/host-path.ts'
import { control } from '../../model/define.ts'
import type { Severity } from '../../model/index.ts'
import { canWriteTo, isSensitive, isSocket, normalise } from '../../objects/host-paths.ts'
import { perPodSpec } from '../../objects/per-workload.ts'
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
  consults: WORKLOAD_KINDS,
  evaluate: perPodSpec(function* (spec) {
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
  }),
  remedy: hostPathRemedy(),
})

const reasonFor = (path: string, writable: boolean): string =>
  isSensitive(path) && writable ? 'mounts a sensitive path of its node and may write to it' : 'mounts a path of its node'

function severityOf(path: string, writable: boolean, mounted: boolean): Severity {
  if (isSensitive(path)) return writable ? 'critical' : 'high'
  return writable || !mounted ? 'high' : 'medium'
}
