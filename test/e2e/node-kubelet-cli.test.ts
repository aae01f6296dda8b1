/** Settings of two real kubelets by the whole command line: looked at, rehearsed and written to files without a touch; changed, and taken back. */
import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { execa } from 'execa'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { type ContainerProgram, makeContainerProgram } from '../cluster/nodes/container-program.ts'
import { images } from '../cluster/nodes/images.ts'
import { makePod } from '../cluster/nodes/run-pod.ts'
import { describeNode } from '../cluster/with-cluster.ts'
import { cli, freshState } from '../helpers/cli.ts'

vi.setConfig({ hookTimeout: 240_000 })
const LONG = 400_000
const CONFIG = '/var/lib/kubelet/config.yaml'
// As kubeadm leaves a node: nobody named a certificate, and the API server does not verify what it gets.
const kubeletConfig = { tlsCertFile: undefined, tlsPrivateKeyFile: undefined }

describeNode('kubelets', { nodes: 2, kubeletConfig, flags: { 'kubelet-certificate-authority': null } }, (cluster) => {
  let program: ContainerProgram
  const state = freshState()
  const configOf = async (name: string) =>
    (await cluster().api.get<{ kubeletconfig: Record<string, unknown> }>(`/api/v1/nodes/${name}/proxy/configz`)).kubeletconfig
  const files = () => Promise.all(cluster().nodes.map((node) => readFile(node.path(CONFIG), 'utf8')))
  const everything = () => Promise.all(cluster().nodes.map((node) => treeOf(node.path('/'))))
  const harden = async (...args: string[]) => {
    const env = { XDG_STATE_HOME: state, PATH: `${program.folder}:${process.env['PATH']}` }
    const { exitCode, stdout, stderr } = await cli([...args, '--kubeconfig', cluster().kubeconfig], { env, timeout: LONG })
    return { exitCode, said: `${stdout}${stderr}`, run: /undo with: k8s-harden undo (\S+)/.exec(stdout)?.[1] ?? '' }
  }
  const ALL = ['--host', '*=docker:{node}']
  const apply = (...args: string[]) => harden('apply', '--yes', '--accept-risk', 'may-break', '--steady', '0', ...args)
  const restarts = () => program.asked.filter((one) => one.includes(' restart ')).map((one) => one.split(' ')[0])

  beforeAll(async () => {
    for (const node of cluster().nodes) {
      await rm(node.path('/var/lib/kubelet/pki/kubelet.crt'))
      await rm(node.path('/var/lib/kubelet/pki/kubelet.key'))
      await node.serviceRestart()
      await node.addImages([images.root])
    }
    for (const { name } of cluster().nodes) {
      for (const end = Date.now() + 60_000; !(await configOf(name).then(Boolean, () => Date.now() > end)); ) await sleep(200)
      await makePod(cluster(), `on-${name}`, { image: images.root.name, args: ['serve=:8080'] }, { nodeName: name })
    }
    program = await makeContainerProgram(await mkdtemp(join(cluster().dir, 'docker-')), cluster().nodes)
  })
  afterAll(async () => {
    await program?.close()
  })

  test(
    'a rehearsal and files for later write nothing: neither on a node nor to the API server',
    async () => {
      const [before, mark] = [await everything(), await cluster().auditMark()]
      const chosen = ['--practice', 'nodes-and-pods,secrets,audit', ...ALL]
      expect(await harden('apply', '--dry-run', ...chosen)).toMatchObject({
        exitCode: 0,
        said: expect.stringContaining('nothing was changed'),
      })
      const out = await mkdtemp(join(cluster().dir, 'files-'))
      expect(await harden('generate', '--out', out, ...chosen)).toMatchObject({ exitCode: 0 })
      expect(await readdir(out)).toContain('README.md')
      expect(await everything()).toEqual(before)
      expect(program.asked).toEqual([])
      const writes = (await cluster().auditSince(mark)).filter(
        ({ user, verb, requestURI }) =>
          user.username === 'kubernetes-admin' &&
          !['get', 'list', 'watch'].includes(verb) &&
          !/[?&]dryRun=All/.test(requestURI) &&
          !/\/self(subject(access|rules)reviews)|\/subjectaccessreviews/.test(requestURI),
      )
      expect(writes).toEqual([])
    },
    LONG,
  )

  test(
    'one node after the other; requests for certificates are approved; logs and exec work; undo takes the files back',
    async () => {
      const before = await files()
      const controls = 'node-pod-pids,node-seccomp-default,sec-kubelet-cert-rotation'
      const { exitCode, said, run } = await apply('--control', controls, ...ALL)
      expect([exitCode, said]).toEqual([0, expect.stringContaining('approve the request for its serving certificate')])
      expect(restarts().toSorted()).toEqual(['node-0', 'node-1'])
      const wanted = { podPidsLimit: 4096, seccompDefault: true, serverTLSBootstrap: true, rotateCertificates: true }
      await cluster().restartApiServer({ flags: { 'kubelet-certificate-authority': cluster().caFile } })
      for (const { name } of cluster().nodes) {
        expect(await configOf(name)).toMatchObject(wanted)
        expect(await cluster().kubectl(['logs', `on-${name}`])).toContain('identity')
        expect(await cluster().kubectl(['exec', `on-${name}`, '--', '/workload', 'exit=0'])).toContain('identity')
      }
      await cluster().restartApiServer({ flags: { 'kubelet-certificate-authority': null } })
      const undone = await harden('undo', run, '--yes')
      expect(`${undone.exitCode} ${undone.said}`).toMatch(/^0 /)
      expect(await files()).toEqual(before)
      for (const { name } of cluster().nodes) {
        expect(await configOf(name)).toMatchObject({ podPidsLimit: -1, seccompDefault: false })
        expect(await configOf(name)).not.toHaveProperty('serverTLSBootstrap', true)
      }
    },
    LONG,
  )

  test(
    'a kubelet that does not come back has its old file back, the run stops there, and it says why',
    async () => {
      const before = await files()
      const systemctl = cluster().nodes[0]!.path('/var/lib/node-programs/systemctl')
      const own = await readFile(systemctl, 'utf8')
      const failing = `grep -q podPidsLimit ${CONFIG} && { echo 'Job for kubelet.service failed' >&2; exit 1; }`
      await writeFile(systemctl, own.replace('\n', `\ncase "$*" in *restart*) ${failing};; esac\n`))
      await chmod(systemctl, 0o755)
      const { exitCode, said, run } = await apply('--control', 'node-pod-pids', ...ALL)
      await writeFile(systemctl, own)
      expect([exitCode, said]).toEqual([
        4,
        expect.stringMatching(/refused: the kubelet of node-0 cannot be restarted: .*put back as it was/),
      ])
      if (run !== '') await harden('undo', run, '--yes')
      expect(await files()).toEqual(before)
      for (const { name } of cluster().nodes) expect(await configOf(name)).toMatchObject({ podPidsLimit: -1 })
    },
    LONG,
  )

  test(
    'a node that is not reached keeps the API server from verifying kubelets, and is told',
    async () => {
      const { said } = await harden('apply', '--dry-run', '--control', 'sec-apiserver-kubelet-tls', '--host', 'node-1=docker:node-1')
      expect(said).toMatch(/cannot be brought about here for node-0: say with --host how each node is reached/)
      expect(said).not.toContain('--kubelet-certificate-authority=')
    },
    LONG,
  )
})

/** Modes, owners and contents of all that Kubernetes has on a node. */
async function treeOf(root: string): Promise<string> {
  const script = `cd "$1" && find etc/kubernetes var/lib/kubelet/config.yaml var/lib/k8s-harden -printf '%p %m %U %T@\\n' 2>/dev/null | sort`
  const { stdout } = await execa('sh', ['-c', script, 'sh', root])
  return stdout
}
