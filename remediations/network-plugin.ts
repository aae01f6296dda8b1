/** A network plugin that does not enforce NetworkPolicy: words only, since every way there interrupts the network of the nodes. */
import { remedy } from '../src/model/define.ts'
import type { Remedy } from '../src/model/index.ts'

const BESIDE = 'put an enforcer beside it (kube-network-policies, or Calico for policy only)'

/** What the plugin itself has, by the name that network-cni.ts gives it. */
const SWITCHES: Readonly<Record<string, string>> = {
  'Amazon VPC CNI':
    'turn on its network policy agent: enableNetworkPolicy: "true" in the configuration of the add-on, which sets --enable-network-policy=true on aws-eks-nodeagent',
  Cilium: 'set enable-policy to default in ConfigMap kube-system/cilium-config and restart its agents',
  'kube-router': 'take --run-firewall=false out of its arguments',
  k3s: 'take --disable-network-policy out of the arguments of k3s and restart it, node by node',
  kindnet: `upgrade kind to 0.24 or newer, or ${BESIDE}`,
  Flannel: `Flannel has no switch for it: ${BESIDE}, or move to a plugin that enforces, in a maintenance window`,
  'OCI VCN-native pod networking': 'put an enforcer beside it: Calico for policy only, or Cilium chained to it',
}

export const enforcePolicies: Remedy<{ readonly plugin: string }> = remedy<{ readonly plugin: string }>({
  family: 'network-plugin',
  guides: true,
  reads: [],
  propose: ({ evidence }) => ({ byHand: SWITCHES[evidence.plugin] ?? `${BESIDE}; changing the plugin itself takes a maintenance window` }),
})
