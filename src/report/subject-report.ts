/** What one subject may do, and what it could become: for `explain --subject`. */
import { printable } from '../objects/display.ts'
import { escalationsOf } from '../objects/rbac-escalations.ts'
import { unseenRoles } from '../objects/rbac-exposure.ts'
import { RBAC_KINDS } from '../objects/rbac-grants.ts'
import { type GraphView, goalOf, placeOf, rbacGraph } from '../objects/rbac-graph.ts'
import { podsOf } from '../objects/rbac-graph-beginnings.ts'
import { bestCuts, type Cut } from '../objects/rbac-graph-cuts.ts'
import { isEverything } from '../objects/rbac-graph-parts.ts'
import { type Hop, sentenceOf, shortestPath } from '../objects/rbac-graph-path.ts'
import type { Identity } from '../objects/rbac-graph-subjects.ts'
import { notedPowers } from '../objects/rbac-noted-powers.ts'
import { ruleText } from '../objects/rbac-rules.ts'
import { refOf, refText } from '../objects/ref.ts'

export interface SubjectReport {
  readonly subject: { readonly kind: string; readonly namespace?: string; readonly name: string }
  /** Each binding that applies, directly or through a group. */
  readonly bindings: readonly {
    readonly binding: string
    readonly role: string
    /** Absent: the whole cluster. */
    readonly namespace?: string
    /** The group by which it applies; absent: it names the subject. */
    readonly group?: string
    readonly rules: readonly string[]
  }[]
  /** What its rights amount to by themselves: E07, … */
  readonly escalations: readonly { readonly id: string; readonly gains: string }[]
  /** What they allow beside: E15, … */
  readonly alsoCan: readonly { readonly id: string; readonly gains: string }[]
  readonly reaches: 'cluster-admin' | 'node' | 'nothing' | 'unknown'
  readonly path: readonly Hop[]
  readonly sentence: string
  readonly pods: readonly string[]
  readonly cuts: readonly Cut[]
  /** What could not be read: what is said here may be too little. */
  readonly unread: readonly string[]
}

/** Without these, rights or ways are missed. */
const TELLING = [...RBAC_KINDS, 'ServiceAccount', 'Namespace', 'Node', 'Secret', 'Pod'] as const

export function subjectReport(view: GraphView, identity: Identity): SubjectReport {
  const graph = rbacGraph(view)
  const holder = graph.holders.of(identity)
  const asked = placeOf(graph, identity)
  const goal = asked === undefined ? undefined : goalOf(graph, asked)
  const path = goal === undefined ? [] : shortestPath(graph, asked!, goal)
  const unread = [
    ...TELLING.flatMap((kind) => view.unread(kind) ?? [])
      .filter(({ why }) => view.source.kind === 'live' || why !== 'not-in-manifests')
      .map(({ because }) => because),
    ...unseenRoles(view).flatMap((remark) => ('unknown' in remark ? [remark.unknown] : [])),
  ]
  const escalations = inScopes(holder.grants, escalationsOf)
  const isKnown = goal === 'cluster-admin' || goal === 'node'
  return {
    subject: { kind: identity.kind, ...(identity.namespace !== undefined && { namespace: identity.namespace }), name: identity.name },
    bindings: holder.grants.map(({ binding, role, rules, namespace, subject }) => ({
      binding: refText(refOf(binding)),
      role: role === undefined ? `${binding.roleRef.kind} ${binding.roleRef.name}, which is not there` : refText(refOf(role)),
      ...(namespace !== undefined && { namespace }),
      ...(subject.kind === 'Group' && identity.kind !== 'Group' && { group: subject.name }),
      ...(subject.kind === 'Group' && identity.kind === 'Group' && subject.name !== identity.name && { group: subject.name }),
      rules: rules.map(ruleText),
    })),
    escalations,
    alsoCan: alsoIn(holder.grants, escalations),
    reaches: isKnown ? goal : goal === 'perhaps-node' || unread.length > 0 ? 'unknown' : 'nothing',
    path,
    sentence: sentenceOf(path),
    pods: podsOf(view, holder),
    cuts: isKnown ? bestCuts(view, graph, asked) : [],
    unread,
  }
}

/** Rights count together where they are good together. */
function inScopes(grants: ReturnType<GraphHolderGrants>, find: typeof escalationsOf): SubjectReport['escalations'] {
  const scopes = [...new Set(grants.map(({ namespace }) => namespace))]
  const found = scopes.flatMap((scope) =>
    find(
      grants.filter(({ namespace }) => namespace === undefined || namespace === scope).flatMap(({ rules }) => rules),
      scope === undefined,
    ),
  )
  return [...new Map(found.map(({ id, gains }) => [id, { id, gains }])).values()]
}
/** Where everything is allowed, no list is needed. */
const alsoIn = (grants: ReturnType<GraphHolderGrants>, told: SubjectReport['escalations']): SubjectReport['alsoCan'] =>
  grants.some(({ namespace, rules }) => namespace === undefined && rules.some(isEverything))
    ? []
    : inScopes(grants, notedPowers).filter(({ id }) => !told.some((one) => one.id === id))
type GraphHolderGrants = () => ReturnType<ReturnType<typeof rbacGraph>['holders']['of']>['grants']

export function toSubjectText(report: SubjectReport): string {
  const { subject, bindings, escalations, alsoCan, pods, cuts, unread } = report
  const name = `${subject.kind} ${subject.namespace === undefined ? '' : `${subject.namespace}/`}${subject.name}`
  const lines = [name, '']
  if (bindings.length === 0) lines.push('  Holds nothing that is seen: no binding names it, and no group that it is certainly in.')
  for (const { binding, role, namespace, group, rules } of bindings) {
    const where = namespace === undefined ? 'in the whole cluster' : `in ${namespace}`
    lines.push(`  ${role} ${where}, by ${binding}${group === undefined ? '' : ` (as one of ${group})`}`)
    for (const rule of rules.slice(0, MOST)) lines.push(`      ${rule}`)
    if (rules.length > MOST) lines.push(`      and ${rules.length - MOST} more rules`)
  }
  if (escalations.length > 0) lines.push('', '  These rights let it:', ...escalations.map(({ id, gains }) => `      ${id}  ${gains}`))
  if (alsoCan.length > 0) lines.push('', '  It also can:', ...alsoCan.map(({ id, gains }) => `      ${id}  ${gains}`))
  lines.push('', `  ${reachText(report)}`)
  if (report.sentence !== '') lines.push(`      ${report.sentence}`)
  for (const { primitive, through } of report.path)
    for (const { binding, role, rule } of through) lines.push(`      ${primitive.padEnd(3)}  rule ${rule + 1} of ${role}, by ${binding}`)
  if (pods.length > 0) lines.push('', '  Pods that hold its token:', ...pods.slice(0, 20).map((pod) => `      ${pod}`))
  if (pods.length > 20) lines.push(`      and ${pods.length - 20} more`)
  if (cuts.length > 0) lines.push('', '  What would stop it:')
  for (const { what, stops, of, stopsSubject } of cuts.slice(0, 5))
    lines.push(`      ${what}: ${stops} of ${of} subjects get no further${stopsSubject ? '' : ', but this one does'}`)
  if (unread.length > 0) lines.push('', '  Not everything could be read:', ...unread.map((one) => `      ${one}`))
  return `${lines.map(printable).join('\n')}\n`
}
const MOST = 12

function reachText({ reaches, unread }: SubjectReport): string {
  if (reaches === 'cluster-admin') return 'It can become cluster-admin:'
  if (reaches === 'node') return 'It can take over a node:'
  if (reaches === 'nothing') return 'Neither cluster-admin nor a node is within its reach.'
  return unread.length > 0
    ? 'Whether it can become cluster-admin or take over a node is not known: not everything could be read.'
    : 'Whether it can take over a node is not known: whether a namespace refuses privileged pods is not seen.'
}
