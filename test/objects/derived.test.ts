import { describe, expect, test } from 'vitest'
import type { Kind, KubeObject, Snapshot, View } from '../../src/model/index.ts'
import { derived, lasting, remembered, rememberedWith } from '../../src/objects/derived.ts'
import { SnapshotStore } from '../../src/snapshot/store.ts'

const object = (kind: Kind, name: string): KubeObject => ({ apiVersion: 'v1', kind, metadata: { name, namespace: 'shop' } })
class World {
  readonly store: SnapshotStore
  constructor(source: 'live' | 'manifests' = 'live') {
    this.store = new SnapshotStore({ kind: source, name: 'test' })
  }
  put(kind: Kind, name: string): this {
    this.store.take({ type: 'upsert', kind, key: `shop/${name}`, object: object(kind, name) })
    return this
  }
  get view(): Snapshot {
    return this.store.publish(0).snapshot
  }
}
function counted() {
  let times = 0
  const names = (view: View<'Role' | 'RoleBinding'>) => {
    times++
    return [...view.all('Role'), ...view.all('RoleBinding')].map((one) => one.metadata.name)
  }
  return { names, times: () => times }
}

test('derived is computed once a snapshot', () => {
  const { names, times } = counted()
  const world = new World().put('Role', 'a')
  const view = world.view
  expect([derived(view, names), derived(view, names)]).toEqual([['a'], ['a']])
  expect(times()).toBe(1)
  derived(world.view, names)
  expect(times()).toBe(2)
})

describe('lasting', () => {
  test('is kept while other kinds change, and computed again when one of its own does', () => {
    const { names, times } = counted()
    const ask = lasting(['Role', 'RoleBinding'], names)
    const world = new World().put('Role', 'a').put('Pod', 'p')
    const first = ask(world.view)
    expect(ask(world.put('Pod', 'q').view)).toBe(first)
    expect(times()).toBe(1)
    expect(ask(world.put('RoleBinding', 'b').view)).toEqual(['a', 'b'])
    expect(ask(world.put('Role', 'a').view)).toEqual(['a', 'b'])
    expect(times()).toBe(3)
  })

  test('is computed again when a kind cannot be read any more, and for another source', () => {
    const { times, names } = counted()
    const ask = lasting(['Role', 'RoleBinding'], names)
    const world = new World().put('Role', 'a')
    ask(world.view)
    world.store.take({ type: 'unread', unread: { what: 'RoleBinding', why: 'forbidden', because: 'no', answer: 'allow' } })
    ask(world.view)
    expect(times()).toBe(2)
    const nothing = lasting(['Role'], (view: View<'Role'>) => view.source.kind)
    expect([nothing(new World('live').view), nothing(new World('manifests').view)]).toEqual(['live', 'manifests'])
  })
})

test('remembered is computed once an object, whatever else it is called with', () => {
  let times = 0
  const name = remembered(({ metadata }: KubeObject) => `${metadata.name} ${++times}`)
  const list = [object('Pod', 'a'), object('Pod', 'a')]
  expect([...list.map(name), ...list.map(name)]).toEqual(['a 1', 'a 2', 'a 1', 'a 2'])
})

test('rememberedWith is computed again when something else that goes into it differs', () => {
  let times = 0
  const join = rememberedWith((one: KubeObject, other: string, flag: boolean) => `${one.metadata.name} ${other} ${flag} ${++times}`)
  const pod = object('Pod', 'a')
  expect([join(pod, 'x', true), join(pod, 'x', true), join(pod, 'y', true), join(pod, 'y', false)]).toEqual([
    'a x true 1',
    'a x true 1',
    'a y true 2',
    'a y false 3',
  ])
})

test('a kind that did not change is the same list in the next snapshot; a snapshot that was given out never changes', () => {
  const world = new World().put('Role', 'a').put('Pod', 'p')
  const before = world.view
  const roles = before.all('Role')
  const after = world.put('Pod', 'q').view
  expect(after.all('Role')).toBe(roles)
  expect(before.all('Pod').map((pod) => pod.metadata.name)).toEqual(['p'])
  expect(after.all('Pod').map((pod) => pod.metadata.name)).toEqual(['p', 'q'])
})
