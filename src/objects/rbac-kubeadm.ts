/** The RBAC objects that kubeadm and its two add-ons create (cmd/kubeadm/app/phases of Kubernetes v1.37), in the form of the bootstrap table. */
import type { BindingRow, RoleRow } from './rbac-bootstrap.gen.ts'

const JOINING = 'Group system:bootstrappers:kubeadm:default-node-token'

export const KUBEADM_ROLES: Readonly<Record<string, RoleRow>> = {
  'kubeadm:get-nodes': { rules: [['get', '', 'nodes']] },
  'system:coredns': {
    rules: [
      ['list watch', '', 'endpoints services pods namespaces'],
      ['list watch', 'discovery.k8s.io', 'endpointslices'],
      ['get', '', 'nodes'],
    ],
  },
  'kube-public/kubeadm:bootstrap-signer-clusterinfo': { rules: [['get', '', 'configmaps', 'cluster-info']] },
  'kube-system/kubeadm:kubelet-config': { rules: [['get', '', 'configmaps', 'kubelet-config']] },
  'kube-system/kubeadm:nodes-kubeadm-config': { rules: [['get', '', 'configmaps', 'kubeadm-config']] },
  'kube-system/kube-proxy': { rules: [['get', '', 'configmaps', 'kube-proxy']] },
}

export const KUBEADM_BINDINGS: Readonly<Record<string, BindingRow>> = {
  'kubeadm:cluster-admins': ['ClusterRole cluster-admin', 'Group kubeadm:cluster-admins'],
  'kubeadm:get-nodes': ['ClusterRole kubeadm:get-nodes', JOINING],
  'kubeadm:kubelet-bootstrap': ['ClusterRole system:node-bootstrapper', JOINING],
  'kubeadm:node-autoapprove-bootstrap': ['ClusterRole system:certificates.k8s.io:certificatesigningrequests:nodeclient', JOINING],
  'kubeadm:node-autoapprove-certificate-rotation': [
    'ClusterRole system:certificates.k8s.io:certificatesigningrequests:selfnodeclient',
    'Group system:nodes',
  ],
  'kubeadm:apiserver-kubelet-client': ['ClusterRole system:kubelet-api-admin', 'User kube-apiserver-kubelet-client'],
  'kubeadm:node-proxier': ['ClusterRole system:node-proxier', 'ServiceAccount kube-system/kube-proxy'],
  'system:coredns': ['ClusterRole system:coredns', 'ServiceAccount kube-system/coredns'],
  'kube-public/kubeadm:bootstrap-signer-clusterinfo': ['Role kubeadm:bootstrap-signer-clusterinfo', 'User system:anonymous'],
  'kube-system/kubeadm:kubelet-config': ['Role kubeadm:kubelet-config', 'Group system:nodes', JOINING],
  'kube-system/kubeadm:nodes-kubeadm-config': ['Role kubeadm:nodes-kubeadm-config', JOINING, 'Group system:nodes'],
  'kube-system/kube-proxy': ['Role kube-proxy', JOINING],
}
