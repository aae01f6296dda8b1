/** From a specification to the host. */
import type { ApiClient } from '../apiserver/client.ts'
import { ContainerRunner } from './container.ts'
import { HelperPodHost } from './helper-pod-host.ts'
import type { Host } from './host.ts'
import { LocalHost } from './local.ts'
import { RemoteHost } from './remote.ts'
import type { HostSpec } from './spec.ts'
import { SshRunner } from './ssh.ts'

export { formatHostSpec, type HostSpec, hostSpecFor, needsNodes, parseHostSpec } from './spec.ts'

/** `spec` as `hostSpecFor` gives it. Nothing is contacted, and no pod made, before the first question. `client`: of the cluster, for `pod`. */
export function openHost(node: string, { by, where }: HostSpec, client?: ApiClient): Host {
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
      if (client === undefined) throw new Error('a helper pod wants a cluster')
      return new HelperPodHost(client, node, where === '' ? {} : { image: where })
  }
}
