/** All controls over one large world that keeps changing: what is kept from round to round must never differ from a judgement from scratch. */
import { describe, expect, test } from 'vitest'
import { controls } from '../../src/controls/index.gen.ts'
import { alike } from '../../src/engine/alike.ts'
import { Evaluator } from '../../src/engine/evaluator.ts'
import type { FactName, Kind, KubeObject, Outcome, Readable, Snapshot } from '../../src/model/index.ts'
import { keyOf } from '../../src/objects/ref.ts'
import { kinds } from '../../src/objects/served.ts'
import { SnapshotStore } from '../../src/snapshot/store.ts'
import { FACTS, loadWorld } from '../helpers/world.ts'
import { fixturesOf, foldersOf } from '../laws/fixtures.ts'

const NOW = Date.parse('2026-11-23T00:00:00Z')
const STEPS = 40
type Objects = Map<Kind, Map<string, KubeObject>>

/** The objects and facts of every fixture together; of two with one name, the first. */
function everything(): { readonly objects: Objects; readonly facts: ReadonlyMap<FactName, unknown> } {
  const objects: Objects = new Map(kinds.map((kind) => [kind, new Map()]))
  const facts = new Map<FactName, unknown>()
  for (const { practice, id } of foldersOf()) {
    for (const { file } of fixturesOf(practice, id)) {
      const { snapshot } = loadWorld(file)
      for (const kind of kinds) {
        for (const object of snapshot.all(kind)) {
          const key = keyOf(object.metadata.namespace, object.metadata.name)
          if (!objects.get(kind)!.has(key)) objects.get(kind)!.set(key, structuredClone(object) as KubeObject)
        }
      }
      for (const fact of FACTS) if (!facts.has(fact) && snapshot.fact(fact) !== undefined) facts.set(fact, snapshot.fact(fact))
    }
  }
  return { objects, facts }
}

/** A store that holds the same, in objects that nothing was remembered of. */
function filled({ objects, facts }: ReturnType<typeof everything>, unread: ReadonlySet<Kind> = new Set()): SnapshotStore {
  const store = new SnapshotStore({ kind: 'live', name: 'test', kubernetes: 'v1.37.2' })
  for (const [kind, map] of objects) {
    if (unread.has(kind)) store.take({ type: 'unread', unread: notRead(kind) })
    else store.take({ type: 'replace', kind, items: [...map].map(([key, object]) => [key, structuredClone(object)] as const) })
  }
  for (const [fact, value] of facts) store.take({ type: 'fact', fact, value: structuredClone(value) as never })
  for (const fact of FACTS) if (!facts.has(fact)) store.take({ type: 'unread', unread: notRead(fact) })
  return store
}
const notRead = (what: Readable) => ({ what, why: 'forbidden' as const, because: `${what} is forbidden`, answer: `allow list on ${what}` })

/** The same numbers every time. */
function dice(seed: number): (sides: number) => number {
  let state = seed
  return (sides) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * sides)
  }
}

/** One change to the store and to `world`, which says what the store should hold. */
function change(
  store: SnapshotStore,
  world: ReturnType<typeof everything>,
  gone: [Kind, string, KubeObject][],
  unread: Set<Kind>,
  roll: (sides: number) => number,
  step: number,
): void {
  const populated = kinds.filter((kind) => !unread.has(kind) && world.objects.get(kind)!.size > 0)
  const kind = populated[roll(populated.length)]!
  const map = world.objects.get(kind)!
  const [key, object] = [...map][roll(map.size)]!
  const put = (into: Kind, at: string, value: KubeObject) => {
    world.objects.get(into)!.set(at, value)
    store.take({ type: 'upsert', kind: into, key: at, object: structuredClone(value) })
  }
  const touched = (over: object) => put(kind, key, { ...object, metadata: { ...object.metadata, ...over } })
  const action = roll(6)
  if (action === 0) {
    map.delete(key)
    gone.push([kind, key, object])
    store.take({ type: 'remove', kind, key })
  } else if (action === 1) {
    const back = gone.splice(roll(Math.max(gone.length, 1)), 1)[0]
    if (back !== undefined && !unread.has(back[0])) put(...back)
    else touched({ resourceVersion: `r${step}` })
  } else if (action === 2) {
    unread.add(kind)
    world.objects.set(kind, new Map())
    store.take({ type: 'replace', kind, items: [] })
    store.take({ type: 'unread', unread: notRead(kind) })
  } else if (action === 3) {
    const [back] = unread
    if (back === undefined) touched({ annotations: { 'meta.helm.sh/release-name': 'shop' } })
    else {
      unread.delete(back)
      store.take({ type: 'replace', kind: back, items: [] })
    }
  } else if (action === 4) touched({ labels: { ...object.metadata.labels, changed: `at-${step}` } })
  else put(kind, `${key}-twin`, { ...object, metadata: { ...object.metadata, name: `${object.metadata.name}-twin`, uid: `twin-${step}` } })
}

const summary = (outcomes: ReadonlyMap<string, Outcome>) => Object.fromEntries(outcomes)

describe('judging again after a change', () => {
  test.each([1, 2, 3])('says what a judgement from scratch says (changes %i)', (seed) => {
    const world = everything()
    const [store, roll, gone, unread] = [filled(world), dice(seed), [] as [Kind, string, KubeObject][], new Set<Kind>()]
    const evaluator = new Evaluator(controls)
    evaluator.update(store.publish(NOW).snapshot)
    for (let step = 0; step < STEPS; step++) {
      change(store, world, gone, unread, roll, step)
      const { snapshot, changed } = store.publish(NOW)
      const kept = evaluator.update(snapshot, changed)
      // Who becomes cluster-admin takes ten times as long to find out as all the rest.
      const compared = step % 4 === 3 ? controls : controls.filter(({ practice }) => practice !== 'rbac')
      const afresh = new Evaluator(compared).update(copyOf(snapshot, world, unread))
      for (const { id } of compared) expect(kept.get(id), `${id}, step ${step}`).toEqual(afresh.get(id))
    }
  })

  /** In the same order, which the order of findings follows. */
  function copyOf(snapshot: Snapshot, { facts }: ReturnType<typeof everything>, unread: ReadonlySet<Kind>): Snapshot {
    const objects: Objects = new Map(
      kinds.map((kind) => [
        kind,
        new Map(snapshot.all(kind).map((object) => [keyOf(object.metadata.namespace, object.metadata.name), object as KubeObject])),
      ]),
    )
    return filled({ objects, facts }, unread).publish(NOW).snapshot
  }

  test('keeps every finding that has not changed, and every outcome', () => {
    const world = everything()
    const store = filled(world)
    const evaluator = new Evaluator(controls)
    const first = evaluator.update(store.publish(NOW).snapshot)
    expect([...first.values()].flatMap((outcome) => outcome.findings).length).toBeGreaterThan(200)
    for (const kind of kinds) {
      const [entry] = world.objects.get(kind)!
      if (entry === undefined) continue
      const before = evaluator.outcomes
      const [key, object] = entry
      store.take({
        type: 'upsert',
        kind,
        key,
        object: { ...structuredClone(object), metadata: { ...object.metadata, labels: { ...object.metadata.labels, touched: kind } } },
      })
      const { snapshot, changed } = store.publish(NOW)
      const after = evaluator.update(snapshot, changed)
      for (const { id } of controls) expectKept(before.get(id)!, after.get(id)!)
    }
  })

  test('gives the same objects again where nothing has changed at all, even when it is told to judge everything', () => {
    const store = filled(everything())
    const evaluator = new Evaluator(controls)
    const before = summary(evaluator.update(store.publish(NOW).snapshot))
    const after = summary(evaluator.update(store.publish(NOW).snapshot))
    for (const { id } of controls) if (before[id]!.unread === undefined) expect(after[id], id).toBe(before[id])
  })
})

function expectKept(before: Outcome, after: Outcome): void {
  const known = new Map(before.findings.map((finding) => [finding.id, finding]))
  for (const finding of after.findings) {
    const last = known.get(finding.id)
    if (last !== undefined && alike(last, finding)) expect(finding, `${finding.control} ${finding.id}`).toBe(last)
  }
  if (after.findings.length === before.findings.length && alike(before, after)) expect(after, after.control).toBe(before)
}
