import { setContainerField } from '../../../remediations/container-field.ts'
import { mayBreak } from '../../../remediations/pod-template.ts'
import { control } from '../../model/define.ts'
import type { ContainerSpec } from '../../model/index.ts'
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
    // Only privileged containers may hand their mounts on to the node: the API server refuses the rest.
    also: ({ workload, at }, container) =>
      eachContainer(workload.spec)
        .filter((visited) => visited.container === container)
        .flatMap((visited) =>
          handedOn(container).map((index) => ({ unset: [...at, ...visited.at, 'volumeMounts', index, 'mountPropagation'] })),
        ),
    predict: (_place, container) =>
      mayBreak(
        'what it does with devices, kernel modules, mounts or the host network settings fails; give back single capabilities where it needs them',
        ...(handedOn(container).length > 0
          ? ['what it mounts is no longer seen by the node and other pods (a CSI driver mounts nothing then)']
          : []),
      ),
  }),
  verify: 'Read CapEff in /proc/1/status of the new container: it must not be all ones.',
})

/** Mounts with `mountPropagation: Bidirectional`, by index. */
const handedOn = ({ volumeMounts = [] }: ContainerSpec): number[] =>
  volumeMounts.flatMap(({ mountPropagation }, index) => (mountPropagation === 'Bidirectional' ? [index] : []))
