/**
 * The RBAC objects of what clusters and their providers come with, in the form of the bootstrap table: rules of all their releases
 * that we have read, and the subjects in the namespaces they are shipped for. A binding to cluster-admin is never one of them
 * (minikube-rbac, the Helm jobs of k3s): it is a finding, whoever ships it.
 */
import type { BindingObject, PolicyRule, RbacSubject, RoleObject } from '../model/index.ts'
import { CLOUD_BINDINGS, CLOUD_ROLES } from './rbac-add-ons-cloud.ts'
import type { BindingRow, RoleRow, RuleRow } from './rbac-bootstrap.gen.ts'
import { isDefaultRule, isDefaultSubject, ruleOf, subjectText } from './rbac-bootstrap.ts'
import { covers } from './rbac-rules.ts'
import { keyOf } from './ref.ts'

const LIST = 'get list watch'
const CALICO = 'crd.projectcalico.org'
const CILIUM_WRITTEN = 'ciliumidentities ciliumendpoints ciliumnodes'

const K3S_CLOUD: readonly RuleRow[] = [
  ['get create update', 'coordination.k8s.io', 'leases'],
  ['create patch update', '', 'events'],
  ['*', '', 'nodes'],
  ['patch', '', 'nodes/status'],
  ['list patch update watch', '', 'services'],
  ['create', '', 'serviceaccounts'],
  [`${LIST} update`, '', 'persistentvolumes'],
  [`${LIST} create update`, '', 'endpoints'],
]

const ROLES: Readonly<Record<string, RoleRow>> = {
  ...CLOUD_ROLES,
  // kubernetes-sigs/metrics-server manifests/base/rbac.yaml, releases 0.5 to 0.8
  'system:metrics-server': {
    rules: [
      [LIST, '', 'pods nodes namespaces configmaps nodes/stats'],
      ['get', '', 'nodes/metrics'],
    ],
  },
  // kubernetes-sigs/kind pkg/build/nodeimage/const_cni.go
  kindnet: {
    rules: [
      ['use', 'policy', 'podsecuritypolicies', 'kindnet'],
      [LIST, '', 'nodes pods namespaces'],
      [LIST, 'networking.k8s.io', 'networkpolicies'],
    ],
  },
  // rancher/local-path-provisioner deploy/local-path-storage.yaml, as kind and k3s ship it
  'local-path-provisioner-role': {
    rules: [
      [LIST, '', 'nodes persistentvolumeclaims configmaps pods/log'],
      ['*', '', 'endpoints persistentvolumes pods'],
      ['create patch', '', 'events'],
      [LIST, 'storage.k8s.io', 'storageclasses'],
    ],
  },
  // k3s-io/k3s manifests/rolebindings.yaml and ccm.yaml
  'system:k3s-controller': {
    rules: [
      ['get', '', 'nodes'],
      ['list watch', '', 'namespaces'],
      ['list watch', 'networking.k8s.io', 'networkpolicies'],
      [LIST, '', 'endpoints pods'],
      [LIST, 'discovery.k8s.io', 'endpointslices'],
    ],
  },
  'k3s-cloud-controller-manager': { rules: K3S_CLOUD },
  // rancher/rke2 pkg/rke2/clusterrole_templates.go
  'rke2-cloud-controller-manager': { rules: K3S_CLOUD },
  // flannel-io/flannel Documentation/kube-flannel.yml
  flannel: {
    rules: [
      ['use', 'extensions policy', 'podsecuritypolicies', 'psp.flannel.unprivileged'],
      [LIST, '', 'pods nodes namespaces'],
      ['patch', '', 'nodes/status'],
      ['list watch', 'networking.k8s.io', 'networkpolicies clustercidrs'],
      ['list watch', 'policy.networking.k8s.io', 'adminnetworkpolicies baselineadminnetworkpolicies'],
    ],
  },
  // projectcalico/calico charts/calico/templates/calico-node-rbac.yaml and calico-kube-controllers-rbac.yaml
  'calico-node': {
    rules: [
      ['create', '', 'serviceaccounts/token', 'calico-node calico-cni-plugin canal'],
      [LIST, '', 'pods nodes namespaces serviceaccounts endpoints services'],
      [LIST, 'discovery.k8s.io', 'endpointslices'],
      ['get', '', 'configmaps'],
      ['patch update', '', 'nodes/status'],
      ['patch', '', 'pods/status'],
      [LIST, 'networking.k8s.io policy.networking.k8s.io', 'networkpolicies adminnetworkpolicies baselineadminnetworkpolicies'],
      [`${LIST} create update delete`, CALICO, 'blockaffinities ipamblocks ipamhandles ipamconfigs ippools felixconfigurations'],
      [
        `${LIST} create update`,
        CALICO,
        'clusterinformations bgpconfigurations bgppeers caliconodestatuses globalfelixconfigs globalbgpconfigs',
      ],
      [LIST, CALICO, 'ipreservations globalnetworkpolicies globalnetworksets networkpolicies networksets hostendpoints tiers bgpfilters'],
      ['get', 'apps', 'daemonsets'],
    ],
  },
  'calico-kube-controllers': {
    rules: [
      [LIST, '', 'pods nodes namespaces serviceaccounts'],
      [`${LIST} update`, '', 'services services/status'],
      [LIST, 'networking.k8s.io', 'networkpolicies'],
      [
        `${LIST} create update delete`,
        CALICO,
        'blockaffinities ipamblocks ipamhandles ipamconfigs tiers hostendpoints clusterinformations kubecontrollersconfigurations',
      ],
      [LIST, CALICO, 'ipreservations ippools'],
    ],
  },
  // cilium/cilium install/kubernetes/cilium/templates/cilium-agent/clusterrole.yaml, without Secrets
  cilium: {
    rules: [
      [LIST, 'networking.k8s.io', 'networkpolicies'],
      [LIST, 'discovery.k8s.io', 'endpointslices'],
      [LIST, '', 'namespaces services pods endpoints nodes'],
      ['patch', '', 'nodes/status'],
      [LIST, 'apiextensions.k8s.io', 'customresourcedefinitions'],
      [
        'list watch',
        'cilium.io',
        'ciliumloadbalancerippools ciliumbgppeeringpolicies ciliumbgpnodeconfigs ciliumbgpadvertisements ciliumbgppeerconfigs ciliumclusterwideenvoyconfigs ciliumclusterwidenetworkpolicies ciliumegressgatewaypolicies ciliumendpoints ciliumendpointslices ciliumenvoyconfigs ciliumidentities ciliumlocalredirectpolicies ciliumnetworkpolicies ciliumnodes ciliumnodeconfigs ciliumcidrgroups ciliuml2announcementpolicies ciliumpodippools',
      ],
      ['create update get delete patch', 'cilium.io', CILIUM_WRITTEN],
      ['get update patch', 'cilium.io', 'ciliumnodes/status ciliumendpoints/status'],
      [
        'patch',
        'cilium.io',
        'ciliumnetworkpolicies/status ciliumclusterwidenetworkpolicies/status ciliuml2announcementpolicies/status ciliumbgpnodeconfigs/status',
      ],
    ],
  },
  // kubernetes/minikube deploy/addons/storage-provisioner
  'kube-system/system:persistent-volume-provisioner': {
    rules: [
      ['watch create', '', 'endpoints'],
      ['get update create', '', 'endpoints', 'k8s.io-minikube-hostpath'],
    ],
  },
}

const METRICS = 'ServiceAccount kube-system/metrics-server'

const BINDINGS: Readonly<Record<string, BindingRow>> = {
  ...CLOUD_BINDINGS,
  'system:metrics-server': ['ClusterRole system:metrics-server', METRICS],
  'metrics-server:system:auth-delegator': ['ClusterRole system:auth-delegator', METRICS],
  'kube-system/metrics-server-auth-reader': ['Role extension-apiserver-authentication-reader', METRICS],
  kindnet: ['ClusterRole kindnet', 'ServiceAccount kube-system/kindnet'],
  'local-path-provisioner-bind': [
    'ClusterRole local-path-provisioner-role',
    'ServiceAccount local-path-storage/local-path-provisioner-service-account',
    'ServiceAccount kube-system/local-path-provisioner-service-account',
  ],
  'kube-apiserver-kubelet-admin': ['ClusterRole system:kubelet-api-admin', 'User kube-apiserver'],
  'system:k3s-controller': ['ClusterRole system:k3s-controller', 'User system:k3s-controller'],
  'rke2-cloud-controller-manager': ['ClusterRole rke2-cloud-controller-manager', 'User rke2-cloud-controller-manager'],
  'system:kube-proxy': ['ClusterRole system:node-proxier', 'User system:kube-proxy'],
  'k3s-cloud-controller-manager': ['ClusterRole k3s-cloud-controller-manager', 'User k3s-cloud-controller-manager'],
  flannel: ['ClusterRole flannel', 'ServiceAccount kube-flannel/flannel', 'ServiceAccount kube-system/flannel'],
  'canal-flannel': ['ClusterRole flannel', 'ServiceAccount kube-system/canal'],
  'canal-calico': ['ClusterRole calico-node', 'ServiceAccount kube-system/canal'],
  'calico-node': ['ClusterRole calico-node', 'ServiceAccount kube-system/calico-node', 'ServiceAccount calico-system/calico-node'],
  'calico-kube-controllers': [
    'ClusterRole calico-kube-controllers',
    'ServiceAccount kube-system/calico-kube-controllers',
    'ServiceAccount calico-system/calico-kube-controllers',
  ],
  cilium: ['ClusterRole cilium', 'ServiceAccount kube-system/cilium'],
  'storage-provisioner': ['ClusterRole system:persistent-volume-provisioner', 'ServiceAccount kube-system/storage-provisioner'],
  'kube-system/system:persistent-volume-provisioner': [
    'Role system:persistent-volume-provisioner',
    'ServiceAccount kube-system/storage-provisioner',
  ],
}

const rulesByKey = new Map<string, readonly PolicyRule[]>()
function rulesOf(key: string): readonly PolicyRule[] | undefined {
  if (!Object.hasOwn(ROLES, key)) return undefined
  if (!rulesByKey.has(key)) rulesByKey.set(key, (ROLES[key]!.rules ?? []).map(ruleOf))
  return rulesByKey.get(key)
}

/** Does Kubernetes, or an add-on that clusters come with, ship a role of this very name that grants all of this? */
export function isShippedRule(role: RoleObject, rule: PolicyRule): boolean {
  if (isDefaultRule(role, rule)) return true
  const rules = rulesOf(keyOf(role.metadata.namespace, role.metadata.name))
  return rules !== undefined && covers(rules, rule)
}

/** Is this subject one that Kubernetes, or such an add-on, puts into its binding of this very name, for the same role? */
export function isShippedSubject(binding: BindingObject, subject: RbacSubject): boolean {
  if (isDefaultSubject(binding, subject)) return true
  const key = keyOf(binding.metadata.namespace, binding.metadata.name)
  if (!Object.hasOwn(BINDINGS, key)) return false
  const [role, ...subjects] = BINDINGS[key]!
  return role === `${binding.roleRef.kind} ${binding.roleRef.name}` && subjects.includes(subjectText(subject, binding.metadata.namespace))
}
