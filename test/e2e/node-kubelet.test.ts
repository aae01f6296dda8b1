/** Settings and serving certificates of real kubelets, changed on their nodes by the steps of a plan. */
import { readFile, rm } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import type { Edit, FileAction, Step } from '../../src/model/index.ts'
import { images } from '../cluster/nodes/images.ts'
import { makePod } from '../cluster/nodes/run-pod.ts'
import type { StaticApiServer } from '../cluster/nodes/static-apiserver.ts'
import { describeNode } from '../cluster/with-cluster.ts'
import { type Hands, handsOn, planFor, snapshotOf, stepOf } from './node-kubelet.ts'

vi.setConfig({ hookTimeout: 300_000, testTimeout: 300_000 })

const CONFIG = '/var/lib/kubelet/config.yaml'
async function until(holds: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 60_000; !(await holds()); await sleep(200)) if (Date.now() > end) throw new Error('not within a minute')
}
const SETTINGS = ['node-pod-pids', 'node-seccomp-default']
// As kubeadm leaves a node: nobody named a certificate, and the API server does not verify what it gets.
const kubeletConfig = { tlsCertFile: undefined, tlsPrivateKeyFile: undefined }

describeNode('kubelets', { nodes: 2, kubeletConfig, flags: { 'kubelet-certificate-authority': null } }, (cluster) => {
  let hands: Hands
  const names = () => cluster().nodes.map(({ name }) => name)
  const configOf = async (name: string) =>
    (await cluster().api.get<{ kubeletconfig: Record<string, unknown> }>(`/api/v1/nodes/${name}/proxy/configz`)).kubeletconfig
  const fileOf = (index: number) => readFile(cluster().nodes[index]!.path(CONFIG), 'utf8')
  const isReady = async (name: string) =>
    (
      await cluster().api.get<{ status: { conditions: { type: string; status: string }[] } }>(`/api/v1/nodes/${name}`)
    ).status.conditions.find(({ type }) => type === 'Ready')?.status
  const edit = (node: string, edits: readonly Edit[]): Step =>
    stepOf({ do: 'file', node, path: CONFIG, to: { edits }, noticedBy: 'kubelet' } satisfies FileAction)
  const containers = async () =>
    Promise.all(
      names().map(async (name) => {
        const pod = await cluster().api.get<{
          status: { phase: string; containerStatuses?: { containerID: string; restartCount: number }[] }
        }>(`/api/v1/namespaces/default/pods/on-${name}`)
        return [pod.status.phase, pod.status.containerStatuses?.[0]?.containerID, pod.status.containerStatuses?.[0]?.restartCount]
      }),
    )

  beforeAll(async () => {
    // What they were given by the test is not what a node has: each signs for itself.
    for (const node of cluster().nodes) {
      await rm(node.path('/var/lib/kubelet/pki/kubelet.crt'))
      await rm(node.path('/var/lib/kubelet/pki/kubelet.key'))
      await node.serviceRestart()
      await node.addImages([images.root])
    }
    for (const name of names()) {
      await until(() => configOf(name).then(Boolean, () => false))
      await makePod(cluster(), `on-${name}`, { image: images.root.name, args: ['serve=:8080'] }, { nodeName: name })
    }
    await until(async () => (await containers()).every(([phase]) => phase === 'Running'))
    hands = handsOn(cluster(), cluster().kubeconfig)
  })
  afterAll(async () => {
    await hands?.close()
  })

  test('a plan sets them on the worker first, configz shows them, and the pods stay; undo takes them back', async () => {
    const before = await containers()
    const old = await Promise.all([fileOf(0), fileOf(1)])
    const plan = planFor(await snapshotOf(hands, ['node-0']), SETTINGS)
    expect(plan.steps.map(({ title }) => title)).toEqual([
      'kubelet on node-1: set podPidsLimit=4096, seccompDefault=true',
      'kubelet on node-0: set podPidsLimit=4096, seccompDefault=true',
    ])
    const taken = []
    for (const step of plan.steps) taken.push(await hands.take(step))
    for (const name of names()) expect(await configOf(name)).toMatchObject({ podPidsLimit: 4096, seccompDefault: true })
    expect(hands.asked).toEqual(['restart node-1', 'restart node-0'])
    expect(await containers()).toEqual(before)
    expect(planFor(await snapshotOf(hands, ['node-0']), SETTINGS).steps).toEqual([])
    for (const { written } of taken.toReversed()) await hands.undo(written)
    expect(await Promise.all([fileOf(0), fileOf(1)])).toEqual(old)
    for (const name of names()) expect(await configOf(name)).toMatchObject({ podPidsLimit: -1, seccompDefault: false })
    expect(await containers()).toEqual(before)
  })

  test('a value that the kubelet does not take is put back by itself, and the node is Ready again', async () => {
    const before = await fileOf(1)
    await expect(hands.take(edit('node-1', [{ set: ['authorization', 'mode'], to: 'Nonsense' }]))).rejects.toThrow(/put back as it was/)
    expect(await fileOf(1)).toBe(before)
    await expect.poll(() => isReady('node-1'), { timeout: 60_000 }).toBe('True')
    expect(await configOf('node-1')).toMatchObject({ authorization: { mode: 'Webhook' } })
  })

  test('protectKernelDefaults waits for the settings of the kernel', async () => {
    const [, node] = cluster().nodes
    const protect = () => edit('node-1', [{ set: ['protectKernelDefaults'], to: true }])
    await node!.run(['sh', '-c', 'echo 0 > /proc/sys/vm/overcommit_memory'])
    const before = await fileOf(1)
    await expect(hands.take(protect())).rejects.toThrow(/would not start: vm.overcommit_memory is 0 and must be 1/)
    expect(await fileOf(1)).toBe(before)
    await node!.run(['sh', '-c', 'echo 1 > /proc/sys/vm/overcommit_memory'])
    await hands.take(protect())
    expect(await configOf('node-1')).toMatchObject({ protectKernelDefaults: true })
  })

  test('the API server verifies kubelets only once all of them serve a certificate of the cluster', async () => {
    const server: StaticApiServer = await cluster().nodes[0]!.runApiServer()
    const through = (kubeconfig: string, ...args: string[]) => cluster().kubectl(args, { as: kubeconfig })
    try {
      const planned = () => snapshotOf(hands, ['node-0']).then((seen) => planFor(seen, ['sec-apiserver-kubelet-tls']).steps)
      await expect.poll(() => planned().then(({ length }) => length), { timeout: 60_000 }).toBe(5)
      const steps = await planned()
      expect(steps.map(({ title }) => title)).toEqual([
        'kubelet on node-1: set serverTLSBootstrap=true',
        'kubelet on node-1: approve the request for its serving certificate',
        'kubelet on node-0: set serverTLSBootstrap=true',
        'kubelet on node-0: approve the request for its serving certificate',
        'kube-apiserver on node-0: verify the certificates of kubelets',
      ])
      // The wrong order: the last step first, and after half of the nodes.
      await expect(hands.take(steps[4]!)).rejects.toThrow(/not yet: .*node-0 .*node-1/)
      await hands.take(steps[0]!)
      await hands.take(steps[1]!)
      await expect(hands.take(steps[4]!)).rejects.toThrow(/not yet: .*node-0/)
      for (const step of steps.slice(2)) await hands.take(step)
      expect(await readFile(server.manifest, 'utf8')).toContain('--kubelet-certificate-authority=/etc/kubernetes/pki/ca.crt')
      // An API server in the network of one node does not reach the other; the one outside both does, once it verifies as well.
      expect(await through(server.kubeconfig, 'logs', 'on-node-0')).toContain('identity')
      await cluster().restartApiServer({ flags: { 'kubelet-certificate-authority': cluster().caFile } })
      for (const name of names()) {
        expect(await through(cluster().kubeconfig, 'logs', `on-${name}`)).toContain('identity')
        expect(await through(cluster().kubeconfig, 'exec', `on-${name}`, '--', '/workload', 'exit=0')).toContain('identity')
      }
    } finally {
      await server.remove()
    }
    // Starts of an API server and of kubelets, on a machine that may be busy.
  }, 480_000)
})
