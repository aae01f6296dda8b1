import { control } from '../../model/define.ts'
import type { NodeObject } from '../../model/index.ts'
import { isPublicAddress } from '../../objects/address.ts'
import { refOf } from '../../objects/ref.ts'

export default control({
  title: 'Nodes must not have public addresses',
  severity: 'high',
  why: 'Whatever listens on a node, its kubelet, its node ports, its SSH, is then one firewall rule away from everybody.',
  references: [
    { standard: 'CIS-EKS', section: '5.4.3' },
    { standard: 'CIS-GKE', section: '5.6.5' },
    { standard: 'CIS-AKS', section: '5.4.3' },
    { standard: 'NSA', section: 'N' },
    { standard: 'KS', section: 'C-0229' },
    { standard: 'KS', section: 'C-0248' },
  ],
  reads: ['Node'],
  *evaluate(view) {
    for (const node of view.all('Node')) {
      const addresses = publicAddresses(node)
      if (addresses.length === 0) continue
      yield {
        subject: refOf(node),
        at: ['status', 'addresses'],
        reason: 'has a public address',
        detail: addresses.map(({ type, address }) => `${type} ${address}`).join(', '),
        evidence: { grade: 'E1', addresses },
      }
    }
    yield { note: 'evidence E3: a provider may map a public address to a node without saying so in its status; its console is certain' }
  },
  remedy: {
    byHand:
      'make a node pool in private subnets with NAT for its way out (EKS: subnets without public addresses; GKE: --enable-private-nodes; AKS: a pool without --enable-node-public-ip; OKE: a private worker subnet), move the workloads there with cordon and drain, and remove the old pool',
  },
  verify: 'No node has an ExternalIP any more, and pods still pull images.',
})

const publicAddresses = (node: NodeObject): { readonly type: string; readonly address: string }[] =>
  (node.status?.addresses ?? [])
    .filter(({ type, address }) => (type === 'ExternalIP' || type === 'InternalIP') && isPublicAddress(address))
    .map(({ type, address }) => ({ type, address }))
