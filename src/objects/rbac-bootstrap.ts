/** The RBAC objects that Kubernetes and kubeadm create, recognised by what they hold: a name or a label proves nothing, anyone may create `system:foo`. */
import type { BindingObject, PolicyRule, RbacSubject, RoleObject } from '../model/index.ts'
import { rememberedWith } from './derived.ts'
import {
  BINDING_MINORS,
  type BindingRow,
  BOOTSTRAP_BINDINGS,
  BOOTSTRAP_MINORS,
  BOOTSTRAP_ROLES,
  type RoleRow,
  type RuleRow,
} from './rbac-bootstrap.gen.ts'
import { KUBEADM_BINDINGS, KUBEADM_ROLES } from './rbac-kubeadm.ts'
import { covers } from './rbac-rules.ts'
import { keyOf } from './ref.ts'
import { minorOf } from './version.ts'

const ROLES: Readonly<Record<string, RoleRow>> = { ...BOOTSTRAP_ROLES, ...KUBEADM_ROLES }
const BINDINGS: Readonly<Record<string, BindingRow>> = { ...BOOTSTRAP_BINDINGS, ...KUBEADM_BINDINGS }

/** Do the tables hold the defaults of this minor? */
export const isKnownMinor = (minor: number | undefined): minor is number =>
  minor !== undefined && minor >= BOOTSTRAP_MINORS[0] && minor <= BOOTSTRAP_MINORS[1]

/** For people. */
export const BOOTSTRAP_RANGE = `Kubernetes 1.${BOOTSTRAP_MINORS[0]} to 1.${BOOTSTRAP_MINORS[1]}`

/** Which defaults are meant: those of one minor, or of any; `gates`: also what feature gates add that are off by default. */
interface Of {
  readonly minor: number | undefined
  readonly gates: boolean
}
/** Is something of these minors (`28-31 35-37?`; undefined: of all) among the defaults that are meant? */
function isOf(minors: string | undefined, { minor, gates }: Of): boolean {
  return (
    minors === undefined ||
    minors.split(' ').some((span) => {
      const [from, to = from] = span.replace('?', '').split('-').map(Number) as [number, number?]
      return (gates || !span.endsWith('?')) && (minor === undefined || (from <= minor && minor <= to))
    })
  )
}

/** A row of a table as the rule it stands for. */
export const ruleOf = ([verbs, groups, resources, names]: RuleRow): PolicyRule =>
  groups === null
    ? { nonResourceURLs: resources.split(' '), verbs: verbs.split(' ') }
    : {
        apiGroups: groups.split(' '),
        resources: resources.split(' '),
        ...(names !== undefined && { resourceNames: names.split(' ') }),
        verbs: verbs.split(' '),
      }

const rulesByKey = new Map<string, readonly PolicyRule[] | undefined>()
/**
 * What the default role of this name grants; aggregated roles as the controller fills them from the defaults alone. Undefined: no
 * such default. Without a minor: what any of the minors known here grants. With `gates` (the default) also what only feature gates add.
 */
export function defaultRules(
  namespace: string | undefined,
  name: string,
  minor?: number,
  gates: boolean = true,
): readonly PolicyRule[] | undefined {
  const key = keyOf(namespace, name)
  const known = `${minor} ${gates} ${key}`
  if (!rulesByKey.has(known)) rulesByKey.set(known, rulesOfRow(key, { minor, gates }))
  return rulesByKey.get(known)
}

function rulesOfRow(key: string, of: Of): readonly PolicyRule[] | undefined {
  const row = Object.hasOwn(ROLES, key) ? ROLES[key]! : undefined
  if (row === undefined || !isOf(row.in, of)) return undefined
  const some = Object.entries(row.some ?? {}).flatMap(([minors, rows]) => (isOf(minors, of) ? rows : []))
  const parts = Object.entries(ROLES).filter(([other, { to }]) => other !== key && to?.some((label) => row.from?.includes(label)))
  return [
    ...[...(row.rules ?? []), ...some].map(ruleOf),
    ...parts.flatMap(([other]) => defaultRules(undefined, other, of.minor, of.gates) ?? []),
  ]
}

/** Labels by which the default ClusterRole of this name gathers others, and those by which it is gathered itself. */
export function defaultAggregation(name: string): { readonly from: readonly string[]; readonly to: readonly string[] } {
  const row = Object.hasOwn(BOOTSTRAP_ROLES, name) ? BOOTSTRAP_ROLES[name]! : undefined
  return { from: row?.from ?? [], to: row?.to ?? [] }
}

/** Names of the default ClusterRoles that gather others. */
export const AGGREGATED: readonly string[] = Object.keys(BOOTSTRAP_ROLES).filter((name) => BOOTSTRAP_ROLES[name]!.from !== undefined)

/** The role and the subjects of the API server's own binding of this name (not kubeadm's); undefined: the minor has none of that name. */
export function bootstrapBinding(key: string, minor?: number): { readonly role: string; readonly subjects: readonly string[] } | undefined {
  const row = Object.hasOwn(BOOTSTRAP_BINDINGS, key) ? BOOTSTRAP_BINDINGS[key]! : undefined
  const of = { minor, gates: true }
  if (row === undefined || !isOf(BINDING_MINORS[key], of)) return undefined
  const [role, ...subjects] = row
  return { role, subjects: subjects.filter((subject) => isOf(BINDING_MINORS[`${key} ${subject}`], of)) }
}

/** Cluster-wide defaults of a minor, without what only feature gates add, that are not there. */
export function missingDefaults(
  minor: number,
  isThere: (kind: 'ClusterRole' | 'ClusterRoleBinding', name: string) => boolean,
): readonly string[] {
  const of = { minor, gates: false }
  const gone = (kind: 'ClusterRole' | 'ClusterRoleBinding', keys: readonly string[], minors: (key: string) => string | undefined) =>
    keys.filter((key) => !key.includes('/') && isOf(minors(key), of) && !isThere(kind, key)).map((key) => `${kind} ${key}`)
  return [
    ...gone('ClusterRole', Object.keys(BOOTSTRAP_ROLES), (key) => BOOTSTRAP_ROLES[key]!.in),
    ...gone('ClusterRoleBinding', Object.keys(BOOTSTRAP_BINDINGS), (key) => BINDING_MINORS[key]),
  ]
}

/** Does kubeadm, or CoreDNS, make an object of this name, with the label of a default? */
export const isKubeadms = ({ kind, metadata }: RoleObject | BindingObject): boolean =>
  Object.hasOwn(kind.endsWith('Binding') ? KUBEADM_BINDINGS : KUBEADM_ROLES, keyOf(metadata.namespace, metadata.name))

/** Is a role of this name one that the API server makes, in any minor? */
export const isBootstrapRole = ({ metadata }: RoleObject): boolean =>
  Object.hasOwn(BOOTSTRAP_ROLES, keyOf(metadata.namespace, metadata.name))

/** The default ClusterRole or Role of that name as the newest API server known here creates it, for sources (files) that do not hold it. */
export function defaultRole(namespace: string | undefined, name: string): RoleObject | undefined {
  const rules = defaultRules(namespace, name, BOOTSTRAP_MINORS[1])
  if (rules === undefined) return undefined
  const { from } = ROLES[keyOf(namespace, name)]!
  return {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: namespace === undefined ? 'ClusterRole' : 'Role',
    metadata: { name, ...(namespace !== undefined && { namespace }), labels: DEFAULTS_LABEL },
    ...(from !== undefined && { aggregationRule: { clusterRoleSelectors: from.map((label) => ({ matchLabels: { [label]: 'true' } })) } }),
    rules,
  }
}
const DEFAULTS_LABEL = { 'kubernetes.io/bootstrapping': 'rbac-defaults' }

/**
 * Does the default role of this very name grant all that this rule of it grants? In any minor, because the API server adds at its
 * start what its own minor has and takes nothing away: what an older one shipped stays for good, and is still Kubernetes' own.
 */
export function isDefaultRule(role: RoleObject, rule: PolicyRule): boolean {
  const rules = defaultRules(role.metadata.namespace, role.metadata.name)
  return rules !== undefined && isCovered(rule, rules)
}
const isCovered = rememberedWith((rule: PolicyRule, rules: readonly PolicyRule[]): boolean => covers(rules, rule))

/** Is this subject one that the default binding of this very name has, in any minor and for the same role? */
export function isDefaultSubject(binding: BindingObject, subject: RbacSubject): boolean {
  const key = keyOf(binding.metadata.namespace, binding.metadata.name)
  if (!Object.hasOwn(BINDINGS, key)) return false
  const [role, ...subjects] = BINDINGS[key]!
  return role === `${binding.roleRef.kind} ${binding.roleRef.name}` && subjects.includes(subjectText(subject, binding.metadata.namespace))
}

/** Labelled as a default of the API server: a hint only, anyone may set a label. */
export const isLabelledDefault = ({ metadata }: RoleObject | BindingObject): boolean =>
  metadata.labels?.['kubernetes.io/bootstrapping'] === 'rbac-defaults'

/** May this be a default of a version that the tables do not hold? `version`: gitVersion of the server. Never so for a minor that they hold. */
export function mayBeForeignDefault(role: RoleObject, version: string | undefined): boolean {
  const { namespace, name } = role.metadata
  return (
    isLabelledDefault(role) &&
    !isKnownMinor(minorOf(version)) &&
    (name.startsWith('system:') || defaultRules(namespace, name) !== undefined)
  )
}

/** `ServiceAccount shop/cart`, `Group system:masters`. A service account without a namespace is one of the RoleBinding's own. */
export const subjectText = ({ kind, name, namespace }: RbacSubject, bindingNamespace?: string): string =>
  kind === 'ServiceAccount' ? `ServiceAccount ${keyOf(namespace || bindingNamespace, name)}` : `${kind} ${name}`
