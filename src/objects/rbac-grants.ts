/** Who may do what: every binding, resolved to the rules it grants. As the RBAC authorizer resolves them (pkg/registry/rbac/validation/rule.go). */
import type { BindingObject, LabelSelector, ObjectRef, PolicyRule, RbacSubject, RoleObject, View } from '../model/index.ts'
import { lasting, remembered, rememberedWith } from './derived.ts'
import { defaultRole, isDefaultSubject } from './rbac-bootstrap.ts'
import { type AccessRequest, nameSeen, ruleAllows } from './rbac-rules.ts'
import { keyOf, refOf, sameObject } from './ref.ts'

/** What a control that judges rights lists under `reads`. */
export const RBAC_KINDS = ['Role', 'ClusterRole', 'RoleBinding', 'ClusterRoleBinding'] as const
export type RbacView = View<(typeof RBAC_KINDS)[number]>

/** One subject of one binding. */
export interface Grant {
  readonly binding: BindingObject
  /** Index in the binding's subjects. */
  readonly index: number
  readonly subject: RbacSubject
  /** Undefined where the role that the binding names is not there: then it grants nothing. */
  readonly role: RoleObject | undefined
  /** Undefined: the whole cluster. A ClusterRole that a RoleBinding grants is good for namespaced resources of that namespace only. */
  readonly namespace: string | undefined
  readonly rules: readonly PolicyRule[]
  /** The binding is one that Kubernetes or kubeadm makes, and this subject is one of its own. */
  readonly isDefault: boolean
}
export interface Grants {
  readonly all: readonly Grant[]
  readonly byRole: ReadonlyMap<RoleObject, readonly Grant[]>
  /** By user name; service accounts as `system:serviceaccount:NAMESPACE:NAME`. */
  readonly byUser: ReadonlyMap<string, readonly Grant[]>
  readonly byGroup: ReadonlyMap<string, readonly Grant[]>
}

const NO_RULES: readonly PolicyRule[] = []

/** All that bindings grant, once a snapshot; linear in the number of subjects. */
export const grants: (view: RbacView) => Grants = lasting(RBAC_KINDS, (view) => collect(view))

function collect(view: RbacView): Grants {
  const all: Grant[] = []
  const [byRole, byUser, byGroup] = [new Map<RoleObject, Grant[]>(), new Map<string, Grant[]>(), new Map<string, Grant[]>()]
  for (const binding of [...view.all('ClusterRoleBinding'), ...view.all('RoleBinding')]) {
    const role = roleOf(view, binding)
    const rules = role === undefined ? NO_RULES : rulesOf(view, role)
    for (const grant of grantsBy(binding, role, rules)) {
      const { subject } = grant
      all.push(grant)
      if (role !== undefined) add(byRole, role, grant)
      if (subject.kind === 'Group') add(byGroup, subject.name, grant)
      else if (userOf(subject, grant.namespace) !== undefined) add(byUser, userOf(subject, grant.namespace)!, grant)
    }
  }
  return { all, byRole, byUser, byGroup }
}

/** One change leaves nearly all bindings as they were, and what they grant. */
const grantsBy = rememberedWith((binding: BindingObject, role: RoleObject | undefined, rules: readonly PolicyRule[]): readonly Grant[] =>
  subjectsOf(binding).map((subject, index) => ({
    binding,
    index,
    subject,
    role,
    namespace: namespaceOf(binding),
    rules,
    isDefault: isDefaultSubject(binding, subject),
  })),
)

function add<K>(map: Map<K, Grant[]>, key: K, grant: Grant): void {
  const list = map.get(key)
  if (list === undefined) map.set(key, [grant])
  else list.push(grant)
}

/** What one binding grants, one for each subject. */
export const grantsThrough = (view: RbacView, binding: ObjectRef): readonly Grant[] =>
  (byBinding(grants(view)).get(keyOf(binding.namespace, binding.name)) ?? []).filter((grant) => sameObject(refOf(grant.binding), binding))
const byBinding = remembered(({ all }: Grants) => Map.groupBy(all, ({ binding: { metadata } }) => keyOf(metadata.namespace, metadata.name)))

export const subjectsOf = (binding: BindingObject): readonly RbacSubject[] => binding.subjects ?? []
export const isClusterBinding = (binding: BindingObject): boolean => binding.kind === 'ClusterRoleBinding'
const namespaceOf = (binding: BindingObject): string | undefined =>
  isClusterBinding(binding) ? undefined : (binding.metadata.namespace ?? 'default')

/** The role a binding names. Files need not hold the defaults of Kubernetes: there the built-in table stands for them. */
export function roleOf(view: RbacView, binding: BindingObject): RoleObject | undefined {
  const { kind, name } = binding.roleRef
  // A ClusterRoleBinding cannot name a Role; the authorizer finds none for it.
  if (kind !== 'ClusterRole' && (kind !== 'Role' || isClusterBinding(binding))) return undefined
  const namespace = kind === 'Role' ? namespaceOf(binding) : undefined
  return view.find(kind, namespace, name) ?? (view.source.kind === 'live' ? undefined : builtIn(namespace, name))
}
/** The same object every time, so that it can be a key. */
const builtInRoles = new Map<string, RoleObject | undefined>()
function builtIn(namespace: string | undefined, name: string): RoleObject | undefined {
  const key = `${namespace ?? ''}/${name}`
  if (!builtInRoles.has(key)) builtInRoles.set(key, defaultRole(namespace, name))
  return builtInRoles.get(key)
}

/** User name of a subject that is one person or service account; undefined for groups, and for service accounts that lack a namespace. */
export function userOf(subject: RbacSubject, bindingNamespace: string | undefined): string | undefined {
  if (subject.kind === 'User') return subject.name
  const namespace = subject.namespace || bindingNamespace
  return subject.kind === 'ServiceAccount' && namespace ? serviceAccountUser(namespace, subject.name) : undefined
}
const PREFIX = 'system:serviceaccount:'
export const serviceAccountUser = (namespace: string, name: string): string => `${PREFIX}${namespace}:${name}`
export const serviceAccountGroups = (namespace: string): readonly string[] => [
  'system:serviceaccounts',
  `system:serviceaccounts:${namespace}`,
  'system:authenticated',
]

/** The service account a subject means, also when it is written as a user. */
export function serviceAccountOf(
  subject: RbacSubject,
  bindingNamespace: string | undefined,
): { readonly namespace: string; readonly name: string } | undefined {
  const user = userOf(subject, bindingNamespace)
  if (user === undefined || !user.startsWith(PREFIX)) return undefined
  const [namespace, name, ...more] = user.slice(PREFIX.length).split(':')
  return namespace && name && more.length === 0 ? { namespace, name } : undefined
}

// ── aggregation ────────────────────────────────────────────────────────────────────────────────
/** A role's rules: as stored; in files, where no controller fills an aggregated role, with those of the roles it selects. */
export function rulesOf(view: RbacView, role: RoleObject): readonly PolicyRule[] {
  const stored = role.rules ?? NO_RULES
  if (!role.aggregationRule || view.source.kind === 'live') return stored
  const all = new Map(stored.map((rule) => [JSON.stringify(rule), rule]))
  for (const part of partsOf(view, role))
    for (const rule of part.rules ?? []) if (!all.has(JSON.stringify(rule))) all.set(JSON.stringify(rule), rule)
  return all.size === stored.length ? stored : [...all.values()]
}

/** The ClusterRoles whose rules an aggregated one is made of, at any depth; those that aggregate themselves are left out. */
export function partsOf(view: RbacView, role: RoleObject, seen: Set<RoleObject> = new Set()): ReadonlySet<RoleObject> {
  for (const selector of role.aggregationRule?.clusterRoleSelectors ?? []) {
    for (const part of view.all('ClusterRole')) {
      if (part === role || seen.has(part) || !selects(selector, part.metadata.labels ?? {})) continue
      seen.add(part)
      if (part.aggregationRule) partsOf(view, part, seen)
    }
  }
  return new Set([...seen].filter((part) => !part.aggregationRule))
}

function selects({ matchLabels = {}, matchExpressions = [] }: LabelSelector, labels: Readonly<Record<string, string>>): boolean {
  return (
    Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
    matchExpressions.every(({ key, operator, values = [] }) => {
      const value = Object.hasOwn(labels, key) ? labels[key] : undefined
      if (operator === 'Exists') return value !== undefined
      if (operator === 'DoesNotExist') return value === undefined
      return operator === 'In' ? value !== undefined && values.includes(value) : value === undefined || !values.includes(value)
    })
  )
}

// ── questions ──────────────────────────────────────────────────────────────────────────────────
/** All that applies to a user with these groups; groups are not guessed, so name `system:authenticated` too. */
export function grantsOf(known: Grants, user: string, groups: readonly string[]): readonly Grant[] {
  return [...(known.byUser.get(user) ?? []), ...new Set(groups).values().flatMap((group) => known.byGroup.get(group) ?? [])]
}

/** Would RBAC allow it? As a SubjectAccessReview without other authorizers; members of `system:masters` pass before any of them. */
export function mayI(known: Grants, user: string, groups: readonly string[], request: AccessRequest): boolean {
  if (groups.includes('system:masters')) return true
  const namespace = 'path' in request ? undefined : request.namespace || undefined
  return grantsOf(known, user, groups).some(
    (grant) => (grant.namespace === undefined || grant.namespace === namespace) && grant.rules.some((rule) => ruleAllows(rule, request)),
  )
}

/** What RBAC grants a service account: by name, and by the groups that every token of it carries. */
export const serviceAccountGrants = (known: Grants, namespace: string, name: string): readonly Grant[] =>
  grantsOf(known, serviceAccountUser(namespace, name), serviceAccountGroups(namespace))

/** An API request on objects as the authorizer will see it: it never learns the name of what is created, nor of an unselected list. */
export const asSeen = <
  R extends { readonly verb: string; readonly subresource?: string; readonly name?: string; readonly selectedName?: string },
>(
  request: R,
): R => ({ ...request, name: nameSeen(request) })

/** Grants that matter to a role's rules, one list a role: direct ones, and those of the aggregated roles it is a part of. */
export const holdersOf: (view: RbacView) => ReadonlyMap<RoleObject, readonly Grant[]> = lasting(RBAC_KINDS, (view) => findHolders(view))

function findHolders(view: RbacView): ReadonlyMap<RoleObject, readonly Grant[]> {
  const { byRole } = grants(view)
  const holders = new Map<RoleObject, Grant[]>([...byRole].map(([role, list]) => [role, [...list]]))
  // Those of Kubernetes itself that files do not hold are here, too.
  for (const [role, through] of byRole) {
    if (!role.aggregationRule) continue
    for (const part of partsOf(view, role)) holders.set(part, [...(holders.get(part) ?? []), ...through])
  }
  return holders
}

/** Is this rule of an aggregated role there because of a part that can be seen? Then the part is where it is to be changed. */
export const isFromPart = (view: RbacView, role: RoleObject, rule: PolicyRule): boolean =>
  role.aggregationRule !== undefined && [...partsOf(view, role)].some((part) => partRules(part).has(JSON.stringify(rule)))
const partRules = remembered((part: RoleObject): ReadonlySet<string> => new Set((part.rules ?? []).map((rule) => JSON.stringify(rule))))
