/** Control planes that run neither as kubeadm's static pods nor at a provider: where each of them is told a flag, in words. */
import type { DistributionName } from '../src/objects/distribution.ts'
import type { Component } from '../src/objects/flags.ts'
import type { Handover } from './handover.ts'

const WORDS: Partial<Readonly<Record<DistributionName, (component: Component, what: string) => string>>> = {
  openshift: (component) =>
    `OpenShift's operators write these flags: change the ${component} operator's own configuration, never the static pod`,
  // https://microk8s.io/docs/configuring-services
  microk8s: (component, what) =>
    `MicroK8s runs its control plane in one process: on one node after the other, in /var/snap/microk8s/current/args/${component} ${what}, one flag a line, then snap restart microk8s.daemon-${component === 'etcd' ? 'etcd' : 'kubelite'}, and wait until microk8s status says that it is running`,
  // https://docs.k0sproject.io/stable/configuration/
  k0s: (component, what) =>
    `k0s runs its control plane as processes of its own: in /etc/k0s/k0s.yaml of one controller after the other ${what} under ${K0S[component]}, then systemctl restart k0scontroller, and wait until k0s status says so`,
  // https://kops.sigs.k8s.io/cluster_spec/
  kops: (component, what) =>
    `kops writes the manifests of its nodes from the cluster's specification: kops edit cluster, and under spec.${KOPS[component]} ${what} (each flag is a field there); then kops update cluster --yes and kops rolling-update cluster --yes`,
}
const K0S: Readonly<Record<Component, string>> = {
  'kube-apiserver': 'spec.api.extraArgs',
  'kube-controller-manager': 'spec.controllerManager.extraArgs',
  'kube-scheduler': 'spec.scheduler.extraArgs',
  etcd: 'spec.storage.etcd.extraArgs',
}
const KOPS: Readonly<Record<Component, string>> = {
  'kube-apiserver': 'kubeAPIServer',
  'kube-controller-manager': 'kubeControllerManager',
  'kube-scheduler': 'kubeScheduler',
  etcd: 'etcdClusters',
}

/** Undefined for those that are told in a file. */
export function inOwnWay({ distribution, component, values, files, instances }: Handover): string | undefined {
  const words = WORDS[distribution.name]
  if (words === undefined) return undefined
  const set = Object.entries(values).flatMap(([flag, value]) => (value === null ? [] : [`--${flag}=${value}`]))
  const out = Object.keys(values).filter((flag) => values[flag] === null && instances.some(({ flags }) => flags.has(flag)))
  const what = [
    ...(set.length === 0 ? [] : [`set ${set.join(' ')}`]),
    ...(out.length === 0 ? [] : [`take out ${out.map((flag) => `--${flag}`).join(', ')}`]),
  ].join(', and ')
  const named = files.filter(({ type }) => type.startsWith('File')).map(({ path }) => path)
  return `${words(component, what)}${named.length === 0 ? '' : `; ${named.join(', ')} must lie there before, for root only`}`
}
