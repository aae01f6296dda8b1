/** `--host NODE=CARRIER`: how the operator says that a node is reached. */
import type { Host } from './host.ts'
import { LocalHost } from './local.ts'

/** What a specification says; `{node}` and `{address}` in `where` are filled in for each node that a `*` stands for. */
export interface HostSpec {
  /** `*`: every node of the cluster that no other specification names. */
  readonly node: string
  readonly by: 'local' | 'ssh' | 'docker' | 'podman' | 'nerdctl' | 'pod'
  /** Of ssh `[USER@]ADDRESS[:PORT]`; of a container program the container; of local the node's root on this machine. */
  readonly where: string
}

/** Undefined where it cannot be read. `cp-1=ssh:root@10.0.0.1`, `*=docker:{node}`, `cp-1=local`, `*=pod`. */
export function parseHostSpec(text: string): HostSpec | undefined {
  const [, node, by, where = ''] = /^([^=\s]+)=(local|ssh|docker|podman|nerdctl|pod)(?::(.+))?$/.exec(text) ?? []
  if (node === undefined || by === undefined) return undefined
  const spec: HostSpec = { node, by: by as HostSpec['by'], where }
  return spec.by === 'local' || spec.by === 'pod' || where !== '' ? spec : undefined
}

export function openHost(node: string, { by, where }: HostSpec): Host {
  switch (by) {
    case 'local':
      return new LocalHost(node, where === '' ? '/' : where)
    default:
      throw new Error(`hosts cannot be reached by ${by} yet`)
  }
}
