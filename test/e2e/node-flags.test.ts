import { readdir, readFile } from 'node:fs/promises'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import type { FlagsAction } from '../../src/model/index.ts'
import type { StaticApiServer } from '../cluster/nodes/static-apiserver.ts'
import { describeNode } from '../cluster/with-cluster.ts'
import { type Hands, handsOn } from './node-flags.ts'

vi.setConfig({ hookTimeout: 240_000, testTimeout: 240_000 })

describeNode('flags of an API server that the kubelet runs as a static pod', {}, (cluster) => {
  let server: StaticApiServer
  let hands: Hands
  const node = () => cluster().nodes[0]!
  const flags = (values: FlagsAction['flags'], more: Partial<FlagsAction> = {}): FlagsAction => ({
    do: 'flags',
    node: node().name,
    component: 'kube-apiserver',
    flags: values,
    mounts: [],
    files: [],
    ...more,
  })
  const profiling = async () => (await server.api.request('GET', '/debug/pprof/')).status
  const manifest = () => readFile(server.manifest, 'utf8')

  beforeAll(async () => {
    server = await node().runApiServer()
    // The one that restarts is the one that is asked.
    hands = handsOn(node().name, node().path('/'), server.kubeconfig)
  })
  afterAll(async () => {
    hands?.close()
    await server?.remove()
  })

  test('a flag is set, the server is back with it, and undo takes it back', async () => {
    const before = await manifest()
    expect(await profiling()).toBe(200)
    const t = Date.now()
    const { written, diff } = await hands.take(flags({ profiling: 'false' }))
    console.log('took', Date.now() - t, hands.told)
    expect(diff).toContain('+        - --profiling=false')
    expect(await manifest()).toContain('--profiling=false')
    expect(await profiling()).toBe(404)
    expect(await Promise.all(written.map((one) => hands.writer.state(one)))).toEqual(['after'])
    const u = Date.now()
    await hands.writer.undo(written)
    console.log('undo took', Date.now() - u)
    expect(await manifest()).toBe(before)
    expect(await profiling()).toBe(200)
    expect(await readdir(`${node().path('/var/lib/k8s-harden')}/run-1/step-1`)).toEqual([])
  })

  test('a value that the server does not take is put back by itself, and its own words say why', async () => {
    const before = await manifest()
    const t = Date.now()
    await expect(hands.take(flags({ 'tls-min-version': 'VersionTLS99' }))).rejects.toThrow(
      /ends as soon as it is started: .*VersionTLS99.*it is back/,
    )
    console.log('took', Date.now() - t, hands.told)
    expect(await manifest()).toBe(before)
    expect(await profiling()).toBe(200)
  })
})
