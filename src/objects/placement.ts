/** Who may stand beside whom on a node: control-plane nodes, and namespaces that the operator tags as sensitive or untrusted. */
import type { NamespaceObject, NodeObject, PodSpec, RuntimeClassObject } from '../model/index.ts'
import { logCollector } from './log-collector.ts'
import { isPlatformAgent } from './platform-agents.ts'
import { nodeTerms, type Taint, type Toleration, tolerates } from './scheduling.ts'
import { thirdPartyOf } from './third-party.ts'
import type { Workload } from './workloads.ts'

// ── the control plane ──────────────────────────────────────────────────────────────────────────
const CONTROL_PLANE = 'node-role.kubernetes.io/control-plane'
/** The second is what kubeadm called it before 1.24. */
const ROLES = [CONTROL_PLANE, 'node-role.kubernetes.io/master'] as const
/** As kubeadm sets it. */
export const CONTROL_PLANE_TAINT: Taint = { key: CONTROL_PLANE, effect: 'NoSchedule' }

export const isControlPlane = ({ metadata: { labels = {} } }: NodeObject): boolean => ROLES.some((role) => Object.hasOwn(labels, role))

/** Some taint that stays keeps pods off which do not ask to be there. Those of `node.kubernetes.io/` come and go with the state of the node. */
export const keepsPodsOff = (node: NodeObject): boolean =>
  (node.spec?.taints ?? []).some(
    ({ key, effect }) => effect !== 'PreferNoSchedule' && !/^node\.(cloudprovider\.)?kubernetes\.io\//.test(key),
  )

/** `operator: Exists` without a key: every taint that keeps pods off. */
export const isCatchAll = ({ key = '', operator, effect = '' }: Toleration): boolean =>
  key === '' && operator === 'Exists' && (effect === '' || effect === 'NoSchedule')
export const toleratesControlPlane = (toleration: Toleration): boolean =>
  ROLES.some((key) => tolerates(toleration, { key, effect: 'NoSchedule' }))

/** Agents whose work is on every node there is: they may tolerate whatever keeps others off. */
export const belongsEverywhere = (workload: Workload): boolean =>
  workload.mirror ||
  isPlatformAgent(workload) ||
  (workload.ref.kind === 'DaemonSet' &&
    ((workload.object !== undefined && logCollector(workload.object) !== undefined) ||
      thirdPartyOf(workload) !== undefined ||
      (workload.spec.containers ?? []).some(({ image }) =>
        /(^|\/)(node-exporter|node-problem-detector|kube-rbac-proxy)(:|@|$)/.test(image ?? ''),
      )))

// ── what the operator tags ─────────────────────────────────────────────────────────────────────
/** Labels of namespaces, with the value "true". */
export const SENSITIVE = 'k8s-harden.io/sensitive'
export const UNTRUSTED = 'k8s-harden.io/untrusted'
export const isTagged = ({ metadata }: NamespaceObject, tag: string): boolean => metadata.labels?.[tag] === 'true'

/** True of every node, or of a kind of machine: no choice of company. */
const OF_ALL_NODES = /^(beta\.)?kubernetes\.io\/(os|arch)$/
/** Labels by which a pod chooses its nodes, and must. */
export function nodeLabelsOf(spec: PodSpec): readonly string[] {
  const terms = nodeTerms(spec) ?? []
  const ofTerm = ({ matchExpressions = [] }: (typeof terms)[number]): string[] =>
    matchExpressions.filter(({ operator }) => operator === 'In' || operator === 'Exists').map(({ key }) => key)
  // Terms are alternatives: only what each of them asks for is asked for.
  const [first = [], ...others] = terms.map(ofTerm)
  const demanded = first.filter((key) => others.every((keys) => keys.includes(key)))
  return [...new Set([...Object.keys(spec.nodeSelector ?? {}), ...demanded])].filter((key) => !OF_ALL_NODES.test(key))
}
/** The NodeRestriction admission plugin keeps a kubelet from setting these on its own node. */
export const NODE_RESTRICTION = 'node-restriction.kubernetes.io/'
export const isOutOfKubeletsReach = (key: string): boolean => key.startsWith(NODE_RESTRICTION) || key.startsWith('node-role.kubernetes.io/')

/** By the name of its handler, which is up to whoever configures the node: what is not known is for a human to judge. */
export function isolationOf({ handler = '' }: RuntimeClassObject): 'sandbox' | 'none' | 'unknown' {
  if (/runsc|gvisor|kata|firecracker|cloud-?hypervisor/i.test(handler)) return 'sandbox'
  return /^(runc|crun|youki|runhcs.*|nvidia.*|docker|containerd)$/i.test(handler) ? 'none' : 'unknown'
}
