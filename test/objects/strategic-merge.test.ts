import { describe, expect, test } from 'vitest'
import { applyJsonPatch, mergeStrategically } from '../../src/objects/strategic-merge.ts'

describe('strategic merge', () => {
  test.each<[string, unknown, unknown, unknown]>([
    ['mappings merge, null takes away', { a: { b: 1, c: 2 } }, { a: { c: null, d: 3 } }, { a: { b: 1, d: 3 } }],
    [
      'containers by name, others stay, new ones come',
      { containers: [{ name: 'a', image: 'x' }, { name: 'b' }] },
      {
        containers: [
          { name: 'a', tty: true },
          { name: 'c', image: 'y' },
        ],
      },
      { containers: [{ name: 'a', image: 'x', tty: true }, { name: 'b' }, { name: 'c', image: 'y' }] },
    ],
    ['an item goes', { env: [{ name: 'A' }, { name: 'B' }] }, { env: [{ name: 'A', $patch: 'delete' }] }, { env: [{ name: 'B' }] }],
    [
      'mounts by path',
      { volumeMounts: [{ mountPath: '/a', name: 'x' }] },
      { volumeMounts: [{ mountPath: '/a', name: 'y' }] },
      { volumeMounts: [{ mountPath: '/a', name: 'y' }] },
    ],
    [
      'other lists are exchanged',
      { args: ['a'], tolerations: [{ key: 'a' }] },
      { args: ['b'], tolerations: [{ key: 'b' }] },
      { args: ['b'], tolerations: [{ key: 'b' }] },
    ],
    ['a list exchanged on purpose', { env: [{ name: 'A' }] }, { env: [{ name: 'B' }, { $patch: 'replace' }] }, { env: [{ name: 'B' }] }],
    ['a mapping exchanged on purpose', { a: { b: 1 } }, { a: { $patch: 'replace', c: 1 } }, { a: { c: 1 } }],
    ['a mapping deleted', { a: { b: 1 }, c: 1 }, { a: { $patch: 'delete' } }, { c: 1 }],
    ['texts taken out of a list', { finalizers: ['a', 'b'] }, { '$deleteFromPrimitiveList/finalizers': ['a'] }, { finalizers: ['b'] }],
    [
      'directives do not stay',
      {},
      {
        containers: [
          { name: 'a', $patch: 'delete' },
          { name: 'b', securityContext: { $patch: 'replace', privileged: false } },
        ],
      },
      { containers: [{ name: 'b', securityContext: { privileged: false } }] },
    ],
  ])('%s', (_name, object, patch, wanted) => {
    expect(mergeStrategically(object, patch, true)).toEqual(wanted)
  })
  test('lists of kinds whose schema is not known are exchanged', () => {
    expect(mergeStrategically({ containers: [{ name: 'a' }] }, { containers: [{ name: 'b' }] }, false)).toEqual({
      containers: [{ name: 'b' }],
    })
  })
  test('the whole object deleted', () => {
    expect(mergeStrategically({ a: 1 }, { $patch: 'delete' }, true)).toBeUndefined()
  })
  test('what it is given stays as it was', () => {
    const object = Object.freeze({ containers: Object.freeze([Object.freeze({ name: 'a' })]) })
    mergeStrategically(object, { containers: [{ name: 'a', x: 1 }] }, true)
    expect(object).toEqual({ containers: [{ name: 'a' }] })
  })
})

describe('JSON patch', () => {
  test.each<[string, unknown, unknown[], unknown]>([
    [
      'add',
      { a: [1] },
      [
        { op: 'add', path: '/a/0', value: 0 },
        { op: 'add', path: '/a/-', value: 2 },
        { op: 'add', path: '/b', value: {} },
      ],
      { a: [0, 1, 2], b: {} },
    ],
    [
      'replace and remove',
      { a: [1, 2], 'x/y': 1, '~': 1 },
      [
        { op: 'replace', path: '/a/1', value: 3 },
        { op: 'remove', path: '/x~1y' },
        { op: 'remove', path: '/~0' },
      ],
      { a: [1, 3] },
    ],
    [
      'move and copy',
      { a: { b: 1 } },
      [
        { op: 'copy', from: '/a/b', path: '/c' },
        { op: 'move', from: '/a/b', path: '/d' },
      ],
      { a: {}, c: 1, d: 1 },
    ],
    ['test', { a: 1 }, [{ op: 'test', path: '/a', value: 1 }], { a: 1 }],
  ])('%s', (_name, object, operations, wanted) => {
    expect(applyJsonPatch(object, operations)).toEqual(wanted)
  })
  test.each<[string, unknown]>([
    ['a parent that is not there', { op: 'add', path: '/x/y', value: 1 }],
    ['nothing to replace', { op: 'replace', path: '/x', value: 1 }],
    ['nothing to remove', { op: 'remove', path: '/x' }],
    ['a test in vain', { op: 'test', path: '/a', value: 2 }],
    ['an operation that is none', { op: 'merge', path: '/a' }],
    ['no path', 'x'],
  ])('%s is refused', (_name, operation) => {
    expect(() => applyJsonPatch({ a: 1 }, [operation])).toThrow(TypeError)
  })
})
