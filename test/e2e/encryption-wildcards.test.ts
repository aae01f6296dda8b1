/** `*.*`: everything that a real API server stores, stored anew and proved resource by resource; judged by the bytes in etcd. */
import { mkdtempSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ApiClient } from '../../src/apiserver/client.ts'
import { pickContext } from '../../src/apiserver/context.ts'
import { storedNames } from '../../src/objects/stored-resources.ts'
import { LiveScan } from '../../src/session/live-scan.ts'
import { liveSource } from '../../src/sources/live.ts'
import { storedWith } from '../../src/writers/encryption-stored.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { describeCluster } from '../cluster/with-cluster.ts'
import { rewriter } from './rewrite-harness.ts'

const file = join(mkdtempSync(join(tmpdir(), 'k8s-harden-encryption-')), 'encryption.yaml')
const BOX = 'k8s:enc:secretbox:v1:'
const secretbox = (name: string, fill: number) => ({
  secretbox: { keys: [{ name, secret: Buffer.alloc(32, fill).toString('base64') }] },
})
const write = (...providers: object[]) =>
  writeFile(
    file,
    JSON.stringify({
      apiVersion: 'apiserver.config.k8s.io/v1',
      kind: 'EncryptionConfiguration',
      resources: [
        { resources: ['secrets'], providers: [secretbox('first', 7), { identity: {} }] },
        { resources: ['*.*'], providers },
      ],
    }),
    { mode: 0o600 },
  )
await write({ identity: {} }, secretbox('all', 9))

describeCluster('wildcards of an EncryptionConfiguration', { encryptionConfig: file, audit: false }, (cluster: () => Cluster) => {
  const widgets = '/apis/example.com/v1/namespaces/default/widgets'
  let client: ApiClient
  afterAll(() => client?.close())

  beforeAll(async () => {
    const { api } = cluster()
    await api.create('/apis/apiextensions.k8s.io/v1/customresourcedefinitions', {
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: { name: 'widgets.example.com' },
      spec: {
        group: 'example.com',
        scope: 'Namespaced',
        names: { plural: 'widgets', singular: 'widget', kind: 'Widget', listKind: 'WidgetList' },
        versions: [
          {
            name: 'v1',
            served: true,
            storage: true,
            schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
          },
        ],
      },
    })
    while ((await api.request('POST', widgets, { body: widget })).status !== 201) await sleep(200)
    await api.create('/apis/apps/v1/namespaces/default/deployments', deployment)
    await api.create('/api/v1/namespaces/default/secrets', { apiVersion: 'v1', kind: 'Secret', metadata: { name: 's' } })
    await write(secretbox('all', 9), { identity: {} })
    await cluster().restartApiServer()
  }, 120_000)

  test('each resource is stored anew with the key of its own entry, and none of them anywhere else', { timeout: 240_000 }, async () => {
    const { kubeconfig } = cluster()
    client = new ApiClient(pickContext({ kubeconfig }))
    const source = liveSource({ client, context: 'e2e' })
    const scan = new LiveScan({ source, controls: [], follow: false })
    await scan.run(new AbortController().signal, new Set(['ServedResources', 'APIService']))
    const names = storedNames(scan.state.snapshot)!
    expect(names).toEqual(expect.arrayContaining(['secrets', 'configmaps', 'deployments.apps', 'widgets.example.com', 'events']))
    for (const virtual of ['bindings', 'componentstatuses', 'tokenreviews.authentication.k8s.io', 'events.events.k8s.io'])
      expect(names).not.toContain(virtual)

    const resources = names.filter((name) => name !== 'secrets')
    const { world, run } = rewriter(kubeconfig, { resources, prefix: `${BOX}all:` }, { pace: { migrationStartMs: 3_000 } })
    const look = () => storedWith(client, ['*.*'], (name) => (name === 'secrets' ? [] : ['']), world)
    expect(await look()).toEqual({ stored: expect.stringMatching(/^some of \S+ is stored in plain text$/) })
    const warnings = await run()
    expect(warnings.filter((warning) => !/StorageVersionMigration of \S+ was given up/.test(warning))).toEqual([])
    expect(warnings.length).toBeLessThanOrEqual(1)
    expect(await stored(cluster())).toEqual({ [`${BOX}all:`]: expect.any(Number), [`${BOX}first:`]: 1 })
    expect(await look()).toBe('no')
  })
})

const widget = { apiVersion: 'example.com/v1', kind: 'Widget', metadata: { name: 'w' }, spec: { token: 'abc' } }
const deployment = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'd' },
  spec: {
    selector: { matchLabels: { app: 'd' } },
    template: { metadata: { labels: { app: 'd' } }, spec: { containers: [{ name: 'c', image: 'registry.example/c:1' }] } },
  },
}

/** What the values of all keys begin with in etcd, counted; what no provider is asked about (allocators' ranges, masters' leases) is left out. */
async function stored({ etcdUrl }: Cluster): Promise<Readonly<Record<string, number>>> {
  const counts: Record<string, number> = {}
  const [key, range_end] = ['/registry/', '/registry0'].map((text) => Buffer.from(text).toString('base64'))
  const answer = await fetch(`${etcdUrl}/v3/kv/range`, { method: 'POST', body: JSON.stringify({ key, range_end }) })
  const { kvs = [] } = (await answer.json()) as { kvs?: { key: string; value: string }[] }
  for (const one of kvs) {
    const name = Buffer.from(one.key, 'base64').toString()
    if (/^\/registry\/(ranges|masterleases|health|peerserverleases)\b/.test(name)) continue
    const begins = Buffer.from(one.value, 'base64').toString('latin1')
    const form = /^k8s:enc:[a-z]+:v\d+:[\w-]+:/.exec(begins)?.[0] ?? name
    counts[form] = (counts[form] ?? 0) + 1
  }
  return counts
}
