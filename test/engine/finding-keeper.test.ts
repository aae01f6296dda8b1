import { describe, expect, test } from 'vitest'
import { FindingKeeper, type IsExcepted } from '../../src/engine/finding-keeper.ts'
import type { KubeObject, Observation, RegisteredControl, Snapshot } from '../../src/model/index.ts'
import { refOf } from '../../src/objects/ref.ts'
import { SnapshotStore } from '../../src/snapshot/store.ts'

const control: RegisteredControl = {
  id: 'a-control',
  practice: 'rbac',
  title: 'T',
  severity: 'high',
  why: 'W',
  references: [],
  reads: ['ConfigMap'],
  remedy: { byHand: 'B' },
  evaluate: () => [],
}
const map = (name: string, annotations: Record<string, string> = {}): KubeObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'shop', annotations },
})
const seen = (object: KubeObject, over: Partial<Observation> = {}): Observation => ({
  subject: refOf(object),
  at: ['data'],
  reason: 'is wrong',
  evidence: {},
  ...over,
})
function snapshotOf(...objects: KubeObject[]): Snapshot {
  const store = new SnapshotStore({ kind: 'live', name: 'test' })
  store.take({ type: 'replace', kind: 'ConfigMap', items: objects.map((object) => [`shop/${object.metadata.name}`, object]) })
  return store.publish(0).snapshot
}
const keeper = (isExcepted: IsExcepted = () => false) => new FindingKeeper(control, isExcepted)

describe('findings of the round before', () => {
  test('are given again for observations that were remembered, and for new ones that say the same', () => {
    const [a, b] = [seen(map('a')), seen(map('b'))]
    const kept = keeper()
    const first = kept.findings([a, b], snapshotOf(map('a'), map('b')))
    expect(kept.findings([a, structuredClone(b)], snapshotOf(map('a'), map('b')))).toBe(first)
  })

  test('move, appear and vanish with their observations', () => {
    const [a, b, c] = [seen(map('a')), seen(map('b')), seen(map('c'))]
    const kept = keeper()
    const [ofA, ofB] = kept.findings([a, b], snapshotOf())
    const after = kept.findings([c, b, a], snapshotOf())
    expect(after.map((finding) => finding.subject.name)).toEqual(['c', 'b', 'a'])
    expect(after.slice(1)).toEqual([ofB, ofA])
    expect([after[1], after[2]].every((finding, index) => finding === [ofB, ofA][index])).toBe(true)
    expect(kept.findings([a], snapshotOf())[0]).toBe(ofA)
    expect(kept.findings([], snapshotOf())).toEqual([])
  })

  test('are made anew, with the same id, where the words differ', () => {
    const kept = keeper()
    const [before] = kept.findings([seen(map('a'), { detail: '1' })], snapshotOf())
    const [after] = kept.findings([seen(map('a'), { detail: '2' })], snapshotOf())
    expect(after).toEqual({ ...before, detail: '2' })
  })

  test('are made anew where somebody else has taken the object over, though the observation is the very same', () => {
    const [a, b] = [seen(map('a')), seen(map('b'))]
    const kept = keeper()
    const before = kept.findings([a, b], snapshotOf(map('a'), map('b')))
    const after = kept.findings([a, b], snapshotOf(map('a', { 'meta.helm.sh/release-name': 'shop' }), map('b')))
    expect(after.map((finding) => finding.managedBy)).toEqual(['helm', ''])
    expect(after[1]).toBe(before[1])
  })

  test('that share an identity are told apart by their order, also when the first of them goes', () => {
    const [a, same, third] = [seen(map('a')), seen(map('a'), { detail: 'again' }), seen(map('a'), { detail: 'once more' })]
    const kept = keeper()
    const [plain, twin] = kept.findings([a, same, third], snapshotOf())
    expect(new Set([plain!.id, twin!.id]).size).toBe(2)
    const after = kept.findings([same, third], snapshotOf())
    expect(after.map((finding) => [finding.id, finding.detail])).toEqual([
      [plain!.id, 'again'],
      [twin!.id, 'once more'],
    ])
    expect(after).toEqual(keeper().findings([same, third], snapshotOf()))
  })

  test('keep being accepted', () => {
    const kept = keeper((finding) => finding.subject.name === 'a')
    const [before] = kept.findings([seen(map('a'))], snapshotOf())
    expect(before!.excepted).toBe(true)
    expect(kept.findings([seen(map('a'))], snapshotOf())[0]).toBe(before)
  })
})
