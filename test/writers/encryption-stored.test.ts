/** What is stored in which form, told by metadata and counters: never by a value (safety law 9). */
import { describe, expect, it, vi } from 'vitest'
import type { ApiClient } from '../../src/apiserver/client.ts'
import { storedWith } from '../../src/writers/encryption-stored.ts'

vi.mock('node:timers/promises', () => ({ setTimeout: async () => {} }))

const METADATA = 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1'
const BOX = 'k8s:enc:secretbox:v1:'
type Form = 'identity' | 'key1' | 'key2'

/** An API server with one object of each form; `restarts`: each look at its metrics finds another process. */
function server(
  objects: Readonly<Record<string, readonly Form[]>>,
  { restarts = false, configured = true, deaf = false }: { restarts?: boolean; configured?: boolean; deaf?: boolean } = {},
) {
  const counts = new Map<string, number>()
  const asked: { path: string; accept: string | undefined }[] = []
  let looks = 0
  const count = (resource: string, prefix: string) => {
    const series = `apiserver_storage_transformation_operations_total{resource="${resource}",status="OK",transformation_type="from_storage",transformer_prefix="${prefix}"}`
    counts.set(series, (counts.get(series) ?? 0) + 1)
  }
  const verbs = ['get', 'list', 'patch']
  const resources = Object.keys(objects).map((resource) => ({ resource, responseKind: { kind: 'X' }, scope: 'Namespaced', verbs }))
  const client = {
    async get(path: string, { accept }: { accept?: string } = {}) {
      if (path === '/apis') return { ok: true, body: { kind: 'APIGroupDiscoveryList', items: [] } }
      if (path === '/api')
        return { ok: true, body: { kind: 'APIGroupDiscoveryList', items: [{ versions: [{ version: 'v1', resources }] }] } }
      asked.push({ path, accept })
      const [, resource = '', name = ''] = /^\/api\/v1\/namespaces\/n\/(\w+)\/(\d+)$/.exec(path) ?? []
      const form = objects[resource]![Number(name)]!
      if (configured && !deaf) {
        count(resource, form === 'identity' ? 'identity' : BOX)
        if (form !== 'identity') count(resource, `${form}:`)
      }
      return { ok: true, body: { metadata: { namespace: 'n', name } } }
    },
    async *pages(path: string, { accept }: { accept: string }) {
      asked.push({ path, accept })
      yield { items: objects[path.split('/').at(-1)!]!.map((_, index) => ({ metadata: { namespace: 'n', name: String(index) } })) }
      return { ok: true }
    },
    async stream(_path: string, _options: object, line: (text: string) => unknown) {
      line(`process_start_time_seconds ${restarts ? looks++ : 1}`)
      if (configured) line('apiserver_encryption_config_controller_last_config_info{hash="sha256:a"} 1')
      for (const [series, value] of counts) line(`${series} ${value}`)
      return { ok: true }
    },
  }
  const look = (entries: readonly string[], prefixes: readonly string[]) =>
    storedWith(client as unknown as ApiClient, entries, () => prefixes, { tell: () => {}, signal: new AbortController().signal })
  return { look, asked }
}

describe('with what values are stored', () => {
  it('is told by metadata alone, of which no request asks for a version', async () => {
    const { look, asked } = server({ secrets: ['key1', 'key2', 'key2'] })
    expect(await look(['secrets'], [''])).toBe('no')
    expect(asked).toHaveLength(4)
    expect(asked.map(({ accept }) => accept)).toEqual([expect.stringMatching(/as=PartialObjectMetadataList/), METADATA, METADATA, METADATA])
    expect(asked.some(({ path }) => path.includes('?'))).toBe(false)
  })

  it('one object in a form that is looked for is enough', async () => {
    const { look } = server({ secrets: ['key2', 'identity', 'key1'] })
    expect(await look(['secrets'], [`${BOX}key1:`])).toEqual({ stored: `some of secrets is encrypted with ${BOX}key1:` })
    expect(await look(['secrets'], [''])).toEqual({ stored: 'some of secrets is stored in plain text' })
    expect(await look(['secrets'], [`${BOX}key3:`])).toBe('no')
    // A key of that name of another provider is another key.
    expect(await look(['secrets'], ['k8s:enc:aescbc:v1:key1:'])).toBe('no')
  })

  it('reads that nobody counted prove nothing, nor do counters of two processes', async () => {
    expect(await server({ secrets: ['key1'] }, { deaf: true }).look(['secrets'], [''])).toEqual({
      unseen: expect.stringMatching(/0 of 1 reads of secrets: another API server answered/),
    })
    expect(await server({ secrets: ['key1'] }, { restarts: true }).look(['secrets'], [''])).toEqual({
      unseen: expect.stringMatching(/two API servers/),
    })
  })

  it('without a configuration nothing encrypted can have been read, but plain text can', async () => {
    const { look } = server({ secrets: ['identity'] }, { configured: false })
    expect(await look(['secrets'], [`${BOX}key1:`])).toBe('no')
    expect(await look(['secrets'], [''])).toEqual({ unseen: expect.stringMatching(/0 of 1 reads/) })
  })
})
