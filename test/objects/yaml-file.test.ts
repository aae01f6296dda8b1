import { expect, test } from 'vitest'
import { YamlProblem } from '../../src/objects/yaml-dialect.ts'
import { fieldsIn, fileValue, repeatedKey } from '../../src/objects/yaml-file.ts'
import { kubernetesYaml } from '../../src/objects/yaml-write.ts'

// What sigs.k8s.io/yaml v1.6.0 and the serializers of apimachinery v0.37.2 make of them; compared with the real ones on 30,000 random files.
test.each<[string, string, unknown]>([
  ['a merge over keys that stand before it', 'a: &x {e: true}\nb: {e: false, <<: *x}\n', { a: { e: true }, b: { e: true } }],
  ['keys behind a merge', 'a: &x {e: true}\nb: {<<: *x, e: false}\n', { a: { e: true }, b: { e: false } }],
  ['the first of several mappings that are merged', 'b: {g: 0, <<: [{e: 1}, {e: 2, g: 2}]}\n', { b: { g: 2, e: 1 } }],
  ['the last of two equal keys', 'a: no\na: yes\n', { a: true }],
  ['the first document', '# by hand\n---\na: 0o600\n---\na: 1\n', { a: 384 }],
  ['what stands before the end of a document', 'a: on\n...\na: off\n', { a: true }],
  ['JSON', ' {"a": 1, "a": 2}', { a: 2 }],
  ['nothing', '---\n---\na: 1\n', null],
])('a component reads %s', (_, text, value) => {
  expect(fileValue(text)).toEqual(value)
})

test.each([
  ['braces with no JSON in them', '{a: no}'],
  ['JSON with something behind it', '{"a": 1}\n---\na: 1\n'],
  ['a key that is null', 'a: {~: 1}\n'],
  ['a number without end', 'a: -.inf\n'],
  ['two keys that JSON takes for one', '1: a\n"1": b\n'],
  ['two merges in one mapping', 'b: {<<: {a: 1}, <<: {a: 2}}\n'],
])('%s is not read', (_, text) => {
  expect(() => fileValue(text)).toThrow(YamlProblem)
  expect(fieldsIn(text)).toBeUndefined()
})

test.each([
  ['a: {b: 1, b: 2}\n', 'b'],
  ['yes: 1\ntrue: 2\n', 'true'],
  ['{"a": {"b": 1, "b": 2}}', 'b'],
  ['a: &x {e: 1}\nb: {<<: *x, e: 2}\n', 'e'],
  ['a: &x {e: 1}\nb: {<<: *x, f: 2}\n', undefined],
  ['a: 1\n---\nb: 1\nb: 2\n', undefined],
])('strict decoders find in %j twice: %s', (text, key) => {
  expect(repeatedKey(text)).toBe(key)
})

test('text that would be read as something else is written in quotes, and comes back as it was', () => {
  const texts = [
    'on',
    'N',
    '0o600',
    '0644',
    '1_000',
    '0b11',
    '~',
    'null',
    '',
    '12:30',
    '2026-01-01',
    '.5',
    '=',
    '<<',
    'plain text',
    '# x',
    'a: b',
    '-.inf',
  ]
  expect(fileValue(kubernetesYaml({ texts, yes: 'y' }))).toEqual({ texts, yes: 'y' })
})
