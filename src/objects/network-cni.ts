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
  /** It would enforce policies, but what could switch that off is not known: one clause. */
  readonly doubt?: string
  readonly subject?: ObjectRef
}

interface Agent {
  readonly object: ControllerObject
  readonly containers: readonly ContainerSpec[]
}
interface Fingerprint {
  readonly name: string
  readonly image: RegExp
  readonly enforces: (agent: Agent, container: ContainerSpec, view: CniView) => true | string | { readonly doubt: string }
}

const always = () => true as const
const settingOf = (view: CniView, { object }: Agent, name: string): Readonly<Record<string, string>> | undefined =>
  view.find('ConfigMap', object.metadata.namespace ?? 'kube-system', name)?.data ?? view.find('ConfigMap', 'kube-system', name)?.data
const hasFlag = (container: ContainerSpec, flag: RegExp): boolean =>
  [...(container.command ?? []), ...(container.args ?? [])].some((word) => flag.test(word))

/** By the image of a container of the agent. `enforces` gives true, or the words why not. */
const FINGERPRINTS: readonly Fingerprint[] = [
  {
    name: 'Calico',
    image: /(^|\/)(calico\/node(-windows)?|calico-node|node-calico|mirrored-calico-node|hardened-calico|cnx-node)(:|@|$)/,
    enforces: always,
  },
  {
    name: 'Cilium',
    image: /(^|\/)(cilium\/cilium|mirrored-cilium-cilium|anetd|cilium-agent)(?!-envoy)(-[\w]+)?(:|@|$)/,
    enforces: cilium,
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
    enforces: (_agent, container) => (hasFlag(container, /^--run-firewall=(false|f|0)$/i) ? 'it runs with --run-firewall=false' : true),
  },
  {
    name: 'kindnet',
    image: /(^|\/)kindnetd(:|@|$)/,
    enforces: kindnet,
  },
  { name: 'Amazon VPC CNI', image: /(^|\/)amazon-k8s-cni(:|@|$)/, enforces: amazon },
  {
    name: 'Flannel',
    image: /(^|\/)(flannel|mirrored-flannelcni-flannel|mirrored-flannel-io-flannel|hardened-flannel)(:|@|$)/,
    enforces: () => 'it does not look at policies',
  },
  {
    name: 'OCI VCN-native pod networking',
    image: /(^|\/)(oci-vcn-native-cni|vcn-native-ip-cni|oke-multiarch-vcn|oci-native-cni)/,
    enforces: () => 'it does not enforce policies without Calico or Cilium beside it',
  },
]

function cilium(agent: Agent, _container: ContainerSpec, view: CniView): true | string | { readonly doubt: string } {
  const unread = view.unread('ConfigMap')
  const config = settingOf(view, agent, 'cilium-config')
  if (config?.['enable-policy'] === 'never') return 'enable-policy is "never" in ConfigMap cilium-config'
  return config === undefined && unread !== undefined
    ? { doubt: `what turns its policies off stands in ConfigMap cilium-config, which was not read: ${unread.because}` }
    : true
}

/** By the date in its tag. */
function kindnet(_agent: Agent, { image = '' }: ContainerSpec): true | string | { readonly doubt: string } {
  const date = /:v?(\d{8})/.exec(image)?.[1]
  if (date === undefined) return { doubt: 'it enforces policies since kind 0.24, and its image does not say how old it is' }
  return Number(date) < 20240813 ? 'it enforces policies since kind 0.24 only' : true
}

/** Its agent on the node enforces what a controller works out: either can be off. On Auto Mode there is the ConfigMap alone. */
function amazon(agent: Agent, _container: ContainerSpec, view: CniView): true | string | { readonly doubt: string } {
  const nodeAgent = agent.containers.find((container) => container.name === 'aws-eks-nodeagent')
  const controller = settingOf(view, agent, AMAZON)?.['enable-network-policy-controller']
  if (nodeAgent !== undefined && hasFlag(nodeAgent, /^--enable-network-policy=false$/))
    return 'its container aws-eks-nodeagent runs with --enable-network-policy=false'
  if (controller === 'false') return 'enable-network-policy-controller is "false" in ConfigMap amazon-vpc-cni'
  if (controller === 'true') return true
  const unread = view.unread('ConfigMap')
  if (unread !== undefined && unread.why !== 'not-in-manifests')
    return { doubt: `whether ConfigMap amazon-vpc-cni turns network policy on was not read: ${unread.because}` }
  if (nodeAgent !== undefined && hasFlag(nodeAgent, /^--enable-network-policy(=true)?$/)) return true
  return 'neither the container aws-eks-nodeagent nor ConfigMap amazon-vpc-cni turns network policy on'
}
const AMAZON = 'amazon-vpc-cni'

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
    const idle = object.status?.['desiredNumberScheduled'] === 0
    return found.map(({ fingerprint, verdict }) => ({
      name: fingerprint.name,
      enforces: typeof verdict !== 'string' && !idle,
      why:
        typeof verdict === 'string'
          ? verdict
          : idle
            ? `DaemonSet ${object.metadata.name} runs on no node`
            : `DaemonSet ${object.metadata.name} runs`,
      ...(typeof verdict === 'object' && !idle && { doubt: verdict.doubt }),
      subject: refOf(object),
    }))
  })
  return [...agents, ...ofOpenShift(view), ...embedded(view), ...autoMode(view, agents)]
}

/** Its images have no names. */
const ofOpenShift = (view: CniView): NetworkPlugin[] =>
  view
    .all('DaemonSet')
    .filter(({ metadata }) => metadata.namespace === 'openshift-ovn-kubernetes' && metadata.name === 'ovnkube-node')
    .map((object) => ({ name: 'OVN-Kubernetes', enforces: true, why: 'DaemonSet ovnkube-node runs', subject: refOf(object) }))

/** On EKS Auto Mode the plugin is part of the node. */
const autoMode = (view: CniView, agents: readonly NetworkPlugin[]): NetworkPlugin[] =>
  agents.length === 0 &&
  distribution(view).name === 'eks' &&
  view.find('ConfigMap', 'kube-system', AMAZON)?.data?.['enable-network-policy-controller'] === 'true'
    ? [{ name: 'Amazon VPC CNI of EKS Auto Mode', enforces: true, why: 'ConfigMap amazon-vpc-cni turns network policy on' }]
    : []

/** k3s has Flannel and a policy controller inside its own process. Its start arguments, those of its files among them, stand on its Nodes. */
function embedded(view: CniView): NetworkPlugin[] {
  if (distribution(view).name !== 'k3s') return []
  const servers = view.all('Node').flatMap((node) => {
    const started = nodeArguments(node)
    return started?.server === true ? [{ node, args: started.args }] : []
  })
  const off = servers.find(({ args }) => args.some((word) => /^--disable-network-policy(=true)?$/.test(word)))?.node
  if (off !== undefined)
    return [
      { name: 'k3s', enforces: false, why: `node ${off.metadata.name} was started with --disable-network-policy`, subject: refOf(off) },
    ]
  return [
    {
      name: 'the k3s network policy controller',
      enforces: true,
      why: 'k3s runs it unless told not to',
      ...(servers.length === 0 && {
        doubt: `k3s may have been told not to, and no Node says what its servers were started with${view.unread('Node') === undefined ? '' : `: ${view.unread('Node')!.because}`}`,
      }),
    },
  ]
}

/** Nodes that no agent of an enforcing plugin is meant for, as its DaemonSets count them; 0 where that is not told. */
export function nodesWithoutAgent(
  view: CniView,
  plugins: readonly NetworkPlugin[],
): { readonly without: number; readonly unready: number } {
  const sets = plugins
    .filter(({ enforces }) => enforces)
    .map(({ subject }) => subject !== undefined && view.find('DaemonSet', subject.namespace, subject.name))
    .filter((one) => one !== undefined)
  const counts = sets.map((set) => (set === false ? undefined : set.status))
  const sum = (field: string) =>
    counts.reduce<number | undefined>((all, status) => {
      const count = status?.[field]
      return all === undefined || typeof count !== 'number' ? undefined : all + count
    }, 0)
  const [desired, ready] = [sum('desiredNumberScheduled'), sum('numberReady')]
  const nodes = view
    .all('Node')
    .filter(
      ({ metadata }) =>
        !/^(fargate|virtual-kubelet)/.test(metadata.labels?.['eks.amazonaws.com/compute-type'] ?? metadata.labels?.['type'] ?? ''),
    )
  if (sets.length === 0 || desired === undefined) return { without: 0, unready: 0 }
  return { without: Math.max(0, nodes.length - desired), unready: Math.max(0, desired - (ready ?? desired)) }
}
