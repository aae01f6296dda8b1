/** Settings of kubelets on distributions that start them in their own way: the file each takes them from, and the steps. */
import type { Change, Json, Proposal } from '../src/model/index.ts'
import type { DistributionName } from '../src/objects/distribution.ts'
import { fewOf } from '../src/objects/few-of.ts'
import { kubeletFlagOf } from '../src/objects/kubelet-flags.ts'
import type { Rancher } from '../src/objects/rancher-settings.ts'
import { kubernetesYaml } from '../src/objects/yaml-write.ts'
import { fieldsOf, type KubeletHandover } from './kubelet-handover.ts'
import { TALOS_FIRST, TALOS_LAST } from './talos-patch.ts'

export interface KubeletElsewhere extends Pick<KubeletHandover, 'set' | 'first' | 'verify' | 'nodes'> {
  readonly distribution: DistributionName
  readonly minor: number | undefined
}

/** Undefined where a kubelet is started as kubeadm does it. */
export function kubeletElsewhere(wanted: KubeletElsewhere): Change | Extract<Proposal, { byHand: string }> | undefined {
  switch (wanted.distribution) {
    case 'k3s':
    case 'rke2':
      // From 1.32 on both read drop-ins; before that their kubelets are given flags (https://docs.rke2.io/install/configuration).
      return (wanted.minor ?? 0) >= 32 ? rancherDropIn(wanted, wanted.distribution) : rancherFlags(wanted, wanted.distribution)
    case 'talos':
      return talosPatch(wanted)
    case 'openshift':
      return {
        byHand: `OpenShift's machine config operator writes the files of kubelets: make a KubeletConfig (machineconfiguration.openshift.io/v1) whose spec.kubeletConfig says ${JSON.stringify(fieldsOf(wanted.set))}, and whose spec.machineConfigPoolSelector names one pool; its nodes restart one after the other`,
      }
    default:
      return undefined
  }
}

const onEach = ({ nodes }: KubeletElsewhere): string =>
  `the steps from here to the last before the scan: on one node after the other${nodes.length === 0 ? '' : ` (${fewOf(nodes, 12)})`}`
const serviceOf = (name: Rancher): string =>
  name === 'k3s'
    ? 'on the node, as root: `systemctl restart k3s` on a server, `systemctl restart k3s-agent` on any other'
    : 'on the node, as root: `systemctl restart rke2-server` on a server, `systemctl restart rke2-agent` on any other'
const SEE =
  '`kubectl get --raw /api/v1/nodes/NODE/proxy/configz` shows it, the node is Ready, and `kubectl logs` works for a pod on it; if not, take the way back below on this node before touching another'
const SCAN = 'scan again: `k8s-harden scan`'

function rancherDropIn(wanted: KubeletElsewhere, name: Rancher): Change {
  const target = `/var/lib/rancher/${name}/agent/etc/kubelet.conf.d/90-k8s-harden.conf`
  const flags = Object.keys(wanted.set).flatMap((path) => kubeletFlagOf(path) ?? [])
  return {
    type: 'file',
    name: `${name}-kubelet.conf`,
    text: {
      text: `# Place as ${target} on every node.\napiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n${kubernetesYaml(fieldsOf(wanted.set))}`,
    },
    mode: 0o600,
    runbook: [
      ...(wanted.first ?? []),
      onEach(wanted),
      `on the node, as root: \`install -D -o root -g root -m 0600 ${name}-kubelet.conf ${target}\` (with --data-dir, below that)`,
      ...(flags.length === 0
        ? []
        : [
            `flags win over it: under kubelet-arg in /etc/rancher/${name}/config.yaml, its config.yaml.d and the service's own arguments take out ${flags.join(', ')}`,
          ]),
      serviceOf(name),
      SEE,
      ...(wanted.verify ?? []),
      SCAN,
    ],
    rollback: [`on the node, as root: \`rm ${target}\``, serviceOf(name)],
  }
}

function rancherFlags(wanted: KubeletElsewhere, name: Rancher): Change {
  const target = `/etc/rancher/${name}/config.yaml.d/90-k8s-harden-kubelet.yaml`
  const lines = Object.entries(wanted.set).flatMap(([path, value]) => {
    const flag = kubeletFlagOf(path)
    return flag === undefined ? [] : [`${flag}=${Array.isArray(value) ? value.join(',') : String(value)}`]
  })
  const without = Object.keys(wanted.set).filter((path) => kubeletFlagOf(path) === undefined)
  return {
    type: 'file',
    name: `${name}-kubelet.yaml`,
    text: {
      text: `# Place as ${target} on every node; the plus adds to what config.yaml has.\n${kubernetesYaml({ 'kubelet-arg+': lines })}`,
    },
    mode: 0o600,
    runbook: [
      ...(wanted.first ?? []),
      ...(without.length === 0
        ? []
        : [`no flag says ${without.join(', ')}: for that, upgrade to 1.32 or later, where kubelets of ${name} read files too`]),
      onEach(wanted),
      `on the node, as root: \`install -D -o root -g root -m 0600 ${name}-kubelet.yaml ${target}\`; no file after it in that directory may say kubelet-arg without the plus`,
      serviceOf(name),
      SEE,
      ...(wanted.verify ?? []),
      SCAN,
    ],
    rollback: [`on the node, as root: \`rm ${target}\``, serviceOf(name)],
  }
}

/** https://www.talos.dev/latest/reference/configuration/v1alpha1/config/, KubeletConfig: extraConfig is merged into the KubeletConfiguration. */
function talosPatch(wanted: KubeletElsewhere): Change {
  const name = 'talos-kubelet.yaml'
  const content: { [key: string]: Json } = { machine: { kubelet: { extraConfig: fieldsOf(wanted.set) } } }
  return {
    type: 'file',
    name,
    text: { text: `# A patch of the machine configuration of every node.\n${kubernetesYaml(content)}` },
    mode: 0o600,
    runbook: [
      ...(wanted.first ?? []),
      ...TALOS_FIRST,
      `on one node after the other${wanted.nodes.length === 0 ? '' : ` (${fewOf(wanted.nodes, 12)})`}: \`talosctl -n NODE patch mc --mode=no-reboot -p @${name}\`; a field that Talos keeps for itself is refused, and then nothing changes`,
      'the kubelet is restarted: `talosctl -n NODE service kubelet` says Running and healthy before the next node',
      ...(wanted.verify ?? []),
      SCAN,
    ],
    rollback: TALOS_LAST,
  }
}
