/** Restarts the kubelet of a node, and proves that it is back with what its configuration says. */
import { setTimeout as sleep } from 'node:timers/promises'
import { clean } from '../apiserver/refusal.ts'
import { kubeletIsActive, restartKubelet } from '../hosts/commands.ts'
import type { Host } from '../hosts/host.ts'
import type { Edit, NodeObject } from '../model/index.ts'
import { formatPath, valueAt } from '../objects/path.ts'
import { sameJson } from '../plan/canonical.ts'
import type { HostWorld } from './host-performer.ts'

const EVERY_MS = 1_000
const TOLD_EVERY_MS = 5_000
/** systemd starts a kubelet that ends anew every ten seconds: so often in a row it was seen between two starts. */
const SPARED_STARTS = 3
/** Where no lease is to be read: as long a kubelet that is going to end does not run. */
const STEADY_MS = 15_000

/** Undefined once the node is ready again by the new kubelet; otherwise why it is not, in one clause. */
export async function restartedKubelet(world: HostWorld, host: Host): Promise<string | undefined> {
  const { exitCode, stderr, stdout } = await host.run(restartKubelet())
  if (exitCode !== 0) return `the kubelet of ${host.node} cannot be restarted: ${clean(stderr || stdout || `exit code ${exitCode}`, 200)}`
  const began = Date.now()
  // The old one has ended by now: whoever renews the lease from here on is the new one.
  const renewed = await renewalOf(world, host)
  let told = 0
  let starts = 0
  let activeSince: number | undefined
  for (;;) {
    const active = (await host.run(kubeletIsActive())).stdout.trim()
    if (active === 'failed') return `${LOOK(host)} it does not start`
    starts = active === 'activating' ? starts + 1 : 0
    if (starts > SPARED_STARTS) return `${LOOK(host)} it ends as soon as it is started`
    activeSince = active === 'active' ? (activeSince ?? Date.now()) : undefined
    if (activeSince !== undefined && (await isReadyNode(world, host))) {
      const now = await renewalOf(world, host)
      if (now === undefined ? Date.now() - activeSince > STEADY_MS : now !== renewed) return undefined
    }
    const waited = Date.now() - began
    if (waited > world.patienceMs)
      return `${LOOK(host)} node ${host.node} did not become ready within ${Math.round(world.patienceMs / 1000)} s`
    if (waited - told >= TOLD_EVERY_MS || told === 0) {
      told = Math.max(waited, 1)
      world.tell(`the kubelet of ${host.node} to come back (${Math.round(waited / 1000)} s)`)
    }
    await sleep(EVERY_MS)
  }
}
const LOOK = ({ node }: Host): string => `the kubelet of ${node} is not back (journalctl -u kubelet there says why):`

async function isReadyNode({ client }: HostWorld, { node }: Host): Promise<boolean> {
  const answer = await client.get<NodeObject & { readonly status?: { readonly conditions?: readonly { type: string; status: string }[] } }>(
    `/api/v1/nodes/${encodeURIComponent(node)}`,
    { limitMs: 5_000 },
  )
  return answer.ok && answer.body.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true
}

/** The kubelet renews its lease every ten seconds. */
async function renewalOf({ client }: HostWorld, { node }: Host): Promise<string | undefined> {
  const answer = await client.get<{ readonly spec?: { readonly renewTime?: string } }>(
    `/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/${encodeURIComponent(node)}`,
    { limitMs: 5_000 },
  )
  return answer.ok ? answer.body.spec?.renewTime : undefined
}

/**
 * What the running kubelet says to edits of its configuration file: `wrong`, values that plainly are others (a drop-in or a flag wins);
 * `unsure`, why it cannot be told.
 */
export async function shownByKubelet(
  { client }: HostWorld,
  { node }: Host,
  edits: readonly Edit[],
): Promise<{ readonly wrong: readonly string[]; readonly unsure?: string }> {
  const answer = await client.get<{ readonly kubeletconfig?: unknown }>(`/api/v1/nodes/${encodeURIComponent(node)}/proxy/configz`, {
    limitMs: 10_000,
  })
  if (!answer.ok) return { wrong: [], unsure: `what the kubelet of ${node} runs with could not be read: ${answer.refusal.message}` }
  const wrong = edits.flatMap((edit) => {
    if (!('set' in edit) || !isPlain(edit.to)) return []
    const now = valueAt(answer.body.kubeletconfig, edit.set)
    // What is false, 0 or empty may be left out.
    return now === undefined || sameJson(now, edit.to) ? [] : [`${formatPath(edit.set)} is ${clean(JSON.stringify(now), 60)}`]
  })
  return { wrong }
}
/** A duration comes back as Go writes it. */
const isPlain = (value: unknown): boolean =>
  typeof value === 'boolean' || typeof value === 'number' || (typeof value === 'string' && /^[A-Za-z][A-Za-z0-9_]*$/.test(value))
