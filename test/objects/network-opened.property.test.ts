/** Pods of the same policies are asked about once: what is said of each is what is said of it where it is alone. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type PodEnd, podEnds } from '../../src/objects/network-ends.ts'
import { openedBy } from '../../src/objects/network-opened.ts'
import { objectsOf, worldOf } from './network-reach-worlds.ts'
import { viewOf } from './rbac-graph-worlds.ts'

const nameOf = ({ namespace, workload, pod }: PodEnd) => `${namespace.name}/${workload.ref.kind}/${workload.ref.name}/${pod?.metadata.name}`

test('a pod is opened by the same policies among others as alone', { timeout: 120_000 }, () => {
  let opened = 0
  fc.assert(
    fc.property(worldOf(true), (world) => {
      const all = viewOf(objectsOf(world))
      for (const pod of podEnds(all)) {
        const alone = viewOf(objectsOf(world).filter((object) => object.kind !== 'Pod' || object.metadata.name === pod.pod?.metadata.name))
        const same = podEnds(alone).find((one) => nameOf(one) === nameOf(pod))!
        for (const direction of ['ingress', 'egress'] as const) {
          const by = openedBy(all, pod, direction)
          expect(by).toEqual(openedBy(alone, same, direction))
          if (by.length > 0) opened++
        }
      }
    }),
    { numRuns: 1500 },
  )
  expect(opened).toBeGreaterThan(20)
})
