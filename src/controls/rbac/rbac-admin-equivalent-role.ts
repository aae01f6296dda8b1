import { narrowRights } from '../../../remediations/role-rules.ts'
import { control } from '../../model/define.ts'
import type { Observation } from '../../model/index.ts'
import { mayBeForeignDefault, subjectText } from '../../objects/rbac-bootstrap.ts'
import { apartFromPeople, PEOPLE, type RbacEvidence, shortList, subjectsIn, unseenRoles } from '../../objects/rbac-exposure.ts'
import { RBAC_KINDS } from '../../objects/rbac-grants.ts'
import type { GraphView } from '../../objects/rbac-graph.ts'
import { type Beginning, beginnings, isBuiltIn, podsOf } from '../../objects/rbac-graph-beginnings.ts'
import { type Hop, sentenceOf } from '../../objects/rbac-graph-path.ts'
import { GRAPH_CONSULTS, LEADING_KINDS } from '../../objects/rbac-graph-world.ts'
import { ruleText } from '../../objects/rbac-rules.ts'
import { refOf, refText } from '../../objects/ref.ts'

type Evidence = RbacEvidence & {
  readonly goal: string
  /** The shortest way, and as one sentence. */
  readonly path: readonly Hop[]
  readonly sentence: string
  /** Running pods that hold a token of the subject, and their nodes. */
  readonly pods: readonly string[]
}

export default control({
  title: 'No role must amount to cluster-admin, at once or in steps',
  severity: 'critical',
  why: 'Rights to make pods, tokens, bindings or certificates lead to other identities, and from those further. Whoever takes over the first subject of such a chain has the whole cluster.',
  references: [
    { standard: 'CIS', section: '5.1.1' },
    { standard: 'CIS', section: '5.1.3' },
    { standard: 'OWASP', section: '2022/K03' },
    { standard: 'OWASP', section: '2025/K02' },
    { standard: 'KS', section: 'C-0035' },
    { standard: 'KS', section: 'C-0187' },
    { standard: 'KS', section: 'C-0272' },
  ],
  reads: RBAC_KINDS,
  consults: [...GRAPH_CONSULTS],
  *evaluate(view) {
    const { all, shipped } = beginnings(view)
    if (shipped > 0) yield { note: `subjects of Kubernetes itself with a way to cluster-admin or a node, as they are shipped: ${shipped}` }
    const counting = all.filter((one) => !isClusterAdmin(one))
    for (const { grant } of counting.filter(({ goal }) => goal === 'perhaps-node'))
      yield {
        unknown: `${subjectText(grant.subject, grant.namespace)} can make pods in a namespace that is not seen here: whether it refuses privileged ones is not known`,
        answer: 'add the Namespace objects with their Pod Security labels, or scan the cluster',
        subject: refOf(grant.binding),
      }
    const found = counting.filter(({ goal }) => goal !== 'perhaps-node')
    for (const one of found.filter((each) => !isBuiltIn(each))) yield byRule(view, one)
    // All that a binding of a built-in role gives one subject, or its people, is mended at once.
    const bound = Map.groupBy(found.filter(isBuiltIn), (one) => (isOfPeople(one) ? one.grant.binding : one.grant))
    for (const same of bound.values()) yield byBinding(view, same)
    yield* unseenRoles(view)
    for (const { because, answer } of view.source.kind === 'live' ? LEADING_KINDS.flatMap((kind) => view.unread(kind) ?? []) : [])
      yield { unknown: `ways that lead through it are not seen: ${because}`, answer }
  },
  remedy: narrowRights,
  verify: 'k8s-harden explain --subject SUBJECT says that neither cluster-admin nor a node is within its reach.',
})

const common = ({ goal, path }: Beginning) => ({
  reason: goal === 'node' ? 'lets its subject take over a node' : 'lets its subject become cluster-admin',
  detail: sentenceOf(path),
  severity: goal === 'node' ? ('high' as const) : ('critical' as const),
})
const wayOf = (view: GraphView, { goal, path, holder }: Beginning) => ({
  goal,
  path,
  sentence: sentenceOf(path),
  pods: shortList(podsOf(view, holder)),
})

function byRule(view: GraphView, one: Beginning): Observation<Evidence> {
  const { grant, rule, index, cut } = one
  const role = grant.role!
  const who = subjectText(grant.subject, grant.namespace)
  return {
    ...common(one),
    subject: refOf(role),
    at: ['rules', index],
    key: `${who} by ${refText(refOf(grant.binding))}`,
    evidence: {
      role: refText(refOf(role)),
      rule,
      heldBy: [`${who} by ${refText(refOf(grant.binding))}`],
      mend: { cut },
      ...wayOf(view, one),
    },
    ...(mayBeForeignDefault(role, view.source.kubernetes) && { verdict: 'review' }),
  }
}

function byBinding(view: GraphView, same: readonly Beginning[]): Observation<Evidence> {
  const worst = same.reduce((best, one) => (isWorse(one, best) ? one : best))
  const { binding, role, subject, namespace } = worst.grant
  // Built-in roles of people in a namespace are powers over that namespace, which somebody else has to judge.
  const people = isOfPeople(worst)
  return {
    ...common(worst),
    subject: refOf(binding),
    at: ['roleRef'],
    key: people ? PEOPLE : subjectText(subject, namespace),
    evidence: {
      role: refText(refOf(role!)),
      rules: [...new Set(same.map(({ rule }) => ruleText(rule)))],
      remove: subjectsIn(same.map(({ grant }) => grant)),
      usedBy: podsOf(view, worst.holder),
      ...wayOf(view, worst),
    },
    ...(people && { verdict: 'review' }),
  }
}
const isWorse = (one: Beginning, other: Beginning): boolean =>
  one.goal === other.goal ? sentenceOf(one.path) < sentenceOf(other.path) : one.goal === 'cluster-admin'

const isOfPeople = ({ grant, rule }: Beginning): boolean =>
  apartFromPeople({
    on: 'binding',
    standing: 'own',
    ref: refOf(grant.binding),
    at: ['roleRef'],
    role: grant.role!,
    rules: [rule],
    grants: [grant],
    clusterWide: grant.namespace === undefined,
  })[0]!.people

/** Has a control of its own. */
const isClusterAdmin = ({ grant: { binding } }: Beginning): boolean =>
  binding.roleRef.kind === 'ClusterRole' && binding.roleRef.name === 'cluster-admin'
