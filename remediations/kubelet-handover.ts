/** Settings of kubelets whose nodes this tool does not reach: a fragment to merge, the steps for one node after the other, and the way back. */
import type { Change, Json } from '../src/model/index.ts'
import { kubernetesYaml } from '../src/objects/yaml-write.ts'

export interface KubeletHandover {
  /** By dotted path. */
  readonly set: Readonly<Record<string, Json>>
  readonly verify?: readonly string[]
  /** kubeadm writes the file of a node from its ConfigMap. */
  readonly kubeadm: boolean
}

/** A fragment to merge: no complete KubeletConfiguration, which would take away what else a node has. Fragments of several findings become one file. */
export function handOverKubelet({ set, verify = [], kubeadm }: KubeletHandover): Change {
  const content = Object.entries(set).reduce<{ [key: string]: Json }>((all, [path, value]) => deepSet(all, path.split('.'), value), {})
  const text = `# Merge this into the KubeletConfiguration of every node.\n${kubernetesYaml(content)}`
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
      ...verify,
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
