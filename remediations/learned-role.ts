/** Binds the rights that were used beside a binding that grants more, then takes the subjects out of that one. */
import { remedy } from '../src/model/define.ts'
import type {
  BindingObject,
  Change,
  Finding,
  ObservedRequests,
  PolicyRule,
  Proposal,
  RbacSubject,
  Remedy,
  RemedyContext,
  RoleObject,
} from '../src/model/index.ts'
import { readAuditPolicy } from '../src/objects/audit-policy.ts'
import { fewOf } from '../src/objects/few-of.ts'
import type { SubjectEvidence } from '../src/objects/rbac-exposure.ts'
import { type Grant, grantsThrough } from '../src/objects/rbac-grants.ts'
import { observedAs } from '../src/objects/rbac-observed.ts'
import { hasWildcard, isResourceRule, ruleAllows, ruleText } from '../src/objects/rbac-rules.ts'
import { universeOf } from '../src/objects/rbac-served.ts'
import { type LeastRules, leastRulesOf, requestsThrough, usageOf } from '../src/objects/rbac-usage.ts'
import { logDoubts, recordedBy, toConfirm, usedOnlyByControllers } from '../src/objects/rbac-usage-words.ts'
import { refOf, refText } from '../src/objects/ref.ts'
import { isChosen, OPTIONS, withoutSubjects } from './role-binding.ts'

/** More namespaces than this are served by one binding for the whole cluster: nobody keeps hundreds of bindings in step. */
const MOST_NAMESPACES = 50

export const learnedRole: Remedy<SubjectEvidence> = remedy<SubjectEvidence>({
  family: 'learned-role',
  reads: [
    'Role',
    'ClusterRole',
    'RoleBinding',
    'ClusterRoleBinding',
    'ObservedRequests',
    'ServedResources',
    'CustomResourceDefinition',
    'AuditPolicy',
    'Namespace',
  ],
  options: OPTIONS,
  propose(finding, context) {
    if (isChosen(context.options)) return withoutSubjects(finding, context, 'may-break')
    const observed = context.view.fact('ObservedRequests')
    if (observed === undefined) return { byHand: 'scan again with --audit-log FILE: what the role has to grant is learned from it' }
    if (finding.verdict === 'review')
      return {
        byHand: `ask the holders whether they need ${finding.evidence.role}; if not, bind them to less (--set ${finding.control}.role=view) or take them out`,
      }
    return withLearned(finding, context, observed)
  },
})

function withLearned(finding: Finding<SubjectEvidence>, context: RemedyContext, observed: ObservedRequests): Proposal {
  const { view } = context
  const removal = withoutSubjects(finding, context, 'may-break', false)
  if (!('changes' in removal)) return removal
  const isNamed = ({ subject }: Grant) => finding.evidence.remove.some((one) => JSON.stringify(one) === JSON.stringify(subject))
  const held = grantsThrough(view, finding.subject).filter(isNamed)
  if (held.length === 0) return { byHand: `${refText(finding.subject)} is not what it was: scan again` }
  const { binding, namespace, rules } = held[0]!
  const learned = learn(held, context, observed)
  const made = namespace === undefined ? forCluster(binding, learned, held) : inNamespace(binding, namespace, learned, held)
  const taken = made.find((one) => view.find(one.kind as 'Role', one.metadata.namespace, one.metadata.name) !== undefined)
  if (taken !== undefined)
    return { byHand: `${refText(refOf(taken))} is there already: see whether it grants what is needed, bind it, or rename it` }
  const kept = [...learned.cluster, ...[...learned.namespaced.values()].flat()]
  return {
    ...removal,
    changes: [...made.map((object): Change => ({ type: 'create', object })), ...removal.changes],
    summary: `${
      made.length === 0
        ? ''
        : `grant only what was used, by ${made
            .filter(({ kind }) => kind.endsWith('Binding'))
            .map((one) => refText(refOf(one)))
            .slice(0, 5)
            .join(', ')}, and `
    }${removal.summary}`,
    mayBreak: [
      ...(removal.mayBreak ?? []).map((text) =>
        made.length === 0 ? text : text.replace(/loses what .* grants$/, 'keeps only what was used'),
      ),
      'what was not asked for while the audit log was written is refused from now on, also under new names and in other namespaces',
      ...logDoubts(observed),
      ...(view.all('AuditPolicy').length === 0 ? ['the audit policy is not known here: what it leaves out looks unused'] : []),
      ...toConfirm(kept, namespace === undefined).map((gain) => `confirm that this was no attacker: what was used is enough to ${gain}`),
      ...fromControllers(held, observed),
      ...(rules.some(hasWildcard)
        ? ['kubelets, plugins and other servers ask about rights that no audit log shows; those that only a wildcard granted go']
        : []),
    ],
  }
}

/** Service accounts that are in the same group as people. */
function fromControllers(held: readonly Grant[], observed: ObservedRequests): readonly string[] {
  const groups = held.filter(({ subject }) => subject.kind === 'Group')
  const theirs = usedOnlyByControllers(groups, observed)
  return theirs.length === 0
    ? []
    : [
        `only service accounts in ${groups.map(({ subject }) => subject.name).join(', ')} use ${fewOf(theirs.map(ruleText))}: better bind those by name`,
      ]
}

/** What was used, and what no log can show: that is left as it is. */
function learn(held: readonly Grant[], { view }: RemedyContext, observed: ObservedRequests): LeastRules {
  const { namespace, rules } = held[0]!
  const requests = requestsThrough(held, observed)
  const { cluster, namespaced } = leastRulesOf(requests, { held: (asked) => rules.some((rule) => ruleAllows(rule, asked)) })
  const who = held.flatMap(({ subject }) => observedAs(observed, subject, namespace))
  const policies = view.all('AuditPolicy').map((file) => readAuditPolicy(file).policy)
  const { unseen } = usageOf(held, observed, { universe: universeOf(view), isRecorded: recordedBy(policies, who, namespace) })
  if (namespace !== undefined) {
    // No path, and of the cluster-wide resources only the namespace itself, is granted by a RoleBinding.
    const all = [...cluster, ...(namespaced.get(namespace) ?? []), ...unseen].filter(isResourceRule)
    return { cluster: [], namespaced: new Map(all.length > 0 ? [[namespace, all]] : []) }
  }
  const isGone = (one: string) =>
    view.source.kind === 'live' && view.unread('Namespace') === undefined && view.find('Namespace', undefined, one) === undefined
  const there = [...namespaced].filter(([one]) => !isGone(one))
  if (there.length <= MOST_NAMESPACES) return { cluster: [...cluster, ...unseen], namespaced: new Map(there) }
  return {
    cluster: [...leastRulesOf(requests.map((one) => ('path' in one ? one : anywhere(one)))).cluster, ...unseen],
    namespaced: new Map(),
  }
}
const anywhere = <R extends { readonly namespace?: string }>({ namespace: _, ...rest }: R) => rest

function inNamespace(
  binding: BindingObject,
  namespace: string,
  { namespaced }: LeastRules,
  held: readonly Grant[],
): readonly (RoleObject | BindingObject)[] {
  const rules = namespaced.get(namespace) ?? []
  const name = `${binding.metadata.name}-least`
  return rules.length === 0 ? [] : [role('Role', name, namespace, rules), bound('Role', name, name, namespace, held)]
}

/** One role for all namespaces that need the same, bound in each; the cluster-wide role holds what needs the whole cluster. */
function forCluster(
  binding: BindingObject,
  { cluster, namespaced }: LeastRules,
  held: readonly Grant[],
): readonly (RoleObject | BindingObject)[] {
  const name = `${binding.metadata.name}-least`
  const alike = [...Map.groupBy(namespaced, ([, rules]) => JSON.stringify(rules)).values()]
  const inNamespaces = alike.flatMap((same, index) => {
    const [namespace, rules] = same[0]!
    if (same.length === 1) return [role('Role', name, namespace, rules), bound('Role', name, name, namespace, held)]
    const shared = `${name}-in-namespaces${index === 0 ? '' : `-${index + 1}`}`
    return [role('ClusterRole', shared, undefined, rules), ...same.map(([one]) => bound('ClusterRole', shared, name, one, held))]
  })
  if (cluster.length === 0) return inNamespaces
  return [role('ClusterRole', name, undefined, cluster), bound('ClusterRole', name, name, undefined, held), ...inNamespaces]
}

const API = 'rbac.authorization.k8s.io'
const role = (kind: string, name: string, namespace: string | undefined, rules: readonly PolicyRule[]): RoleObject => ({
  apiVersion: `${API}/v1`,
  kind,
  metadata: { name, ...(namespace !== undefined && { namespace }) },
  rules,
})
const bound = (roleKind: string, roleName: string, name: string, namespace: string | undefined, held: readonly Grant[]): BindingObject => ({
  apiVersion: `${API}/v1`,
  kind: namespace === undefined ? 'ClusterRoleBinding' : 'RoleBinding',
  metadata: { name, ...(namespace !== undefined && { namespace }) },
  roleRef: { apiGroup: API, kind: roleKind, name: roleName },
  subjects: held.map((grant) => qualified(grant)),
})
const qualified = ({ subject, namespace }: Grant): RbacSubject =>
  subject.kind === 'ServiceAccount' && !subject.namespace && namespace !== undefined ? { ...subject, namespace } : subject
