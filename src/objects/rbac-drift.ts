/** Where the default roles and bindings of the API server differ from what its minor ships, and what is gathered into them. Facts only. */
import type { BindingObject, PolicyRule, RbacSubject, RoleObject } from '../model/index.ts'
import { isSystemNamespace } from './ownership.ts'
import {
  AGGREGATED,
  bootstrapBinding,
  defaultAggregation,
  defaultRules,
  isBootstrapRole,
  isDefaultRule,
  subjectText,
} from './rbac-bootstrap.ts'
import { type Escalation, escalationsOf } from './rbac-escalations.ts'
import { isFromPart, type RbacView, subjectsOf } from './rbac-grants.ts'
import { covers, hasNames, resourceCovers, urlCovers } from './rbac-rules.ts'
import { keyOf } from './ref.ts'

/** A rule of a default role that grants what the default of this minor does not. */
export interface AddedRule {
  /** In the role's rules. */
  readonly index: number
  readonly rule: PolicyRule
  /** What of it the default grants too, without feature gates, and no other rule of the role. */
  readonly keep: readonly PolicyRule[]
  /** All of it is in the default of another minor, or behind a feature gate: the API server leaves behind what it shipped before. */
  readonly elsewhere: boolean
}
export interface RoleDrift {
  readonly added: readonly AddedRule[]
  /** Rules of the default that the role does not cover any more. */
  readonly missing: readonly PolicyRule[]
}

/** `minor` undefined: compared with all minors known here at once, and nothing is said to be missing. Undefined: no default of this name. */
export function roleDrift(view: RbacView, role: RoleObject, minor: number | undefined): RoleDrift | undefined {
  if (!isBootstrapRole(role)) return undefined
  const { namespace, name } = role.metadata
  const shipped = defaultRules(namespace, name, minor) ?? []
  const rules = role.rules ?? []
  const byDefault = defaultRules(namespace, name, minor, false) ?? []
  const isAsShipped = (rule: PolicyRule): boolean => covers(shipped, rule)
  const intact = rules.filter(isAsShipped)
  const added = rules.flatMap((rule, index): AddedRule[] =>
    isAsShipped(rule) || isFromPart(view, role, rule)
      ? []
      : [{ index, rule, keep: common(rule, byDefault, intact), elsewhere: isDefaultRule(role, rule) }],
  )
  // What only a gate adds is no loss, and a ClusterRole that a controller fills is judged by its parts.
  const expected = minor === undefined || defaultAggregation(name).from.length > 0 ? [] : byDefault
  return { added, missing: expected.filter((rule) => !covers(rules, rule)) }
}

/** What a rule and these others both grant, less what `known` covers anyway. */
function common(rule: PolicyRule, others: readonly PolicyRule[], known: readonly PolicyRule[]): readonly PolicyRule[] {
  const kept: PolicyRule[] = []
  for (const other of others) {
    const both = intersection(rule, other)
    if (both !== undefined && !covers([...known, ...kept], both)) kept.push(both)
  }
  return kept
}

/** What of these rules the API server of this minor ships the role with, and what any other does rule by rule; all of them where none ships it. */
export function shippedPart(role: RoleObject, rules: readonly PolicyRule[], minor: number): readonly PolicyRule[] {
  if (!isBootstrapRole(role)) return rules
  const shipped = defaultRules(role.metadata.namespace, role.metadata.name, minor, false) ?? []
  const intact = rules.filter((rule) => isDefaultRule(role, rule))
  return [...intact, ...rules.filter((rule) => !intact.includes(rule)).flatMap((rule) => common(rule, shipped, intact))]
}

/** The rule that grants what both grant; undefined where that is nothing. */
export function intersection(a: PolicyRule, b: PolicyRule): PolicyRule | undefined {
  const verbs = shared(a.verbs, b.verbs, coversWord)
  if (verbs.length === 0) return undefined
  const nonResourceURLs = shared(a.nonResourceURLs ?? [], b.nonResourceURLs ?? [], urlCovers)
  if (nonResourceURLs.length > 0) return { nonResourceURLs, verbs }
  const apiGroups = shared(a.apiGroups ?? [], b.apiGroups ?? [], coversWord)
  const resources = shared(a.resources ?? [], b.resources ?? [], resourceCovers)
  const names = hasNames(a) && hasNames(b) ? a.resourceNames!.filter((name) => b.resourceNames!.includes(name)) : undefined
  if (apiGroups.length === 0 || resources.length === 0 || names?.length === 0) return undefined
  const resourceNames = names ?? (hasNames(a) ? a.resourceNames : hasNames(b) ? b.resourceNames : undefined)
  return { apiGroups, resources, ...(resourceNames !== undefined && { resourceNames }), verbs }
}
const coversWord = (pattern: string, word: string): boolean => pattern === '*' || pattern === word
const shared = (a: readonly string[], b: readonly string[], wider: (pattern: string, one: string) => boolean): readonly string[] => [
  ...new Set([...a.filter((one) => b.some((other) => wider(other, one))), ...b.filter((one) => a.some((other) => wider(other, one)))]),
]

export interface BindingDrift {
  /** The default binds another role: nothing of it is then as shipped. */
  readonly otherRole: string | undefined
  readonly added: readonly RbacSubject[]
  /** Subjects that another minor has there. */
  readonly elsewhere: readonly RbacSubject[]
  /** `Kind name` of subjects that are gone. */
  readonly missing: readonly string[]
}

/** Undefined: no default of this name. */
export function bindingDrift(binding: BindingObject, minor: number | undefined): BindingDrift | undefined {
  const key = keyOf(binding.metadata.namespace, binding.metadata.name)
  const ever = bootstrapBinding(key)
  if (ever === undefined) return undefined
  const shipped = bootstrapBinding(key, minor)
  const text = (subject: RbacSubject): string => subjectText(subject, binding.metadata.namespace)
  const subjects = subjectsOf(binding)
  if (`${binding.roleRef.kind} ${binding.roleRef.name}` !== ever.role)
    return { otherRole: ever.role, added: [...subjects], elsewhere: [], missing: [] }
  const extra = subjects.filter((subject) => !shipped?.subjects.includes(text(subject)))
  return {
    otherRole: undefined,
    added: extra.filter((subject) => !ever.subjects.includes(text(subject))),
    elsewhere: extra.filter((subject) => ever.subjects.includes(text(subject))),
    missing: minor === undefined ? [] : (shipped?.subjects ?? []).filter((one) => !subjects.some((subject) => text(subject) === one)),
  }
}

/** A ClusterRole that is gathered into default ones and brings them rights to escalate by that they do not have. */
export interface Gathered {
  readonly labels: readonly string[]
  /** The default ClusterRoles it widens. */
  readonly into: readonly string[]
  readonly gains: readonly Escalation[]
}

export function gathered(role: RoleObject, minor: number | undefined): Gathered | undefined {
  const own = isBootstrapRole(role) ? defaultAggregation(role.metadata.name).to : []
  const found = Object.entries(role.metadata.labels ?? {}).flatMap(([label, value]) => {
    if (value !== 'true' || own.includes(label)) return []
    const into = AGGREGATED.filter((name) => defaultAggregation(name).from.includes(label))
    const gains = into.flatMap((name) => {
      const known = defaultRules(undefined, name, minor) ?? []
      return escalationsOf(
        (role.rules ?? []).flatMap((rule) => beyond(rule, known)),
        true,
      )
    })
    return gains.length > 0 ? [{ label, into, gains }] : []
  })
  if (found.length === 0) return undefined
  const gains = new Map(found.flatMap((one) => one.gains).map((gain) => [gain.id, gain]))
  return { labels: found.map(({ label }) => label), into: [...new Set(found.flatMap(({ into }) => into))], gains: [...gains.values()] }
}

/** The rule verb by verb, group by group and resource by resource, as far as the others do not cover it. */
const beyond = (rule: PolicyRule, others: readonly PolicyRule[]): readonly PolicyRule[] =>
  covers(others, rule)
    ? []
    : (rule.verbs ?? []).flatMap((verb) =>
        (rule.apiGroups ?? []).flatMap((group) =>
          (rule.resources ?? [])
            .map((resource): PolicyRule => ({ ...rule, verbs: [verb], apiGroups: [group], resources: [resource] }))
            .filter((piece) => !covers(others, piece)),
        ),
      )

/** Does a default ClusterRole gather by more than its own labels? More conditions beside one of them gather less. */
export function gathersMore(role: RoleObject): boolean {
  const { from } = defaultAggregation(role.metadata.name)
  return (role.aggregationRule?.clusterRoleSelectors ?? []).some(
    ({ matchLabels = {} }) => !Object.entries(matchLabels).some(([label, value]) => value === 'true' && from.includes(label)),
  )
}

/** Subjects in default bindings that other controls report: everybody, whoever holds cluster-admin, and what is bound as a node. */
export const judgedElsewhere = ({ roleRef }: BindingObject, { kind, name }: RbacSubject): boolean =>
  (kind === 'User' && name === 'system:anonymous') ||
  (kind === 'Group' && /^system:(unauthenticated$|authenticated$|serviceaccounts(:|$))/.test(name)) ||
  (roleRef.kind === 'ClusterRole' && roleRef.name === 'cluster-admin' && name !== 'system:masters') ||
  (roleRef.kind === 'ClusterRole' && roleRef.name === 'system:node')

/** May a provider that runs the control plane have bound this one? Its users and groups, and accounts of the namespaces it keeps. */
export const ofProvider = ({ kind, name, namespace }: RbacSubject): boolean =>
  kind === 'ServiceAccount'
    ? isSystemNamespace(namespace)
    : /^(eks|gke|gce|gcp|aks|oke):|^system:(gke|gcp|cloud|openshift)|^(kubelet|kube-apiserver|kube-proxy)$/.test(name)
