/** What one subject may do, and what it could become: for `explain --subject`. */
import { together } from '../engine/refusals.ts'
import { printable } from '../objects/display.ts'
import { isDefaultRule } from '../objects/rbac-bootstrap.ts'
import { escalationsOf } from '../objects/rbac-escalations.ts'
import { type GraphView, goalOf, placeOf, rbacGraph } from '../objects/rbac-graph.ts'
import { podsOf } from '../objects/rbac-graph-beginnings.ts'
import { bestCuts, type Cut } from '../objects/rbac-graph-cuts.ts'
import { isEverything } from '../objects/rbac-graph-parts.ts'
import { type Hop, sentenceOf, shortestPath } from '../objects/rbac-graph-path.ts'
import type { Identity } from '../objects/rbac-graph-subjects.ts'
import { unseenWays } from '../objects/rbac-graph-ways.ts'
import { notedPowers } from '../objects/rbac-noted-powers.ts'
import { ruleText } from '../objects/rbac-rules.ts'
import { type UsageReport, type UsageReportView, usageReport, usageText } from '../objects/rbac-usage-report.ts'
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
    /** As Kubernetes ships it: everybody has it. */
    readonly shipped?: true
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
  /** The service account does not exist, as far as is seen. */
  readonly missing?: true
  /** Next to an audit log; absent: none was given. */
  readonly usage?: UsageReport
  /** What could not be read: what is said here may be too little. */
  readonly unread: readonly string[]
}

export function subjectReport(view: GraphView & UsageReportView, identity: Identity): SubjectReport {
  const graph = rbacGraph(view)
  const holder = graph.holders.of(identity)
  const asked = placeOf(graph, identity)
  const goal = asked === undefined ? undefined : goalOf(graph, asked)
  const path = goal === undefined ? [] : shortestPath(graph, asked!, goal)
  const unread = unseenWays(view)
  const escalations = inScopes(holder.grants, escalationsOf)
  const isKnown = goal === 'cluster-admin' || goal === 'node'
  const usage = usageReport(view, identity)
  return {
    subject: { kind: identity.kind, ...(identity.namespace !== undefined && { namespace: identity.namespace }), name: identity.name },
    bindings: holder.grants.map(({ binding, role, rules, namespace, subject, isDefault }) => ({
      binding: refText(refOf(binding)),
      role: role === undefined ? `${binding.roleRef.kind} ${binding.roleRef.name}, which is not there` : refText(refOf(role)),
      ...(namespace !== undefined && { namespace }),
      ...(subject.kind === 'Group' && identity.kind !== 'Group' && { group: subject.name }),
      ...(subject.kind === 'Group' && identity.kind === 'Group' && subject.name !== identity.name && { group: subject.name }),
      ...(isDefault && role !== undefined && rules.every((rule) => isDefaultRule(role, rule)) && { shipped: true as const }),
      rules: rules.map(ruleText),
    })),
    escalations,
    alsoCan: alsoIn(holder.grants, escalations),
    reaches: isKnown ? goal : goal === 'perhaps-node' || unread.length > 0 ? 'unknown' : 'nothing',
    path,
    sentence: sentenceOf(path),
    pods: podsOf(view, holder),
    cuts: isKnown ? bestCuts(view, graph, asked) : [],
    ...(isMissing(view, identity) && { missing: true as const }),
    ...(usage !== undefined && { usage }),
    unread,
  }
}

const isMissing = (view: GraphView, { kind, namespace, name }: Identity): boolean =>
  kind === 'ServiceAccount' &&
  view.source.kind === 'live' &&
  view.unread('ServiceAccount') === undefined &&
  view.find('ServiceAccount', namespace, name) === undefined

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
  const { subject, bindings, escalations, alsoCan, pods, cuts, usage, unread } = report
  const name = `${subject.kind} ${subject.namespace === undefined ? '' : `${subject.namespace}/`}${subject.name}`
  const lines = [name, '']
  if (report.missing) lines.push('  There is no such service account: whoever creates it has what is said here.', '')
  const shipped = bindings.filter((one) => one.shipped && one.group !== undefined)
  if (bindings.length === 0) lines.push('  Holds nothing that is seen: no binding names it, and no group that it is certainly in.')
  for (const { binding, role, namespace, group, rules } of bindings.filter((one) => !shipped.includes(one))) {
    const where = namespace === undefined ? 'in the whole cluster' : `in ${namespace}`
    lines.push(`  ${role} ${where}, by ${binding}${group === undefined ? '' : ` (as one of ${group})`}`)
    for (const rule of rules.slice(0, MOST)) lines.push(`      ${rule}`)
    if (rules.length > MOST) lines.push(`      and ${rules.length - MOST} more rules`)
  }
  if (shipped.length > 0) lines.push(`  What everybody has, as Kubernetes ships it: ${shipped.map(({ role }) => role).join(', ')}`)
  if (escalations.length > 0) lines.push('', '  These rights let it:', ...escalations.map(({ id, gains }) => `      ${id}  ${gains}`))
  if (alsoCan.length > 0) lines.push('', '  It also can:', ...alsoCan.map(({ id, gains }) => `      ${id}  ${gains}`))
  lines.push('', `  ${reachText(report)}`)
  if (report.sentence !== '') lines.push(`      ${report.sentence}`)
  for (const { primitive, through } of report.path)
    for (const { binding, role, rule } of through) lines.push(`      ${primitive.padEnd(3)}  rule ${rule + 1} of ${role}, by ${binding}`)
  if (pods.length > 0) lines.push('', '  Pods that hold its token:', ...pods.slice(0, 20).map((pod) => `      ${pod}`))
  if (pods.length > 20) lines.push(`      and ${pods.length - 20} more`)
  lines.push(...cutLines(cuts))
  if (usage !== undefined)
    lines.push('', '  What it holds next to the audit log:', ...usageText(usage, name).map((text) => `      ${text}`))
  if (unread.length > 0) lines.push('', '  Not everything could be read:', ...together(unread).map((one) => `      ${one}`))
  return `${lines.map(printable).join('\n')}\n`
}
const MOST = 12

/** What stops this subject, and apart from it the one removal that stops more of the others. */
function cutLines(cuts: readonly Cut[]): string[] {
  const own = cuts.filter(({ stopsSubject }) => stopsSubject).slice(0, 3)
  const best = cuts.find((cut) => !cut.stopsSubject && own.every(({ stops }) => cut.stops > stops))
  const line = ({ what, stops, of }: Cut): string => `      ${what} (stops ${stops} of the ${of} that get there)`
  return [
    ...(cuts.length === 0 ? [] : ['', '  What would stop it:']),
    ...(cuts.length > 0 && own.length === 0 ? ['      no single removal: it has several ways'] : own.map(line)),
    ...(best === undefined ? [] : ['', '  What would stop most others, though not this one:', line(best)]),
  ]
}

function reachText({ reaches, unread }: SubjectReport): string {
  if (reaches === 'cluster-admin') return 'It can become cluster-admin:'
  if (reaches === 'node') return 'It can take over a node:'
  if (reaches === 'nothing') return 'Neither cluster-admin nor a node is within its reach.'
  return unread.length > 0
    ? 'Whether it can become cluster-admin or take over a node is not known: not everything could be read.'
    : 'Whether it can take over a node is not known: whether a namespace refuses privileged pods is not seen.'
}
