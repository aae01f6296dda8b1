/** Which network plugin runs, and whether it enforces NetworkPolicy: told by what its agents are called (evidence E3: inference). */
import type { ContainerSpec, ControllerObject, ObjectRef, View } from '../model/index.ts'
import { distribution } from './distribution.ts'
import { nodeArguments } from './flag-k3s.ts'
import { refOf } from './ref.ts'

export const CNI_KINDS = ['DaemonSet', 'ConfigMap', 'Node', 'Pod', 'ServerVersion'] as const
export type CniView = View<(typeof CNI_KINDS)[number]>
export interface NetworkPlugin {
  readonly name: string
  readonly enforces: boolean
  readonly why: string
  readonly subject?: ObjectRef
}

interface Agent {
  readonly object: ControllerObject
  readonly containers: readonly ContainerSpec[]
}
interface Fingerprint {
  readonly name: string
  readonly image: RegExp
  readonly enforces: (agent: Agent, container: ContainerSpec, view: CniView) => true | string
}

const always = () => true as const
const hasFlag = (container: ContainerSpec, flag: RegExp): boolean =>
  [...(container.command ?? []), ...(container.args ?? [])].some((word) => flag.test(word))

/** By the image of a container of the agent. `enforces` gives true, or the words why not. */
const FINGERPRINTS: readonly Fingerprint[] = [
  {
    name: 'Calico',
    image: /(^|\/)(calico\/node|calico-node|node-calico|rancher\/mirrored-calico-node|hardened-calico)(:|@|$)/,
    enforces: always,
  },
  {
    name: 'Cilium',
    image: /(^|\/)(cilium\/cilium|mirrored-cilium-cilium|anetd|cilium-agent)(-[\w]+)?(:|@|$)/,
    enforces: (_agent, _container, view) =>
      view.find('ConfigMap', 'kube-system', 'cilium-config')?.data?.['enable-policy'] === 'never'
        ? 'enable-policy is "never" in ConfigMap cilium-config'
        : true,
  },
  { name: 'Antrea', image: /(^|\/)antrea\/antrea-(agent|ubuntu|ubi)/, enforces: always },
  { name: 'OVN-Kubernetes', image: /(^|\/)(ovn-kube|ovnkube|ovn-kubernetes)/, enforces: always },
  { name: 'Kube-OVN', image: /(^|\/)kube-ovn(:|@|$)/, enforces: always },
  { name: 'Weave Net', image: /(^|\/)weave-npc(:|@|$)/, enforces: always },
  { name: 'Azure NPM', image: /(^|\/)azure-npm(:|@|$)/, enforces: always },
  { name: 'kube-network-policies', image: /(^|\/)kube-network-policies(:|@|$)/, enforces: always },
  {
    name: 'kube-router',
    image: /(^|\/)kube-router(:|@|$)/,
    enforces: (_agent, container) => (hasFlag(container, /^--run-firewall=false$/) ? 'it runs with --run-firewall=false' : true),
  },
  {
    name: 'kindnet',
    image: /(^|\/)kindnetd(:|@|$)/,
    enforces: (_agent, container) =>
      Number(/:v?(\d{8})/.exec(container.image ?? '')?.[1] ?? '99999999') < 20240813 ? 'it enforces policies since kind 0.24 only' : true,
  },
  { name: 'Amazon VPC CNI', image: /(^|\/)amazon-k8s-cni(:|@|$)/, enforces: amazon },
  {
    name: 'Flannel',
    image: /(^|\/)(flannel|mirrored-flannelcni-flannel|mirrored-flannel-io-flannel)(:|@|$)/,
    enforces: () => 'it does not look at policies',
  },
  {
    name: 'OCI VCN-native pod networking',
    image: /(^|\/)(oci-vcn-native-cni|vcn-native-ip-cni|oke-multiarch-vcn|oci-native-cni)/,
    enforces: () => 'it does not enforce policies without Calico or Cilium beside it',
  },
]

function amazon(agent: Agent, _container: ContainerSpec, view: CniView): true | string {
  const nodeAgent = agent.containers.find((container) => container.name === 'aws-eks-nodeagent')
  if (nodeAgent !== undefined && hasFlag(nodeAgent, /^--enable-network-policy=true$/)) return true
  if (view.find('ConfigMap', 'kube-system', 'amazon-vpc-cni')?.data?.['enable-network-policy-controller'] === 'true') return true
  return 'neither the container aws-eks-nodeagent nor ConfigMap amazon-vpc-cni turns network policy on'
}

/** The name of the plugin whose agent one of these containers is. */
export const networkAgentAmong = (containers: readonly ContainerSpec[]): string | undefined =>
  FINGERPRINTS.find(({ image }) => containers.some((container) => image.test(container.image ?? '')))?.name

/** Every plugin that was recognised. Several may run beside each other; one that enforces is enough. */
export function networkPlugins(view: CniView): readonly NetworkPlugin[] {
  const agents = view.all('DaemonSet').flatMap((object): NetworkPlugin[] => {
    const containers = object.spec?.template?.spec?.containers ?? []
    const found = FINGERPRINTS.flatMap((fingerprint) => {
      const container = containers.find((one) => fingerprint.image.test(one.image ?? ''))
      return container === undefined ? [] : [{ fingerprint, verdict: fingerprint.enforces({ object, containers }, container, view) }]
    })
    return found.map(({ fingerprint, verdict }) => ({
      name: fingerprint.name,
      enforces: verdict === true,
      why: verdict === true ? `DaemonSet ${object.metadata.name} runs` : verdict,
      subject: refOf(object),
    }))
  })
  return [...agents, ...embedded(view)]
}

/** k3s has Flannel and a policy controller inside its own process. */
function embedded(view: CniView): NetworkPlugin[] {
  if (distribution(view).name !== 'k3s') return []
  const off = view
    .all('Node')
    .find((node) => nodeArguments(node)?.args.some((word) => /^--disable-network-policy(=true)?$/.test(word)) === true)
  return [
    off === undefined
      ? { name: 'the k3s network policy controller', enforces: true, why: 'k3s runs it unless told not to' }
      : { name: 'k3s', enforces: false, why: `node ${off.metadata.name} was started with --disable-network-policy`, subject: refOf(off) },
  ]
}
