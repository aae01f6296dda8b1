import { setPodField } from '../../../remediations/pod-field.ts'
import { mayBreak } from '../../../remediations/pod-template.ts'
import { control } from '../../model/define.ts'
import type { ContainerPort, Path } from '../../model/index.ts'
import { eachContainer } from '../../objects/containers.ts'
import { perPodSpec } from '../../objects/per-workload.ts'
import { WORKLOAD_KINDS } from '../../objects/workloads.ts'

type Evidence = { readonly ports: readonly { readonly index: number; readonly hostPort: number; readonly containerPort: number }[] }

export default control({
  title: 'Containers must not take ports of their node',
  severity: 'medium',
  why: 'A host port opens the container to whoever reaches the address of the node, past every Service and often past the firewall that guards those, and takes that port from everybody else on the node.',
  references: [
    { standard: 'PSS', section: 'baseline/hostPorts' },
    { standard: 'CIS', section: '5.2.12' },
    { standard: 'OWASP', section: '2025/K01' },
    { standard: 'KS', section: 'C-0044' },
    { standard: 'KS', section: 'C-0204' },
  ],
  reads: [],
  consults: WORKLOAD_KINDS,
  evaluate: perPodSpec<Evidence>(function* (spec) {
    for (const { container, at } of eachContainer(spec)) {
      const ports = (container.ports ?? []).flatMap((port, index) =>
        isTaken(port) && !(spec.hostNetwork === true && port.hostPort === port.containerPort)
          ? [{ index, hostPort: port.hostPort!, containerPort: port.containerPort }]
          : [],
      )
      if (ports.length === 0) continue
      yield {
        container: container.name,
        at: [...at, 'ports'],
        reason: 'takes ports of its node',
        detail: ports
          .map(({ hostPort, containerPort }) => (hostPort === containerPort ? hostPort : `${hostPort} for ${containerPort}`))
          .join(', '),
        evidence: { ports },
      }
    }
  }),
  remedy: setPodField<Evidence>({
    wish: ({ container }) => `remove hostPort from the ports of container ${container}`,
    options: {
      mode: {
        describe: 'What becomes of a host port',
        default: 'remove',
        choices: [
          { value: 'remove', label: 'goes; the port of the container stays', risk: 'may-break' },
          { value: 'keep', label: 'stay as it is' },
        ],
      },
    },
    change(place, { at = [], container, subject, evidence: { ports } }, { mode }) {
      if (mode !== 'remove') return { refused: `the option mode=${String(mode)} keeps it` }
      const here = at.slice(place.at.length) as Path
      const [numbers, lead] = [ports.map((port) => port.hostPort).join(', '), ports.length === 1 ? 'leads' : 'lead']
      const taken = `port${ports.length === 1 ? '' : 's'} ${numbers} of the node`
      return {
        edits: ports.flatMap(({ index }) => [{ unset: [...here, index, 'hostPort'] }, { unset: [...here, index, 'hostIP'] }]),
        summary: `no longer take ${taken} for container ${container}`,
        prediction: mayBreak(
          `${taken} no longer ${lead} to it: give ${subject.kind} ${subject.name} a Service of type LoadBalancer, or NodePort (then on a port from 30000 to 32767), and point its clients there`,
        ),
      }
    },
  }),
  verify: 'Connect to the port on the address of the node (it must be refused), then through the Service.',
})

/** On the network of the node the API server writes hostPort beside each port: those are pod-host-network's. */
const isTaken = ({ hostPort }: ContainerPort): boolean => (hostPort ?? 0) !== 0
