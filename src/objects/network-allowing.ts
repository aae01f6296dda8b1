/** Which policies let a pod talk to another end: for words on a screen; what passes in the end is network-reach.ts's to say. */
import type { ObjectRef } from '../model/index.ts'
import { cidrHolds } from './network-addresses.ts'
import type { End, PodEnd } from './network-ends.ts'
import { isNone } from './network-ports.ts'
import type { CompiledPolicy, PeerMatch } from './network-rules.ts'

/** Policies with a rule that allows the other end some port, or may: of ingress into `pod`, or of egress out of it. */
export const allowing = (
  policies: readonly CompiledPolicy[],
  pod: PodEnd,
  direction: 'ingress' | 'egress',
  other: End,
): readonly ObjectRef[] =>
  policies
    .filter((policy) => {
      const rules = policy[direction]?.rules.filter(({ action }) => action === 'allow') ?? []
      const destination = direction === 'ingress' ? pod : other
      return (
        rules.length > 0 &&
        !pod.hostNetwork &&
        policy.selects(pod) &&
        rules.some((rule) => !isNone(rule.ports(destination)) && rule.peers.some((peer) => mayMatch(peer, other)))
      )
    })
    .map(({ ref }) => ref)

function mayMatch(peer: PeerMatch, end: End): boolean {
  switch (peer.is) {
    case 'everything':
    case 'vague':
      return true
    case 'pods':
      return end.is === 'pod' && !end.hostNetwork && peer.namespaces.matches(end.namespace) && peer.pods.matches(end.labels)
    case 'nodes':
      return end.is === 'node' ? peer.nodes.matches(end.labels) : end.is === 'pod' && end.hostNetwork
    case 'world':
      return end.is === 'address'
    case 'addresses': {
      const ips = end.is === 'address' ? [end.ip] : end.ips
      return ips.length === 0 ? peer.pods !== 'no' : ips.some((ip) => cidrHolds(peer.cidr, peer.except, ip))
    }
  }
}
