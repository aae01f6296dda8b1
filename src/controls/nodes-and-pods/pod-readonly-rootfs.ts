import { readOnlyRoot } from '../../../remediations/read-only-root.ts'
import { control } from '../../model/define.ts'
import { eachContainer } from '../../objects/containers.ts'
import { perPodSpec } from '../../objects/per-workload.ts'
import { isWindows, WORKLOAD_KINDS } from '../../objects/workloads.ts'

export default control({
  title: 'Containers must have a read-only root file system',
  severity: 'low',
  why: 'Whoever breaks into a container wants to leave something behind: a tool, a changed library, a web shell. On a read-only root file system there is no place for it.',
  references: [
    { standard: 'NSA', section: 'P' },
    { standard: 'CIS', section: '5.6.3' },
    { standard: 'OWASP', section: '2025/K01' },
    { standard: 'KS', section: 'C-0017' },
  ],
  reads: [],
  consults: WORKLOAD_KINDS,
  evaluate: perPodSpec(function* (spec, workload) {
    if (isWindows(workload)) return
    for (const { container, type, at } of eachContainer(spec)) {
      const value = container.securityContext?.readOnlyRootFilesystem
      // An ephemeral container is somebody at work, and gone with its pod.
      if (value === true || type === 'ephemeral') continue
      yield {
        container: container.name,
        at: [...at, 'securityContext', 'readOnlyRootFilesystem'],
        reason: 'may write to its root file system',
        evidence: { type, readOnlyRootFilesystem: value ?? null },
      }
    }
  }),
  remedy: readOnlyRoot(),
  verify: 'Watch the log of the new container for "read-only file system" while it does its whole work.',
})
