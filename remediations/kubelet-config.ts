/** Settings of the kubelets: in their configuration file or in kubeadm's ConfigMap where those are files; as files and steps for a live cluster. */
import { stringify } from 'yaml'
import { remedy } from '../src/model/define.ts'
import type { Change, ConfigMapObject, Finding, Json, Proposal, Remedy, RemedyContext, RemedyOption } from '../src/model/index.ts'
import { distribution } from '../src/objects/distribution.ts'
import { editsOfConfigMap } from '../src/objects/flag-edits.ts'
import { KUBELET_LADDER, kubelets } from '../src/objects/kubelet-config.ts'
import { sameObject } from '../src/objects/ref.ts'
import { optionsOf, PROVIDER_OPTIONS, type ProviderCommands, providerProposal } from './provider-command.ts'

export interface KubeletChange {
  /** By dotted path: `authentication.anonymous.enabled`. */
  readonly set: Readonly<Record<string, Json>>
  readonly summary: string
  readonly mayBreak?: readonly string[]
  /** How to see on a node that it worked, beside scanning again. */
  readonly verify?: readonly string[]
  /** Where a provider makes the nodes. */
  readonly provider?: ProviderCommands
}

export const setKubelet = <E = any>(
  change: KubeletChange | ((finding: Finding<E>) => KubeletChange | Proposal),
  options?: Readonly<Record<string, RemedyOption>>,
): Remedy<E> =>
  remedy<E>({
    family: 'kubelet-config',
    reads: [...KUBELET_LADDER, 'Pod', 'ServerVersion'],
    options: {
      ...PROVIDER_OPTIONS,
      ...(typeof change === 'object' && change.provider !== undefined && optionsOf(change.provider)),
      ...options,
    },
    propose(finding, context) {
      const wanted = typeof change === 'function' ? change(finding) : change
      return 'set' in wanted ? proposeKubelet(wanted, finding, context) : wanted
    },
  })

export function proposeKubelet(
  change: KubeletChange,
  finding: Finding<unknown>,
  { view, options }: Pick<RemedyContext, 'view' | 'options'>,
): Proposal {
  const instance = kubelets(view).instances.find((one) => sameObject(one.subject, finding.subject))
  const edits = Object.entries(change.set).map(([path, to]) => ({ set: path.split('.'), to }))
  const done = (changes: readonly Change[]): Proposal => ({
    changes,
    risk: 'may-break',
    summary: change.summary,
    mayBreak: ['the kubelet must be restarted to take it up; pods go on running meanwhile', ...(change.mayBreak ?? [])],
  })
  if (view.source.kind !== 'live' && instance?.source === 'file') return done([{ type: 'edit', target: instance.subject, edits }])
  if (view.source.kind !== 'live' && instance?.source === 'kubelet-config') {
    const map = view.find('ConfigMap', 'kube-system', 'kubelet-config') as ConfigMapObject
    return done([{ type: 'edit', target: instance.subject, edits: editsOfConfigMap(map, 'kubelet', () => edits) }])
  }
  const { name, managed } = distribution(view)
  if (managed) return providerProposal(name, { ...AT_PROVIDER, ...change.provider }, view, options)
  return done([
    handOver(change, name === 'kubeadm' || name === 'kind' || view.find('ConfigMap', 'kube-system', 'kubelet-config') !== undefined),
  ])
}

/** A fragment to merge: no complete KubeletConfiguration, which would take away what else a node has. Fragments of several findings become one file. */
function handOver(change: KubeletChange, kubeadm: boolean): Change {
  const content = Object.entries(change.set).reduce<{ [key: string]: Json }>(
    (all, [path, value]) => deepSet(all, path.split('.'), value),
    {},
  )
  const text = `# Merge this into the KubeletConfiguration of every node.\n${stringify(content, { lineWidth: 0 })}`
  const onNode = kubeadm
    ? [
        'merge kubelet.yaml into the text under "kubelet": kubectl -n kube-system edit configmap kubelet-config',
        'on one node after the other: cp -p /var/lib/kubelet/config.yaml /var/lib/kubelet/config.yaml.before-k8s-harden',
        'kubeadm upgrade node phase kubelet-config && systemctl restart kubelet',
      ]
    : [
        'on one node after the other: find the file its kubelet was started with (--config, usually /var/lib/kubelet/config.yaml) and keep a copy: cp -p FILE FILE.before-k8s-harden',
        'merge kubelet.yaml into FILE; take flags of the same meaning out of its service unit, because they win',
        'systemctl restart kubelet',
      ]
  return {
    type: 'file',
    name: 'kubelet.yaml',
    text: { text },
    mode: 0o644,
    runbook: [
      ...onNode,
      'wait until the node is Ready again and kubectl logs works for a pod on it; only then go on to the next',
      ...(change.verify ?? []),
      'scan again: k8s-harden scan',
    ],
    rollback: [
      'on the node: cp -p /var/lib/kubelet/config.yaml.before-k8s-harden /var/lib/kubelet/config.yaml',
      'systemctl restart kubelet',
      ...(kubeadm ? ['put the ConfigMap kube-system/kubelet-config back to what it was'] : []),
    ],
  }
}

function deepSet(all: { readonly [key: string]: Json }, [key, ...rest]: readonly string[], value: Json): { [key: string]: Json } {
  const below = all[key!]
  return {
    ...all,
    [key!]:
      rest.length === 0
        ? value
        : deepSet(
            below !== null && typeof below === 'object' && !Array.isArray(below) ? (below as { readonly [key: string]: Json }) : {},
            rest,
            value,
          ),
  }
}

const AT_PROVIDER: ProviderCommands = {
  eks: 'put the settings into the node configuration of the launch template (NodeConfig of nodeadm: spec.kubelet.config) and let the node group replace its nodes',
  gke: "put the settings into a node system configuration (gcloud container node-pools update --system-config-from-file) where GKE knows them; else they are Google's",
  aks: "put the settings into a kubelet configuration file of a new node pool (az aks nodepool add --kubelet-config), move the workloads and remove the old pool; what it does not know is Azure's",
  oke: 'put the settings into the cloud-init of the node pool (bash /var/run/oke-init.sh --kubelet-extra-args …) and let it replace its nodes',
}
