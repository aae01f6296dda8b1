import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { beforeAll, expect, test, vi } from 'vitest'
import { images } from '../cluster/nodes/images.ts'
import { whyNoPolicies } from '../cluster/nodes/policies.ts'
import { describeNode } from '../cluster/with-cluster.ts'
import { BIN } from '../helpers/cli.ts'

vi.setConfig({ hookTimeout: 240_000, testTimeout: 240_000 })
const patience = { timeout: 60_000, interval: 100 }

/** One cluster, at first without and then with a plugin that enforces. */
describeNode('whether policies are enforced is tried out', {}, (cluster) => {
  beforeAll(() => cluster().nodes[0]!.addImages([images.user1000]))
  const harden = (state: string, ...args: readonly string[]) => {
    const env = { KUBECONFIG: cluster().kubeconfig, NO_COLOR: '1', XDG_STATE_HOME: state }
    return execa(process.execPath, [BIN, ...args], { env, stdin: 'ignore', reject: false, all: true })
  }
  const newState = () => mkdtemp(join(tmpdir(), 'k8s-harden-xdg-'))
  const tried = async (image: string = images.user1000.name) => harden(await newState(), 'try-enforcement', '--yes', '--image', image)
  const leftOver = async () => {
    const { items } = await cluster().api.get<{ items: { metadata: { name: string; deletionTimestamp?: string } }[] }>('/api/v1/namespaces')
    return items.flatMap(({ metadata }) =>
      metadata.name.startsWith('k8s-harden-try-') && !metadata.deletionTimestamp ? [metadata.name] : [],
    )
  }

  test('nobody is asked and nothing made without --yes', async () => {
    const { exitCode, all } = await harden(await newState(), 'try-enforcement')
    expect([exitCode, await leftOver()]).toEqual([2, []])
    expect(all).toContain('nothing was made')
  })
  test('no: the connection that a policy denies gets through', async () => {
    const { exitCode, all } = await tried()
    expect(all).toContain('NetworkPolicies are NOT enforced: a pod that a policy isolates was connected to all the same')
    expect([exitCode, await leftOver()]).toEqual([1, []])
  })
  test('killed in the middle: its namespace is in the journal, and undo deletes it', async () => {
    const state = await newState()
    const trying = harden(state, 'try-enforcement', '--yes', '--image', 'k8s-harden.test/nowhere:1')
    await expect.poll(leftOver, patience).toHaveLength(1)
    trying.kill('SIGKILL')
    await trying
    const { all } = await harden(state, 'undo', '--yes')
    expect(all).toContain('try whether NetworkPolicies are enforced')
    expect(await leftOver()).toEqual([])
  })
  test.skipIf(whyNoPolicies() !== undefined)('yes: it is cut, and only by the policy', async () => {
    await cluster().nodes[0]!.enforcePolicies()
    const { exitCode, all } = await tried()
    expect(all).toContain('NetworkPolicies are enforced: a policy cut a connection that worked before it and after it')
    expect([exitCode, await leftOver()]).toEqual([0, []])
  })
})
