/** Settings of the kubelets: in their files or kubeadm's ConfigMap where those are files; live on the nodes that are reached, else as files and steps. */
import { remedy } from '../src/model/define.ts'
import type {
  Change,
  ConfigMapObject,
  Finding,
  Json,
  Proposal,
  Readable,
  Remedy,
  RemedyContext,
  RemedyOption,
  View,
} from '../src/model/index.ts'
import { distribution } from '../src/objects/distribution.ts'
import { editsOfConfigMap } from '../src/objects/flag-edits.ts'
import { KUBELET_LADDER, kubelets } from '../src/objects/kubelet-config.ts'
import { sameObject } from '../src/objects/ref.ts'
import { minorOf } from '../src/objects/version.ts'
import { stampOf } from './flag-runbook.ts'
import { kubeletElsewhere } from './kubelet-elsewhere.ts'
import { handOverKubelet } from './kubelet-handover.ts'
import { onHost, wishedChange } from './kubelet-on-host.ts'
import { optionsOf, PROVIDER_OPTIONS, type ProviderCommands, providerProposal } from './provider-command.ts'

export interface KubeletChange {
  /** By dotted path: `authentication.anonymous.enabled`. */
  readonly set: Readonly<Record<string, Json>>
  readonly summary: string
  /** A function: by what the cluster shows. */
  readonly mayBreak?: readonly string[] | ((view: View<Readable>) => readonly string[])
  /** Steps that come before a kubelet is touched, and how to see on a node that it worked, beside scanning again. */
  readonly first?: readonly string[]
  readonly verify?: readonly string[]
  /** Where a provider makes the nodes. */
  readonly provider?: ProviderCommands
}

export const KUBELET_READS = [...KUBELET_LADDER, 'Pod', 'ServerVersion'] as const satisfies readonly Readable[]

/** `reads`: what a function looks at beyond the kubelets. */
export const setKubelet = <E = any>(
  change: KubeletChange | ((finding: Finding<E>, context: RemedyContext) => KubeletChange | Proposal),
  { options, reads = [] }: { readonly options?: Readonly<Record<string, RemedyOption>>; readonly reads?: readonly Readable[] } = {},
): Remedy<E> =>
  remedy<E>({
    family: 'kubelet-config',
    reads: [...new Set([...KUBELET_READS, ...reads])],
    options: {
      ...PROVIDER_OPTIONS,
      ...(typeof change === 'object' && change.provider !== undefined && optionsOf(change.provider)),
      ...options,
    },
    propose(finding, context) {
      const wanted = typeof change === 'function' ? change(finding, context) : change
      return 'set' in wanted ? proposeKubelet(wanted, finding, context) : wanted
    },
  })

export function proposeKubelet(
  change: KubeletChange,
  finding: Finding<unknown>,
  { view, options }: Pick<RemedyContext, 'view' | 'options'>,
): Proposal {
  const instance = kubelets(view).instances.find((one) => sameObject(one.subject, finding.subject))
  const breaks = typeof change.mayBreak === 'function' ? change.mayBreak(view) : (change.mayBreak ?? [])
  const edits = Object.entries(change.set).map(([path, to]) => ({ set: path.split('.'), to }))
  const done = (changes: readonly Change[]): Proposal => ({
    changes,
    risk: 'may-break',
    summary: change.summary,
    mayBreak: ['the kubelet must be restarted to take it up; pods go on running meanwhile', ...breaks],
  })
  if (view.source.kind !== 'live' && instance?.source === 'file') return done([{ type: 'edit', target: instance.subject, edits }])
  if (view.source.kind !== 'live' && instance?.source === 'kubelet-config') {
    const map = view.find('ConfigMap', 'kube-system', 'kubelet-config') as ConfigMapObject
    return done([{ type: 'edit', target: instance.subject, edits: editsOfConfigMap(map, 'kubelet', () => edits) }])
  }
  const { name, managed } = distribution(view)
  if (managed) return providerProposal(name, { ...AT_PROVIDER, ...change.provider }, view, options)
  const nodes = kubelets(view).instances.map((one) => one.name)
  const elsewhere = kubeletElsewhere({
    ...change,
    distribution: name,
    minor: view.fact('ServerVersion')?.minor ?? minorOf(view.source.kubernetes),
    nodes,
  })
  if (elsewhere !== undefined) return 'byHand' in elsewhere ? elsewhere : done([elsewhere])
  const reached = instance === undefined ? undefined : onHost(change.set, instance, view)
  if (reached !== undefined) return 'byHand' in reached ? reached : done([...reached, ...wishedChange(change.set, view)])
  return done([
    handOverKubelet({
      ...change,
      nodes,
      stamp: stampOf(view),
      kubeadm: name === 'kubeadm' || name === 'kind' || view.find('ConfigMap', 'kube-system', 'kubelet-config') !== undefined,
    }),
  ])
}

const AT_PROVIDER: ProviderCommands = {
  eks: 'put the settings into the node configuration of the launch template (NodeConfig of nodeadm: spec.kubelet.config) and let the node group replace its nodes',
  gke: "put the settings into a node system configuration (gcloud container node-pools update --system-config-from-file) where GKE knows them; else they are Google's",
  aks: "put the settings into a kubelet configuration file of a new node pool (az aks nodepool add --kubelet-config), move the workloads and remove the old pool; what it does not know is Azure's",
  oke: 'put the settings into the cloud-init of the node pool (bash /var/run/oke-init.sh --kubelet-extra-args …) and let it replace its nodes',
}
