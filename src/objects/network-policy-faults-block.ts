/** Ranges of addresses that no packet comes from, or goes to, where policies look. */
import type { Edit, Json, NetworkPolicyPeer, ServiceObject } from '../model/index.ts'
import { cidrHolds } from './network-addresses.ts'
import { nodeEnds, type PodEnd, podEnds } from './network-ends.ts'
import {
  ciliumSetting,
  type FaultView,
  isCilium,
  type PolicyFault,
  type RuleInPlace,
  selects,
  targetsOf,
} from './network-policy-faults-view.ts'
import { hasPort, isProtocol } from './network-ports.ts'
import { reach } from './network-reach.ts'

export const blockFaults = (view: FaultView, rule: RuleInPlace): PolicyFault[] =>
  rule.peers.flatMap((peer, index): PolicyFault[] => {
    if (peer?.ipBlock === undefined || peer.ipBlock === null) return []
    return serviceFault(view, rule, peer.ipBlock.cidr, index) ?? ciliumFault(view, rule, peer.ipBlock, index) ?? []
  })

/** The address of a Service is translated before policies look; that of the cluster's DNS may be held by a cache on the node. */
function serviceFault(view: FaultView, rule: RuleInPlace, cidr: string, index: number): PolicyFault[] | undefined {
  const ip = /^(.*)\/(32|128)$/.exec(cidr)?.[1]
  const service = view.all('Service').find(({ spec }) => ip !== undefined && [spec?.clusterIP, ...(spec?.clusterIPs ?? [])].includes(ip))
  if (service === undefined) return undefined
  if ((service.spec?.ports ?? []).some(({ port }) => port === 53)) return []
  const pods = podEnds(view).filter((pod) => selects(service, pod))
  if (isOpenAnyway(view, rule, service, pods)) return []
  const edits = rule.direction === 'egress' && rule.peers.length === 1 && pods.length > 0 ? bySelector(rule, service, pods) : undefined
  const name = `Service ${service.metadata.name} in namespace ${service.metadata.namespace ?? 'default'}`
  return [
    {
      is: 'cluster address',
      at: [...rule.at, rule.side, index],
      reason: 'names the cluster address of a Service, which is translated before policies look',
      detail: `${cidr} is ${name}`,
      ...(edits && { edits, widens: true }),
      words:
        edits !== undefined
          ? `select the pods of ${name} in place of ${cidr}`
          : `name the pods or the endpoints of ${name} in place of ${cidr}, with the ports that they listen on`,
    },
  ]
}

/** Another peer, rule or policy lets its pods be reached: then the address does no harm, and may help another plugin. */
function isOpenAnyway(view: FaultView, { selected, direction }: RuleInPlace, { spec }: ServiceObject, pods: readonly PodEnd[]): boolean {
  const known = reach(view)
  return (
    direction === 'egress' &&
    pods.length > 0 &&
    selected.length > 0 &&
    selected.every((from) =>
      (spec?.ports ?? []).every((port) => {
        const { protocol = 'TCP' } = port
        return pods.every(
          (to) =>
            from === to ||
            targetsOf(port, pods).some((number) => isProtocol(protocol) && hasPort(known.connection(from, to).perhaps, protocol, number)),
        )
      }),
    )
  )
}

/** Undefined where the port of a pod is not the same for all of them. */
function bySelector(rule: RuleInPlace, service: ServiceObject, pods: readonly PodEnd[]): readonly Edit[] | undefined {
  const peer: NetworkPolicyPeer = {
    namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': service.metadata.namespace ?? 'default' } },
    podSelector: { matchLabels: service.spec!.selector! },
  }
  const ports = rule.ports.map((entry) => {
    const through = (service.spec?.ports ?? []).find(
      (one) => one.port === entry.port && (one.protocol ?? 'TCP') === (entry.protocol ?? 'TCP'),
    )
    const targets = through === undefined ? [] : targetsOf(through, pods)
    return through === undefined ? entry : targets.length === 1 ? { ...entry, port: targets[0]! } : undefined
  })
  if (ports.includes(undefined)) return undefined
  return [
    { set: [...rule.at, rule.side], to: [peer] as unknown as Json },
    ...(ports.length > 0 ? [{ set: [...rule.at, 'ports'], to: ports as unknown as Json }] : []),
  ]
}

/** Cilium knows pods and nodes by their identity, never by an address in a range. */
function ciliumFault(
  view: FaultView,
  rule: RuleInPlace,
  block: NonNullable<NetworkPolicyPeer['ipBlock']>,
  index: number,
): PolicyFault[] | undefined {
  if (!isCilium(view) || /\/0$/.test(block.cidr)) return undefined
  const holds = (ip: string) => cidrHolds(block.cidr, block.except ?? [], ip)
  const pod = podEnds(view).find((one) => !one.hostNetwork && one.ips.some(holds))
  const node = /nodes/.test(ciliumSetting(view, 'policy-cidr-match-mode')) ? undefined : nodeEnds(view).find((one) => one.ips.some(holds))
  if (pod === undefined && node === undefined) return undefined
  return [
    {
      is: 'cilium block',
      at: [...rule.at, rule.side, index],
      reason: 'names addresses of pods or nodes, which Cilium does not match by range',
      detail: `${block.cidr} holds ${pod === undefined ? `node ${node!.name}` : `a pod of ${pod.workload.ref.kind} ${pod.workload.ref.name}`}`,
      // A wide range may be about what is outside, and hold them by chance.
      ...(!/\/(32|128)$/.test(block.cidr) && { review: true as const }),
      words:
        pod !== undefined
          ? 'select those pods by their labels instead'
          : 'write a CiliumNetworkPolicy with the entities kube-apiserver, remote-node or host, or set policyCIDRMatchMode to nodes',
    },
  ]
}
