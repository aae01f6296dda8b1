import { describe, expect, test } from 'vitest'
import type { Kind, KubeObject } from '../../src/model/index.ts'
import { goalOf, type RbacGraph, rbacGraph } from '../../src/objects/rbac-graph.ts'
import { keyOf } from '../../src/objects/ref.ts'
import { SnapshotStore } from '../../src/snapshot/store.ts'
import { account, holds, namespace, node, pod } from './rbac-graph-worlds.ts'

/** A cluster of which one object after the other changes, as a watch tells it. */
function cluster(objects: readonly KubeObject[]) {
  const store = new SnapshotStore({ kind: 'live', name: 'test' } as never)
  for (const [kind, list] of Map.groupBy(objects, (one) => one.kind as Kind))
    store.take({ type: 'replace', kind, items: list.map((one) => [keyOf(one.metadata.namespace, one.metadata.name), one]) })
  const graph = (): RbacGraph => rbacGraph(store.publish(0).snapshot)
  return {
    graph,
    with: (object: KubeObject): RbacGraph => {
      const key = keyOf(object.metadata.namespace, object.metadata.name)
      store.take({ type: 'upsert', kind: object.kind as Kind, key, object })
      return graph()
    },
  }
}

const world = [
  namespace('shop'),
  namespace('pay', 'restricted'),
  node('master', true),
  node('worker'),
  ...holds('ServiceAccount:shop/admin', ['* */*']),
  ...holds('ServiceAccount:pay/admin', ['* */*']),
  ...holds('User:jane', ['create pods/exec'], 'shop'),
  ...holds('User:dee', ['patch pods/ephemeralcontainers'], 'shop'),
  ...['shop/admin', 'shop/cart', 'pay/admin'].map((one) => account(...(one.split('/') as [string, string]))),
  pod('shop', 'cart-1', 'cart', { nodeName: 'worker' }),
]

describe('the graph while pods come and go', () => {
  test('stays the very same one for a pod whose account leads nowhere, on a node where its namespace has pods', () => {
    const { graph, with: withOne } = cluster(world)
    const before = graph()
    expect(withOne(pod('shop', 'cart-2', 'cart', { nodeName: 'worker' }))).toBe(before)
    expect(withOne(pod('pay', 'till-1', 'till', { nodeName: 'master' }))).toBe(before)
  })
  test('has a way to cluster-admin as soon as a pod of that account runs where somebody can enter it', () => {
    const { graph, with: withOne } = cluster(world)
    expect(goalOf(graph(), 'User:jane')).toBeUndefined()
    expect(goalOf(withOne(pod('shop', 'admin-1', 'admin', { nodeName: 'worker' })), 'User:jane')).toBe('cluster-admin')
  })
  test('has a way to a node as soon as a pod that owns its node runs where somebody can enter it', () => {
    const { graph, with: withOne } = cluster(world)
    expect(goalOf(graph(), 'User:jane')).toBeUndefined()
    expect(goalOf(withOne(pod('shop', 'cart-2', 'cart', { nodeName: 'worker' }, true)), 'User:jane')).toBe('node')
  })
  test('leads to cluster-admin as soon as a pod that can be debugged is on a node of the control plane', () => {
    const { graph, with: withOne } = cluster(world)
    expect(goalOf(graph(), 'User:dee')).toBe('node')
    expect(goalOf(withOne(pod('shop', 'cart-2', 'cart', { nodeName: 'master' })), 'User:dee')).toBe('cluster-admin')
  })
  test('leads on from a node as soon as an account that counts runs there, whatever its namespace', () => {
    const { graph, with: withOne } = cluster(world)
    expect(goalOf(graph(), 'User:dee')).toBe('node')
    expect(goalOf(withOne(pod('pay', 'admin-1', 'admin', { nodeName: 'worker' })), 'User:dee')).toBe('cluster-admin')
  })
  test('is made again when a namespace no longer refuses privileged pods', () => {
    const { graph, with: withOne } = cluster([...world, ...holds('User:mia', ['create pods'], 'pay')])
    expect(goalOf(graph(), 'User:mia')).toBe('cluster-admin')
    const before = graph()
    expect(withOne(namespace('pay'))).not.toBe(before)
  })
})
