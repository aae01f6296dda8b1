/** What no address matches on Cilium: nodes and the API server are entities there, whatever ipBlock says. */
import type { LabelSelector, SpecObject } from '../../src/model/index.ts'
import { EVIDENCE, MANAGED } from './policy-rules.ts'

/** They isolate nothing (`enableDefaultDeny`, Cilium 1.16), so they can be written before the policies that do. */
export function ciliumPolicies(namespace: string, callers: readonly LabelSelector[], onNode: boolean): readonly SpecObject[] {
  const policy = (name: string, endpointSelector: LabelSelector, egress: object, because: string): SpecObject =>
    ({
      apiVersion: 'cilium.io/v2',
      kind: 'CiliumNetworkPolicy',
      metadata: { name, namespace, labels: { ...MANAGED }, annotations: { [EVIDENCE]: because } },
      spec: { endpointSelector, enableDefaultDeny: { ingress: false, egress: false }, egress: [egress] },
    }) as unknown as SpecObject
  return [
    ...callers.map((selector, index) =>
      policy(
        index === 0 ? 'allow-api-server' : `allow-api-server-${index + 1}`,
        selector,
        { toEntities: ['kube-apiserver'] },
        'its pods mount a token, and call the API server',
      ),
    ),
    ...(onNode
      ? [
          policy(
            'allow-node-dns',
            {},
            { toEntities: ['host'], toPorts: [{ ports: ['UDP', 'TCP'].map((protocol) => ({ port: '53', protocol })) }] },
            'a DNS cache answers on the network of each node',
          ),
        ]
      : []),
  ]
}
