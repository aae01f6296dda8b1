/** An audit log that is sent away by the configuration that is proposed, to a sink that hears it, and tried out with `try-audit`. */
import { once } from 'node:events'
import { mkdtemp, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { execa } from 'execa'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { recommendedPolicyText } from '../../remediations/audit-policy.ts'
import { ApiClient } from '../../src/apiserver/client.ts'
import { pickContext } from '../../src/apiserver/context.ts'
import auditShipped from '../../src/controls/audit/audit-shipped.ts'
import { judge } from '../../src/engine/judge.ts'
import type { Host, HostCommand } from '../../src/hosts/host.ts'
import type { Change, RegisteredControl } from '../../src/model/index.ts'
import { beginAuditTrial } from '../../src/writers/audit-trial.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { describeCluster } from '../cluster/with-cluster.ts'
import { BIN } from '../helpers/cli.ts'
import { worldOf } from '../helpers/world.ts'

interface SinkEvent {
  readonly level: string
  readonly verb: string
  readonly objectRef?: { readonly name?: string }
}

describeCluster('an audit log is shipped', { audit: recommendedPolicyText() }, (cluster) => {
  let sink: Server
  let arrived = ''
  beforeAll(async () => {
    sink = createServer(async (request, response) => {
      arrived += `${await text(request)}\n`
      response.end()
    }).listen(0, '127.0.0.1')
    await once(sink, 'listening')
  })
  afterAll(() => void sink.close())
  const eventsOf = (name: string): readonly SinkEvent[] =>
    arrived
      .split('\n')
      .filter((body) => body.includes(name))
      .flatMap((body) => (JSON.parse(body) as { items: SinkEvent[] }).items)
      .filter(({ objectRef }) => objectRef?.name === name)

  test('without a host only the counters are seen, and that is said', async () => {
    const { exitCode, all } = await tried(cluster(), '--wait', '2')
    expect(all).toMatch(/not known whether audit events are written: .* counted \d+ audit events and no error meanwhile/)
    expect([exitCode, await leftOver(cluster())]).toEqual([5, []])
  })

  test('nothing is made without --yes', async () => {
    const { exitCode, all } = await harden(cluster(), 'try-audit')
    expect([exitCode, await leftOver(cluster())]).toEqual([2, []])
    expect(all).toContain('nothing was made')
  })

  test('to the webhook by the configuration that is proposed', async () => {
    const { port } = sink.address() as AddressInfo
    const file = join(cluster().dir, 'audit-webhook.yaml')
    await writeFile(file, webhookFile(`http://127.0.0.1:${port}/audit`), { mode: 0o600 })
    const flags = { 'audit-webhook-config-file': file, 'audit-webhook-mode': 'batch', 'audit-webhook-batch-max-wait': '1s' }
    await cluster().restartApiServer({ flags: { ...flags, 'audit-webhook-initial-backoff': '100ms' } })
    const { all } = await tried(cluster(), '--wait', '3')
    const name = /look for (k8s-harden-audit-\w+)/.exec(all)![1]!
    // It is rehearsed first, and looked at before it is deleted: the same name at other times.
    const heard = () => [...new Set(eventsOf(name).map(({ verb, level }) => `${verb} ${level}`))].toSorted()
    await expect.poll(heard, { timeout: 30_000 }).toEqual(['create Metadata', 'delete Metadata', 'get Metadata'])
    expect(arrived).not.toContain('"requestObject":{"kind":"ConfigMap"')
    expect(await leftOver(cluster())).toEqual([])
  })

  test('what a sink that is gone does not take is told as lost', async () => {
    sink.closeAllConnections()
    sink.close()
    const { exitCode, all } = await tried(cluster(), '--wait', '30')
    expect(all).toMatch(/audit events are LOST: the API server could not hand over \d+ events/)
    expect(exitCode).toBe(1)
  })
})

describeCluster('an audit log on a node', { audit: recommendedPolicyText() }, (cluster) => {
  const trial = async (path: string, content: string) => {
    const client = new ApiClient(pickContext({ kubeconfig: cluster().kubeconfig }))
    const name = `marker-${content.length}`
    const said: string[] = []
    const options = { hosts: [hostWith(path)], name, content, signal: AbortSignal.timeout(60_000), patienceMs: 3000 }
    const look = await beginAuditTrial(client, { ...options, say: (what) => void said.push(what) })
    await cluster().kubectl(['create', 'configmap', name, '-n', 'default', `--from-literal=content=${content}`])
    return { ...(await look()), said }
  }
  test('has the event, and not the content', async () => {
    expect(await trial(join(cluster().dir, 'audit.log'), 'content-of-one')).toMatchObject({
      is: 'logged',
      because: 'the log of cp-1 has the event, without the content of the ConfigMap',
    })
  })
  test('that is another log has not', async () => {
    const other = join(await mkdtemp(join(tmpdir(), 'k8s-harden-log-')), 'audit.log')
    await writeFile(other, '{"kind":"Event"}\n')
    expect(await trial(other, 'content-of-two-')).toMatchObject({ is: 'not-logged' })
  })
  test('that is not there is told, and nothing is known', async () => {
    const { is, said } = await trial('/nowhere/audit.log', 'content-of-three')
    expect([is, said.join()]).toEqual(['unclear', expect.stringMatching(/the log of cp-1 cannot be read: .*No such file/)])
  })
  test('under a policy that logs bodies is told to leak', async () => {
    const policy = join(cluster().dir, 'everything.yaml')
    await writeFile(policy, JSON.stringify({ apiVersion: 'audit.k8s.io/v1', kind: 'Policy', rules: [{ level: 'Request' }] }))
    await cluster().restartApiServer({ flags: { 'audit-policy-file': policy } })
    expect(await trial(join(cluster().dir, 'audit.log'), 'in-the-clear')).toMatchObject({ is: 'leaks' })
  })
})

/** The file that the remedy proposes for a control plane whose log nobody takes up. */
function webhookFile(webhook: string): string {
  const control = { ...auditShipped, id: 'audit-shipped', practice: 'audit' } as unknown as RegisteredControl
  const { snapshot } = worldOf(`
apiVersion: v1
kind: Pod
metadata: {name: kube-apiserver-cp-1, namespace: kube-system, annotations: {kubernetes.io/config.mirror: x}}
spec: {containers: [{name: kube-apiserver, command: [kube-apiserver, --audit-policy-file=/p.yaml, --audit-log-path=/var/log/audit.log]}]}
`)
  const [finding] = judge(control, snapshot).findings
  if (!('propose' in control.remedy)) throw new Error('no remedy')
  const proposal = control.remedy.propose(finding!, { view: snapshot, options: { webhook }, alongside: [] })
  const file = (proposal as { changes: readonly Change[] }).changes.find((change) => change.type === 'file' && change.mode === 0o600)
  return (file as Extract<Change, { type: 'file' }>).text.text
}

const harden = async ({ kubeconfig }: Cluster, ...args: readonly string[]) => {
  const state = await mkdtemp(join(tmpdir(), 'k8s-harden-xdg-'))
  const env = { KUBECONFIG: kubeconfig, NO_COLOR: '1', XDG_STATE_HOME: state }
  return execa(process.execPath, [BIN, ...args], { env, stdin: 'ignore', reject: false, all: true })
}
const tried = (cluster: Cluster, ...args: readonly string[]) => harden(cluster, 'try-audit', '--yes', ...args)
const leftOver = async ({ api }: Cluster): Promise<readonly string[]> => {
  const { items } = await api.get<{ items: { metadata: { name: string } }[] }>('/api/v1/namespaces/default/configmaps')
  return items.map(({ metadata }) => metadata.name).filter((name) => name.startsWith('k8s-harden'))
}

/** A node whose API server writes its log where the test's own does. */
const hostWith = (path: string): Host =>
  ({
    node: 'cp-1',
    words: 'a node of the test',
    read: async () => ({
      text: JSON.stringify({ spec: { containers: [{ name: 'kube-apiserver', command: ['kube-apiserver', `--audit-log-path=${path}`] }] } }),
    }),
    async run({ argv }: HostCommand) {
      const { exitCode = 255, stdout, stderr } = await execa(argv[0]!, argv.slice(1), { reject: false })
      return { exitCode, stdout, stderr }
    },
    close: async () => {},
  }) as unknown as Host
