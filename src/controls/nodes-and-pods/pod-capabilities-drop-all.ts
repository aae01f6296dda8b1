import { dropAllCapabilities } from '../../../remediations/capabilities.ts'
import { control } from '../../model/define.ts'
import { eachContainer } from '../../objects/containers.ts'
import { perPodSpec } from '../../objects/per-workload.ts'
import { isWindows, WORKLOAD_KINDS } from '../../objects/workloads.ts'

export default control({
  title: 'Containers must drop all capabilities',
  severity: 'medium',
  why: 'A runtime gives every container about fourteen capabilities, enough to forge packets, change owners of files and override their permissions. Hardly any application needs one of them.',
  references: [
    { standard: 'PSS', section: 'restricted/capabilities_restricted' },
    { standard: 'CIS', section: '5.2.9' },
    { standard: 'NSA', section: 'P' },
    { standard: 'OWASP', section: '2025/K01' },
    { standard: 'KS', section: 'C-0055' },
    { standard: 'KS', section: 'C-0201' },
  ],
  reads: [],
  consults: WORKLOAD_KINDS,
  evaluate: perPodSpec(function* (spec, workload) {
    if (isWindows(workload)) return
    for (const { container, type, at } of eachContainer(spec)) {
      const { add = [], drop = [] } = container.securityContext?.capabilities ?? {}
      const kept = (add ?? []).filter((name) => name !== 'NET_BIND_SERVICE')
      // Runtimes take `all` for `ALL`; the restricted level does not.
      const dropsAll = (drop ?? []).includes('ALL')
      if (dropsAll && kept.length === 0) continue
      yield {
        container: container.name,
        at: [...at, 'securityContext', 'capabilities', dropsAll ? 'add' : 'drop'],
        evidence: { type, add, drop },
        reason: dropsAll ? 'adds capabilities after dropping all' : 'does not drop all capabilities',
        ...(dropsAll ? { detail: kept.join(', ') } : (drop ?? []).length > 0 && { detail: `drops ${drop.join(', ')}` }),
      }
    }
  }),
  remedy: dropAllCapabilities(),
  verify: 'Read CapEff in /proc/1/status of the new container, and its log for "operation not permitted".',
})
