import { kubeletRights } from '../../../remediations/kubelet-rights.ts'
import { control } from '../../model/define.ts'
import type { PolicyRule } from '../../model/index.ts'
import { describeExposure, evidenceOf, exposures, heldBy, unseenRoles } from '../../objects/rbac-exposure.ts'
import { RBAC_KINDS } from '../../objects/rbac-grants.ts'
import { overlap, type Rights, STANDARD_VERBS } from '../../objects/rbac-rules.ts'

/** Up to 1.37 the kubelet asks for get where a command is run over a WebSocket: no verb is harmless. */
const NODES_PROXY: Rights = { verbs: STANDARD_VERBS, groups: [''], resources: ['nodes/proxy'] }
/** A request to a proxy always names its node: it is never a list or a watch, whatever it asks the kubelet for. */
const REACHES: Rights = { ...NODES_PROXY, verbs: ['get', 'create', 'update', 'patch', 'delete'] }
const reachesKubelet = (rule: PolicyRule): boolean => overlap(rule, REACHES) !== undefined

export default control({
  title: 'The right to nodes/proxy must not be granted, not even to read',
  severity: 'high',
  why: "It reaches the kubelet's own API, where get is enough to run commands in every pod of the node. No admission sees it, and no audit log of the API server.",
  references: [
    { standard: 'CIS', section: '5.1.10' },
    { standard: 'OWASP', section: '2025/K02' },
    { standard: 'KS', section: 'C-0279' },
  ],
  reads: RBAC_KINDS,
  *evaluate(view) {
    for (const all of exposures(view, reachesKubelet)) {
      // Nodes are in no namespace: bound in one, or written in a Role, it grants nothing.
      const grants = all.grants.filter(({ namespace }) => namespace === undefined)
      const unbound = all.grants.length === 0 && view.source.kind !== 'live' && all.role.kind === 'ClusterRole'
      if (grants.length === 0 && !unbound) continue
      const exposure = heldBy(all, grants)
      yield {
        subject: exposure.ref,
        at: exposure.at,
        reason: exposure.on === 'binding' ? 'gives a built-in role that reaches the kubelets' : 'lets its subjects run commands on nodes',
        detail: describeExposure(exposure, [NODES_PROXY]),
        evidence: evidenceOf(exposure, { cut: [NODES_PROXY] }),
        ...(exposure.standing === 'default' && { origin: 'system' as const }),
        ...((unbound || exposure.standing === 'labelled') && { verdict: 'review' as const }),
      }
    }
    yield* unseenRoles(view)
  },
  remedy: kubeletRights,
  verify:
    'kubectl auth can-i get nodes/proxy --as=SUBJECT says no, and so for create; what the subject collects from kubelets still arrives.',
})
