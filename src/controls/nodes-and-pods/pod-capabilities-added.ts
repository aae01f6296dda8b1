import { removeAddedCapabilities } from '../../../remediations/capabilities.ts'
import { control } from '../../model/define.ts'
import type { Severity } from '../../model/index.ts'
import { eachContainer } from '../../objects/containers.ts'
import { perPodSpec } from '../../objects/per-workload.ts'
import { BASELINE_CAPABILITIES } from '../../objects/pod-security-baseline.ts'
import { isWindows, WORKLOAD_KINDS } from '../../objects/workloads.ts'

/** Each of these alone is a way onto the node. */
const CRITICAL = new Set(['ALL', 'SYS_ADMIN', 'SYS_PTRACE', 'SYS_MODULE', 'DAC_READ_SEARCH', 'BPF', 'SYS_RAWIO'])

export default control({
  title: 'Containers must not add capabilities beyond the baseline set',
  severity: 'high',
  why: 'Capabilities are slices of the power of root over the whole node: with SYS_ADMIN, SYS_PTRACE or DAC_READ_SEARCH a process leaves its container, with NET_ADMIN or NET_RAW it takes over the traffic of its neighbours.',
  references: [
    { standard: 'PSS', section: 'baseline/capabilities_baseline' },
    { standard: 'CIS', section: '5.2.8' },
    { standard: 'CIS', section: '5.2.9' },
    { standard: 'NSA', section: 'P' },
    { standard: 'OWASP', section: '2025/K01' },
    { standard: 'KS', section: 'C-0046' },
    { standard: 'KS', section: 'C-0199' },
    { standard: 'KS', section: 'C-0200' },
  ],
  reads: [],
  consults: WORKLOAD_KINDS,
  evaluate: perPodSpec(function* (spec, workload) {
    for (const { container, type, at } of eachContainer(spec)) {
      const added = (container.securityContext?.capabilities?.add ?? []).filter((name) => !BASELINE_CAPABILITIES.has(name))
      if (added.length === 0) continue
      yield {
        container: container.name,
        at: [...at, 'securityContext', 'capabilities', 'add'],
        reason: 'adds capabilities beyond the baseline set',
        detail: `${added.join(', ')}${isWindows(workload) ? '; of no effect on Windows, where the baseline level refuses them all the same' : ''}`,
        severity: isWindows(workload) ? 'low' : severityOf(added, spec.hostNetwork === true),
        evidence: { type, added },
      }
    }
  }),
  remedy: removeAddedCapabilities(),
  verify: 'Read CapEff in /proc/1/status of the new container, and its log for "operation not permitted".',
})

/** Runtimes accept a CAP_ prefix and lower case; the standard compares literally and refuses both. */
function severityOf(added: readonly string[], hostNetwork: boolean): Severity {
  const names = added.map((name) => name.toUpperCase().replace(/^CAP_/, ''))
  if (names.some((name) => CRITICAL.has(name) || (name === 'NET_ADMIN' && hostNetwork))) return 'critical'
  return names.every((name) => BASELINE_CAPABILITIES.has(name)) ? 'low' : 'high'
}
