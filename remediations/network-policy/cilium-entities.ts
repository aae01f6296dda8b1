/** What no address matches on Cilium: nodes and the API server are entities there, whatever ipBlock says. */
import type { LabelSelector, NetworkPolicyPort, SpecObject } from '../../src/model/index.ts'
import { EVIDENCE, MANAGED } from './policy-rules.ts'

export interface OnHosts {
  readonly callers: LabelSelector
  readonly name: string
  readonly ports?: readonly NetworkPolicyPort[]
  readonly because: string
}
type Entity = 'kube-apiserver' | 'host' | 'remote-node'

/** They isolate nothing (`enableDefaultDeny`, Cilium 1.16), so they can be written before the policies that do. */
export function ciliumPolicies(
  namespace: string,
  callers: readonly LabelSelector[],
  onNode: boolean,
  onHosts: readonly OnHosts[],
): readonly SpecObject[] {
  const taken = new Set<string>()
  const policy = (
    name: string,
    endpointSelector: LabelSelector,
    toEntities: readonly Entity[],
    ports: readonly NetworkPolicyPort[] | undefined,
    because: string,
  ): SpecObject => {
    let free = name
    for (let n = 2; taken.has(free); n++) free = `${name}-${n}`
    taken.add(free)
    const toPorts = [{ ports: (ports ?? []).map(({ port, protocol }) => ({ port: String(port), protocol: protocol ?? 'TCP' })) }]
    return {
      apiVersion: 'cilium.io/v2',
      kind: 'CiliumNetworkPolicy',
      metadata: { name: free, namespace, labels: { ...MANAGED }, annotations: { [EVIDENCE]: because } },
      spec: {
        endpointSelector,
        enableDefaultDeny: { ingress: false, egress: false },
        egress: [{ toEntities, ...(ports !== undefined && { toPorts }) }],
      },
    } as unknown as SpecObject
  }
  const dns = ['UDP', 'TCP'].map((protocol) => ({ port: 53, protocol }))
  return [
    ...callers.map((selector) =>
      policy('allow-api-server', selector, ['kube-apiserver'], undefined, 'its pods mount a token, and call the API server'),
    ),
    ...(onNode ? [policy('allow-node-dns', {}, ['host'], dns, 'a DNS cache answers on the network of each node')] : []),
    ...onHosts.map(({ name, callers: selector, ports, because }) => policy(name, selector, ['host', 'remote-node'], ports, because)),
  ]
}
