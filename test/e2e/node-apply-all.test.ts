/** All that may be changed on the node of a kubeadm control plane, in one run without a question, as operators will do it; and all of it back. */
import { mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { type ContainerProgram, makeContainerProgram } from '../cluster/nodes/container-program.ts'
import { images } from '../cluster/nodes/images.ts'
import { makePod } from '../cluster/nodes/run-pod.ts'
import type { StaticApiServer } from '../cluster/nodes/static-apiserver.ts'
import { describeNode } from '../cluster/with-cluster.ts'
import { cli, freshState } from '../helpers/cli.ts'

vi.setConfig({ hookTimeout: 240_000 })
const LONG = 600_000
const kubeletConfig = { tlsCertFile: undefined, tlsPrivateKeyFile: undefined }
const EVERYTHING = ['--practice', 'secrets,nodes-and-pods,audit,api-endpoint', '--yes', '--accept-risk', 'may-break', '--steady', '0']

describeNode('everything on a control plane', { kubeletConfig, flags: { 'kubelet-certificate-authority': null } }, (cluster) => {
  let server: StaticApiServer
  let program: ContainerProgram
  const state = freshState()
  const node = () => cluster().nodes[0]!
  const harden = async (...args: string[]) => {
    const env = { XDG_STATE_HOME: state, PATH: `${program.folder}:${process.env['PATH']}` }
    const given = [...args, '--kubeconfig', server.kubeconfig, '--host', '*=docker:{node}']
    const { exitCode, stdout, stderr } = await cli(given, { env, timeout: LONG })
    return { exitCode, said: `${stdout}${stderr}`, run: /undo with: k8s-harden undo (\S+)/.exec(stdout)?.[1] ?? '' }
  }
  /** What the copies of a run hold stays in a place of its own. */
  const files = async () => {
    const script = 'cd "$1" && find etc/kubernetes var/lib/kubelet/config.yaml -type f | sort | xargs sha256sum'
    return (await execa('sh', ['-c', script, 'sh', node().path('/')])).stdout
  }
  const phases = async () => {
    const { items } = await server.api.get<{ items: { metadata: { name: string }; status: { phase: string } }[] }>(
      '/api/v1/namespaces/kube-system/pods',
    )
    return Object.fromEntries(items.map(({ metadata, status }) => [metadata.name, status.phase]))
  }
  const healthy = async () => {
    expect(await phases()).toMatchObject({
      'kube-apiserver-node-0': 'Running',
      'kube-controller-manager-node-0': 'Running',
      'kube-scheduler-node-0': 'Running',
    })
    expect(await cluster().kubectl(['logs', 'before'], { as: server.kubeconfig })).toContain('identity')
  }
  const secret = async () => Buffer.from((await cluster().etcdRaw('/registry/secrets/default/first'))!).toString('latin1')
  let untouched = ''
  let run = ''

  beforeAll(async () => {
    server = await node().runApiServer()
    await node().runComponent('kube-controller-manager', server)
    await node().runComponent('kube-scheduler', server)
    await node().addImages([images.root])
    await makePod(cluster(), 'before', { image: images.root.name, args: ['serve=:8080'] })
    await cluster().kubectl(['create', 'secret', 'generic', 'first', '--from-literal=password=in-the-clear'])
    program = await makeContainerProgram(await mkdtemp(join(cluster().dir, 'docker-')), cluster().nodes)
    await vi.waitFor(healthy, { timeout: 60_000, interval: 500 })
    untouched = await files()
  })
  afterAll(async () => {
    await program?.close()
    await server?.remove()
  })

  test(
    'is mended step by step, the flags of one component by one restart where none waits for nodes; all of it works afterwards',
    async () => {
      const applied = await harden('apply', ...EVERYTHING)
      run = applied.run
      expect([applied.exitCode, applied.said]).toEqual([0, expect.stringMatching(/\nsteps: \d+ mended\n/)])
      const titles = [...applied.said.matchAll(/^\d+\/\d+ (kube\S+ on node-0): /gm)].map(([, title]) => title)
      expect(titles).toEqual([
        'kube-apiserver on node-0',
        'kube-controller-manager on node-0',
        'kube-scheduler on node-0',
        'kubelet on node-0',
        'kubelet on node-0',
        'kube-apiserver on node-0',
      ])
      await healthy()
      expect(await secret()).toContain('k8s:enc:secretbox:v1:')
      const { data } = await server.api.get<{ data: Record<string, string> }>('/api/v1/namespaces/default/secrets/first')
      expect(data['password']).toBe(Buffer.from('in-the-clear').toString('base64'))
    },
    LONG,
  )

  test(
    'leaves a second run nothing but to refuse plain text, now that there is none',
    async () => {
      const { exitCode, said } = await harden('apply', ...EVERYTHING, '--dry-run')
      expect([exitCode, said]).toEqual([0, expect.stringMatching(/^2 steps for 1 of/)])
      expect(said).toMatch(/^2\/2 encryption on node-0: .*nothing else read any more/m)
    },
    LONG,
  )

  test(
    'is taken back byte for byte, and all of it works as before',
    async () => {
      const undone = await harden('undo', run, '--yes')
      expect(`${undone.exitCode} ${undone.said}`).toMatch(/^0 /)
      expect(await files()).toBe(untouched)
      await healthy()
      expect(await secret()).toContain('in-the-clear')
    },
    LONG,
  )
})
