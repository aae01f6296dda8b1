/** Pods that policies isolate in name only: together they let everybody in, or out to everywhere. */
import { lasting } from './derived.ts'
import type { End, PodEnd } from './network-ends.ts'
import type { Direction } from './network-isolation.ts'
import { compiledPolicies, POLICY_KINDS, type PolicyView } from './network-policies.ts'
import type { PortSet } from './network-ports.ts'
import type { CompiledPolicy, PeerMatch } from './network-rules.ts'
import { type Applying, applying, around, decided, type Facing, programOf } from './network-verdict.ts'

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
  if (pod.hostNetwork) return NOBODY
  const known = KNOWN[direction](view)
  let names = known.byPod.get(pod)
  if (names === undefined) known.byPod.set(pod, (names = find(known, pod, direction)))
  return names
}
const NOBODY: readonly string[] = []

function find({ policies, wide, numberOf, alike }: Known, pod: PodEnd, direction: Direction): readonly string[] {
  const here = wide(pod.namespace.name).filter((policy) => policy.selects(pod))
  if (here.length === 0) return NOBODY
  const all = policies(pod.namespace.name).flatMap((policy) => applying(policy, pod) ?? [])
  // Of a pod itself only its named ports count besides.
  const key = [...all.map(({ policy, sure }) => `${numberOf.get(policy)}${sure}`), ...[...pod.named].flat()].join(' ')
  let names = alike.get(key)
  if (names === undefined) alike.set(key, (names = namesOf(here, all, pod, direction)))
  return names
}

function namesOf(here: readonly CompiledPolicy[], all: readonly Applying[], pod: PodEnd, direction: Direction): readonly string[] {
  const program = programOf(all, direction)
  const isLet = (facing: Facing) => everyTcp(decided(program, facing, direction === 'ingress' ? pod : facing.end).ports)
  if (!STRANGERS.every(isLet)) return NOBODY
  const whole = here.filter((policy) => policy[direction]!.rules.some((rule) => rule.peers.some(isWidePeer) && everyTcp(rule.ports(pod))))
  return [...new Set((whole.length > 0 ? whole : here).map(({ ref }) => `${ref.kind} ${ref.name}`))].sort()
}
const everyTcp = ({ TCP }: PortSet): boolean => TCP.length === 2 && TCP[0]! <= 1 && TCP[1]! >= 65_535

/** For as long as the policies are the same: pods of the same policies are asked about once. */
interface Known {
  readonly policies: ReturnType<typeof around>
  readonly wide: ReturnType<typeof around>
  readonly numberOf: ReadonlyMap<CompiledPolicy, number>
  readonly alike: Map<string, readonly string[]>
  readonly byPod: WeakMap<PodEnd, readonly string[]>
}
const knownOf = (direction: Direction) =>
  lasting([...POLICY_KINDS, 'DaemonSet'], (view: PolicyView): Known => {
    const policies = compiledPolicies(view)
    // Most policies name somebody, and need no closer look.
    const isWide = (policy: CompiledPolicy) =>
      policy.vague === undefined &&
      policy[direction]?.rules.some(({ action, vague, peers }) => action === 'allow' && vague === undefined && peers.some(isWidePeer)) ===
        true
    return {
      policies: around(policies),
      wide: around(policies.filter(isWide)),
      numberOf: new Map(policies.map((policy, number) => [policy, number])),
      alike: new Map(),
      byPod: new WeakMap(),
    }
  })
const KNOWN = { ingress: knownOf('ingress'), egress: knownOf('egress') }
const isWidePeer = (peer: PeerMatch): boolean =>
  peer.is === 'everything' || peer.is === 'world' || (peer.is === 'addresses' && Number(/\/(\d+)$/.exec(peer.cidr)?.[1] ?? 32) <= 4)
