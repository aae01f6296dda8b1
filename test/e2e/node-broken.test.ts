/** What breaks or is broken off, by the whole command line on an API server that the kubelet runs: the old state comes back, or a word says why not. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { readRuns } from '../../src/writers/journal.ts'
import { type ContainerProgram, makeContainerProgram } from '../cluster/nodes/container-program.ts'
import type { StaticApiServer } from '../cluster/nodes/static-apiserver.ts'
import { describeNode } from '../cluster/with-cluster.ts'
import { BIN, freshState, ROOT } from '../helpers/cli.ts'

vi.setConfig({ hookTimeout: 240_000, testTimeout: 480_000 })

// Below the one folder that the pod of the test has mounted.
const POLICY = '/etc/kubernetes/pki/audit-policy.yaml'
const policy = (level: string) => `apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- level: ${level}\n`
const YES = ['--yes', '--accept-risk', 'may-break', '--steady', '0']

describeNode('broken off and broken', { scheduler: false, controllerManager: false }, (cluster) => {
  const state = freshState()
  let server: StaticApiServer
  let program: ContainerProgram
  let before = ''
  const manifest = () => readFile(server.manifest, 'utf8')
  const node = () => cluster().nodes[0]!
  const isServing = async () => (await server.api.request('GET', '/readyz')).status
  const onNode = () => ['--kubeconfig', server.kubeconfig, '--host', 'node-0=docker:node-0']
  const profiling = () => ['apply', '--control', 'api-profiling-limits', ...onNode(), ...YES]

  /** In a group of its own, as a shell with a terminal starts it. `onSaid` is called whenever it says something, with all it has said. */
  async function harden(args: readonly string[], onSaid: (said: string, pid: number) => void = () => {}) {
    const child = execa(process.execPath, [BIN, ...args], {
      reject: false,
      all: true,
      stdin: 'ignore',
      cwd: ROOT,
      detached: true,
      timeout: 300_000,
      env: {
        HOME: '/nonexistent',
        KUBECONFIG: '',
        KUBERNETES_SERVICE_HOST: '',
        XDG_STATE_HOME: state,
        NO_COLOR: '1',
        PATH: `${program.folder}:${process.env['PATH']}`,
      },
    })
    let said = ''
    child.all.on('data', (chunk) => onSaid((said += chunk), child.pid!))
    const { exitCode, all } = await child
    return { code: exitCode, said: all }
  }
  const last = async () => (await readRuns(join(state, 'k8s-harden')))[0]!

  beforeAll(async () => {
    await writeFile(node().path(POLICY), policy('Metadata'))
    server = await node().runApiServer({ 'audit-policy-file': POLICY })
    program = await makeContainerProgram(await mkdtemp(join(cluster().dir, 'docker-')), cluster().nodes)
    before = await manifest()
  })
  afterAll(async () => {
    await server?.remove()
    await program?.close()
  })

  test('a file that its flags name was broken since it started: it is not restarted into that', async () => {
    await writeFile(node().path(POLICY), policy('Everything'))
    const { code, said } = await harden(profiling())
    expect([code, said]).toEqual([4, expect.stringContaining(`refused by node-0: --audit-policy-file names ${POLICY}, and the API server`)])
    expect([await manifest(), await isServing()]).toEqual([before, 200])
    await writeFile(node().path(POLICY), policy('Metadata'))
  })

  test('a value that it does not start with: its own words, and all as it was', async () => {
    // A directory stands where it is to open its log.
    const log = node().path('/var/log/kubernetes/audit/audit.log')
    await mkdir(log, { recursive: true })
    const audit = ['apply', '--control', 'audit-enabled', ...onNode(), ...YES]
    const { code, said } = await harden(audit)
    expect([code, said]).toEqual([
      4,
      expect.stringMatching(/ends as soon as it is started: .*audit\.log.*everything was put back as it was/),
    ])
    expect([await manifest(), await isServing()]).toEqual([before, 200])
    await rm(log, { recursive: true })
  })

  test('Ctrl-C while it restarts: that step is finished, no other begun; a second run meanwhile leaves at once; undo brings every byte back', async () => {
    let second: ReturnType<typeof harden> | undefined
    const { code, said } = await harden(profiling(), (words, pid) => {
      if (second !== undefined || !words.includes('to come back')) return
      second = harden(['undo', '--yes'])
      void second.then(() => process.kill(-pid, 'SIGINT'))
    })
    expect(await second).toEqual({ code: 2, said: expect.stringMatching(/another k8s-harden \(process \d+, since .*\) is changing/) })
    expect([code, said]).toEqual([
      130,
      expect.stringMatching(/interrupted: the step under way is finished[\s\S]*mended: the finding is gone/),
    ])
    expect((await last()).steps.map(({ status }) => status)).toEqual(['written'])
    expect(await isServing()).toBe(200)
    // The terminal closes in the middle of the undo.
    const undone = await harden(['undo', '--yes'], (words, pid) => words.includes('to come back') && process.kill(pid, 'SIGHUP'))
    expect([undone.code, undone.said]).toEqual([130, expect.stringContaining('taken back')])
    expect([await manifest(), (await last()).steps.map(({ status }) => status)]).toEqual([before, ['undone']])
  })
})
