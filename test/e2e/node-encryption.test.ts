/** Encryption at rest as an operator turns it on, changes the key, turns it off and takes it back: two real API servers as static pods. */
import { mkdtemp, readdir, readFile, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { type ContainerProgram, makeContainerProgram } from '../cluster/nodes/container-program.ts'
import type { StaticApiServer } from '../cluster/nodes/static-apiserver.ts'
import { describeNode } from '../cluster/with-cluster.ts'
import { cli, freshState } from '../helpers/cli.ts'
import { holding, Poller, recordCalls, type Secrets, storedAs, unreadable, writeSecret } from './encryption-ring.ts'

const MINUTE = 60_000
vi.setConfig({ hookTimeout: 4 * MINUTE })
const SLOW = { timeout: 12 * MINUTE }

const PATH = '/etc/kubernetes/enc/encryption-config.yaml'
const CONFIGURATION = 'apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration # of kubeadm\nkubernetesVersion: v1.37.2\n'
const CONFIG_MAPS = '/api/v1/namespaces/kube-system/configmaps'
const TAKEN = ['--yes', '--accept-risk', 'may-break']

describeNode('encryption at rest on two nodes of a control plane', { nodes: 2, scheduler: false }, (cluster) => {
  const secrets: Secrets = new Map()
  const state = freshState()
  /** All that was ever printed, and every key that was ever in a file. */
  let printed = ''
  const keys = new Set<string>()
  let servers: readonly StaticApiServer[]
  let program: ContainerProgram
  let recorded: Awaited<ReturnType<typeof recordCalls>>
  let poller: Poller
  let manifests: readonly string[]

  const manifestsNow = () => Promise.all(servers.map(({ manifest }) => readFile(manifest, 'utf8')))
  const fileOn = (index: number) => readFile(cluster().nodes[index]!.path(PATH), 'utf8')
  const kubeadm = async () =>
    (await servers[1]!.api.get<{ data: { ClusterConfiguration: string } }>(`${CONFIG_MAPS}/kubeadm-config`)).data.ClusterConfiguration

  async function run(args: readonly string[]) {
    const began = Date.now()
    const reach = ['--kubeconfig', servers[0]!.kubeconfig, ...(args[0] === 'undo' ? [] : ['--host', '*=docker:{node}'])]
    const env = { PATH: `${recorded.folder}:${process.env['PATH']}`, XDG_STATE_HOME: state }
    const done = await cli([...args, ...reach], { env, timeout: 9 * MINUTE })
    printed += done.stdout + done.stderr
    for (const { path } of cluster().nodes) {
      const text = await readFile(path(PATH), 'utf8').catch(() => '')
      for (const [, key] of text.matchAll(/secret: "?([^\s"]+)/g)) keys.add(key!)
    }
    console.info(`${args.slice(0, 4).join(' ')}: ${Math.round((Date.now() - began) / 1000)} s, exit ${done.exitCode}`)
    expect(poller.unexplained()).toEqual([])
    expect(poller.lost).toEqual([])
    return done
  }
  async function outcomes() {
    const ids = ['sec-etcd-encryption', 'sec-etcd-encryption-provider', 'sec-etcd-encryption-coverage']
    const { stdout } = await run(['scan', ...ids.flatMap((id) => ['--control', id]), '-o', 'json'])
    const report = JSON.parse(stdout) as { results: { control: string; status: string }[] }
    return Object.fromEntries(ids.map((id) => [id, report.results.find((one) => one.control === id)?.status]))
  }
  const restarts = async (work: () => Promise<unknown>) => {
    const before = poller.restarts()
    await work()
    return poller.restarts().map((count, index) => count - before[index]!)
  }

  beforeAll(async () => {
    const dir = await mkdtemp(join(tmpdir(), 'k8s-harden-ring-'))
    program = await makeContainerProgram(dir, cluster().nodes)
    recorded = await recordCalls(dir, join(program.folder, 'docker'))
    servers = await Promise.all(cluster().nodes.map((node) => node.runApiServer()))
    await cluster().handOver(servers)
    await servers[0]!.api.create(CONFIG_MAPS, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'kubeadm-config' },
      data: { ClusterConfiguration: CONFIGURATION },
    })
    for (let index = 0; index < 40; index++) {
      const name = `old-${index}`
      const namespace = index % 2 === 0 ? 'default' : 'kube-system'
      secrets.set(await writeSecret(servers[index % 2]!, namespace, name, { immutable: index % 5 === 0 }), `4111-${name}`)
    }
    manifests = await manifestsNow()
    poller = new Poller(servers, secrets)
  })
  afterAll(async () => {
    await poller?.stop()
    console.info(`${poller?.reads} reads, ${poller?.writes} writes, failures while a server restarted: ${poller?.failures.length}`)
    for (const server of servers ?? []) await server.remove()
    await program?.close()
  })

  test('turned on: only ciphertext in etcd, everything readable on both, proved by scan, and nothing left to do', SLOW, async () => {
    expect(Object.keys(await storedAs(cluster()))).toEqual(['plain'])
    let said = ''
    const restarted = await restarts(async () => {
      const done = await run(['apply', '--control', 'sec-etcd-encryption', ...TAKEN])
      said = done.stdout + done.stderr
      expect([done.exitCode, said]).toEqual([0, expect.any(String)])
    })
    expect(restarted).toEqual([1, 1])
    const [key] = /k8s:enc:secretbox:v1:key-\d{8}:/.exec(said)!
    expect(Object.keys(await storedAs(cluster()))).toEqual([key])
    expect(await unreadable(servers, secrets)).toEqual([])
    expect(await fileOn(0)).toBe(await fileOn(1))
    expect(await kubeadm()).toContain('encryption-provider-config')
    expect(await outcomes()).toEqual({
      'sec-etcd-encryption': 'pass',
      'sec-etcd-encryption-provider': 'pass',
      'sec-etcd-encryption-coverage': 'pass',
    })
    const again = await run(['apply', '--control', 'sec-etcd-encryption', ...TAKEN])
    expect([again.exitCode, again.stdout]).toEqual([0, expect.stringMatching(/^0 steps for 0 of 0 findings/)])
    const status = await run(['encryption', 'status'])
    expect([status.exitCode, status.stdout]).toEqual([0, expect.stringContaining(`secrets: written with ${key}`)])
  })

  test('taken back: as if nothing had been', SLOW, async () => {
    const done = await run(['undo', '--yes'])
    expect([done.exitCode, done.stdout + done.stderr]).toEqual([0, expect.any(String)])
    expect(Object.keys(await storedAs(cluster()))).toEqual(['plain'])
    expect(await unreadable(servers, secrets)).toEqual([])
    expect(await manifestsNow()).toEqual(manifests)
    expect(await kubeadm()).toBe(CONFIGURATION)
    for (const { path } of cluster().nodes) await expect(stat(path(PATH))).rejects.toThrow('ENOENT')
  })

  test('turned on again, and a new key: etcd knows it alone, and the old one is in no file that an API server is given', SLOW, async () => {
    expect((await run(['apply', '--control', 'sec-etcd-encryption', ...TAKEN])).exitCode).toBe(0)
    const [before] = Object.keys(await storedAs(cluster()))
    const [, old] = /secret: "?([^\s"]+)/.exec(await fileOn(0))!
    const restarted = await restarts(async () => {
      const done = await run(['encryption', 'rotate', '--remove-old', ...TAKEN])
      expect([done.exitCode, done.stdout + done.stderr]).toEqual([0, expect.any(String)])
    })
    expect(restarted).toEqual([0, 0])
    const stored = Object.keys(await storedAs(cluster()))
    expect(stored).toEqual([expect.stringMatching(/^k8s:enc:secretbox:v1:key-\d{8}(?:-\d+)?:$/)])
    expect(stored).not.toEqual([before])
    expect(await unreadable(servers, secrets)).toEqual([])
    for (const text of [await fileOn(0), await fileOn(1)]) expect([text.includes(old!), text.includes('identity')]).toEqual([false, false])
  })

  test('turned off: plain text, and API servers without the flag', SLOW, async () => {
    const refused = await run(['encryption', 'disable', ...TAKEN])
    expect([refused.exitCode, refused.stderr]).toEqual([2, expect.stringContaining('--yes-store-secrets-in-plain-text')])
    const restarted = await restarts(async () => {
      const done = await run(['encryption', 'disable', '--yes-store-secrets-in-plain-text', ...TAKEN])
      expect([done.exitCode, done.stdout + done.stderr]).toEqual([0, expect.any(String)])
    })
    expect(restarted).toEqual([1, 1])
    expect(Object.keys(await storedAs(cluster()))).toEqual(['plain'])
    expect(await unreadable(servers, secrets)).toEqual([])
    for (const text of [...(await manifestsNow()), await kubeadm()]) expect(text).not.toContain('--encryption-provider-config')
  })

  test('no key was ever printed, journalled, given as an argument, or left where others than root can read it', async () => {
    const all = [...keys].flatMap((key) => [key, Buffer.from(key, 'base64').toString('hex')])
    expect(keys.size).toBeGreaterThan(1)
    expect(all.filter((key) => printed.includes(key) || program.asked.join().includes(key))).toEqual([])
    const calls = await recorded.calls()
    expect(calls).toContain('exec')
    expect(all.filter((key) => calls.includes(key))).toEqual([])
    for (const name of await readdir(state, { recursive: true })) {
      const path = join(state, name)
      if (!(await stat(path)).isFile()) continue
      const text = await readFile(path, 'utf8')
      expect(all.filter((key) => text.includes(key))).toEqual([])
    }
    for (const node of cluster().nodes) {
      const found = await holding(node, [...keys])
      expect(found.filter((line) => !/^600 root \/(?:etc\/kubernetes\/enc|var\/lib\/k8s-harden)\//.test(line))).toEqual([])
      expect(found).not.toEqual([])
    }
  })
})
