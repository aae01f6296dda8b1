import { fork } from 'node:child_process'
import { mkdtemp, readdir, readFile, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { applyCommand } from '../../src/cli/commands/apply.ts'
import { undoCommand } from '../../src/cli/commands/undo.ts'
import { openSource, optionsOfLocation } from '../../src/cli/open-source.ts'
import { openWriters, targetOf } from '../../src/cli/open-writer.ts'
import type { SourceOptions } from '../../src/cli/options.ts'
import { controls } from '../../src/controls/index.gen.ts'
import type { FlagsAction } from '../../src/model/index.ts'
import { newRunId, readRuns } from '../../src/writers/journal.ts'
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
    const { written, diff } = await hands.take(flags({ profiling: 'false' }))
    expect(diff).toContain('+        - --profiling=false')
    expect(await manifest()).toContain('--profiling=false')
    expect(await profiling()).toBe(404)
    expect(await Promise.all(written.map((one) => hands.writer.state(one)))).toEqual(['after'])
    await hands.writer.undo(written)
    expect(await manifest()).toBe(before)
    expect(await profiling()).toBe(200)
    expect(await readdir(`${node().path('/var/lib/k8s-harden')}/run-1/step-1`)).toEqual([])
  })

  test('a value that the server does not take is put back by itself, and its own words say why', async () => {
    const before = await manifest()
    await expect(hands.take(flags({ 'tls-min-version': 'VersionTLS99' }))).rejects.toThrow(
      /ends as soon as it is started: .*VersionTLS99.*it is back/,
    )
    expect(await manifest()).toBe(before)
    expect(await profiling()).toBe(200)
  })

  test('with an AuthenticationConfiguration in place of --anonymous-auth=false the probes go on, and other paths need a name', async () => {
    const path = '/etc/kubernetes/authn/authentication-config.yaml'
    const text = `apiVersion: apiserver.config.k8s.io/v1
kind: AuthenticationConfiguration
anonymous:
  enabled: true
  conditions: [{path: /livez}, {path: /readyz}, {path: /healthz}]
`
    const action = flags(
      { 'authentication-config': path },
      {
        mounts: [{ name: 'authn-config', path: '/etc/kubernetes/authn', type: 'Directory', readOnly: true }],
        files: [{ path, text, mode: 0o600 }],
      },
    )
    const { written } = await hands.take(action)
    expect((await stat(node().path(path))).mode & 0o777).toBe(0o600)
    const anonymous = async (asked: string) => (await hands.client.probe(asked, { anonymous: true })) as { status: number }
    expect([(await anonymous('/livez')).status, (await anonymous('/api')).status]).toEqual([200, 401])
    await hands.writer.undo(written)
    expect(await readdir(node().path('/etc/kubernetes'))).not.toContain(path)
    await expect(stat(node().path(path))).rejects.toThrow('ENOENT')
    expect((await anonymous('/api')).status).toBe(403)
  })

  test('what would keep it down is refused before anything is written', async () => {
    const before = await manifest()
    const refused = async (action: FlagsAction) => {
      await expect(hands.rehearse(action)).rejects.toThrow(/refused/)
      return hands.rehearse(action).catch((error: Error) => error.message)
    }
    expect(await refused(flags({ 'no-such-flag': 'x' }))).toContain('it knows no flag --no-such-flag')
    const mount = { name: 'x', path: '/etc/kubernetes/nowhere', type: 'Directory', readOnly: true } as const
    expect(await refused(flags({ profiling: 'false' }, { mounts: [mount] }))).toContain('/etc/kubernetes/nowhere is not there on node-0')
    const policy = { path: '/etc/kubernetes/audit.yaml', text: 'apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: []\n', mode: 0o600 }
    const audit = flags(
      { 'audit-policy-file': policy.path },
      { files: [policy], mounts: [{ name: 'audit', path: policy.path, type: 'File', readOnly: true }] },
    )
    expect(await refused(audit)).toContain('there are no rules')
    expect(
      await refused({ ...audit, mounts: [], files: [{ ...policy, text: policy.text.replace('[]', '[{level: Metadata}]') }] }),
    ).toContain('would not be mounted')
    expect(await manifest()).toBe(before)
  })

  test('killed while the server is restarting: the journal tells, and undo takes it back', async () => {
    const before = await manifest()
    const child = fork(join(import.meta.dirname, 'node-flags-killed.ts'), [
      node().name,
      node().path('/'),
      server.kubeconfig,
      JSON.stringify(flags({ profiling: 'false' })),
    ])
    const written = await new Promise<never>((resolve) => child.on('message', (message) => resolve(message as never)))
    const shown = async () =>
      JSON.stringify(
        await cluster()
          .api.get(`/api/v1/namespaces/kube-system/pods/${server.pod}`)
          .catch(() => ''),
      )
    await expect.poll(shown, { timeout: 60_000, interval: 50 }).toContain('--profiling=false')
    child.kill('SIGKILL')
    await new Promise((resolve) => child.on('exit', resolve))
    expect(await hands.writer.state(written[0])).toBe('after')
    await hands.writer.undo(written)
    expect([await manifest(), await hands.writer.state(written[0]), await profiling()]).toEqual([before, 'before', 200])
  })

  test('apply: proposed for the node, carried out, proved by what the server then says, recorded, taken back', async () => {
    const configuration = 'apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration # of kubeadm\nkubernetesVersion: v1.37.2\n'
    await cluster().kubectl([
      '-n',
      'kube-system',
      'create',
      'configmap',
      'kubeadm-config',
      `--from-literal=ClusterConfiguration=${configuration}`,
    ])
    const before = await manifest()
    const state = await mkdtemp(join(tmpdir(), 'k8s-harden-state-'))
    const context = await place(state)
    const said = terminal()
    const options = { yes: true, acceptRisk: 'may-break', control: ['api-profiling-limits'], set: [], steady: '0' } as const
    const code = await applyCommand(said.io, { ...context, settleMs: 0 }, options)
    expect(said.out()).toContain('kube-apiserver on node-0: set --profiling=false')
    expect(said.out()).toContain('waiting for kube-apiserver on node-0 to come back')
    expect([code, said.out()]).toEqual([0, expect.stringMatching(/steps: \d mended/)])
    expect(await profiling()).toBe(404)
    const configured = async () =>
      (
        await cluster().kubectl(['-n', 'kube-system', 'get', 'configmap', 'kubeadm-config', '-o', 'jsonpath={.data.ClusterConfiguration}'])
      ).toString()
    expect(await configured()).toContain('name: profiling')
    const [recorded] = await readRuns(state)
    expect(JSON.stringify(recorded)).toContain('/var/lib/k8s-harden/')
    const undone = terminal()
    const again = await place(state, optionsOfLocation(recorded!.header.source.location))
    expect(
      await undoCommand(
        undone.io,
        { recorded: recorded!, writers: again.writers, stateDirectory: state, target: targetOf(again.opened), signal: again.signal },
        { yes: true },
      ),
    ).toBe(0)
    expect([await manifest(), await profiling(), (await configured()).trim()]).toEqual([before, 200, configuration.trim()])
  })

  async function place(state: string, given?: SourceOptions) {
    const opened = await openSource(given ?? { kubeconfig: server.kubeconfig, host: [`${node().name}=local:${node().path('/')}`] })
    const run = newRunId(new Date())
    const { signal } = new AbortController()
    return {
      opened,
      writers: await openWriters(opened, { out: join(state, 'files'), run, signal }),
      controls: controls.filter(({ id }) => id === 'api-profiling-limits'),
      signal,
      stateDirectory: state,
      run,
    }
  }
  function terminal() {
    let out = ''
    const prompts = { choose: nobody, type: nobody }
    return {
      io: {
        stdout: { write: (text: string) => void (out += text) },
        stderr: { write: (text: string) => void (out += text) },
        isTTY: false,
        prompts,
      },
      out: () => out,
    }
  }
  async function nobody(): Promise<never> {
    throw new Error('nobody is asked here')
  }
})
