/** What a source keeps of a key is judged as the key itself would be, and is never the key. */
import { expect, test } from 'vitest'
import { encryptionRules } from '../../src/objects/encryption.ts'
import { standIn } from '../../src/objects/key-stand-in.ts'

const judged = (secret: string) =>
  encryptionRules({
    apiVersion: 'apiserver.config.k8s.io/v1',
    kind: 'EncryptionConfiguration',
    metadata: { name: 'enc.yaml' },
    resources: [{ resources: ['secrets'], providers: [{ secretbox: { keys: [{ name: 'k', secret }] } }] }],
  })[0]!.providers[0]!.keys[0]

const base64 = (bytes: Uint8Array | string): string => Buffer.from(bytes).toString('base64')

test.each([
  ['random', 'hVcz9HIkXuYyQeBdlYrJx0WPJc9zmX6T9fJr0YNVYLc='],
  ['random, too short', 'hVcz9HIkXuYyQeBdlYrJxw=='],
  ['letters and digits of a generator', base64('x7Kq2mVt9RbLs4WnZc8JdYf3HgPa6TuE')],
  ['digits and letters in rows', base64('0123456789abcdef0123456789abcdef')],
  ['a phrase of our own', base64('correct horse battery staple 123')],
  ['the same byte again and again', base64(new Uint8Array(32).fill(7))],
  ['nothing', ''],
  ['no base64', 'correct horse, battery staple!'],
  ['a placeholder', '{{ .Values.key }}'],
  ['to be filled in', '<BASE 64 ENCODED SECRET>'],
])('%s', (_, key) => {
  const kept = standIn(key)
  expect(judged(kept)).toEqual(judged(key))
  if (key !== '') expect(kept).not.toBe(key)
})

test('what the documentation prints stays: it is no secret', () => {
  expect(standIn('YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXoxMjM0NTY=')).toBe('YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXoxMjM0NTY=')
})

test('a key of a million bytes', () => {
  const key = base64(new Uint8Array(1_000_000).map((_, at) => (at * 31) & 0xff))
  expect(judged(standIn(key))).toEqual(judged(key))
})
