/** Whatever the cluster: the set closes every pod, cuts nothing that is needed at any point on the way, and opens nothing. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { defaultDenyIngress } from '../../../remediations/network-policy/default-deny.ts'
import { defaultDenyEgress } from '../../../remediations/network-policy/default-deny-egress.ts'
import type { Change, Finding, NetworkPolicyObject, Snapshot, Step } from '../../../src/model/index.ts'
import { type End, podEnds } from '../../../src/objects/network-ends.ts'
import { hasPort, type Protocol } from '../../../src/objects/network-ports.ts'
import { reach } from '../../../src/objects/network-reach.ts'
import { applyPlan } from '../../../src/plan/in-memory.ts'
import { worldOf } from '../../helpers/world.ts'
import { asText, cluster, METADATA_SERVICE, OUTSIDE, type RandomCluster } from './arbitrary-cluster.ts'
import { type NaiveEnd, naiveAllows, naiveIsolated } from './naive-policies.ts'

const REMEDIES = { ingress: defaultDenyIngress(), egress: defaultDenyEgress() }
const OPTIONS = { mode: 'fence', outside: 'everything' }
type Proposed = { readonly changes: readonly Change[] } | { readonly refused: string }

const propose = (direction: 'ingress' | 'egress', namespace: string, view: Snapshot, options = OPTIONS): Proposed =>
  REMEDIES[direction].propose({ subject: { apiVersion: 'v1', kind: 'Namespace', name: namespace } } as Finding, {
    view,
    options,
    alongside: [],
  }) as Proposed
const after = (snapshot: Snapshot, changes: readonly Change[]): Snapshot => applyPlan(snapshot, [{ changes } as Step])
const policiesOf = (snapshot: Snapshot): readonly NetworkPolicyObject[] => snapshot.all('NetworkPolicy')

const snapshotOf = ({ objects, policies }: RandomCluster): Snapshot => worldOf(asText([...objects, ...policies])).snapshot
const keyOf = ({ from, to, protocol, port, why }: RandomCluster['needed'][number]): string => {
  const name = (end: NaiveEnd) => (typeof end === 'string' ? end : `${end.namespace}/${end.name}`)
  return `${why}: ${name(from)} to ${name(to)} ${protocol} ${port}`
}

const PORTS = [80, 8080, 8081, 9000, 12345]
/** Every pair of pods, and the outside, on every port that anything here listens on. */
function* everything({ pods }: RandomCluster): Iterable<readonly [from: NaiveEnd, to: NaiveEnd, port: number]> {
  for (const from of [...pods, OUTSIDE, METADATA_SERVICE])
    for (const to of [...pods, OUTSIDE, METADATA_SERVICE]) for (const port of PORTS) if (from !== to) yield [from, to, port]
}

let [applied, refused] = [0, 0]
test('nothing needed is cut after any part of the set, no pod is left open, and nothing is opened', { timeout: 300_000 }, () => {
  fc.assert(
    fc.property(cluster, (made) => {
      let snapshot = snapshotOf(made)
      const before = policiesOf(snapshot)
      const needed = made.needed.filter(({ from, to, protocol, port }) => naiveAllows(before, from, to, protocol, port))
      for (const direction of ['ingress', 'egress'] as const) {
        for (const namespace of new Set(made.pods.filter(({ hostNetwork }) => !hostNetwork).map((pod) => pod.namespace))) {
          if (namespace === 'kube-system' || namespace === 'mon') continue
          const proposal = propose(direction, namespace, snapshot)
          if ('refused' in proposal) {
            refused++
            continue
          }
          applied++
          expect((proposal.changes.at(-1) as { object: NetworkPolicyObject }).object.metadata.name).toMatch(/^default-deny-/)
          for (const change of proposal.changes) {
            snapshot = after(snapshot, [change])
            const now = policiesOf(snapshot)
            expect(needed.filter(({ from, to, protocol, port }) => !naiveAllows(now, from, to, protocol, port)).map(keyOf)).toEqual([])
          }
          const type = direction === 'ingress' ? 'Ingress' : 'Egress'
          const mine = made.pods.filter((pod) => pod.namespace === namespace && !pod.hostNetwork)
          expect(mine.filter((pod) => !naiveIsolated(policiesOf(snapshot), pod, type))).toEqual([])
          for (const pod of direction === 'egress' ? mine : [])
            expect(naiveAllows(policiesOf(snapshot), pod, METADATA_SERVICE, 'TCP', 80)).toBe(false)
        }
      }
      const now = policiesOf(snapshot)
      for (const [from, to, port] of everything(made))
        if (!naiveAllows(before, from, to, 'TCP', port)) expect(naiveAllows(now, from, to, 'TCP', port), 'opened').toBe(false)
    }),
    { numRuns: 80 },
  )
  // A set that is refused cuts nothing either: this must not be how it passes.
  expect(applied).toBeGreaterThan(3 * refused)
})

test('the engine says the same as the naive judge of what the sets let through', { timeout: 300_000 }, () => {
  fc.assert(
    fc.property(cluster, fc.constantFrom('fence', 'strict'), (made, mode) => {
      let snapshot = snapshotOf(made)
      for (const direction of ['ingress', 'egress'] as const)
        for (const namespace of ['shop', 'bank', 'blog']) {
          const proposal = propose(direction, namespace, snapshot, { ...OPTIONS, mode })
          if ('changes' in proposal) snapshot = after(snapshot, proposal.changes)
        }
      const ends = new Map<string, End>(
        podEnds(snapshot).map((end) => [`${end.namespace.name}/${end.pod?.metadata.name ?? end.workload.ref.name}`, end]),
      )
      const endOf = (end: NaiveEnd): End =>
        typeof end === 'string' ? { is: 'address', ip: end } : ends.get(`${end.namespace}/${end.name}`)!
      const { connection } = reach(snapshot)
      for (const { from, to, protocol, port } of made.needed)
        expect(hasPort(connection(endOf(from), endOf(to)).ports, protocol as Protocol, port)).toBe(
          naiveAllows(policiesOf(snapshot), from, to, protocol, port),
        )
    }),
    { numRuns: 30 },
  )
})

test('strict: who is seen to call is let through, and others of the namespace are not', { timeout: 300_000 }, () => {
  let cut = 0
  fc.assert(
    fc.property(cluster, (made) => {
      let snapshot = snapshotOf(made)
      const before = policiesOf(snapshot)
      const needed = made.needed.filter(
        ({ from, to, protocol, port, why }) => why !== 'fence' && naiveAllows(before, from, to, protocol, port),
      )
      for (const direction of ['ingress', 'egress'] as const)
        for (const namespace of ['shop', 'bank', 'blog']) {
          const proposal = propose(direction, namespace, snapshot, { ...OPTIONS, mode: 'strict' })
          for (const change of 'changes' in proposal ? proposal.changes : []) {
            snapshot = after(snapshot, [change])
            const now = policiesOf(snapshot)
            expect(needed.filter(({ from, to, protocol, port }) => !naiveAllows(now, from, to, protocol, port)).map(keyOf)).toEqual([])
          }
        }
      cut += made.needed.filter(
        ({ from, to, port, why }) => why === 'fence' && !naiveAllows(policiesOf(snapshot), from, to, 'TCP', port),
      ).length
    }),
    { numRuns: 40 },
  )
  expect(cut).toBeGreaterThan(0)
})
