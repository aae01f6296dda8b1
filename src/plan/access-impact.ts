/** Whose access a change alters: what every subject of a binding loses and gains by it, and which recorded requests would fare otherwise. */
import type { ObservedRequest, PolicyRule, RbacSubject, Snapshot, Step } from '../model/index.ts'
import { remembered } from '../objects/derived.ts'
import { subjectText } from '../objects/rbac-bootstrap.ts'
import { type Grant, type Grants, grants, mayI, serviceAccountGroups, serviceAccountOf } from '../objects/rbac-grants.ts'
import { observedAs, questionOf } from '../objects/rbac-observed.ts'
import { covers, hasNames, isResourceRule } from '../objects/rbac-rules.ts'
import { aggregated } from './aggregated.ts'
import { applyPlan } from './in-memory.ts'

/** A rule, and where it is good: in one namespace, or (undefined) in the whole cluster. */
export interface ScopedRule {
  readonly namespace: string | undefined
  readonly rule: PolicyRule
  /** `ClusterRole edit`: all that this role grants is lost, or gained, with it. */
  readonly whole?: string
}
export interface Replayed {
  readonly user: string
  readonly request: ObservedRequest
}
export interface AccessImpact {
  /** A service account with its namespace, whatever the binding leaves out. */
  readonly subject: RbacSubject
  /** `ServiceAccount shop/cart`. */
  readonly text: string
  readonly loses: readonly ScopedRule[]
  readonly gains: readonly ScopedRule[]
  /** What is left to it by name, of what it had or instead of it. */
  readonly keeps: readonly ScopedRule[]
  /** Only where an audit log was given: every recorded request, asked of the rights as they would be. */
  readonly replay?: {
    readonly stillAllowed: number
    /** Allowed by RBAC now, and no longer then. */
    readonly refused: readonly Replayed[]
    /** Refused when it was recorded, and allowed then. */
    readonly allowed: readonly Replayed[]
    /** Refused when it was recorded, and refused then. */
    readonly stillRefused: number
  }
}

const RBAC = new Set(['Role', 'ClusterRole', 'RoleBinding', 'ClusterRoleBinding'])
/** Does this step touch what RBAC grants? An edit of a role by its labels does as well: it may be aggregated. */
export const changesGrants = (step: Step): boolean =>
  step.changes.some((change) =>
    change.type === 'create' ? RBAC.has(change.object.kind) : 'target' in change && RBAC.has(change.target.kind),
  )

/** One entry for each subject whose rights differ after the steps, by name; steps that cannot be carried out on this snapshot throw. */
export function accessImpact(now: Snapshot, steps: readonly Step[]): readonly AccessImpact[] {
  const relevant = steps.filter(changesGrants)
  return relevant.length === 0 ? [] : impactBetween(now, applyPlan(now, relevant))
}

export function impactBetween(now: Snapshot, then: Snapshot): readonly AccessImpact[] {
  const [before, after] = [grants(aggregated(now)), grants(aggregated(then))]
  const subjects = new Map<string, RbacSubject>([...touched(before, after), ...touched(after, before)])
  const [had, has] = [bySubject(before, subjects), bySubject(after, subjects)]
  const impacts: AccessImpact[] = []
  for (const [text, subject] of subjects) {
    const [old, fresh] = [had.get(text) ?? [], has.get(text) ?? []]
    if (sameRights(old, fresh)) continue
    const loses = notCovered(old, [...fresh, ...byGroups(after, subject)])
    const gains = notCovered(fresh, [...old, ...byGroups(before, subject)])
    if (loses.length + gains.length === 0) continue
    const keeps = fresh.flatMap((grant) => scoped(grant)).filter((one) => !gains.includes(one))
    const replay = replayed(now, subject, before, after)
    impacts.push({ subject, text, loses, gains, keeps: distinct(keeps), ...(replay !== undefined && { replay }) })
  }
  return impacts.sort((a, b) => (a.text < b.text ? -1 : 1))
}

/** By name, whoever is granted something that the others do not grant by the very same binding and rules: unchanged ones keep their identity. */
function touched(known: Grants, others: Grants): ReadonlyMap<string, RbacSubject> {
  const found = new Map<string, RbacSubject>()
  for (const grant of known.all) {
    if (grant.rules.length === 0 || rulesByBinding(others).get(grant.binding) === grant.rules) continue
    const { text, subject } = subjectOf(grant)
    if (!found.has(text)) found.set(text, subject)
  }
  return found
}
const rulesByBinding = remembered(({ all }: Grants) => new Map(all.map(({ binding, rules }) => [binding, rules])))

function bySubject(known: Grants, subjects: ReadonlyMap<string, RbacSubject>): ReadonlyMap<string, readonly Grant[]> {
  const found = new Map<string, Grant[]>()
  for (const grant of known.all) {
    if (grant.rules.length === 0) continue
    const { text } = subjectOf(grant)
    if (!subjects.has(text)) continue
    const list = found.get(text)
    if (list === undefined) found.set(text, [grant])
    else list.push(grant)
  }
  return found
}

const subjectOf = remembered((grant: Grant) => {
  const subject = fullSubject(grant)
  return { subject, text: subjectText(subject) }
})
/** A service account is one, however it is written: as a user, or without the namespace of its RoleBinding. */
function fullSubject({ subject, namespace }: Grant): RbacSubject {
  const account = serviceAccountOf(subject, namespace)
  if (account !== undefined) return { kind: 'ServiceAccount', ...account }
  return { kind: subject.kind, name: subject.name }
}

const sameRights = (a: readonly Grant[], b: readonly Grant[]): boolean =>
  a.length === b.length && a.every((grant, index) => grant.namespace === b[index]!.namespace && sameRules(grant.rules, b[index]!.rules))
const sameRules = (a: readonly PolicyRule[], b: readonly PolicyRule[]): boolean =>
  a === b || (a.length === b.length && a.every((rule, index) => rule === b[index] || JSON.stringify(rule) === JSON.stringify(b[index])))

/** What a subject has besides by a group that all like it are in: taking it by name takes nothing then. */
function byGroups(known: Grants, { kind, name, namespace = '' }: RbacSubject): readonly Grant[] {
  const ofUser = name === 'system:anonymous' ? 'system:unauthenticated' : 'system:authenticated'
  const groups = kind === 'User' ? [ofUser] : kind === 'ServiceAccount' ? serviceAccountGroups(namespace) : []
  return groups.flatMap((group) => known.byGroup.get(group) ?? [])
}

const scoped = ({ namespace, rules }: Pick<Grant, 'namespace' | 'rules'>): ScopedRule[] => rules.map((rule) => ({ namespace, rule }))

/** What of the first grants the others do not give: part by part, put together again. */
function notCovered(grantsThere: readonly Grant[], others: readonly Grant[]): readonly ScopedRule[] {
  const lost = grantsThere.flatMap((grant) => {
    const rules = others.filter(({ namespace }) => namespace === undefined || namespace === grant.namespace).flatMap((one) => one.rules)
    const left = grant.rules.map((rule) => (covers(rules, rule) ? [] : partsLeft(rule, rules)))
    const isWhole = left.every((parts, index) => parts.length > 0 && covers(parts, grant.rules[index]!))
    return left.flat().map(
      (rule): ScopedRule => ({
        namespace: grant.namespace,
        rule,
        ...(isWhole && { whole: `${grant.binding.roleRef.kind} ${grant.binding.roleRef.name}` }),
      }),
    )
  })
  return distinct(lost)
}

function partsLeft(rule: PolicyRule, owner: readonly PolicyRule[]): readonly PolicyRule[] {
  if (!isResourceRule(rule))
    return (rule.nonResourceURLs ?? []).flatMap((url) => {
      const verbs = rule.verbs.filter((verb) => !covers(owner, { verbs: [verb], nonResourceURLs: [url] }))
      return verbs.length === 0 ? [] : [{ verbs, nonResourceURLs: [url] }]
    })
  const names = hasNames(rule) ? rule.resourceNames! : [undefined]
  const left = (rule.apiGroups ?? []).flatMap((group) =>
    rule.resources!.flatMap((resource) =>
      names.flatMap((name) => {
        const part = { apiGroups: [group], resources: [resource], ...(name !== undefined && { resourceNames: [name] }) }
        const verbs = rule.verbs.filter((verb) => !covers(owner, { verbs: [verb], ...part }))
        return verbs.length === 0 ? [] : [{ group, resource, name, verbs }]
      }),
    ),
  )
  // What has the same verbs, and what has the same names, is one rule again.
  const byResource = Map.groupBy(left, ({ group, resource, verbs }) => `${group}\0${resource}\0${verbs.join()}`)
  const alike = Map.groupBy(
    byResource.values(),
    (same) => `${same[0]!.group}\0${same[0]!.verbs.join()}\0${same.map(({ name }) => name).join()}`,
  )
  return [...alike.values()].map((resources) => {
    const [{ group, verbs }] = resources[0] as [(typeof left)[number]]
    return {
      verbs,
      apiGroups: [group],
      resources: resources.map(([one]) => one!.resource),
      ...(hasNames(rule) && { resourceNames: resources[0]!.map(({ name }) => name!) }),
    }
  })
}

const distinct = (list: readonly ScopedRule[]): readonly ScopedRule[] => [
  ...new Map(list.map((one) => [`${one.namespace ?? ''}\0${JSON.stringify(one.rule)}`, one])).values(),
]

function replayed(now: Snapshot, subject: RbacSubject, before: Grants, after: Grants): AccessImpact['replay'] {
  const observed = now.fact('ObservedRequests')
  if (observed === undefined) return undefined
  const [refused, allowed]: [Replayed[], Replayed[]] = [[], []]
  let [stillAllowed, stillRefused] = [0, 0]
  for (const { user, groups, requests } of observedAs(observed, subject, subject.namespace)) {
    for (const request of requests) {
      const question = questionOf(request)
      const [could, can] = [mayI(before, user, groups, question), mayI(after, user, groups, question)]
      if (request.was === 'denied') {
        if (can && !could) allowed.push({ user, request })
        else if (!can) stillRefused++
      } else if (can) stillAllowed++
      else if (could) refused.push({ user, request })
    }
  }
  return { stillAllowed, refused, allowed, stillRefused }
}
