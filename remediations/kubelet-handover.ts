/** Settings of kubelets whose nodes this tool does not reach: a fragment to merge, the steps for one node after the other, and the way back. */
import type { Change, Json } from '../src/model/index.ts'
import { fewOf } from '../src/objects/few-of.ts'
import { kubernetesYaml } from '../src/objects/yaml-write.ts'

export interface KubeletHandover {
  /** By dotted path. */
  readonly set: Readonly<Record<string, Json>>
  readonly first?: readonly string[]
  readonly verify?: readonly string[]
  /** kubeadm writes the file of a node from its ConfigMap. */
  readonly kubeadm: boolean
  readonly nodes: readonly string[]
  /** Copies are named after it. */
  readonly stamp: string
}

/** A fragment to merge: no complete KubeletConfiguration, which would take away what else a node has. Fragments of several findings become one file. */
export function handOverKubelet({ set, first = [], verify = [], kubeadm, nodes, stamp }: KubeletHandover): Change {
  const copy = kubeadm ? `${CONFIG}.before-${stamp}` : `FILE.before-${stamp}`
  const list = nodes.length === 0 ? '' : ` (${fewOf(nodes, 12)})`
  const inTurn = `the steps from here to the last before the scan: on one node after the other${list}`
  const kept = `kubelet-config.before-${stamp}.yaml`
  const restart = 'on the node, as root: `systemctl restart kubelet`'
  const onNode = kubeadm
    ? [
        `keep a copy: \`kubectl -n kube-system get configmap kubelet-config -o yaml > ${kept}\``,
        `merge kubelet.yaml into the text under kubelet: \`${EDIT}\``,
        inTurn,
        `on the node, as root: \`[ -e ${copy} ] || cp -p ${CONFIG} ${copy}\``,
        'on the node, as root: `kubeadm upgrade node phase kubelet-config`',
      ]
    : [
        inTurn,
        `on the node, as root: \`tr '\\0' '\\n' < /proc/$(pgrep -o -x kubelet)/cmdline\` shows the arguments of its kubelet: FILE is what --config names, usually ${CONFIG}`,
        `on the node, as root: \`[ -e ${copy} ] || cp -p FILE ${copy}\``,
        'on the node, merge kubelet.yaml into FILE; flags of the same meaning, and files of --config-dir, win over it: take it out there',
      ]
  return {
    type: 'file',
    name: 'kubelet.yaml',
    text: { text: textOf(set) },
    mode: 0o644,
    runbook: [
      ...first,
      ...onNode,
      restart,
      `on the node, as root: \`${WAIT}\` ends by itself when the kubelet runs; if it does not within two minutes, take the way back below on this node before touching another`,
      ...verify,
      '`kubectl get --raw /api/v1/nodes/NODE/proxy/configz` shows what kubelet.yaml says, and `kubectl logs` works for a pod on the node',
      'scan again: `k8s-harden scan`',
    ],
    rollback: [
      `on the node, as root: \`cp -p ${copy} ${kubeadm ? CONFIG : 'FILE'}\``,
      restart,
      ...(kubeadm ? [`when all of them are back as they were, make the text under kubelet what ${kept} says: \`${EDIT}\``] : []),
    ],
  }
}
const CONFIG = '/var/lib/kubelet/config.yaml'
const EDIT = 'kubectl -n kube-system edit configmap kubelet-config'
const WAIT = "timeout 120 sh -c 'until curl -fs http://127.0.0.1:10248/healthz; do sleep 2; done'"

/** The fragment alone. */
export const textOf = (set: KubeletHandover['set']): string =>
  `# Merge this into the KubeletConfiguration of every node.\n${kubernetesYaml(fieldsOf(set))}`

/** As a KubeletConfiguration has them. */
export const fieldsOf = (set: KubeletHandover['set']): { [key: string]: Json } =>
  Object.entries(set).reduce<{ [key: string]: Json }>((all, [path, value]) => deepSet(all, path.split('.'), value), {})

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
