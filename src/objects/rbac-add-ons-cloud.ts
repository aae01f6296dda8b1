/** The RBAC objects of what cloud providers' clusters come with, in the form of the bootstrap table: network, nodes and disks. */
import type { BindingRow, RoleRow, RuleRow } from './rbac-bootstrap.gen.ts'

const LIST = 'get list watch'
const SNAPSHOTS = 'snapshot.storage.k8s.io'
const GROUP_SNAPSHOTS = 'groupsnapshot.storage.k8s.io'
const EVENTS: RuleRow = ['get list watch create update patch', '', 'events']
const LEASES: RuleRow = ['get list watch create update patch delete', 'coordination.k8s.io', 'leases']

/** The sidecars of CSI drivers (kubernetes-csi/external-*, deploy/kubernetes/rbac.yaml): without Secrets, which drivers add by a role of their own. */
const PROVISIONER: readonly RuleRow[] = [
  [`${LIST} create delete patch`, '', 'persistentvolumes'],
  [`${LIST} update`, '', 'persistentvolumeclaims'],
  [LIST, 'storage.k8s.io', 'storageclasses csinodes volumeattachments volumeattributesclasses csistoragecapacities'],
  [LIST, '', 'nodes pods'],
  ['get list', SNAPSHOTS, 'volumesnapshots volumesnapshotcontents'],
  EVENTS,
  LEASES,
]
const ATTACHER: readonly RuleRow[] = [
  [`${LIST} update patch`, '', 'persistentvolumes'],
  [LIST, '', 'nodes'],
  [LIST, 'storage.k8s.io csi.storage.k8s.io', 'csinodes csinodeinfos'],
  [`${LIST} update patch`, 'storage.k8s.io', 'volumeattachments volumeattachments/status'],
  LEASES,
]
const SNAPSHOTTER: readonly RuleRow[] = [
  [LIST, SNAPSHOTS, 'volumesnapshotclasses'],
  [`${LIST} create update patch delete`, SNAPSHOTS, 'volumesnapshotcontents'],
  ['update patch', SNAPSHOTS, 'volumesnapshotcontents/status'],
  [LIST, GROUP_SNAPSHOTS, 'volumegroupsnapshotclasses'],
  [`${LIST} update patch`, GROUP_SNAPSHOTS, 'volumegroupsnapshotcontents'],
  ['update patch', GROUP_SNAPSHOTS, 'volumegroupsnapshotcontents/status'],
  EVENTS,
  LEASES,
]
const RESIZER: readonly RuleRow[] = [
  [`${LIST} update patch`, '', 'persistentvolumes'],
  [LIST, '', 'persistentvolumeclaims pods'],
  ['update patch', '', 'persistentvolumeclaims/status'],
  [LIST, 'storage.k8s.io', 'volumeattributesclasses'],
  EVENTS,
  LEASES,
]
/** kubernetes/cloud-provider-aws examples/existing-cluster, kubernetes-sigs/cloud-provider-azure helm/cloud-provider-azure: without Azure's Secrets. */
const CLOUD_CONTROLLER: readonly RuleRow[] = [
  ['*', '', 'nodes'],
  ['patch', '', 'nodes/status'],
  ['list patch update watch', '', 'services services/status'],
  [`${LIST} create update`, '', 'serviceaccounts'],
  [`${LIST} update`, '', 'persistentvolumes'],
  [`${LIST} create update`, '', 'endpoints'],
  EVENTS,
  LEASES,
]
export const CLOUD_ROLES: Readonly<Record<string, RoleRow>> = {
  // aws/amazon-vpc-cni-k8s charts/aws-vpc-cni/templates/clusterrole.yaml, releases 1.7 to 1.19
  'aws-node': {
    rules: [
      [LIST, 'crd.k8s.amazonaws.com', 'eniconfigs'],
      [LIST, '', 'namespaces'],
      [`${LIST} patch`, '', 'pods'],
      [`${LIST} update`, '', 'nodes'],
      ['list watch', 'extensions', '*'],
      ['create patch list', ' events.k8s.io', 'events'],
      [`${LIST} update patch`, 'networking.k8s.aws', 'policyendpoints policyendpoints/status'],
      [`${LIST} update patch`, 'vpcresources.k8s.aws', 'cninodes'],
    ],
  },
  // Amazon EKS user guide, troubleshooting of kubelet serving certificates
  'eks:node-bootstrapper': { rules: [['create', 'certificates.k8s.io', 'certificatesigningrequests/selfnodeserver']] },
  // kubernetes-sigs/aws-ebs-csi-driver charts/aws-ebs-csi-driver/templates
  'ebs-external-provisioner-role': { rules: PROVISIONER },
  'ebs-external-attacher-role': { rules: ATTACHER },
  'ebs-external-snapshotter-role': { rules: SNAPSHOTTER },
  'ebs-external-resizer-role': { rules: RESIZER },
  'ebs-csi-node-role': {
    rules: [
      ['get patch', '', 'nodes'],
      [LIST, 'storage.k8s.io', 'volumeattachments csinodes'],
    ],
  },
  // Azure's documentation of container insights
  'container-health-log-reader': {
    rules: [['get list', ' metrics.k8s.io extensions apps', 'pods/log events nodes pods deployments replicasets']],
  },
  'system:cloud-controller-manager': { rules: CLOUD_CONTROLLER },
  'cloud-node-manager': { rules: [[`${LIST} update patch`, '', 'nodes']] },
  // kubernetes-sigs/cloud-provider-azure, documentation of the cloud provider's configuration in a Secret
  'system:azure-cloud-provider-secret-getter': { rules: [['get', '', 'secrets', 'azure-cloud-provider']] },
  // kubernetes-sigs/azuredisk-csi-driver deploy/rbac-csi-azuredisk-*.yaml
  'azuredisk-external-provisioner-role': { rules: PROVISIONER },
  'azuredisk-external-attacher-role': { rules: ATTACHER },
  'azuredisk-external-snapshotter-role': { rules: SNAPSHOTTER },
  'azuredisk-external-resizer-role': { rules: RESIZER },
  'csi-azuredisk-controller-secret-role': { rules: [['get list', '', 'secrets']] },
  'csi-azuredisk-node-role': {
    rules: [
      ['get', '', 'secrets'],
      ['get patch', '', 'nodes'],
      ['get', 'storage.k8s.io', 'csinodes'],
      [`${LIST} update`, 'storage.k8s.io', 'volumeattachments'],
    ],
  },
}

const EBS = 'ServiceAccount kube-system/ebs-csi-controller-sa'
const AZURE_DISK = 'ServiceAccount kube-system/csi-azuredisk-controller-sa'

export const CLOUD_BINDINGS: Readonly<Record<string, BindingRow>> = {
  'aws-node': ['ClusterRole aws-node', 'ServiceAccount kube-system/aws-node'],
  'eks:node-bootstrapper': ['ClusterRole eks:node-bootstrapper', 'Group system:bootstrappers', 'Group system:nodes'],
  'ebs-csi-provisioner-binding': ['ClusterRole ebs-external-provisioner-role', EBS],
  'ebs-csi-attacher-binding': ['ClusterRole ebs-external-attacher-role', EBS],
  'ebs-csi-snapshotter-binding': ['ClusterRole ebs-external-snapshotter-role', EBS],
  'ebs-csi-resizer-binding': ['ClusterRole ebs-external-resizer-role', EBS],
  'ebs-csi-node-getter-binding': ['ClusterRole ebs-csi-node-role', 'ServiceAccount kube-system/ebs-csi-node-sa'],
  'system:cloud-controller-manager': [
    'ClusterRole system:cloud-controller-manager',
    'ServiceAccount kube-system/cloud-controller-manager',
    'User cloud-controller-manager',
  ],
  'cloud-node-manager': ['ClusterRole cloud-node-manager', 'ServiceAccount kube-system/cloud-node-manager'],
  'system:azure-cloud-provider-secret-getter': [
    'ClusterRole system:azure-cloud-provider-secret-getter',
    'ServiceAccount kube-system/azure-cloud-provider',
  ],
  'system:aks-client-nodes': ['ClusterRole system:node', 'Group system:nodes'],
  'container-health-read-logs-global': ['ClusterRole container-health-log-reader', 'User clusterUser'],
  'azuredisk-csi-provisioner-binding': ['ClusterRole azuredisk-external-provisioner-role', AZURE_DISK],
  'azuredisk-csi-attacher-binding': ['ClusterRole azuredisk-external-attacher-role', AZURE_DISK],
  'azuredisk-csi-snapshotter-binding': ['ClusterRole azuredisk-external-snapshotter-role', AZURE_DISK],
  'azuredisk-csi-resizer-role': ['ClusterRole azuredisk-external-resizer-role', AZURE_DISK],
  'csi-azuredisk-controller-secret-binding': ['ClusterRole csi-azuredisk-controller-secret-role', AZURE_DISK],
  'csi-azuredisk-node-secret-binding': ['ClusterRole csi-azuredisk-node-role', 'ServiceAccount kube-system/csi-azuredisk-node-sa'],
}
