/** `--host NODE=CARRIER`: nodes whose files are reached, because the operator said how. */
import type { ApiClient } from '../apiserver/client.ts'
import type { Host } from '../hosts/host.ts'
import { formatHostSpec, type HostSpec, hostSpecFor, needsNodes } from '../hosts/spec.ts'
import type { ClusterSource, Json, NodeObject } from '../model/index.ts'
import { printable } from '../objects/display.ts'
import { UsageError } from './errors.ts'
import { HOST_EXAMPLES as EXAMPLES, parseHosts } from './options.ts'

interface LiveSource {
  readonly source: ClusterSource
  readonly client: ApiClient
  readonly location: Json
}

/** With the source that shows the nodes' files, and the specifications, each for one node, in the location. */
export async function withHostsOf<T extends LiveSource>(
  opened: T,
  texts: readonly string[],
): Promise<T & { readonly hosts: readonly Host[] }> {
  const { openHost } = await import('../hosts/open.ts')
  const { withHosts } = await import('../sources/hosts.ts')
  const { withoutHelperPods } = await import('../sources/without-helper-pods.ts')
  const specs = await specsOf(texts, opened.client)
  const pods = specs.filter(({ by }) => by === 'pod')
  if (pods.length > 0) process.stderr.write(`k8s-harden: ${announced(pods.map(({ node }) => node))}\n`)
  const { source, hosts } = withHosts(
    pods.length > 0 ? withoutHelperPods(opened.source) : opened.source,
    specs.map((spec) => openHost(spec.node, spec, opened.client)),
  )
  const location = { ...(opened.location as Readonly<Record<string, Json>>), host: specs.map(formatHostSpec) }
  return { ...opened, source, hosts, location }
}

/** Looking through a pod is a change of its own, so it is said before it is made. */
const announced = (nodes: readonly string[]): string =>
  `--host has helper pods made on ${printable(nodes.slice(0, 10).join(', '))}${nodes.length > 10 ? ` and ${nodes.length - 10} more nodes` : ''}, in namespace k8s-harden-nodes; they are deleted at the end`

/** Ends what keeps the way to them open; a helper pod that stays is told of. */
export async function closeHosts({ hosts = [] }: { readonly hosts?: readonly Host[] }): Promise<void> {
  const closed = await Promise.allSettled(hosts.map((host) => host.close()))
  for (const one of closed) if (one.status === 'rejected') process.stderr.write(`k8s-harden: ${printable((one.reason as Error).message)}\n`)
}

/** One specification a node. Throws UsageError; the cluster is asked for its nodes only where a specification needs them. */
export async function specsOf(texts: readonly string[], client: Pick<ApiClient, 'get'>): Promise<readonly HostSpec[]> {
  const specs = parseHosts(texts)
  const nodes = specs.some(needsNodes) ? await nodesOf(client) : []
  const byName = new Map(nodes.map((node) => [node.metadata.name, node]))
  const all = specs.flatMap((spec) => {
    const named =
      spec.node === '*'
        ? [...byName].flatMap(([name, node]) => (specs.some((one) => one.node === name) || isWindows(node) ? [] : [name]))
        : [spec.node]
    return named.map((node) => {
      if (nodes.length > 0 && !byName.has(node))
        throw new UsageError(`--host names node ${node}, which the cluster does not have`, [
          `its nodes are ${[...byName.keys()].slice(0, 10).join(', ')}`,
        ])
      try {
        return hostSpecFor(spec, node, byName.get(node))
      } catch (error) {
        throw new UsageError(`--host cannot reach node ${node}: ${(error as Error).message}`, EXAMPLES)
      }
    })
  })
  const places = Map.groupBy(
    all.filter(({ by }) => by !== 'pod'),
    ({ by, where }) => `${by}:${where}`,
  )
  for (const [place, [one, other]] of places)
    if (one !== undefined && other !== undefined)
      throw new UsageError(
        `--host reaches ${one.node} and ${other.node} the same way (${place.replace(/:$/, '')}), and that is one machine`,
        EXAMPLES,
      )
  return all
}

/** Its kubelet has other places for everything. */
const isWindows = ({ metadata }: NodeObject): boolean => metadata.labels?.['kubernetes.io/os'] === 'windows'

async function nodesOf(client: Pick<ApiClient, 'get'>): Promise<readonly NodeObject[]> {
  const answer = await client.get('/api/v1/nodes', { signal: AbortSignal.timeout(60_000) })
  if (answer.ok) return (answer.body as { readonly items?: readonly NodeObject[] }).items ?? []
  throw new UsageError(`--host "*" and {address} want the list of nodes, and it cannot be had: ${answer.refusal.message}`, [
    'name the nodes one by one: --host NODE=ssh:root@ADDRESS',
  ])
}
