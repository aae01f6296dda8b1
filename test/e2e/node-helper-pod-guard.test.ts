/** The only API server is changed through a pod that is reached through it: what comes back does so by the pod alone. */
import { fork } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { HelperPodHost } from '../../src/hosts/helper-pod-host.ts'
import type { FlagsAction, Written } from '../../src/model/index.ts'
import { helperPrograms, machineImage } from '../cluster/nodes/machine-image.ts'
import type { StaticApiServer } from '../cluster/nodes/static-apiserver.ts'
import { describeNode } from '../cluster/with-cluster.ts'
import { type Hands, handsOn } from './node-flags.ts'

vi.setConfig({ hookTimeout: 240_000, testTimeout: 300_000 })
const image = 'k8s-harden.test/programs:1'
const namespace = '/api/v1/namespaces/k8s-harden-nodes'
const bad = { 'tls-min-version': 'VersionTLS99' }

describeNode('an API server that is changed through a pod which only it leads to', {}, (cluster) => {
  let server: StaticApiServer
  const open: Hands[] = []
  const node = () => cluster().nodes[0]!
  const hands = (run: string, patienceMs = 120_000) => {
    const one = handsOn(node().name, (client) => new HelperPodHost(client, node().name, { image }), server.kubeconfig, run, patienceMs)
    open.push(one)
    return one
  }
  const flags = (values: FlagsAction['flags']): FlagsAction => ({
    do: 'flags',
    node: node().name,
    component: 'kube-apiserver',
    flags: values,
    mounts: [],
    files: [],
  })
  const profiling = async () => (await server.api.request('GET', '/debug/pprof/')).status
  const manifest = () => readFile(server.manifest, 'utf8')
  const left = async () => (await readdir(node().path('/etc/kubernetes/manifests'))).filter((name) => name.startsWith('.'))

  beforeAll(async () => {
    await node().addImages([machineImage(image, helperPrograms)])
    server = await node().runApiServer()
  })
  afterEach(async () => {
    for (const one of open.splice(0)) {
      await one.host.close()
      one.close()
    }
    await expect.poll(async () => (await cluster().api.request('GET', namespace)).status, { timeout: 30_000 }).toBe(404)
    expect(await left()).toEqual([])
  })
  afterAll(() => server?.remove())

  test('a flag is set and taken back, and the pod keeps what it was told to keep', { timeout: 300_000 }, async () => {
    const before = await manifest()
    const one = hands('run-1')
    const { written } = await one.take(flags({ profiling: 'false' }))
    expect([await profiling(), (await manifest()).includes('--profiling=false')]).toEqual([404, true])
    await one.writer.undo(written)
    expect([await manifest(), await profiling()]).toEqual([before, 200])
    expect(await readdir(`${node().path('/var/lib/k8s-harden')}/run-1/step-1`)).toEqual([])
  })

  test('a value that it does not start with is put back by the pod, though nobody can reach that', { timeout: 300_000 }, async () => {
    const before = await manifest()
    const one = hands('run-2', 20_000)
    await expect(one.take(flags(bad))).rejects.toThrow(
      /did not come back within 20 s.*the helper pod put everything back as it was, and it is back/,
    )
    expect([await manifest(), await profiling()]).toEqual([before, 200])
    expect(one.told.join('\n')).toMatch(/helper pod to put the old files back by itself, in \d+ s/)
  })

  test('killed right after the write: the pod puts it back, and the next run finds it settled', { timeout: 300_000 }, async () => {
    const before = await manifest()
    const child = fork(join(import.meta.dirname, 'node-helper-pod-guard-killed.ts'), [
      node().name,
      image,
      server.kubeconfig,
      JSON.stringify(flags(bad)),
      '5000',
    ])
    const written = await new Promise<Written[]>((resolve) => child.on('message', (message) => resolve(message as Written[])))
    await expect.poll(manifest, { timeout: 60_000, interval: 20 }).toContain('VersionTLS99')
    child.kill('SIGKILL')
    await new Promise((resolve) => child.on('exit', resolve))
    const status = () =>
      server.api.request('GET', '/readyz').then(
        (answer) => answer.status,
        () => 'away',
      )
    await expect.poll(status, { timeout: 30_000 }).toBe('away')
    expect(await manifest()).not.toBe(before)
    await expect.poll(manifest, { timeout: 120_000 }).toBe(before)
    await expect.poll(status, { timeout: 120_000 }).toBe(200)
    const next = hands('run-3')
    expect(await next.writer.state(written[0]!)).toBe('before')
    await next.writer.undo(written)
    expect([await manifest(), await profiling()]).toEqual([before, 200])
  })
})
