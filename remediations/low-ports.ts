/** Keeps a container listening on its low ports when it loses the privilege that lets it. */
import type { ContainerSpec, Edit, Json } from '../src/model/index.ts'
import { lowPortsOf, opensPort, PORT_SYSCTL } from '../src/objects/low-ports.ts'
import { minorOf } from '../src/objects/version.ts'
import type { TemplatePlace } from './pod-template.ts'

/** Kubelets allow the sysctl to every pod from v1.22 on. */
const SAFE_SINCE = 22

/** The low ports of a container, and the edits under which it may listen on them without any privilege. */
export interface LowPorts {
  readonly ports: readonly number[]
  readonly edits: readonly Edit[]
  /** Those it may not be able to listen on for all that. */
  readonly lost: readonly number[]
}

/** On the network of the node the pod has no sysctls of its own; there the ports stay the privilege's. */
export function keepLowPorts({ workload, at, view }: TemplatePlace, container: ContainerSpec): LowPorts {
  const { spec } = workload
  const ports = lowPortsOf(view, workload, container)
  const closed = ports.filter((port) => !opensPort(spec, port))
  const minor = view.fact('ServerVersion')?.minor ?? minorOf(view.source.kubernetes)
  if (closed.length === 0) return { ports, edits: [], lost: [] }
  if (spec.hostNetwork === true || (minor !== undefined && minor < SAFE_SINCE)) return { ports, edits: [], lost: closed }
  const others = (spec.securityContext?.sysctls ?? []).filter((sysctl) => sysctl?.name !== PORT_SYSCTL)
  const to: Json = [...others.map(({ name, value }) => ({ name, value })), { name: PORT_SYSCTL, value: '0' }]
  return { ports, edits: [{ set: [...at, 'securityContext', 'sysctls'], to }], lost: [] }
}
