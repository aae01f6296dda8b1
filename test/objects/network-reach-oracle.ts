/**
 * Whether one port is open between two ends, straight from the words of the APIs: one policy, one rule and one port at a time, with
 * nothing of the engine but its types. What cannot be told has more than one outcome.
 */
import { BlockList, isIPv4, isIPv6 } from 'node:net'
import type { Json, KubeObject, LabelSelector } from '../../src/model/index.ts'

export type Protocol = 'TCP' | 'UDP' | 'SCTP'
export interface OraclePod {
  readonly is: 'pod'
  readonly namespace: string
  readonly labels: Record<string, string>
  readonly hostNetwork: boolean
  readonly node?: string
  readonly ips: readonly string[]
  readonly containers: readonly {
    readonly sidecar?: boolean
    readonly ports?: readonly { name?: string; protocol?: string; containerPort: number }[]
  }[]
  /** A template may stand for several pods. */
  readonly isTemplate: boolean
}
export interface OracleNode {
  readonly is: 'node'
  readonly name: string
}
export type OracleEnd = OraclePod | OracleNode | { readonly is: 'address'; readonly ip: string }
export interface OracleWorld {
  /** Labels of the namespaces whose objects are there. */
  readonly namespaces: ReadonlyMap<string, Record<string, string>>
  readonly nodes: ReadonlyMap<string, { readonly labels: Record<string, string>; readonly ips: readonly string[] }>
  readonly policies: readonly KubeObject[]
}
type Truth = 'no' | 'perhaps' | 'yes'
type Outcome = 'allow' | 'deny' | 'pass' | 'none'
type Loose = { readonly [key: string]: any } | null | undefined

/** All that may happen to the first packet of a connection: let through, dropped, or (where something is not known) either. */
export function outcomes(world: OracleWorld, from: OracleEnd, to: OracleEnd, protocol: Protocol, port: number): ReadonlySet<boolean> {
  const exempt = isExempt(from, to)
  if (exempt === 'yes') return new Set([true])
  const out = isHeld(from) ? oneSide(world, from, 'egress', to, to, protocol, port) : new Set([true])
  const into = isHeld(to) ? oneSide(world, to, 'ingress', from, to, protocol, port) : new Set([true])
  const all = new Set<boolean>()
  for (const a of out) for (const b of into) all.add(a && b)
  if (exempt === 'perhaps') all.add(true)
  return all
}
const isHeld = (end: OracleEnd): end is OraclePod & { readonly hostNetwork: false } => end.is === 'pod' && !end.hostNetwork

function isExempt(from: OracleEnd, to: OracleEnd): Truth {
  if (from === to) return from.is === 'pod' && from.isTemplate ? 'perhaps' : 'yes'
  if (!isHeld(from) && !isHeld(to) && from.is !== 'address' && to.is !== 'address') return 'yes'
  for (const [pod, other] of [
    [from, to],
    [to, from],
  ] as const) {
    if (!isHeld(pod) || other.is === 'address' || isHeld(other)) continue
    const node = other.is === 'node' ? other.name : other.node
    if (pod.node === undefined || node === undefined) return 'perhaps'
    return pod.node === node ? 'yes' : 'no'
  }
  return 'no'
}

function oneSide(
  world: OracleWorld,
  pod: OraclePod,
  direction: 'ingress' | 'egress',
  other: OracleEnd,
  destination: OracleEnd,
  protocol: Protocol,
  port: number,
): ReadonlySet<boolean> {
  const results = new Set<boolean>()
  for (const ip of addressesOf(world, other))
    for (const one of byAddress(world, pod, direction, other, ip, destination, protocol, port)) results.add(one)
  return results
}
function addressesOf(world: OracleWorld, end: OracleEnd): readonly (string | undefined)[] {
  if (end.is === 'address') return [end.ip]
  const name = end.is === 'node' ? end.name : end.node
  const ofNode = name === undefined ? [] : (world.nodes.get(name)?.ips ?? [])
  const ips = end.is === 'pod' && (end.ips.length > 0 || !end.hostNetwork) ? end.ips : ofNode
  return ips.length > 0 ? ips : [undefined]
}

function byAddress(
  world: OracleWorld,
  pod: OraclePod,
  direction: 'ingress' | 'egress',
  other: OracleEnd,
  ip: string | undefined,
  destination: OracleEnd,
  protocol: Protocol,
  port: number,
): ReadonlySet<boolean> {
  const results = new Set<boolean>()
  const isHit = (ports: boolean, peers: Truth): Truth => (ports ? peers : 'no')
  const cluster = (tier: string) => {
    const those = world.policies
      .filter(({ kind, spec }: Loose & KubeObject) =>
        tier === 'Admin'
          ? kind === 'AdminNetworkPolicy' || (kind === 'ClusterNetworkPolicy' && spec.tier === 'Admin')
          : kind === 'BaselineAdminNetworkPolicy' || (kind === 'ClusterNetworkPolicy' && spec.tier === 'Baseline'),
      )
      .map((policy) => ({ policy: policy as KubeObject & { spec: NonNullable<Loose> }, selected: subjectSelects(world, policy, pod) }))
      .filter(({ selected }) => selected !== 'no')
    const priorityOf = (policy: KubeObject & { spec: NonNullable<Loose> }): number =>
      policy.kind === 'BaselineAdminNetworkPolicy' ? 1001 : policy.spec['priority']
    const priorities = [...new Set(those.map(({ policy }) => priorityOf(policy)))].sort((a, b) => a - b)
    let reached: Set<Outcome> = new Set(['none'])
    for (const priority of priorities) {
      const here = those.filter(({ policy }) => priorityOf(policy) === priority)
      const each = here.map(({ policy, selected }) => {
        const may = new Set<Outcome>()
        for (const rule of policy.spec[direction] ?? []) {
          const action = ({ Allow: 'allow', Accept: 'allow', Deny: 'deny', Pass: 'pass' } as const)[rule.action as 'Allow']!
          const hit = weaker(
            selected,
            isHit(
              clusterPorts(rule, destination, protocol, port),
              anyOf((rule.from ?? rule.to).map((peer: Loose) => clusterPeer(world, peer, other, ip))),
            ),
          )
          if (hit !== 'no') may.add(action)
          if (hit === 'yes') return may
        }
        return may.add('none')
      })
      const next = new Set<Outcome>([...reached].filter((one) => one !== 'none'))
      for (const may of each) for (const one of may) if (one !== 'none') next.add(one)
      if (each.every((may) => may.has('none'))) next.add('none')
      reached = next
      if (!reached.has('none')) break
    }
    return reached
  }
  const baseline = () => {
    for (const one of cluster('Baseline')) results.add(one !== 'deny')
  }
  const namespaced = () => {
    const selecting = world.policies
      .filter(({ kind, metadata }) => kind === 'NetworkPolicy' && metadata.namespace === pod.namespace)
      .map((policy) => ({ policy: policy as KubeObject & { spec: NonNullable<Loose> }, selected: selects(policy, pod) }))
      .filter(({ selected }) => selected !== 'no')
    const those = selecting.filter(({ policy }) => typesOf(policy).includes(direction === 'ingress' ? 'Ingress' : 'Egress'))
    const verdict = anyOf(
      those.flatMap(({ policy, selected }) =>
        ((policy.spec[direction] ?? []) as Loose[]).map((rule) =>
          weaker(selected, isHit(plainPorts(rule, destination, protocol, port), plainPeers(world, policy, rule, direction, other, ip))),
        ),
      ),
    )
    if (verdict !== 'no') results.add(true)
    if (verdict === 'yes') return
    const isolated = anyOf(those.map(({ selected }) => selected))
    if (isolated !== 'no') results.add(false)
    if (isolated === 'yes') return
    baseline()
    // "Further evaluation only happens for Pods not selected by a v1.NetworkPolicy": in whatever direction, or in this one?
    if (selecting.length > those.length) results.add(true)
  }
  for (const one of cluster('Admin')) {
    if (one === 'allow') results.add(true)
    else if (one === 'deny') results.add(false)
    else namespaced()
  }
  return results
}

const weaker = (a: Truth, b: Truth): Truth => (a === 'no' || b === 'no' ? 'no' : a === 'yes' && b === 'yes' ? 'yes' : 'perhaps')
const anyOf = (list: readonly Truth[]): Truth => (list.includes('yes') ? 'yes' : list.includes('perhaps') ? 'perhaps' : 'no')

/** "Absent: Ingress, and Egress if there are egress rules." */
function typesOf({ spec }: { spec: NonNullable<Loose> }): readonly string[] {
  if (Array.isArray(spec['policyTypes']) && spec['policyTypes'].length > 0) return spec['policyTypes']
  return Array.isArray(spec['egress']) && spec['egress'].length > 0 ? ['Ingress', 'Egress'] : ['Ingress']
}
const selects = (policy: KubeObject, pod: OraclePod): Truth => selected((policy as Loose)?.['spec'].podSelector, pod.labels, true)
function subjectSelects(world: OracleWorld, policy: KubeObject, pod: OraclePod): Truth {
  const { subject } = (policy as unknown as { spec: { subject: Record<string, any> } }).spec
  return subject['pods'] === undefined
    ? inNamespaces(world, subject['namespaces'], pod.namespace)
    : weaker(inNamespaces(world, subject['pods'].namespaceSelector, pod.namespace), selected(subject['pods'].podSelector, pod.labels, true))
}
/** Every namespace has the label of its name; of one whose object is not there, no more is known. */
function inNamespaces(world: OracleWorld, selector: LabelSelector | undefined, name: string): Truth {
  const labels = world.namespaces.get(name)
  return selected(selector, { ...labels, 'kubernetes.io/metadata.name': name }, labels !== undefined)
}

function selected(selector: Loose, labels: Record<string, string>, isComplete: boolean): Truth {
  const parts: Truth[] = []
  const lookup = (key: string): string | 'absent' | 'unknown' => (key in labels ? `=${labels[key]}` : isComplete ? 'absent' : 'unknown')
  for (const [key, value] of Object.entries((selector?.['matchLabels'] ?? {}) as Record<string, Json>)) {
    const found = lookup(key)
    parts.push(found === 'unknown' ? 'perhaps' : found === `=${String(value)}` ? 'yes' : 'no')
  }
  for (const { key, operator, values = [] } of selector?.['matchExpressions'] ?? []) {
    const found = lookup(key)
    const isInvalid = !['In', 'NotIn', 'Exists', 'DoesNotExist'].includes(operator) || operator.endsWith('In') !== values.length > 0
    if (isInvalid || found === 'unknown') parts.push('perhaps')
    else if (operator === 'In') parts.push(values.some((value: string) => found === `=${value}`) ? 'yes' : 'no')
    else if (operator === 'NotIn') parts.push(values.some((value: string) => found === `=${value}`) ? 'no' : 'yes')
    else parts.push((found !== 'absent') === (operator === 'Exists') ? 'yes' : 'no')
  }
  return parts.reduce(weaker, 'yes')
}

function plainPeers(
  world: OracleWorld,
  policy: KubeObject,
  rule: Loose,
  direction: string,
  other: OracleEnd,
  ip: string | undefined,
): Truth {
  const peers = (direction === 'ingress' ? rule?.['from'] : rule?.['to']) as Loose[] | null | undefined
  if (peers === undefined || peers === null || peers.length === 0) return 'yes'
  return anyOf(
    peers.map((peer) => {
      if (peer?.['ipBlock']) return inRange(peer['ipBlock'].cidr, peer['ipBlock'].except ?? [], ip)
      if (!peer?.['namespaceSelector'] && !peer?.['podSelector']) return 'perhaps'
      if (!isHeld(other)) return 'no'
      const namespace: Truth = peer['namespaceSelector']
        ? inNamespaces(world, peer['namespaceSelector'], other.namespace)
        : other.namespace === policy.metadata.namespace
          ? 'yes'
          : 'no'
      return weaker(namespace, selected(peer['podSelector'], other.labels, true))
    }),
  )
}
function inRange(cidr: string, except: readonly string[], ip: string | undefined): Truth {
  if (ip === undefined) return 'perhaps'
  const holds = (range: string): boolean => {
    const [base, length] = range.split('/') as [string, string]
    if (isIPv4(base) !== isIPv4(ip) || isIPv6(base) !== isIPv6(ip)) return false
    const list = new BlockList()
    list.addSubnet(base, Number(length), isIPv4(base) ? 'ipv4' : 'ipv6')
    return list.check(ip, isIPv4(ip) ? 'ipv4' : 'ipv6')
  }
  return holds(cidr) && !except.some(holds) ? 'yes' : 'no'
}
function clusterPeer(world: OracleWorld, peer: Loose, other: OracleEnd, ip: string | undefined): Truth {
  if (peer?.['namespaces']) return isHeld(other) ? inNamespaces(world, peer['namespaces'], other.namespace) : 'no'
  if (peer?.['pods'])
    return isHeld(other)
      ? weaker(inNamespaces(world, peer['pods'].namespaceSelector, other.namespace), selected(peer['pods'].podSelector, other.labels, true))
      : 'no'
  if (peer?.['networks']) return anyOf(peer['networks'].map((cidr: string) => inRange(cidr, [], ip)))
  if (peer?.['nodes']) {
    if (other.is === 'address' || isHeld(other)) return 'no'
    const name = other.is === 'node' ? other.name : other.node
    const node = name === undefined ? undefined : world.nodes.get(name)
    return node === undefined ? 'perhaps' : selected(peer['nodes'], node.labels, true)
  }
  return 'perhaps'
}

function plainPorts(rule: Loose, destination: OracleEnd, protocol: Protocol, port: number): boolean {
  const list = rule?.['ports'] as Loose[] | null | undefined
  if (list === undefined || list === null || list.length === 0) return true
  return list.some((entry) => {
    if ((entry?.['protocol'] ?? 'TCP') !== protocol) return false
    const wanted = entry?.['port']
    if (wanted === undefined || wanted === null) return true
    if (typeof wanted === 'string') return named(destination, wanted, protocol) === port
    return port >= wanted && port <= (entry?.['endPort'] ?? wanted)
  })
}
/** The first container port of that name and protocol, containers before sidecars; what runs with a node's address is that node, which has no names. */
function named(destination: OracleEnd, name: string, protocol: Protocol): number | undefined {
  if (!isHeld(destination)) return undefined
  const sorted = [...destination.containers.filter(({ sidecar }) => !sidecar), ...destination.containers.filter(({ sidecar }) => sidecar)]
  return sorted.flatMap(({ ports = [] }) => ports).find((one) => one.name === name && (one.protocol ?? 'TCP') === protocol)?.containerPort
}
function clusterPorts(rule: NonNullable<Loose>, destination: OracleEnd, protocol: Protocol, port: number): boolean {
  const list = (rule['ports'] ?? rule['protocols']) as NonNullable<Loose>[] | undefined
  if (list === undefined || list.length === 0) return true
  return list.some((entry) => {
    const name = entry['namedPort'] ?? entry['destinationNamedPort']
    if (name !== undefined) return named(destination, name, protocol) === port
    if (entry['portNumber']) return entry['portNumber'].protocol === protocol && entry['portNumber'].port === port
    if (entry['portRange'])
      return (entry['portRange'].protocol ?? 'TCP') === protocol && port >= entry['portRange'].start && port <= entry['portRange'].end
    const own = entry[protocol.toLowerCase()]
    if (own === undefined) return false
    const { number, range } = own.destinationPort ?? { range: { start: 1, end: 65535 } }
    return number === undefined ? port >= range.start && port <= range.end : port === number
  })
}
