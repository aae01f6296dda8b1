import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { encryptionRules } from '../../src/objects/encryption.ts'
import { standIn } from '../../src/objects/key-stand-in.ts'

const judged = (secret: string) =>
  encryptionRules({
    apiVersion: 'apiserver.config.k8s.io/v1',
    kind: 'EncryptionConfiguration',
    metadata: { name: 'a test' },
    resources: [{ resources: ['secrets'], providers: [{ secretbox: { keys: [{ name: 'k', secret }] } }] }],
  } as never)[0]!.providers[0]!.keys[0]

test.each([
  ['random', randomBytes(32)],
  ['random and short', randomBytes(16)],
  ['a phrase', Buffer.from('thirty-two letters of a password')],
  ['all alike', Buffer.alloc(32)],
])('a stand-in is judged as its key is: %s', (_, bytes) => {
  const key = bytes.toString('base64')
  if (bytes.some((byte) => byte !== 0)) expect(standIn(key)).not.toBe(key)
  expect(judged(standIn(key))).toEqual(judged(key))
  expect(standIn(standIn(key))).toBe(standIn(key))
})
