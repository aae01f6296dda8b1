/** What is kept from one snapshot to the next is what would be computed from scratch, and a snapshot that is past still answers as it did. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Kind, KubeObject } from '../../src/model/index.ts'
import { portsText } from '../../src/objects/network-ports.ts'
import { type Reach, reach } from '../../src/objects/network-reach.ts'
import { keyOf } from '../../src/objects/ref.ts'
import { SnapshotStore } from '../../src/snapshot/store.ts'
import { objectsOf, podObject, policiesOf, type RandomPod, worldOf } from './network-reach-worlds.ts'
import { viewOf } from './rbac-graph-worlds.ts'

const RUNS = 150
type Change = { readonly at: number } & (
  | { readonly pod: RandomPod }
  | { readonly gone: true }
  | { readonly policy: KubeObject }
  | { readonly labels: Record<string, string> }
)

const change: fc.Arbitrary<Change> = fc.nat(20).chain((at) =>
  fc.oneof(
    { weight: 5, arbitrary: worldOf(true).map(({ pods }) => ({ at, pod: pods[0]! })) },
    { weight: 1, arbitrary: fc.constant({ at, gone: true as const }) },
    {
      weight: 1,
      arbitrary: policiesOf(true)
        .filter((list) => list.length > 0)
        .map((list) => ({ at, policy: list[0]! })),
    },
    { weight: 2, arbitrary: worldOf(false).map(({ namespaces }) => ({ at, labels: [...namespaces.values()][0]! })) },
  ),
)
const place = (object: KubeObject) => ({ kind: object.kind as Kind, key: keyOf(object.metadata.namespace, object.metadata.name) })

/** What every group's row says, pod by pod. */
function written(known: Reach): readonly string[] {
  const nameOf = (end: Reach['ends'][number]) =>
    `${end.namespace.name}/${end.workload.ref.kind}/${end.workload.ref.name}/${end.pod?.metadata.name}`
  return known.groups
    .flatMap((to) =>
      known
        .into(to)
        .flatMap(({ from, connection: { ports, perhaps } }) =>
          from.flatMap((group) =>
            group.ends.flatMap((one) =>
              to.ends.map((other) => `${nameOf(one)} > ${nameOf(other)}: ${portsText(ports)} / ${portsText(perhaps)}`),
            ),
          ),
        ),
    )
    .sort()
}

test(`${RUNS} random histories of a cluster: kept and from scratch are the same after every change`, { timeout: 60_000 }, () => {
  let [steps, same] = [0, 0]
  fc.assert(
    fc.property(worldOf(true), fc.array(change, { minLength: 1, maxLength: 8 }), (world, changes) => {
      const store = new SnapshotStore({ kind: 'live', name: 'fixture' })
      const objects = new Map<string, KubeObject>()
      const put = (object: KubeObject) => {
        const { kind, key } = place(object)
        objects.set(`${kind} ${key}`, object)
        store.take({ type: 'upsert', kind, key, object })
      }
      for (const object of objectsOf(world)) put(object)
      let past: { known: Reach; text: readonly string[] } | undefined
      for (const one of [undefined, ...changes]) {
        const list = [...objects.values()]
        const victim = list[(one?.at ?? 0) % Math.max(1, list.length)]
        if (one !== undefined && 'pod' in one) put(podObject(one.pod, `pod-${one.at % 4}`))
        else if (one !== undefined && 'policy' in one)
          put({ ...one.policy, metadata: { ...one.policy.metadata, name: `policy-${one.at % 3}` } })
        else if (one !== undefined && 'labels' in one)
          put({
            apiVersion: 'v1',
            kind: one.at % 3 === 0 ? 'Node' : 'Namespace',
            metadata: { name: one.at % 3 === 0 ? 'n1' : ['x', 'y', 'z'][one.at % 3]!, labels: one.labels },
          })
        else if (one !== undefined && victim !== undefined) {
          const { kind, key } = place(victim)
          objects.delete(`${kind} ${key}`)
          store.take({ type: 'remove', kind, key })
        }
        const known = reach(store.publish(0).snapshot)
        const text = written(known)
        expect(text).toEqual(written(reach(viewOf([...objects.values()]))))
        const { open, pairs } = known.totals()
        expect([open, pairs]).toEqual([text.filter((line) => !line.includes(': no port /')).length, text.length])
        if (past !== undefined) expect(written(past.known), 'the snapshot before').toEqual(past.text)
        if (past !== undefined && past.text.join() === text.join()) same++
        past = { known, text }
        steps++
      }
    }),
    { numRuns: RUNS },
  )
  expect(steps).toBeGreaterThan(RUNS * 2)
  expect(same, 'and most changes do change something').toBeLessThan(steps * 0.8)
})
