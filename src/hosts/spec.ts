/** `--host NODE=CARRIER`: how the operator says that a node is reached. */
import type { NodeObject } from '../model/index.ts'

export type ContainerProgram = 'docker' | 'podman' | 'nerdctl'
export const isContainerName = (name: string): boolean => /^[A-Za-z0-9][\w.-]*$/.test(name)

/** `[USER@]ADDRESS[:PORT]`; IPv6 in brackets where a port follows. Undefined where it is none. */
export function parseSshAddress(where: string): { readonly user?: string; readonly address: string; readonly port?: string } | undefined {
  const [, user, bracketed, plain, port] =
    /^(?:([\w.][\w.-]*)@)?(?:\[([0-9a-fA-F:.%\w]+)\]|([\w.][\w.-]*|[0-9a-fA-F]*:[0-9a-fA-F]*:[0-9a-fA-F:.]*(?:%\w+)?))(?::(\d{1,5}))?$/.exec(
      where,
    ) ?? []
  const address = bracketed ?? plain
  return address === undefined ? undefined : { ...(user && { user }), address, ...(port && { port }) }
}

/** What a specification says; `{node}` and `{address}` in `where` are filled in for each node that a `*` stands for. */
export interface HostSpec {
  /** `*`: every node of the cluster that no other specification names. */
  readonly node: string
  readonly by: 'local' | 'ssh' | ContainerProgram | 'pod'
  /** Of ssh `[USER@]ADDRESS[:PORT]`; of a container program the container; of local the node's root on this machine; of pod its image. */
  readonly where: string
}

/** Undefined where it cannot be read. `cp-1=ssh:root@10.0.0.1`, `*=docker:{node}`, `cp-1=local`, `*=pod`. */
export function parseHostSpec(text: string): HostSpec | undefined {
  const [, node, by, where = ''] = /^([^=\s]+)=(local|ssh|docker|podman|nerdctl|pod)(?::(.+))?$/.exec(text) ?? []
  if (node === undefined || by === undefined) return undefined
  const spec: HostSpec = { node, by: by as HostSpec['by'], where }
  return canBe(filledIn(spec, 'node', '10.0.0.1')) ? spec : undefined
}
function canBe({ by, where }: HostSpec): boolean {
  if (by === 'pod') return true
  if (by === 'local') return where === '' || where.startsWith('/')
  return by === 'ssh' ? parseSshAddress(where) !== undefined : isContainerName(where)
}

/** As the operator would write it. */
export const formatHostSpec = ({ node, by, where }: HostSpec): string => `${node}=${by}${where === '' ? '' : `:${where}`}`

/** Is there something that only the cluster's list of nodes can tell? */
export const needsNodes = ({ node, where }: HostSpec): boolean => node === '*' || where.includes('{address}')

/** The same for one node of the cluster. Throws an Error (one clause) where it has no address to fill in, or what comes out is none. */
export function hostSpecFor(spec: HostSpec, node: string, object?: NodeObject): HostSpec {
  const address = object && addressOf(object)
  if (spec.where.includes('{address}') && address === undefined) throw new Error(`node ${node} has no address in its status`)
  const filled = filledIn({ ...spec, node }, node, address ?? '')
  if (!canBe(filled)) throw new Error(`${formatHostSpec(filled)} names nothing that can be reached`)
  return filled
}

function filledIn(spec: HostSpec, node: string, address: string): HostSpec {
  const fits = spec.by === 'ssh' && address.includes(':') ? `[${address}]` : address
  return { ...spec, where: spec.where.replaceAll('{node}', node).replaceAll('{address}', fits) }
}

/** Node status.addresses: the address inside the cluster first, as kubectl and the API server do. */
function addressOf(node: NodeObject): string | undefined {
  const addresses = node.status?.addresses ?? []
  return ['InternalIP', 'ExternalIP', 'Hostname']
    .map((type) => addresses.find((one) => one.type === type)?.address)
    .find((one) => one !== undefined)
}
