/** What a set of manifests cannot tell, and who could. */
import type { FactName, Kind, Unread } from '../model/index.ts'
import { CLOUD_IAM_NOT_ASKED } from './facts/cloud-iam.ts'
import { IMAGES_NOT_ASKED } from './facts/image-configs.ts'
import { FLOWS_NOT_GIVEN } from './facts/observed-flows.ts'
import { AUDIT_LOG_NOT_GIVEN } from './facts/observed-requests.ts'

const ASK_THE_CLUSTER = 'scan the cluster: k8s-harden scan --context NAME'
const WHERE: Partial<Record<Kind, string>> = {
  ClusterConfiguration: 'kubectl -n kube-system get configmap kubeadm-config -o yaml shows it',
  KubeletConfiguration: 'on a node: /var/lib/kubelet/config.yaml',
  EncryptionConfiguration: 'the file that --encryption-provider-config names',
  AuditPolicy: 'the file that --audit-policy-file names',
  AuthenticationConfiguration: 'the file that --authentication-config names',
  AuthorizationConfiguration: 'the file that --authorization-config names',
  Kubeconfig: '/etc/kubernetes/*.conf on a control-plane node',
  AdmissionConfiguration: 'the file that --admission-control-config-file names',
}

export function unreadKind(kind: Kind): Unread {
  const where = WHERE[kind]
  return {
    what: kind,
    why: 'not-in-manifests',
    because: `no ${kind} among these manifests`,
    answer: where === undefined ? `add them to the directory, or ${ASK_THE_CLUSTER}` : `add the file to the directory (${where})`,
  }
}

export const unreadFact = (fact: FactName): Unread =>
  NOT_GIVEN[fact] !== undefined
    ? { what: fact, ...NOT_GIVEN[fact] }
    : { what: fact, why: 'not-in-manifests', because: 'only a running API server can answer', answer: ASK_THE_CLUSTER }

/** Neither a cluster nor its files hold these: the operator gives them. */
const NOT_GIVEN: Partial<Record<FactName, Omit<Unread, 'what'>>> = {
  ImageConfigs: IMAGES_NOT_ASKED,
  CloudIam: CLOUD_IAM_NOT_ASKED,
  ObservedRequests: AUDIT_LOG_NOT_GIVEN,
  ObservedFlows: FLOWS_NOT_GIVEN,
  Hosts: {
    why: 'not-in-manifests',
    because: 'a copy of the files does not tell the modes and owners that they have on the node',
    answer: 'scan the cluster with --host NODE=CARRIER (for instance --host "*=ssh:root@{address}")',
  },
}
