/** Whose reach may differ between two worlds: so that a change to one namespace does not cost a look at every pair of the cluster. */
import { rememberedWith } from '../objects/derived.ts'
import type { PodEnd } from '../objects/network-ends.ts'
import { idOf } from '../objects/network-matrix.ts'
import type { Reach } from '../objects/network-reach.ts'
import type { CompiledPolicy, PeerMatch } from '../objects/network-rules.ts'
import { answerOf, both, NO, PERHAPS, YES } from '../objects/network-selectors.ts'
import { applying, around } from '../objects/network-verdict.ts'

/** By direction, ids of workloads (network-matrix.ts). */
export type Touched = Readonly<Record<'ingress' | 'egress', ReadonlySet<string>>>

/**
 * Ids of workloads whose ingress, or egress, a changed policy speaks of; and of workloads that policies see otherwise than before (both
 * directions). Between all others nothing has changed.
 */
export const touchedBetween = rememberedWith(touchedIn)
function touchedIn(before: Reach, after: Reach): Touched {
  const [old, fresh] = [new Set(before.policies), new Set(after.policies)]
  const changed = around([
    ...before.policies.filter((policy) => !fresh.has(policy)),
    ...after.policies.filter((policy) => !old.has(policy)),
  ])
  const touched = { ingress: new Set<string>(), egress: new Set<string>() }
  for (const end of [...before.ends, ...after.ends]) {
    if (end.hostNetwork) continue
    for (const policy of changed(end.namespace.name)) {
      if (applying(policy, end) === undefined) continue
      if (policy.ingress !== undefined) touched.ingress.add(idOf(end))
      if (policy.egress !== undefined) touched.egress.add(idOf(end))
    }
  }
  for (const id of differently(before, after)) {
    touched.ingress.add(id)
    touched.egress.add(id)
  }
  return touched
}

/** Workloads of which some pod is another one to policies than before. */
function differently(before: Reach, after: Reach): ReadonlySet<string> {
  const looks = lookers([...before.policies, ...after.policies])
  const seenAs = new Map<string, string>()
  const of = (end: PodEnd): string => {
    const what = JSON.stringify([end.namespace, end.labels, end.hostNetwork, [...end.named], end.ips])
    return JSON.stringify([end.hostNetwork, [...end.named], end.ips, kept(seenAs, what, () => looks.map((look) => look(end)).join(''))])
  }
  const [was, is] = [byWorkload(before.ends), byWorkload(after.ends)]
  const others = [...was].filter(([id, ends]) => {
    const then = is.get(id)
    if (then === undefined) return true
    const isSame = ends.length === then.length && ends.every((end, index) => sameFacts(end, then[index]!))
    return !isSame && ends.map(of).sort().join() !== then.map(of).sort().join()
  })
  return new Set(others.map(([id]) => id))
}

const byWorkload = (ends: readonly PodEnd[]) => Map.groupBy(ends, idOf)
const sameFacts = (a: PodEnd, b: PodEnd): boolean =>
  a.labels === b.labels && a.hostNetwork === b.hostNetwork && a.pod === b.pod && JSON.stringify(a.namespace) === JSON.stringify(b.namespace)

/** Everything that policies ask of a pod. */
function lookers(policies: readonly CompiledPolicy[]): readonly ((end: PodEnd) => number)[] {
  const peers = new Map<string, PeerMatch & { readonly is: 'pods' }>()
  for (const { ingress, egress } of policies)
    for (const { peers: list } of [...(ingress?.rules ?? []), ...(egress?.rules ?? [])])
      for (const peer of list) if (peer.is === 'pods') peers.set(`${peer.namespaces.key} ${peer.pods.key}`, peer)
  return [
    ...[...new Set(policies)].map((policy) => (end: PodEnd) => {
      const found = end.hostNetwork ? undefined : applying(policy, end)
      return found === undefined ? NO : found.sure ? YES : PERHAPS
    }),
    ...[...peers.values()].map((peer) => (end: PodEnd) => both(answerOf(peer.namespaces, end.namespace), answerOf(peer.pods, end.labels))),
  ]
}

function kept<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key)
  if (value === undefined) map.set(key, (value = make()))
  return value
}
