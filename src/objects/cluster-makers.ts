/** Tools that make clusters the way kubeadm does and write their files again later: what is to be said to them, so that a flag is not lost. */
import type { View } from '../model/index.ts'
import { distribution } from './distribution.ts'
import type { Component, FlagView } from './flags.ts'
import { componentFlags } from './flags.ts'

const SECTIONS: Readonly<Record<Component, string>> = {
  'kube-apiserver': 'apiServer',
  'kube-controller-manager': 'controllerManager',
  'kube-scheduler': 'scheduler',
  etcd: 'etcd.local',
}

/** One sentence; undefined where none is seen to be at work. `flags`: by name, with their new values. */
export function keptByMaker(component: Component, flags: readonly string[], view: FlagView & View<'Node'>): string | undefined {
  const nodes = view.all('Node')
  const names = flags.map((flag) => `--${flag}`).join(', ')
  const extraArgs = `${SECTIONS[component]}.extraArgs`
  // https://cluster-api.sigs.k8s.io/reference/api/labels-and-annotations: set on every Node that a Machine stands behind.
  const isOfClusterApi = nodes.some(({ metadata }) => metadata.annotations?.['cluster.x-k8s.io/machine'] !== undefined)
  if (isOfClusterApi)
    return `Cluster API replaces these nodes: on the management cluster put ${names} into spec.kubeadmConfigSpec.clusterConfiguration.${extraArgs} of the KubeadmControlPlane (files and extraVolumes too), or the next machine comes without; where it is another provider's control plane, into that`
  if (distribution(view).name === 'kind')
    return `kind makes nodes only once: for the next cluster put ${names} into kubeadmConfigPatches (ClusterConfiguration, ${extraArgs}) of its configuration`
  if (distribution(view).name === 'minikube')
    return `minikube writes these manifests at each start: minikube start with ${flags.map((flag) => `--extra-config=${MINIKUBE[component]}.${flag}=VALUE`).join(' ')} keeps it`
  if (isOfKubespray(view)) return `kubespray writes these files in its next run: put ${names} into its inventory (${KUBESPRAY[component]})`
  return undefined
}

const MINIKUBE: Readonly<Record<Component, string>> = {
  'kube-apiserver': 'apiserver',
  'kube-controller-manager': 'controller-manager',
  'kube-scheduler': 'scheduler',
  etcd: 'etcd',
}
/** https://github.com/kubernetes-sigs/kubespray/blob/master/docs/ansible/vars.md; encryption and audit have variables of their own. */
const KUBESPRAY: Readonly<Record<Component, string>> = {
  'kube-apiserver':
    'kube_kubeadm_apiserver_extra_args; kube_encrypt_secret_data for encryption, kubernetes_audit and audit_policy_custom_rules for auditing',
  'kube-controller-manager': 'kube_kubeadm_controller_extra_args',
  'kube-scheduler': 'kube_kubeadm_scheduler_extra_args',
  etcd: 'etcd_extra_vars',
}

/** Its certificates lie in a directory of its own choice (kube_cert_dir). */
const isOfKubespray = (view: FlagView): boolean =>
  componentFlags(view, 'kube-apiserver').instances.some(
    ({ flags }) => flags.get('tls-cert-file')?.startsWith('/etc/kubernetes/ssl/') === true,
  )
