/** The RBAC objects that Kubernetes and kubeadm create, recognised by what they hold: a name or a label proves nothing, anyone may create `system:foo`. */
import type { BindingObject, PolicyRule, RbacSubject, RoleObject } from '../model/index.ts'
import { rememberedWith } from './derived.ts'
import { type BindingRow, BOOTSTRAP_BINDINGS, BOOTSTRAP_ROLES, type RoleRow, type RuleRow } from './rbac-bootstrap.gen.ts'
import { KUBEADM_BINDINGS, KUBEADM_ROLES } from './rbac-kubeadm.ts'
import { covers } from './rbac-rules.ts'
import { keyOf } from './ref.ts'
import { minorOf } from './version.ts'

/** The minor that the table was taken from. */
export const BOOTSTRAP_MINOR = 37
const ROLES: Readonly<Record<string, RoleRow>> = { ...BOOTSTRAP_ROLES, ...KUBEADM_ROLES }
const BINDINGS: Readonly<Record<string, BindingRow>> = { ...BOOTSTRAP_BINDINGS, ...KUBEADM_BINDINGS }

const ruleOf = ([verbs, groups, resources, names]: RuleRow): PolicyRule =>
  groups === null
    ? { nonResourceURLs: resources.split(' '), verbs: verbs.split(' ') }
    : {
        apiGroups: groups.split(' '),
        resources: resources.split(' '),
        ...(names !== undefined && { resourceNames: names.split(' ') }),
        verbs: verbs.split(' '),
      }

const rulesByKey = new Map<string, readonly PolicyRule[]>()
/** What the default role of this name grants; aggregated roles as the controller fills them from the defaults alone. Undefined: no default. */
export function defaultRules(namespace: string | undefined, name: string): readonly PolicyRule[] | undefined {
  const key = keyOf(namespace, name)
  const row = Object.hasOwn(ROLES, key) ? ROLES[key]! : undefined
  if (row === undefined) return undefined
  let rules = rulesByKey.get(key)
  if (rules === undefined) {
    const parts = Object.entries(ROLES).filter(([other, { to }]) => other !== key && to?.some((label) => row.from?.includes(label)))
    rules = [...(row.rules ?? []).map(ruleOf), ...parts.flatMap(([other]) => defaultRules(undefined, other)!)]
    rulesByKey.set(key, rules)
  }
  return rules
}

/** The default ClusterRole or Role of that name as the API server creates it, for sources (files) that do not hold it. */
export function defaultRole(namespace: string | undefined, name: string): RoleObject | undefined {
  const rules = defaultRules(namespace, name)
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

/** Does the default role of this very name grant all that this rule of it grants? Older versions grant the same or less. */
export function isDefaultRule(role: RoleObject, rule: PolicyRule): boolean {
  const rules = defaultRules(role.metadata.namespace, role.metadata.name)
  return rules !== undefined && isCovered(rule, rules)
}
const isCovered = rememberedWith((rule: PolicyRule, rules: readonly PolicyRule[]): boolean => covers(rules, rule))

/** Is this subject one that the default binding of this very name has, for the same role? */
export function isDefaultSubject(binding: BindingObject, subject: RbacSubject): boolean {
  const key = keyOf(binding.metadata.namespace, binding.metadata.name)
  if (!Object.hasOwn(BINDINGS, key)) return false
  const [role, ...subjects] = BINDINGS[key]!
  return role === `${binding.roleRef.kind} ${binding.roleRef.name}` && subjects.includes(subjectText(subject, binding.metadata.namespace))
}

/** Labelled as a default of the API server: a hint only, anyone may set a label. */
export const isLabelledDefault = ({ metadata }: RoleObject | BindingObject): boolean =>
  metadata.labels?.['kubernetes.io/bootstrapping'] === 'rbac-defaults'

/** May this be a default of a version that the table is not of? `version`: gitVersion of the server. Never so for the table's own minor. */
export function mayBeForeignDefault(role: RoleObject, version: string | undefined): boolean {
  const { namespace, name } = role.metadata
  return (
    isLabelledDefault(role) &&
    minorOf(version) !== BOOTSTRAP_MINOR &&
    (name.startsWith('system:') || defaultRules(namespace, name) !== undefined)
  )
}

/** `ServiceAccount shop/cart`, `Group system:masters`. A service account without a namespace is one of the RoleBinding's own. */
export const subjectText = ({ kind, name, namespace }: RbacSubject, bindingNamespace?: string): string =>
  kind === 'ServiceAccount' ? `ServiceAccount ${keyOf(namespace || bindingNamespace, name)}` : `${kind} ${name}`
