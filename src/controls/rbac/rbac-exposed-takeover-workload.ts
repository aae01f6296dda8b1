import { guideTakeover, type TakeoverEvidence } from '../../../remediations/exposed-takeover.ts'
import { control } from '../../model/define.ts'
import type { Observation } from '../../model/index.ts'
import { unreadWorkloads } from '../../objects/per-workload.ts'
import { isPlatformAgent } from '../../objects/platform-agents.ts'
import { PUBLISHING_KINDS, type PublishingView, publishedBy } from '../../objects/published-workloads.ts'
import { keepsOldToken, mountsToken } from '../../objects/rbac-accounts.ts'
import { shortList, unseenRoles } from '../../objects/rbac-exposure.ts'
import { RBAC_KINDS } from '../../objects/rbac-grants.ts'
import { type GraphView, goalOf, placeOf, rbacGraph } from '../../objects/rbac-graph.ts'
import { podsOf } from '../../objects/rbac-graph-beginnings.ts'
import { sentenceOf, shortestPath } from '../../objects/rbac-graph-path.ts'
import { GRAPH_CONSULTS, hasNode, LEADING_KINDS } from '../../objects/rbac-graph-world.ts'
import { WORKLOAD_KINDS, type Workload, workloads } from '../../objects/workloads.ts'

export default control({
  title: 'What the outside can reach must not run as a service account that leads to cluster-admin',
  severity: 'critical',
  why: 'A hole in one application is then a way to the whole cluster: whoever gets into the pod has its token, and with the token every step that the account can take.',
  references: [
    { standard: 'NSA', section: 'P' },
    { standard: 'NSA', section: 'A' },
    { standard: 'KS', section: 'C-0256' },
    { standard: 'KS', section: 'C-0267' },
    { standard: 'KS', section: 'C-0272' },
  ],
  reads: RBAC_KINDS,
  consults: [...new Set([...GRAPH_CONSULTS, ...PUBLISHING_KINDS])],
  *evaluate(view) {
    yield* unreadWorkloads(view)
    for (const workload of workloads(view)) {
      const found = workload.mirror ? undefined : judge(view, workload)
      if (found !== undefined) yield found
    }
    yield* unseenRoles(view)
    for (const kind of new Set([...PUBLISHING_KINDS, ...LEADING_KINDS])) {
      // Workloads were told of above.
      if ((WORKLOAD_KINDS as readonly string[]).includes(kind)) continue
      const unread = view.unread(kind)
      if (unread !== undefined && unread.why !== 'not-served' && unread.why !== 'not-in-manifests')
        yield { unknown: `what is published, or leads on, is not all seen: ${unread.because}`, answer: unread.answer }
    }
  },
  remedy: guideTakeover,
  verify: 'k8s-harden explain --subject ServiceAccount:NAMESPACE:NAME says that neither cluster-admin nor a node is within its reach.',
})

function judge(view: GraphView & PublishingView, workload: Workload): Observation<TakeoverEvidence> | undefined {
  const { ref, at, spec, namespace, serviceAccount } = workload
  if (mountsToken(workload, view) === 'no' && !keepsOldToken(workload)) return undefined
  const owns = hasNode(spec)
  const published = publishedBy(view, workload)
  const exposedBy = [
    ...published,
    ...(owns ? ['containers that have the node'] : []),
    ...(spec.hostNetwork === true ? ['the network of the node'] : []),
  ]
  if (exposedBy.length === 0) return undefined
  const graph = rbacGraph(view)
  const identity = { kind: 'ServiceAccount' as const, namespace, name: serviceAccount }
  const place = placeOf(graph, identity)
  const goal = place === undefined ? undefined : goalOf(graph, place)
  // Who has a node already gains nothing by another way to one.
  if (place === undefined || goal === undefined || goal === 'perhaps-node' || (goal === 'node' && owns)) return undefined
  const path = shortestPath(graph, place, goal)
  const everywhere = ref.kind === 'DaemonSet' ? 'on every node, ' : ''
  return {
    subject: ref,
    ...(at !== undefined && { at: [...at, 'serviceAccountName'] }),
    reason: `runs ${everywhere}${published.length > 0 ? 'within reach of the outside' : 'weakly isolated'}, with a token that leads to ${goal === 'node' ? 'a node' : 'cluster-admin'}`,
    detail: `${exposedBy.join(', ')}; ${sentenceOf(path)}`,
    evidence: {
      serviceAccount: `${namespace}/${serviceAccount}`,
      exposedBy,
      goal,
      path,
      sentence: sentenceOf(path),
      pods: shortList(podsOf(view, graph.holders.of(identity))),
    },
    severity: goal === 'cluster-admin' && published.length > 0 ? 'critical' : 'high',
    ...(isPlatformAgent(workload) && { origin: 'system' as const }),
  }
}
