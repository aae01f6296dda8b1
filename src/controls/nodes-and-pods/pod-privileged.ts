import { setContainerField } from '../../../remediations/container-field.ts'
import { mayBreak } from '../../../remediations/pod-template.ts'
import { control } from '../../model/define.ts'
import { eachContainer } from '../../objects/containers.ts'
import { perPodSpec } from '../../objects/per-workload.ts'
import { WORKLOAD_KINDS } from '../../objects/workloads.ts'

export default control({
  title: 'Containers must not be privileged',
  severity: 'critical',
  why: 'A privileged container has every capability and every device of its node: whoever breaks into it owns the node, and with it every pod that runs there.',
  references: [
    { standard: 'PSS', section: 'baseline/privileged' },
    { standard: 'CIS', section: '5.2.2' },
    { standard: 'NSA', section: 'P' },
    { standard: 'OWASP', section: '2022/K01' },
    { standard: 'OWASP', section: '2025/K01' },
    { standard: 'KS', section: 'C-0057' },
    { standard: 'KS', section: 'C-0193' },
  ],
  reads: [],
  consults: WORKLOAD_KINDS,
  evaluate: perPodSpec(function* (spec) {
    for (const { container, type, at } of eachContainer(spec)) {
      if (container.securityContext?.privileged !== true) continue
      yield {
        container: container.name,
        at: [...at, 'securityContext', 'privileged'],
        reason: 'runs a privileged container',
        evidence: { type, privileged: true },
      }
    }
  }),
  remedy: setContainerField({
    field: 'privileged',
    to: false,
    predict: () =>
      mayBreak(
        'what it does with devices, kernel modules, mounts or the host network settings fails; give back single capabilities where it needs them',
      ),
  }),
  verify: 'Read CapEff in /proc/1/status of the new container: it must not be all ones.',
})
