/** Around a source: the provider's answer is there before the scan is complete, and only where it was asked for. */
import { chmod, mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { ClusterSource, Readable, SourceEvent } from '../../src/model/index.ts'
import { withCloudIam } from '../../src/sources/cloud-iam.ts'

const seen: ReadonlySet<Readable>[] = []
const inner: ClusterSource = {
  info: { kind: 'live', name: 'shop' },
  async *events({ wanted }) {
    seen.push(wanted)
    yield { type: 'source', info: { kind: 'live', name: 'shop' } }
    yield [{ type: 'synced' }]
    yield { type: 'synced' }
  },
}

test('one question a scan', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'k8s-harden-clouds-'))
  await writeFile(join(dir, 'az'), `#!/bin/sh\necho '{"name": "shop", "aadProfile": {}, "disableLocalAccounts": true}'\n`)
  await chmod(join(dir, 'az'), 0o755)
  const path = process.env['PATH']
  process.env['PATH'] = `${dir}:${path}`
  try {
    const source = withCloudIam(inner, { provider: 'aks', group: 'rg', name: 'shop' })
    const gather = async (wanted: Readable[]): Promise<SourceEvent[]> => {
      const events: SourceEvent[] = []
      for await (const batch of source.events({ signal: new AbortController().signal, follow: false, wanted: new Set(wanted) }))
        events.push(...(Array.isArray(batch) ? (batch as SourceEvent[]) : [batch as SourceEvent]))
      return events
    }
    const events = await gather(['Pod', 'CloudIam'])
    expect(events.map((event) => (event.type === 'fact' ? event.fact : event.type))).toEqual(['source', 'CloudIam', 'synced', 'synced'])
    expect(events[1]).toMatchObject({ value: { cluster: 'rg/shop', settings: { localAccounts: 'off' } } })
    expect([...seen.at(-1)!]).toEqual(['Pod'])
    expect((await gather(['Pod'])).map(({ type }) => type)).toEqual(['source', 'synced', 'synced'])
  } finally {
    process.env['PATH'] = path
  }
})
