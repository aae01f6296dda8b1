/** Where distributions keep files that no flag of a static pod names; what is not there is passed over. */
import type { HostFileRole } from '../model/index.ts'

export interface Place {
  readonly directory: string
  readonly names: RegExp
  readonly role: HostFileRole
}

/** k3s and RKE2 run the kubelet, and k3s the control plane, out of one program: their command lines name none of it. */
export const rancherPlaces = (name: 'k3s' | 'rke2', data = `/var/lib/rancher/${name}`): readonly Place[] => [
  { directory: `/etc/rancher/${name}`, names: /^(k3s|rke2)\.yaml$/, role: 'kubeconfig' },
  { directory: `/etc/rancher/${name}`, names: /^config\.yaml$/, role: 'configuration' },
  { directory: `/etc/rancher/${name}/config.yaml.d`, names: /\.ya?ml$/i, role: 'configuration' },
  { directory: `${data}/agent`, names: /\.kubeconfig$/, role: 'kubeconfig' },
  { directory: `${data}/agent`, names: /\.key$/, role: 'key' },
  { directory: `${data}/agent/pod-manifests`, names: /\.yaml$/, role: 'static-pod' },
  { directory: `${data}/server`, names: /^(agent-|node-)?token$/, role: 'key' },
  { directory: `${data}/server/cred`, names: /\.(kubeconfig|json)$/, role: 'kubeconfig' },
  { directory: `${data}/server/db`, names: /^etcd$/, role: 'etcd-data' },
  { directory: `${data}/server/tls`, names: /^etcd$/, role: 'pki-directory' },
  ...['', '/etcd'].flatMap((below): Place[] => [
    { directory: `${data}/server/tls${below}`, names: /\.key$/, role: 'key' },
    { directory: `${data}/server/tls${below}`, names: /\.crt$/, role: 'certificate' },
  ]),
]

export const PLACES: readonly Place[] = [
  ...['/etc/systemd/system/kubelet.service.d', '/usr/lib/systemd/system/kubelet.service.d'].map(
    (directory): Place => ({ directory, names: /\.conf$/, role: 'kubelet-service' }),
  ),
  ...['/etc/systemd/system', '/usr/lib/systemd/system'].map(
    (directory): Place => ({ directory, names: /^kubelet\.service$/, role: 'kubelet-service' }),
  ),
  // kubeadm, and kubespray's name for the same.
  ...['/etc/kubernetes/pki', '/etc/kubernetes/pki/etcd', '/etc/kubernetes/ssl', '/etc/kubernetes/ssl/etcd', '/etc/ssl/etcd/ssl'].map(
    (directory): Place => ({ directory, names: /(\.key|-key\.pem)$/, role: 'key' }),
  ),
  { directory: '/var/lib/kube-proxy', names: /^kubeconfig(\.conf)?$|\.kubeconfig$/, role: 'kubeconfig' },
  { directory: '/etc/kubernetes', names: /^kube-proxy(-kubeconfig\.yaml|\.conf|\.kubeconfig)$/, role: 'kubeconfig' },
]
