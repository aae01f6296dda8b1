import { describe, expect, test } from 'vitest'
import type { ConfigFile, MetricSample } from '../../src/model/index.ts'
import { encryptionRules, providerOfPrefix, ruleForSecrets, signsOfConfiguration, writersOfSecrets } from '../../src/objects/encryption.ts'

const configuration = (...resources: unknown[]): ConfigFile => ({
  apiVersion: 'apiserver.config.k8s.io/v1',
  kind: 'EncryptionConfiguration',
  metadata: { name: 'enc.yaml' },
  resources,
})
const box = (secret: string) => ({ secretbox: { keys: [{ name: 'k', secret }] } })
const first = (...providers: unknown[]) =>
  ruleForSecrets(encryptionRules(configuration({ resources: ['secrets'], providers })))!.providers[0]!

describe('an EncryptionConfiguration', () => {
  test.each([
    [['secrets'], true],
    [['configmaps', 'secrets'], true],
    [['*.*'], true],
    [['*.'], true],
    [['secrets.'], true],
    [['secrets.example.com'], false],
    [['*.apps'], false],
    [['configmaps'], false],
    [[], false],
  ])('%j covers Secrets: %s', (resources, covered) => {
    expect(ruleForSecrets(encryptionRules(configuration({ resources, providers: [{ identity: {} }] }))) !== undefined).toBe(covered)
  })

  test('the first entry that covers Secrets decides', () => {
    const rules = encryptionRules(
      configuration({ resources: ['secrets'], providers: [{ identity: {} }] }, { resources: ['*.*'], providers: [box('x')] }),
    )
    expect(ruleForSecrets(rules)?.providers[0]?.kind).toBe('identity')
  })

  test.each([
    [{ identity: {} }, 'identity'],
    [{ identity: null }, 'identity'],
    [{ kms: { apiVersion: 'v2' } }, 'kms-v2'],
    [{ kms: { name: 'x' } }, 'kms-v1'],
    [{ aescbc: { keys: [] } }, 'aescbc'],
    [{ rot13: {} }, 'none'],
    [null, 'none'],
  ])('%j is %s', (provider, kind) => expect(first(provider).kind).toBe(kind))

  test('keys are measured, never kept', () => {
    const key = (secret: string) => first(box(secret)).keys[0]!
    expect(key('7cJHkHq0Zt0mX1v8aJ9yqkT0n3S2mR5bV6wQ4dYfE1c=')).toEqual({ name: 'k', bytes: 32, placeholder: false, look: 'random' })
    expect(key('YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXoxMjM0NTY=')).toMatchObject({ bytes: 32, look: 'guessable' })
    expect(key('AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=')).toMatchObject({ bytes: 32, look: 'guessable' })
    expect(key('c2VjcmV0IGlzIHNlY3VyZQ==')).toMatchObject({ bytes: 16, look: 'guessable' })
    expect(key('not base64!')).toMatchObject({ bytes: undefined, placeholder: false })
    expect(key('{{key 1}}')).toMatchObject({ placeholder: true })
    expect(key('<BASE 64 ENCODED SECRET>')).toMatchObject({ placeholder: true })
  })

  test('what is no list or no object does not throw', () => {
    expect(encryptionRules({ ...configuration(), resources: 'secrets' })).toEqual([])
    expect(encryptionRules(configuration(null, 'x', { resources: {}, providers: 3 }))).toHaveLength(3)
  })
})

describe('what the API server counts', () => {
  const sample = (prefix: string, over: Partial<Record<string, string>> = {}, value = 1): MetricSample => ({
    name: 'apiserver_storage_transformation_operations_total',
    labels: { resource: 'secrets', status: 'OK', transformation_type: 'to_storage', transformer_prefix: prefix, ...over } as Record<
      string,
      string
    >,
    value,
  })

  test.each([
    ['', 'identity'],
    ['k8s:enc:kms:v2:cloud:', 'kms-v2'],
    ['k8s:enc:kms:v1:cloud:', 'kms-v1'],
    ['k8s:enc:secretbox:v1:', 'secretbox'],
    ['k8s:enc:aescbc:v1:', 'aescbc'],
    ['key1:', undefined],
  ])('prefix "%s" is %s', (prefix, kind) => expect(providerOfPrefix(prefix)).toBe(kind))

  test('only successful writes of Secrets count', () => {
    expect([
      ...writersOfSecrets([
        sample('k8s:enc:secretbox:v1:'),
        sample('key1:'),
        sample('', { resource: 'configmaps' }),
        sample('', { transformation_type: 'from_storage' }),
        sample('', { status: 'Internal' }),
        sample('', {}, 0),
      ]),
    ]).toEqual(['secretbox'])
  })

  test('signs of a configuration are named; their absence proves nothing', () => {
    expect(
      signsOfConfiguration([{ name: 'apiserver_encryption_config_controller_last_config_info', labels: {}, value: 1 }], ['kms-provider-0']),
    ).toHaveLength(2)
    expect(signsOfConfiguration(undefined, ['ping', 'etcd', 'kms-provider-foo'])).toEqual([])
  })
})
