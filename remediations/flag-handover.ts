/** Flags of a cluster whose nodes this tool does not touch: the file to merge, the steps to take, and the way back. */
import type { Change, Json } from '../src/model/index.ts'
import type { Distribution } from '../src/objects/distribution.ts'
import { extraVolume, type FlagValues, type HostFile, withExtraArgs } from '../src/objects/flag-edits.ts'
import { EXTRA_ARGS } from '../src/objects/flag-kubeadm.ts'
import type { Component, ComponentInstance } from '../src/objects/flags.ts'
import { kubernetesYaml } from '../src/objects/yaml-write.ts'

export interface Handover {
  readonly component: Component
  readonly values: FlagValues
  readonly files: readonly HostFile[]
  readonly instances: readonly ComponentInstance[]
  readonly distribution: Distribution
  readonly minor: number | undefined
  /** Steps that come before the flags are touched, such as placing the files they name. */
  readonly first: readonly string[]
  /** How to see that it worked, beside scanning again. */
  readonly verify: readonly string[]
}

/** The file change, or words where there is nothing that could stand in a file. */
export function handOver(handover: Handover): Change | { readonly byHand: string } {
  const { distribution, component } = handover
  if (distribution.name === 'openshift')
    return { byHand: `OpenShift's operators write these flags: change the ${component} operator's own configuration, never the static pod` }
  return distribution.name === 'k3s' || distribution.name === 'rke2' ? rancherFile(handover) : kubeadmFile(handover)
}

const lines = (values: FlagValues): string[] =>
  Object.entries(values).flatMap(([flag, value]) => (value === null ? [] : [`--${flag}=${value}`]))
/** Names of the flags to take out: those that stand somewhere. */
const gone = ({ values, instances }: Handover): string[] =>
  Object.entries(values).flatMap(([flag, value]) => (value === null && instances.some(({ flags }) => flags.has(flag)) ? [flag] : []))

function kubeadmFile(handover: Handover): Change {
  const { component, values, files, minor } = handover
  const set = Object.fromEntries(Object.entries(values).filter(([, value]) => value !== null))
  const fragment: { [key: string]: Json } =
    lines(values).length === 0 ? {} : { extraArgs: withExtraArgs(undefined, set, (minor ?? 37) >= 31) }
  if (files.length > 0 && component !== 'etcd') fragment['extraVolumes'] = files.map(extraVolume)
  const content = EXTRA_ARGS[component].slice(0, -1).reduceRight<Json>((inner, key) => ({ [key as string]: inner }), fragment)
  const out = gone(handover)
  const extraArgs = EXTRA_ARGS[component].join('.')
  const isMerged = out.length === 0 || lines(values).length + files.length > 0
  const comments = [
    `# ${isMerged ? 'Merge this into' : 'Nothing to add to'} the ClusterConfiguration that kubeadm keeps (ConfigMap kube-system/kubeadm-config), so that an upgrade does not ${isMerged ? 'lose it' : 'bring back what is gone'}.`,
    ...(out.length > 0 ? [`# Take out of its ${extraArgs}: ${out.join(', ')}`] : []),
  ]
  const text = `${comments.join('\n')}\n${kubernetesYaml(content)}`
  const manifest = `/etc/kubernetes/manifests/${component}.yaml`
  const copy = `/root/${component}.yaml.before-k8s-harden`
  const several = handover.instances.length > 1
  return {
    type: 'file',
    name: `${component}.kubeadm.yaml`,
    text: { text },
    mode: 0o644,
    runbook: [
      ...handover.first,
      `${several ? 'on one control-plane node after the other' : 'on each control-plane node, one at a time'}: cp -p ${manifest} ${copy} (never leave a copy in the manifests directory: the kubelet would run it too)`,
      `in ${manifest}, under command, ${[lines(values).length > 0 && `set: ${lines(values).join(' ')}`, out.length > 0 && `take out: ${out.map((flag) => `--${flag}`).join(' ')}`].filter(Boolean).join(' and ')}`,
      ...files.map(
        (file) =>
          `in ${manifest}, add the hostPath volume ${file.name} (path ${file.path}, type ${file.type}) and mount it at ${file.path}${file.readOnly ? ', readOnly: true' : ''}`,
      ),
      `wait until that node's ${component} is back: ${READY[component]}; if it is not within two minutes, take the way back below before touching another node`,
      ...(isMerged ? [`merge ${component}.kubeadm.yaml into the ClusterConfiguration: ${EDIT}`] : []),
      ...(out.length > 0 ? [`in the ClusterConfiguration, take out of ${extraArgs}: ${out.join(', ')}: ${EDIT}`] : []),
      ...handover.verify,
      'scan again: k8s-harden scan',
    ],
    rollback: [
      `on the node that does not come back: cp -p ${copy} ${manifest}`,
      `wait until it is back: ${READY[component]}`,
      ...(isMerged ? [`take the same lines out of the ClusterConfiguration again: ${EDIT}`] : []),
      ...(out.length > 0 ? [`in the ClusterConfiguration, put back under ${extraArgs}: ${out.join(', ')}: ${EDIT}`] : []),
    ],
  }
}

const EDIT = 'kubectl -n kube-system edit configmap kubeadm-config'
const READY: Readonly<Record<Component, string>> = {
  'kube-apiserver': 'curl --cacert /etc/kubernetes/pki/ca.crt https://127.0.0.1:6443/readyz says ok on that very node',
  'kube-controller-manager': 'crictl ps --name kube-controller-manager shows it running',
  'kube-scheduler': 'crictl ps --name kube-scheduler shows it running',
  etcd: 'etcdctl endpoint health answers for that member',
}

const RANCHER_KEY: Readonly<Record<Component, string>> = {
  'kube-apiserver': 'kube-apiserver-arg',
  'kube-controller-manager': 'kube-controller-manager-arg',
  'kube-scheduler': 'kube-scheduler-arg',
  etcd: 'etcd-arg',
}

function rancherFile(handover: Handover): Change {
  const {
    component,
    values,
    distribution: { name },
  } = handover
  const [main, target] = [`/etc/rancher/${name}/config.yaml`, `/etc/rancher/${name}/config.yaml.d/90-k8s-harden.yaml`]
  const copy = `/root/${name}-config.yaml.before-k8s-harden`
  const key = RANCHER_KEY[component]
  const add = lines(values).map((line) => line.slice(2))
  const out = gone(handover)
  const places = add.length > 0 || out.length === 0
  const text = places
    ? `# Place as ${target} on every server node; the plus adds to what config.yaml has.\n${kubernetesYaml({ [`${key}+`]: add })}`
    : `# Nothing to place: of ${main} on every server node, under ${key}, take out ${out.join(', ')}\n{}\n`
  const restart = `systemctl restart ${name === 'k3s' ? 'k3s' : 'rke2-server'}`
  return {
    type: 'file',
    name: `${name}-config.yaml`,
    text: { text },
    mode: 0o600,
    runbook: [
      ...handover.first,
      ...(places ? [`on one server node after the other: place ${name}-config.yaml as ${target}, owner root`] : []),
      ...(out.length === 0
        ? []
        : [
            `${places ? '' : 'on one server node after the other: '}cp -p ${main} ${copy}`,
            `take out of ${main}, under ${key}: ${out.join(', ')} (they may stand in a file of ${main}.d or in the service's own arguments too)`,
          ]),
      `${restart}, and wait until kubectl get --raw=/readyz says ok before the next node`,
      ...handover.verify,
      'scan again: k8s-harden scan',
    ],
    rollback: [...(places ? [`remove ${target}`] : []), ...(out.length > 0 ? [`cp -p ${copy} ${main}`] : []), restart],
  }
}
