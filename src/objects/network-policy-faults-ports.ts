/** Ports of rules that no packet has: policies see the port of the pod, after the Service is translated. */
import type { NetworkPolicyPort } from '../model/index.ts'
import { eachContainer } from './containers.ts'
import type { PodEnd } from './network-ends.ts'
import {
  ciliumSetting,
  type FaultView,
  isCilium,
  type PolicyFault,
  podsOf,
  type RuleInPlace,
  selects,
  targetsOf,
} from './network-policy-faults-view.ts'

export const portFaults = (view: FaultView, rule: RuleInPlace): PolicyFault[] => {
  const pods = destinations(view, rule)
  return rule.ports.flatMap((port, index) => faultOf(view, rule, port, index, pods))
}

/** Of ingress the pods of the policy; of egress those that it names, unless it names addresses as well. */
function destinations(view: FaultView, { direction, selected, peers, namespace }: RuleInPlace): readonly PodEnd[] {
  if (direction === 'ingress') return selected
  return peers.some((peer) => peer.ipBlock !== undefined) ? [] : peers.flatMap((peer) => podsOf(view, peer, namespace))
}

function faultOf(view: FaultView, rule: RuleInPlace, entry: NetworkPolicyPort, index: number, pods: readonly PodEnd[]): PolicyFault[] {
  const { port, endPort, protocol = 'TCP' } = entry
  const at = [...rule.at, 'ports', index]
  if (endPort !== undefined && endPort !== null && typeof port !== 'number')
    return [
      {
        is: 'endPort',
        at,
        reason: 'has an endPort without a number to start from',
        words: 'write the first port of the range as a number; the API server refuses it as it is',
      },
    ]
  if (protocol === 'SCTP' && isCilium(view) && ciliumSetting(view, 'enable-sctp') !== 'true')
    return [
      {
        is: 'sctp',
        at,
        review: true,
        reason: 'names SCTP, which the network plugin does not enforce',
        detail: 'Cilium: enable-sctp is not "true" in ConfigMap cilium-config',
        words: 'turn on SCTP in Cilium (sctp.enabled), or keep these pods apart in another way',
      },
    ]
  if (pods.length === 0 || port === undefined || port === null) return []
  const found =
    typeof port === 'string'
      ? namedFault(view, port, protocol, pods)
      : endPort === undefined
        ? serviceFault(view, rule, port, protocol, pods)
        : undefined
  if (found === undefined) return []
  const [to, ...others] = found.to
  const isPlain = to !== undefined && others.length === 0
  return [
    {
      ...found.fault,
      at,
      ...(isPlain && { edits: [{ set: [...at, 'port'], to }], widens: found.fault.is === 'named port' }),
      words: isPlain ? `write port ${to} in place of ${port}` : `write the port that the containers listen on in place of ${port}`,
    },
  ]
}

interface Found {
  readonly fault: Pick<PolicyFault, 'is' | 'reason' | 'detail'>
  readonly to: readonly number[]
}

/** A name that no container gives to a port opens nothing; people take it from the Service. */
function namedFault(view: FaultView, name: string, protocol: string, pods: readonly PodEnd[]): Found | undefined {
  if (pods.some((pod) => pod.named.has(`${protocol}/${name}`))) return undefined
  const to = servicesOf(view, pods).flatMap((service) =>
    (service.spec?.ports ?? [])
      .filter((one) => one.name === name && (one.protocol ?? 'TCP') === protocol)
      .flatMap((one) => targetsOf(one, pods)),
  )
  return {
    fault: { is: 'named port', reason: 'names a port that no container of these pods has', detail: `${protocol} ${name}` },
    to: [...new Set(to)],
  }
}

/** A port of a Service that its pods do not listen on; unless the port of the pods is there as well. */
function serviceFault(view: FaultView, { ports }: RuleInPlace, port: number, protocol: string, pods: readonly PodEnd[]): Found | undefined {
  if (pods.some((pod) => declares(pod, port, protocol))) return undefined
  const through = servicesOf(view, pods).flatMap((service) =>
    (service.spec?.ports ?? []).map((one) => ({ service, one, to: targetsOf(one, pods) })),
  )
  if (through.some(({ to }) => to.includes(port))) return undefined
  const meant = through.filter(({ one }) => one.port === port && (one.protocol ?? 'TCP') === protocol)
  const to = [...new Set(meant.flatMap((one) => one.to))]
  if (to.length === 0 || to.some((number) => ports.some((other) => covers(other, number, protocol)))) return undefined
  return {
    fault: {
      is: 'service port',
      reason: 'names the port of a Service, not that of its pods',
      detail: `${protocol} ${port} of Service ${meant[0]!.service.metadata.name} leads to ${to.join(', ')}`,
    },
    to,
  }
}
const servicesOf = (view: FaultView, pods: readonly PodEnd[]) =>
  view.all('Service').filter((service) => pods.some((pod) => selects(service, pod)))
const declares = ({ pod, workload }: PodEnd, port: number, protocol: string): boolean =>
  [...eachContainer(workload.spec), ...eachContainer(pod?.spec ?? workload.spec)].some(({ container }) =>
    (container.ports ?? []).some((one) => one.containerPort === port && (one.protocol ?? 'TCP') === protocol),
  )
const covers = ({ port, endPort, protocol = 'TCP' }: NetworkPolicyPort, number: number, wanted: string): boolean =>
  protocol === wanted && (port === undefined || (typeof port === 'number' && number >= port && number <= (endPort ?? port)))
