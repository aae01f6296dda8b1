/** Pods that policies isolate in name only: together they let everybody in, or out to everywhere. */
import { derived } from './derived.ts'
import type { End, PodEnd } from './network-ends.ts'
import type { Direction } from './network-isolation.ts'
import { compiledPolicies, type PolicyView } from './network-policies.ts'
import type { PortSet } from './network-ports.ts'
import type { CompiledPolicy, PeerMatch } from './network-rules.ts'
import { applying, decided, type Facing, programOf } from './network-verdict.ts'

/**
 * What nobody has in mind who writes a policy: pods without a label, in a namespace without one, with addresses of every private range,
 * and addresses from outside. The one of the metadata service is among them, since a rule that leaves out just that one restricts something.
 */
const INSIDE = ['10.0.0.77', '10.244.77.77', '172.20.77.77', '192.168.77.77', '100.64.77.77']
const OUTSIDE = ['8.8.8.8', '198.51.100.77', '169.254.169.254']
const namespace = { name: 'of-nobody', labels: { 'kubernetes.io/metadata.name': 'of-nobody' } }
const strangerAt = (ip: string): Facing => ({
  end: { is: 'pod', namespace, labels: {}, hostNetwork: false, named: new Map(), ips: [ip] } as unknown as End,
  ip,
})
const STRANGERS: readonly Facing[] = [...INSIDE.map(strangerAt), ...OUTSIDE.map((ip): Facing => ({ end: { is: 'address', ip }, ip }))]

/** Names of the policies that let everybody through to (or from) the pod on every TCP port, whatever else selects it; none where it is not so. */
export function openedBy(view: PolicyView, pod: PodEnd, direction: Direction): readonly string[] {
  const { policies, wide } = derived(view, direction === 'ingress' ? widestIngress : widestEgress)
  const here = wide.filter((policy) => !pod.hostNetwork && policy.selects(pod))
  if (here.length === 0) return []
  const program = programOf(
    policies.flatMap((policy) => applying(policy, pod) ?? []),
    direction,
  )
  const isLet = (facing: Facing) => everyTcp(decided(program, facing, direction === 'ingress' ? pod : facing.end).ports)
  if (!STRANGERS.every(isLet)) return []
  const whole = here.filter((policy) => policy[direction]!.rules.some((rule) => rule.peers.some(isWidePeer) && everyTcp(rule.ports(pod))))
  return [...new Set((whole.length > 0 ? whole : here).map(({ ref }) => `${ref.kind} ${ref.name}`))].sort()
}
const everyTcp = ({ TCP }: PortSet): boolean => TCP.length === 2 && TCP[0]! <= 1 && TCP[1]! >= 65_535

/** Most policies name somebody, and need no closer look. */
const widest = (view: PolicyView, direction: Direction) => {
  const policies = compiledPolicies(view)
  const isWide = (policy: CompiledPolicy) =>
    policy.vague === undefined &&
    policy[direction]?.rules.some(({ action, vague, peers }) => action === 'allow' && vague === undefined && peers.some(isWidePeer)) ===
      true
  return { policies, wide: policies.filter(isWide) }
}
const widestIngress = (view: PolicyView) => widest(view, 'ingress')
const widestEgress = (view: PolicyView) => widest(view, 'egress')
const isWidePeer = (peer: PeerMatch): boolean =>
  peer.is === 'everything' || peer.is === 'world' || (peer.is === 'addresses' && Number(/\/(\d+)$/.exec(peer.cidr)?.[1] ?? 32) <= 4)
