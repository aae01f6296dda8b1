/** Real kubelets as this program would see and change them: snapshots of their cluster, and the steps of a plan carried out one by one. */
import { ApiClient } from '../../src/apiserver/client.ts'
import { pickContext } from '../../src/apiserver/context.ts'
import { controls } from '../../src/controls/index.gen.ts'
import { judge } from '../../src/engine/judge.ts'
import type { CommandResult, Host, HostCommand, ReadFile } from '../../src/hosts/host.ts'
import { LocalHost } from '../../src/hosts/local.ts'
import type {
  HostAction,
  HostFileSeen,
  HostSeen,
  NodeObject,
  Plan,
  PodObject,
  RunId,
  Snapshot,
  Step,
  StepId,
  Written,
} from '../../src/model/index.ts'
import { compile } from '../../src/plan/compile.ts'
import { grant } from '../../src/session/approve.ts'
import { HostWriter } from '../../src/writers/host.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { RealNode } from '../cluster/nodes/node.ts'
import { worldOf } from '../helpers/world.ts'

export interface Hands {
  readonly client: ApiClient
  readonly told: string[]
  /** Restarts, in order. */
  readonly asked: readonly string[]
  readonly hosts: readonly Host[]
  take(step: Step): Promise<{ readonly written: readonly Written[]; readonly diff: string; readonly warnings: readonly string[] }>
  state(written: readonly Written[]): Promise<readonly string[]>
  undo(written: readonly Written[]): Promise<void>
  close(): Promise<void>
}

/** The files of a node where they are on this machine, its kernel's as it sees them, and what systemd would do there. */
class NodeOfTests extends LocalHost {
  readonly #node: RealNode
  readonly #asked: string[]
  constructor(node: RealNode, asked: string[]) {
    super(node.name, node.path('/'))
    this.#node = node
    this.#asked = asked
  }
  override async read(path: string): Promise<ReadFile | undefined> {
    if (!path.startsWith('/proc/')) return super.read(path)
    const text = await this.#node.run(['cat', path])
    return { text, sha256: '', stat: { is: 'file', mode: 0o644, uid: 0, gid: 0, size: 0 } }
  }
  override async run({ argv }: HostCommand): Promise<CommandResult> {
    const isRestart = argv.includes('restart')
    if (isRestart) {
      this.#asked.push(`restart ${this.node}`)
      await this.#node.serviceRestart()
    }
    const stdout = isRestart ? '' : this.#node.kubeletRuns() ? 'active' : 'activating'
    return { exitCode: stdout === 'activating' ? 3 : 0, stdout, stderr: '' }
  }
}

export function handsOn(cluster: Cluster, kubeconfig: string, patienceMs = 90_000): Hands {
  const client = new ApiClient(pickContext({ kubeconfig }))
  const asked: string[] = []
  const hosts = cluster.nodes.map((node) => new NodeOfTests(node, asked))
  const writer = new HostWriter({ client, hosts, run: `run-${Date.now()}` as RunId, patienceMs })
  const told: string[] = []
  return {
    client,
    told,
    asked,
    hosts,
    async take(step) {
      const result = await writer.rehearse(step)
      if (!result.ok) throw new Error(`refused by ${result.refusedBy}: ${result.because}`)
      const written = JSON.parse(JSON.stringify(await writer.intent(result.rehearsal))) as Written[]
      const plan: Plan = { digest: 'x', revision: 1, steps: [step], ledger: { fixable: [], needsValue: [], byHand: [], refused: [] } }
      const { warnings } = await writer.commit(result.rehearsal, written, grant(plan, [step.id], 'a test'), (words) => told.push(words))
      return { written, diff: result.rehearsal.diff, warnings }
    },
    state: (written) => Promise.all(written.map((one) => writer.state(one))),
    undo: (written) => writer.undo(written),
    async close() {
      client.close()
      for (const host of hosts) await host.close()
    },
  }
}

let made = 0
export const stepOf = (action: HostAction): Step => ({
  id: `step-${++made}` as StepId,
  title: 'a test',
  practices: ['nodes-and-pods'],
  controls: [],
  risk: 'may-break',
  mayBreak: [],
  changes: [{ type: 'host', key: 'a test', title: 'a test', action }],
  inverse: [],
  mends: [],
  after: [],
  managedBy: '',
  carriedOut: 'live',
})

const CONFIG = '/var/lib/kubelet/config.yaml'
const MANIFEST = '/etc/kubernetes/manifests/kube-apiserver.yaml'

/** Nodes, what their kubelets answer, their files and the pods of kube-system: what the sources of a live scan bring of them. */
export async function snapshotOf({ client, hosts }: Hands, controlPlane: readonly string[]): Promise<Snapshot> {
  const get = async <T>(path: string): Promise<T> => {
    const answer = await client.get<T>(path)
    if (!answer.ok) throw new Error(`${path}: ${answer.refusal.message}`)
    return answer.body
  }
  const nodes = (await get<{ items: NodeObject[] }>('/api/v1/nodes')).items
  const pods = (await get<{ items: PodObject[] }>('/api/v1/namespaces/kube-system/pods')).items
  const configz = []
  for (const { metadata } of nodes) {
    const answer = await client.get<{ kubeletconfig: Record<string, unknown> }>(`/api/v1/nodes/${metadata.name}/proxy/configz`)
    configz.push(
      answer.ok ? { node: metadata.name, config: answer.body.kubeletconfig } : { node: metadata.name, refused: answer.refusal.message },
    )
  }
  const seen: HostSeen[] = []
  for (const host of hosts) {
    const file = (await host.read(CONFIG))!
    const manifest = await host.read(MANIFEST)
    const seenOf = (path: string, { stat: { mode, uid, gid }, sha256, text }: ReadFile): HostFileSeen => ({
      path,
      is: 'file',
      mode,
      uid,
      gid,
      sha256,
      text,
    })
    seen.push({
      node: host.node,
      carrier: 'container',
      controlPlane: controlPlane.includes(host.node),
      files: [seenOf(CONFIG, file), ...(manifest === undefined ? [] : [seenOf(MANIFEST, manifest)])],
      unread: [],
    })
  }
  const world = { apiVersion: 'k8s-harden.test/v1', kind: 'World', facts: { KubeletConfigz: { nodes: configz }, Hosts: { hosts: seen } } }
  const objects = [
    ...nodes.map((node) => ({ ...node, apiVersion: 'v1', kind: 'Node' })),
    ...pods.map((pod) => ({ ...pod, apiVersion: 'v1', kind: 'Pod' })),
  ]
  return worldOf([world, ...objects].map((one) => JSON.stringify(one)).join('\n---\n')).snapshot
}

/** What the plan does about these controls in that snapshot. */
export function planFor(snapshot: Snapshot, ids: readonly string[]): Plan {
  const chosen = controls.filter(({ id }) => ids.includes(id))
  const findings = chosen.flatMap((control) => judge(control, snapshot).findings).filter(({ verdict }) => verdict === 'fail')
  return compile(findings, new Map(chosen.map((control) => [control.id, control])), snapshot, {})
}
