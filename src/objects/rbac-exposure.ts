/**
 * Who holds a right, and where that can be changed: in the rule of a role that is somebody's own, or in the binding that gives a
 * role of Kubernetes to a subject of somebody's own. Facts only; whether it is wrong is for a control to say.
 */
import type { BindingObject, ObjectRef, Path, PolicyRule, RbacSubject, Remark, RoleObject } from '../model/index.ts'
import { lasting } from './derived.ts'
import { fewOf } from './few-of.ts'
import { isShippedRule, isShippedSubject } from './rbac-add-ons.ts'
import { isDefaultRule, mayBeForeignDefault, subjectText } from './rbac-bootstrap.ts'
import { type Grant, grants, holdersOf, isFromPart, RBAC_KINDS, type RbacView, rulesOf } from './rbac-grants.ts'
import { matchingText, type Rights, rulesInBrief, ruleText } from './rbac-rules.ts'
import { refOf, refText } from './ref.ts'

interface Held {
  readonly ref: ObjectRef
  readonly at: Path
  readonly role: RoleObject
  /** The rules asked for, in the order of the role. */
  readonly rules: readonly PolicyRule[]
  /** The subjects, each with its binding. None: nothing binds the role here. */
  readonly grants: readonly Grant[]
  readonly clusterWide: boolean
}
export type Exposure = Held &
  /** `default`: a role of Kubernetes or of an add-on as shipped, held by its own subjects. `labelled`: says it is one, of a version we do not know. */
  ({ readonly on: 'rule'; readonly standing: 'own' | 'labelled' | 'default' } | { readonly on: 'binding'; readonly standing: 'own' })

type Matches = (rule: PolicyRule) => boolean

/**
 * Every place where a rule that `matches` is held. The built-in cluster-admin is left out: it has a control of its own. Worked out once
 * for as long as no role or binding changes, if `matches` is the same function each time.
 */
export function exposures(view: RbacView, matches: Matches): readonly Exposure[] {
  const known = knownExposures(view)
  const version = view.source.kubernetes ?? ''
  let byQuestion = known.get(version)
  if (byQuestion === undefined) known.set(version, (byQuestion = new WeakMap()))
  let found = byQuestion.get(matches)
  if (found === undefined) byQuestion.set(matches, (found = findExposures(view, matches)))
  return found
}
/** By the version of Kubernetes, which says what is a default, and by what was asked. */
const knownExposures: (view: RbacView) => Map<string, WeakMap<Matches, readonly Exposure[]>> = lasting(RBAC_KINDS, () => new Map())

function findExposures(view: RbacView, matches: Matches): readonly Exposure[] {
  const holders = holdersOf(view)
  const found: Exposure[] = []
  const byBinding = new Map<BindingObject, Held & { rules: PolicyRule[]; grants: Grant[] }>()
  for (const role of allRoles(view)) {
    for (const [index, rule] of rulesOf(view, role).entries()) {
      if (!matches(rule) || isFromPart(view, role, rule) || isClusterAdmin(role, rule)) continue
      const held = holders.get(role) ?? []
      if (!isShippedRule(role, rule)) {
        found.push({
          on: 'rule',
          standing: mayBeForeignDefault(role, view.source.kubernetes) ? 'labelled' : 'own',
          ref: refOf(role),
          at: ['rules', index],
          role,
          rules: [rule],
          grants: held,
          clusterWide: isClusterWide(held),
        })
        continue
      }
      const theirs = held.filter(isShipped)
      if (theirs.length > 0)
        found.push({
          on: 'rule',
          standing: 'default',
          ref: refOf(role),
          at: ['rules', index],
          role,
          rules: [rule],
          grants: theirs,
          clusterWide: isClusterWide(theirs),
        })
      for (const grant of held) if (!isShipped(grant)) addToBinding(byBinding, grant, role, rule)
    }
  }
  return [...found, ...byBinding.values().map((held) => ({ ...held, on: 'binding' as const, standing: 'own' as const }))]
}

/** The roles of the source, and the built-in ones that its bindings name though the files do not hold them. */
function allRoles(view: RbacView): ReadonlySet<RoleObject> {
  return new Set([...view.all('ClusterRole'), ...view.all('Role'), ...grants(view).byRole.keys()])
}

const isShipped = ({ binding, subject }: Grant): boolean => isShippedSubject(binding, subject)
const isClusterWide = (held: readonly Grant[]): boolean => held.some((grant) => grant.namespace === undefined)
const isClusterAdmin = (role: RoleObject, rule: PolicyRule): boolean =>
  role.kind === 'ClusterRole' && role.metadata.name === 'cluster-admin' && isDefaultRule(role, rule)

function addToBinding(
  byBinding: Map<BindingObject, Held & { rules: PolicyRule[]; grants: Grant[] }>,
  grant: Grant,
  role: RoleObject,
  rule: PolicyRule,
): void {
  const entry = byBinding.get(grant.binding)
  if (entry === undefined) {
    byBinding.set(grant.binding, {
      ref: refOf(grant.binding),
      at: ['roleRef'],
      role,
      rules: [rule],
      grants: [grant],
      clusterWide: grant.namespace === undefined,
    })
    return
  }
  if (!entry.grants.includes(grant)) entry.grants.push(grant)
  if (!entry.rules.includes(rule)) entry.rules.push(rule)
}

/** What a finding about a rule carries, for people and for the remedy. */
export interface RuleEvidence {
  readonly role: string
  readonly rule: PolicyRule
  readonly heldBy: readonly string[]
  /**
   * What the remedy takes away, in a rule with names only from those in `from` (by default, from all; none: for a human to judge); or,
   * for wildcards, spells out; or all that it leaves.
   */
  readonly mend:
    | { readonly cut: readonly Rights[]; readonly from?: readonly string[] }
    | { readonly expand: true }
    | { readonly keep: readonly PolicyRule[] }
}
/** What a finding about a binding carries: these subjects have to go, or to get less. */
export interface SubjectEvidence {
  readonly role: string
  readonly rules: readonly string[]
  readonly remove: readonly RbacSubject[]
  /** Workloads that run as these subjects. */
  readonly usedBy: readonly string[]
}
export type RbacEvidence = RuleEvidence | SubjectEvidence

export function evidenceOf(exposure: Exposure, mend: RuleEvidence['mend'], usedBy: readonly string[] = []): RbacEvidence {
  const role = refText(refOf(exposure.role))
  if (exposure.on === 'rule') return { role, rule: exposure.rules[0]!, heldBy: shortList(exposure.grants.map(grantText)), mend }
  return { role, rules: exposure.rules.map(ruleText), remove: subjectsIn(exposure.grants), usedBy }
}

/** `ServiceAccount shop/cart by ClusterRoleBinding cart`. */
export const grantText = (grant: Grant): string => `${subjectText(grant.subject, grant.namespace)} by ${refText(refOf(grant.binding))}`
/** As they stand in the binding. */
export const subjectsIn = (list: readonly Grant[]): readonly RbacSubject[] => [...new Set(list.map((grant) => grant.subject))]

/** The same exposure, held by these alone. */
export const heldBy = <E extends Exposure>(exposure: E, held: readonly Grant[]): E => ({
  ...exposure,
  grants: held,
  clusterWide: isClusterWide(held),
})

/** At most 20, and how many more there are. */
export const shortList = (list: readonly string[]): readonly string[] =>
  list.length <= 20 ? list : [...list.slice(0, 20), `and ${list.length - 20} more`]

/** `cluster-wide`, `in shop, pay`, or that nothing binds it. */
export function scopeText({ grants: held, clusterWide }: Pick<Exposure, 'grants' | 'clusterWide'>): string {
  if (held.length === 0) return 'bound by nothing that is seen here'
  return clusterWide ? 'in the whole cluster' : `in ${fewOf([...new Set(held.map((grant) => grant.namespace!))].sort())}`
}

/** What of the rules was asked about (all of them by default), where it is good, and who holds it. */
export const describeExposure = (exposure: Exposure, asked?: readonly Rights[]): string =>
  `${asked === undefined ? rulesInBrief(exposure.rules) : matchingText(exposure.rules, asked)}, ${scopeText(exposure)}: ${fewOf([...new Set(exposure.grants.map((grant) => subjectText(grant.subject, grant.namespace)))]) || 'nobody yet'}`

/** One of the operator's own people: no service account, also not as a user or a group, and none of the names that Kubernetes keeps for itself. */
const isPerson = ({ subject }: Grant): boolean => subject.kind !== 'ServiceAccount' && !subject.name.startsWith('system:')

/** Key of a finding about people: their access is taken by nobody but an operator who says so. */
export const PEOPLE = 'people'

/** People who hold a built-in role in a namespace are Kubernetes' own design, for a human to judge: apart from whoever else is in their binding. */
export function apartFromPeople(exposure: Exposure): readonly (Exposure & { readonly people: boolean })[] {
  const [people, others] = [exposure.grants.filter(isPerson), exposure.grants.filter((grant) => !isPerson(grant))]
  if (exposure.on !== 'binding' || exposure.clusterWide || people.length === 0) return [{ ...exposure, people: false }]
  return [...(others.length > 0 ? [{ ...exposure, grants: others, people: false }] : []), { ...exposure, grants: people, people: true }]
}

/** In files, a binding may name a role that is in none of them: nobody can say what it grants. */
export function unseenRoles(view: RbacView): readonly Remark[] {
  if (view.source.kind === 'live') return []
  const bindings = [
    ...new Set(
      grants(view)
        .all.filter((grant) => grant.role === undefined)
        .map((grant) => grant.binding),
    ),
  ]
  if (bindings.length === 0) return []
  const names = shortList([...new Set(bindings.map(({ roleRef }) => `${roleRef.kind} ${roleRef.name}`))].sort())
  return [
    {
      unknown: `bindings name roles that are not among these files: ${names.join(', ')}`,
      answer: 'add the roles to the files, or scan the cluster',
    },
  ]
}
