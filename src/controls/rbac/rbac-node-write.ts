import { narrowRights } from '../../../remediations/role-rules.ts'
import { control } from '../../model/define.ts'
import type { PolicyRule, Severity } from '../../model/index.ts'
import { isPlatformAgent } from '../../objects/platform-agents.ts'
import { type Exposure, exposures, unseenRoles } from '../../objects/rbac-exposure.ts'
import { type Grants, grants, RBAC_KINDS, serviceAccountGrants, serviceAccountOf } from '../../objects/rbac-grants.ts'
import { clusterWideOnly, heldOnlyBy, reaches, runsImage, sighting } from '../../objects/rbac-reach.ts'
import { isNamed, type Rights } from '../../objects/rbac-rules.ts'
import { WORKLOAD_KINDS } from '../../objects/workloads.ts'

const NODES: readonly Rights[] = [
  { verbs: ['create', 'update', 'patch', 'delete', 'deletecollection'], groups: [''], resources: ['nodes'] },
  { verbs: ['update', 'patch'], groups: [''], resources: ['nodes/status'] },
]
/** Puts a pod that waits onto a node of one's choice; it is asked for in the pod's namespace. */
const PLACE: Rights = { verbs: ['create'], groups: [''], resources: ['pods/binding', 'bindings'] }
const onNodes = (rule: PolicyRule): boolean => NODES.some((rights) => reaches(rule, rights))
const isAsked = (rule: PolicyRule): boolean => onNodes(rule) || reaches(rule, PLACE)
/** With either, running pods can be made to move. */
const MOVE: readonly Rights[] = [
  { verbs: ['create'], groups: [''], resources: ['pods/eviction'] },
  { verbs: ['delete', 'deletecollection'], groups: [''], resources: ['pods'] },
]
/** Autoscalers, cloud controllers and node agents: labels, taints and conditions of nodes are their work. */
const EXPECTED =
  /cluster-autoscaler|karpenter|node-problem-detector|cloud-controller-manager|cloud-node-manager|node-feature-discovery|gpu-operator|descheduler|kured|draino|termination-handler|drainer|system-upgrade-controller|scheduler|calico|cilium|flannel|kube-ovn|antrea|metallb/

export default control({
  title: 'Workloads must not be able to write Node objects',
  severity: 'medium',
  why: 'Labels and taints decide where pods run: who writes them can draw powerful pods onto a node that he holds, with their tokens and Secrets. Placing pods by a binding comes to the same.',
  references: [
    { standard: 'OWASP', section: '2022/K03' },
    { standard: 'OWASP', section: '2025/K02' },
  ],
  reads: RBAC_KINDS,
  consults: WORKLOAD_KINDS,
  *evaluate(view) {
    const known = grants(view)
    const found = exposures(view, isAsked)
    // Nodes are in no namespace; to place pods a RoleBinding is enough.
    for (const exposure of found.flatMap((one) => (one.rules.some((rule) => reaches(rule, PLACE)) ? [one] : clusterWideOnly(one)))) {
      if (exposure.grants.length === 0 && view.source.kind === 'live') continue
      const writes = exposure.rules.some(onNodes) && (exposure.clusterWide || exposure.grants.length === 0)
      const moves = writes && exposure.grants.some((grant) => canMovePods(known, grant))
      const agents = heldOnlyBy(view, exposure, isPlatformAgent)
      const users = agents.length > 0 ? agents : heldOnlyBy(view, exposure, runsImage(EXPECTED))
      const what = writes ? 'write Node objects' : 'place pods on nodes'
      const named = exposure.rules.every(isNamed)
      yield sighting(exposure, {
        reason: exposure.on === 'binding' ? `gives a built-in role that can ${what}` : `lets its subjects ${what}`,
        asked: [...NODES, PLACE],
        severity: (named ? 'low' : moves ? 'high' : 'medium') satisfies Severity,
        ...(moves && { detail: 'a subject can also evict or delete pods, so that they start again elsewhere' }),
        review: named || users.length > 0,
        origin: agents.length > 0 ? 'system' : undefined,
        users,
      })
    }
    yield* unseenRoles(view)
  },
  remedy: narrowRights,
  verify: 'kubectl auth can-i patch nodes --as=SUBJECT says no, and the log of the autoscaler shows no new "forbidden".',
})

/** By any of its bindings in the whole cluster; which groups people are in is not known. */
function canMovePods(known: Grants, { subject, namespace }: Exposure['grants'][number]): boolean {
  const account = serviceAccountOf(subject, namespace)
  const held =
    account !== undefined
      ? serviceAccountGrants(known, account.namespace, account.name)
      : ((subject.kind === 'Group' ? known.byGroup : known.byUser).get(subject.name) ?? [])
  return held.some((grant) => grant.namespace === undefined && grant.rules.some((rule) => MOVE.some((rights) => reaches(rule, rights))))
}
