/** No way to a node is given: files and a runbook, followed word for word on a real node, and the controls see it. */
import { mkdtemp, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { type ContainerProgram, makeContainerProgram } from '../cluster/nodes/container-program.ts'
import type { StaticApiServer } from '../cluster/nodes/static-apiserver.ts'
import { describeNode } from '../cluster/with-cluster.ts'
import { cli } from '../helpers/cli.ts'
import { type Deed, follow, type Operator, placeAdminConf, placeKubeadm, stepsOf } from './runbook-followed.ts'

vi.setConfig({ hookTimeout: 240_000, testTimeout: 300_000 })

const LONG = 300_000
const CONTROLS = ['audit-enabled', 'sec-etcd-encryption', 'api-profiling-limits', 'sec-token-lifetime', 'node-pod-pids']
/** What the test has no part in: a snapshot of etcd, a safe place, a backup cycle, and what is said to whom it goes wrong for. */
const LEFT_TO_PEOPLE = [
  /^take (an|a new) etcd snapshot/,
  /^keep a copy of encryption-config\.yaml in a safe place/,
  /^go on with the steps for the flags/,
  /^the steps from here to /,
  /^if it does not within three minutes/,
  /^count in etcd what does not begin with k8s:enc:/,
  /^when a backup cycle has passed/,
  /^`kubectl get --raw \/api\/v1\/nodes\/NODE\/proxy\/configz` shows what kubelet\.yaml says/,
  /^when all of them are back as they were, make /,
]

describeNode('a runbook', {}, (cluster) => {
  let server: StaticApiServer
  let program: ContainerProgram
  let operator: Operator
  let out: string
  const node = () => cluster().nodes[0]!
  const harden = (...args: string[]) => cli([...args, '--kubeconfig', server.kubeconfig], { timeout: 120_000 })
  const statuses = async (...args: string[]) => {
    const { stdout } = await harden('scan', '-o', 'json', '--fail-on', 'none', '--control', CONTROLS.join(','), ...args)
    const { results } = JSON.parse(stdout) as { results: { control: string; status: string; because?: string }[] }
    return Object.fromEntries(results.map(({ control, status }) => [control, status]))
  }

  beforeAll(async () => {
    server = await node().runApiServer()
    program = await makeContainerProgram(await mkdtemp(join(cluster().dir, 'docker-')), cluster().nodes)
    await Promise.all([placeKubeadm(node()), placeAdminConf(node(), server.kubeconfig)])
    const configuration = 'apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nkubernetesVersion: v1.37.2\n'
    const literals = {
      'kubeadm-config': `ClusterConfiguration=${configuration}`,
      'kubelet-config': `kubelet=${await readFile(node().path('/var/lib/kubelet/config.yaml'), 'utf8')}`,
    }
    for (const [name, literal] of Object.entries(literals))
      await cluster().kubectl(['-n', 'kube-system', 'create', 'configmap', name, `--from-literal=${literal}`])
    await cluster().kubectl(['-n', 'default', 'create', 'secret', 'generic', 'before', '--from-literal=a=b'])
    out = await mkdtemp(join(cluster().dir, 'out-'))
    // Another API server without the key would write plain text, and so would the controller manager through it.
    await cluster().handOver([server])
  })
  afterAll(async () => {
    await program?.close()
    await server?.remove()
  })

  const titled = (readme: string, begin: string) => {
    const step = stepsOf(readme).find(({ title }) => title.startsWith(begin))
    if (step === undefined) throw new Error(`no step ${begin}`)
    return step
  }
  const saidBy = (deeds: readonly Deed[], words: string) => deeds.find(({ line }) => line.includes(words))?.said ?? ''

  test(
    'is handed over, followed word for word, seen by the controls, and leads back',
    async () => {
      const failed = Object.fromEntries(CONTROLS.map((control) => [control, 'fail']))
      expect(await statuses()).toEqual(failed)
      const before = await readFile(server.manifest, 'utf8')
      expect(await harden('generate', '--out', out, '--control', CONTROLS.join(','))).toMatchObject({ exitCode: 0 })
      const readme = await readFile(join(out, 'README.md'), 'utf8')
      operator = {
        directory: out,
        node: node(),
        leftToPeople: LEFT_TO_PEOPLE,
        env: {
          KUBECONFIG: server.kubeconfig,
          PATH: `${cluster().kubectlFolder}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`,
        },
      }
      const scheduled = ['kube-controller-manager', 'kube-scheduler']
      const followed: Record<string, readonly Deed[]> = {}
      for (const { title, apply } of stepsOf(readme)) {
        // The ring runs these two beside the node, as programs.
        if (scheduled.some((name) => title.startsWith(name))) continue
        followed[title.split(':')[0]!] = await follow(
          apply.filter((line) => !line.startsWith('scan again')),
          operator,
        )
      }
      const server_ = followed['kube-apiserver.kubeadm.yaml']!
      expect(saidBy(server_, 'ends by itself')).toContain('ok')
      expect(saidBy(server_, 'finds no mistake')).toMatch(/pod\/kube-apiserver/)
      expect(saidBy(server_, 'prove it')).toContain('k8s:enc:secretbox:v1:')
      expect(saidBy(server_, 'store anew')).toContain('condition met')
      expect((await stat(node().path('/etc/kubernetes/enc/encryption-config.yaml'))).mode & 0o777).toBe(0o600)
      expect((await stat(node().path('/etc/kubernetes/enc'))).mode & 0o777).toBe(0o700)
      const passed = Object.fromEntries(CONTROLS.map((control) => [control, 'pass']))
      // The two components beside the node keep their profiling.
      expect(await statuses()).toEqual({ ...passed, 'api-profiling-limits': 'fail' })
      expect(await statuses('--host', `node-0=local:${node().path('/')}`)).toEqual({ ...passed, 'api-profiling-limits': 'fail' })

      const kubelet = titled(readme, 'kubelet.yaml')
      await follow(kubelet.undo, operator)
      expect((await statuses())['node-pod-pids']).toBe('fail')
      const [first, ...back] = titled(readme, 'kube-apiserver.kubeadm.yaml').undo
      expect(first).toContain('not once anything was written with the key')
      expect(back.length).toBeGreaterThan(1)
      expect(before).not.toContain('encryption')
    },
    LONG,
  )
})
