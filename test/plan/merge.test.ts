import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Json } from '../../src/model/index.ts'
import { applyEdits, invertEdits } from '../../src/objects/path.ts'
import { canonicalJson, sameJson } from '../../src/plan/canonical.ts'
import { CONFLICT, editsBetween, mergeThree } from '../../src/plan/merge.ts'

/** Mappings with lists of named and of plain things, as Kubernetes objects have them. */
const leaf = fc.oneof(fc.boolean(), fc.integer({ min: 0, max: 3 }), fc.constantFrom('a', 'b', ''), fc.constant(null))
const { tree } = fc.letrec<{ tree: Json; map: Json; list: Json; named: Json }>((tie) => ({
  tree: fc.oneof({ depthSize: 'small', withCrossShrink: true }, leaf as fc.Arbitrary<Json>, tie('map'), tie('list'), tie('named')),
  map: fc.dictionary(fc.constantFrom('spec', 'drop', 'x', 'y'), tie('tree'), { maxKeys: 4 }) as fc.Arbitrary<Json>,
  list: fc.array(leaf, { maxLength: 4 }) as fc.Arbitrary<Json>,
  named: fc
    .uniqueArray(fc.constantFrom('app', 'side', 'init'), { maxLength: 3 })
    .chain(
      (names) =>
        fc
          .tuple(...names.map(() => fc.dictionary(fc.constantFrom('image', 'flag'), leaf, { maxKeys: 2 })))
          .map((items) => items.map((item, index) => ({ name: names[index]!, ...item }))) as fc.Arbitrary<Json>,
    ),
}))
const object = fc.dictionary(fc.constantFrom('spec', 'meta', 'data'), tree, { maxKeys: 3 }) as fc.Arbitrary<Json>

describe('edits between two objects', () => {
  test('make the one of the other, and their inverse gives the first back', () => {
    fc.assert(
      fc.property(object, object, (before, after) => {
        const edits = editsBetween(before, after)
        const made = applyEdits(before, edits)
        expect(canonicalJson(made)).toBe(canonicalJson(after))
        expect(canonicalJson(applyEdits(made, invertEdits(before, edits)))).toBe(canonicalJson(before))
      }),
      { numRuns: 2000 },
    )
  })
  test('there are none between equals', () => {
    fc.assert(
      fc.property(object, (one) => {
        expect(editsBetween(one, structuredClone(one))).toEqual([])
      }),
    )
  })
})

describe('a three-way merge', () => {
  test('takes a change that only one side made', () => {
    fc.assert(
      fc.property(object, object, (base, changed) => {
        expect(sameJson(mergeThree(base, changed, base), changed)).toBe(true)
        expect(sameJson(mergeThree(base, base, changed), changed)).toBe(true)
        expect(sameJson(mergeThree(base, changed, changed), changed)).toBe(true)
      }),
      { numRuns: 1000 },
    )
  })
  test('does not depend on who comes first, where mappings are concerned', () => {
    const flat = fc.dictionary(fc.constantFrom('a', 'b', 'c'), fc.integer({ min: 0, max: 2 }))
    fc.assert(
      fc.property(flat, flat, flat, (base, ours, theirs) => {
        const [one, other] = [mergeThree(base, ours, theirs), mergeThree(base, theirs, ours)]
        expect(one === CONFLICT ? other : canonicalJson(one)).toBe(one === CONFLICT ? CONFLICT : canonicalJson(other))
      }),
    )
  })
  test('two values for one field are a conflict', () => expect(mergeThree({ a: 1 }, { a: 2 }, { a: 3 })).toBe(CONFLICT))
  test('items that different sides changed in place are both changed', () => {
    expect(
      mergeThree(
        [{ verbs: ['*'] }, { verbs: ['get', 'list'] }],
        [{ verbs: ['get'] }, { verbs: ['get', 'list'] }],
        [{ verbs: ['*'] }, { verbs: ['get'] }],
      ),
    ).toEqual([{ verbs: ['get'] }, { verbs: ['get'] }])
  })
  test('items that different sides took away are both gone', () =>
    expect(mergeThree(['a', 'b', 'c'], ['a', 'c'], ['a', 'b'])).toEqual(['a']))
  test('one side may change an item while the other takes another away', () => {
    expect(mergeThree([{ v: 1 }, { v: 2 }, { v: 3 }], [{ v: 1 }, { v: 2 }, { v: 9 }], [{ v: 2 }, { v: 3 }])).toEqual([{ v: 2 }, { v: 9 }])
  })
  test('changing what the other takes away is a conflict', () =>
    expect(mergeThree([{ v: 1 }, { v: 2 }], [{ v: 7 }, { v: 2 }], [{ v: 2 }])).toBe(CONFLICT))
  test('an item that moved up is not taken for a change of its neighbour', () => {
    const [x, y, z] = [{ name: 'x' }, { name: 'y' }, { name: 'z' }]
    expect(mergeThree([x, y], [y, z], [{ ...x, n: 1 }, y])).not.toContainEqual({ name: 'y', n: 1 })
  })
  test('both may add to a list', () => expect(mergeThree(['a'], ['a', 'b'], ['a', 'c'])).toEqual(['a', 'b', 'c']))
})
