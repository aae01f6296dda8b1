/** Which pods, nodes and addresses of the cluster the ends of a recorded flow are. */
import type { FlowEnd, ObservedFlow, View } from '../model/index.ts'
import { addressClass } from './address.ts'
import { derived } from './derived.ts'
import { isNarrowed } from './narrowed.ts'
import { canonicalIp, networkOf } from './network-addresses.ts'
import { type AddressEnd, type End, type NodeEnd, nodeEnds, type PodEnd } from './network-ends.ts'
import { podAddresses, podsNamed, standIns } from './network-flow-pods.ts'
import { BACKEND_KINDS, type Backend, serviceAddresses } from './network-flow-services.ts'

export const FLOW_KINDS = [...BACKEND_KINDS] as const
export type FlowView = View<(typeof FLOW_KINDS)[number] | 'ObservedFlows'>

/** Why an end cannot be told: "3 flows …". */
export const PROBLEMS = {
  gone: 'name a pod whose workload is not there any more, or cannot be told',
  reused: 'name an address that another pod or Service has got since',
  'no-owner': 'name an address of the pod network that no pod has now',
  'no-backend': 'go to a Service, or a port of it, with nothing behind it now',
  unseen: 'name a private address whose owner could not be read',
  nameless: 'name neither an address nor a pod that can be told',
} as const
export type Problem = keyof typeof PROBLEMS
export interface Place {
  readonly end: End
  readonly port: number
}
export type Places = readonly Place[] | Problem

/** One end of a flow, and what the other one turned out to be where that is known already. */
interface Question {
  readonly flow: ObservedFlow
  readonly side: 'source' | 'destination'
  readonly other: Places | undefined
}

export class FlowResolver {
  readonly #view: FlowView
  readonly #nodes: readonly NodeEnd[]
  readonly #nodeByIp = new Map<string, NodeEnd>()
  readonly #podNetworks = new PodNetworks()
  readonly #named = new Map<FlowEnd, readonly PodEnd[]>()
  readonly #places = new Map<readonly Backend[], readonly Place[]>()
  readonly #addresses = new Map<string, AddressEnd>()
  readonly #unnamedNodes = new Map<string, NodeEnd>()
  /** Some of what could own a private address was not read: an unknown one may be a pod's. */
  readonly #narrow: boolean
  constructor(view: FlowView) {
    this.#view = view
    this.#nodes = nodeEnds(view)
    for (const node of this.#nodes) for (const ip of node.ips) this.#nodeByIp.set(canonicalIp(ip), node)
    const ranges = new Map(view.all('Node').map(({ metadata, spec }) => [metadata.name, spec?.podCIDR]))
    for (const node of this.#nodes) this.#podNetworks.add(ranges.get(node.name), node)
    const isUnread = (['Pod', 'Service', 'Node'] as const).some((kind) => view.unread(kind) !== undefined)
    this.#narrow = isUnread || view.source.kind !== 'live' || isNarrowed(view, 'Pod') || isNarrowed(view, 'Service')
  }

  both(flow: ObservedFlow): { readonly from: Places; readonly to: Places } {
    // `host` is the node of the other end.
    const isHostLast = flow.source.entity === 'host'
    const first = this.#one(isHostLast ? { flow, side: 'destination', other: undefined } : { flow, side: 'source', other: undefined })
    const second = this.#one({ flow, side: isHostLast ? 'source' : 'destination', other: first })
    return isHostLast ? { from: second, to: first } : { from: first, to: second }
  }

  #one(question: Question): Places {
    const { flow, side } = question
    const end = flow[side]
    const at = (ends: readonly End[]): Places => ends.map((one) => ({ end: one, port: flow.port }))
    if (end.pod !== undefined || (end.namespace !== undefined && (end.workload !== undefined || end.labels !== undefined))) {
      const pods = this.#named.get(end) ?? podsNamed(this.#view, end)
      this.#named.set(end, pods)
      return pods.length === 0 ? 'gone' : at(pods)
    }
    const ip = end.ip === undefined ? undefined : canonicalIp(end.ip)
    const node = this.#nodeOf(end, ip, question)
    const translated = ip === undefined || side === 'source' ? undefined : this.#translated(ip, flow)
    if (translated !== undefined) return translated
    if (node !== undefined) return this.#hostPorts(node, question) ?? at([node])
    if (ip === undefined) return 'nameless'
    const owner = end.entity === 'world' ? undefined : this.#podAt(ip, flow)
    if (owner !== undefined) return typeof owner === 'string' ? owner : at(owner)
    const isOutside = OUTSIDE.has(end.entity ?? '') || end.names !== undefined
    if (!isOutside && this.#podNetworks.nodeOf(ip) !== undefined) return 'no-owner'
    if (!isOutside && this.#narrow && addressClass(ip) !== 'public') return 'unseen'
    return at([this.#address(ip)])
  }

  #address(ip: string): AddressEnd {
    const known = this.#addresses.get(ip) ?? { is: 'address', ip }
    this.#addresses.set(ip, known)
    return known
  }

  #translated(ip: string, flow: ObservedFlow): Places | undefined {
    const translation = serviceAddresses(this.#view).translate(ip, flow.protocol, flow.port)
    if (translation === undefined) return undefined
    if (isYounger(translation.service.metadata.creationTimestamp, flow)) return 'reused'
    const places = this.#places.get(translation.backends) ?? this.#behind(translation.backends)
    this.#places.set(translation.backends, places)
    return places.length === 0 ? 'no-backend' : places
  }

  #behind(backends: readonly Backend[]): readonly Place[] {
    const portOf = new Map(backends.flatMap((one) => ('pod' in one ? [[one.pod, one.port] as const] : [])))
    return [
      ...standIns([...portOf.keys()]).map((pod) => ({ end: pod, port: portOf.get(pod)! })),
      ...backends.flatMap((one) => {
        if ('pod' in one) return []
        const end = this.#nodeByIp.get(one.ip) ?? podAddresses(this.#view).live.get(one.ip) ?? this.#address(one.ip)
        return [{ end, port: one.port }]
      }),
    ]
  }

  #nodeOf({ entity, node: name }: FlowEnd, ip: string | undefined, { other }: Question): NodeEnd | undefined {
    const byIp = ip === undefined ? undefined : this.#nodeByIp.get(ip)
    if (byIp !== undefined || (entity !== 'host' && entity !== 'remote-node')) return byIp
    const named = name === undefined ? undefined : this.#nodes.find((one) => one.name === name)
    if (named !== undefined) return named
    // Cilium gives each host an address of the pods' range of that node.
    const within = ip === undefined ? undefined : this.#podNetworks.nodeOf(ip)
    if (within !== undefined) return within
    const beside = typeof other === 'string' ? undefined : other?.find(({ end }) => end.is === 'pod' && end.node !== undefined)?.end
    if (entity === 'host' && beside !== undefined) return this.#nodes.find((one) => one.name === (beside as PodEnd).node)
    if (ip === undefined) return undefined
    const known = this.#unnamedNodes.get(ip) ?? { is: 'node', name: ip, labels: {}, ips: [ip] }
    this.#unnamedNodes.set(ip, known)
    return known
  }

  /** A port of the node that leads into a pod (ContainerPort v1 `hostPort`). */
  #hostPorts(node: NodeEnd, { flow, side }: Question): Places | undefined {
    if (side === 'source') return undefined
    const found = derived(this.#view, hostPortsOf).get(`${node.name} ${flow.protocol}/${flow.port}`)
    return found && [found]
  }

  #podAt(ip: string, flow: ObservedFlow): readonly PodEnd[] | Problem | undefined {
    const { live, before } = podAddresses(this.#view)
    const now = live.get(ip)
    if (now !== undefined && !isYounger(now.pod?.metadata.creationTimestamp, flow)) return [now]
    const earlier = (before.get(ip) ?? []).filter((pod) => !isYounger(pod.metadata.creationTimestamp, flow))
    // Which of several had it then is not known.
    if (earlier.length === 1) {
      const { name: pod, namespace = 'default', labels } = earlier[0]!.metadata
      const pods = podsNamed(this.#view, { namespace, pod, ...(labels !== undefined && { labels }) })
      return pods.length === 0 ? 'gone' : pods
    }
    return now !== undefined || earlier.length > 0 ? 'reused' : undefined
  }
}

/** The ranges that nodes give their pods addresses of (Node v1 `spec.podCIDR`), found without going through all of them. */
class PodNetworks {
  readonly #nodes = new Map<string, NodeEnd>()
  readonly #lengths = new Set<number>()
  add(cidr: string | undefined, node: NodeEnd): void {
    const [ip = '', bits] = cidr?.split('/') ?? []
    const network = networkOf(ip, Number(bits))
    if (network === undefined) return
    this.#nodes.set(network, node)
    this.#lengths.add(Number(bits))
  }
  nodeOf(ip: string): NodeEnd | undefined {
    for (const bits of this.#lengths) {
      const node = this.#nodes.get(networkOf(ip, bits) ?? '')
      if (node !== undefined) return node
    }
    return undefined
  }
}
const OUTSIDE = new Set(['world', 'kube-apiserver'])

function hostPortsOf(view: FlowView): ReadonlyMap<string, Place> {
  const found = new Map<string, Place>()
  for (const end of new Set(podAddresses(view).live.values()))
    for (const { ports = [] } of end.pod?.spec?.containers ?? [])
      for (const { hostPort, containerPort: port, protocol = 'TCP' } of ports)
        if (hostPort !== undefined && end.node !== undefined) found.set(`${end.node} ${protocol}/${hostPort}`, { end, port })
  return found
}

/** It came to be after the flow was last seen. */
const isYounger = (created: string | undefined, { last }: ObservedFlow): boolean =>
  created !== undefined && last !== undefined && Date.parse(created) > Date.parse(last)
