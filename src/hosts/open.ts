/** From a specification to the host. */
import { ContainerRunner } from './container.ts'
import type { Host } from './host.ts'
import { LocalHost } from './local.ts'
import { RemoteHost } from './remote.ts'
import type { HostSpec } from './spec.ts'
import { SshRunner } from './ssh.ts'

export { formatHostSpec, type HostSpec, hostSpecFor, needsNodes, parseHostSpec } from './spec.ts'

/** `spec` as `hostSpecFor` gives it. Nothing is contacted before the first question. */
export function openHost(node: string, { by, where }: HostSpec): Host {
  switch (by) {
    case 'local':
      return new LocalHost(node, where === '' ? '/' : where)
    case 'ssh':
      return new RemoteHost(node, new SshRunner(where))
    case 'docker':
    case 'podman':
    case 'nerdctl':
      return new RemoteHost(node, new ContainerRunner(by, where))
    case 'pod':
      throw new Error('hosts cannot be reached by a helper pod yet')
  }
}
