import { leaveHostNetwork, runsHostProcess } from '../../../remediations/host-network.ts'
import { setPodField } from '../../../remediations/pod-field.ts'
import { mayBreak } from '../../../remediations/pod-template.ts'
import { control } from '../../model/define.ts'
import { eachContainer } from '../../objects/containers.ts'
import { perPodSpec } from '../../objects/per-workload.ts'
import { WORKLOAD_KINDS } from '../../objects/workloads.ts'

export default control({
  title: 'Pods must not use the network of their node',
  severity: 'high',
  why: 'On the network of its node a pod is outside every NetworkPolicy and mesh, listens to the traffic of the node, and reaches services on loopback and the metadata service of the cloud with the rights of the node.',
  references: [
    { standard: 'PSS', section: 'baseline/hostNamespaces' },
    { standard: 'CIS', section: '5.2.5' },
    { standard: 'NSA', section: 'P' },
    { standard: 'OWASP', section: '2025/K01' },
    { standard: 'KS', section: 'C-0041' },
  ],
  reads: [],
  consults: WORKLOAD_KINDS,
  evaluate: perPodSpec(function* (spec) {
    if (spec.hostNetwork !== true) return
    const ports = [...eachContainer(spec)].flatMap(({ container }) => (container.ports ?? []).map((port) => port.containerPort))
    yield {
      at: ['hostNetwork'],
      reason: 'uses the network of its node',
      ...(ports.length > 0 && { detail: `it listens on port${ports.length === 1 ? '' : 's'} ${ports.join(', ')} of the node` }),
      evidence: { ports },
    }
  }),
  remedy: setPodField({
    wish: () => 'set hostNetwork: false',
    options: {
      mode: {
        describe: 'What becomes of the network of the node',
        default: 'off',
        choices: [
          { value: 'off', label: 'the pod gets a network of its own', risk: 'may-break' },
          { value: 'keep', label: 'stay on it: for agents of the node itself; the namespace can then enforce no Pod Security level' },
        ],
      },
    },
    change: ({ workload: { spec } }, _finding, options, alongside) => {
      if (options['mode'] === 'keep') return { refused: 'the option mode=keep keeps it' }
      if (runsHostProcess(spec) && !alongside.some(({ control: id, excepted }) => id === 'pod-windows-hostprocess' && !excepted))
        return {
          refused:
            'the API server wants hostNetwork: true for Windows HostProcess containers: mend pod-windows-hostprocess in the same plan',
        }
      return {
        edits: leaveHostNetwork(spec),
        summary: 'set hostNetwork: false',
        prediction: mayBreak(
          'its address changes, and what reached it by the address of the node no longer does: put a Service in front',
          'it no longer reaches what listens on loopback of the node',
          'to leave it on the network of the node choose the mode keep (--set pod-host-network.mode=keep)',
        ),
      }
    },
  }),
})
