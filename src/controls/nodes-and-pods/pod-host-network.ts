import { type SpecEdit, setPodField } from '../../../remediations/pod-field.ts'
import { mayBreak } from '../../../remediations/pod-template.ts'
import { control } from '../../model/define.ts'
import type { PodSpec } from '../../model/index.ts'
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
    change: ({ workload: { spec } }, _finding, options) =>
      options['mode'] === 'keep'
        ? { refused: 'the option mode=keep keeps it' }
        : runsHostProcess(spec)
          ? { refused: 'the API server wants hostNetwork: true for Windows HostProcess containers: make them ordinary containers first' }
          : {
              edits: [{ set: ['hostNetwork'], to: false }, ...dnsEdits(spec), ...portEdits(spec)],
              summary: 'set hostNetwork: false',
              prediction: mayBreak(
                'its address changes, and what reached it by the address of the node no longer does: put a Service in front',
                'it no longer reaches what listens on loopback of the node',
                'to leave it there choose the other mode (--set pod-host-network.mode=keep)',
              ),
            },
  }),
})

const runsHostProcess = (spec: PodSpec): boolean =>
  spec.securityContext?.windowsOptions?.hostProcess === true ||
  [...eachContainer(spec)].some(({ container }) => container.securityContext?.windowsOptions?.hostProcess === true)

const dnsEdits = (spec: PodSpec): SpecEdit[] =>
  spec.dnsPolicy === 'ClusterFirstWithHostNet' ? [{ set: ['dnsPolicy'], to: 'ClusterFirst' }] : []

/** The API server writes hostPort beside every containerPort of such a pod; left there they would open the ports again. */
const portEdits = (spec: PodSpec): SpecEdit[] =>
  [...eachContainer(spec)].flatMap(({ container, at }) =>
    (container.ports ?? []).flatMap((port, index): SpecEdit[] =>
      port.hostPort === port.containerPort ? [{ unset: [...at, 'ports', index, 'hostPort'] }] : [],
    ),
  )
