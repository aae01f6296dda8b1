/** Questions about rights, answered from all bindings: who may do this, may this one do it, and by which binding and rule. */
import type { PolicyRule, RbacSubject, View } from '../model/index.ts'
import { type Grant, type Grants, grantsOf, isClusterBinding, RBAC_KINDS, serviceAccountGroups, serviceAccountOf } from './rbac-grants.ts'
import { type AccessRequest, ruleAllows } from './rbac-rules.ts'

/** Why it is allowed: `ClusterRoleBinding/NAME` or `RoleBinding/NAMESPACE/NAME`, the role in the same way, and the rule as it stands. */
export interface Via {
  readonly binding: string
  readonly role: string
  readonly rule: PolicyRule
}
/** `namespace` is '' for users and groups. A service account that a binding names as a user is told as the service account it is. */
export interface Identity {
  readonly kind: 'User' | 'Group' | 'ServiceAccount'
  readonly name: string
  readonly namespace: string
}
export interface Holder extends Identity {
  readonly via: readonly Via[]
}

const namespaceOf = (request: AccessRequest): string => ('path' in request ? '' : (request.namespace ?? ''))
/** Bindings of one namespace answer for that namespace alone; never for paths, nor for all namespaces at once. */
const applies = (grant: Grant, namespace: string): boolean => grant.namespace === undefined || grant.namespace === namespace

/**
 * Everybody whom RBAC allows the request, in the order of kind, namespace and name. Groups stand for their members.
 * A request without a namespace is for all of them: what is granted in single ones does not count.
 */
export const whoCan = (known: Grants, request: AccessRequest): readonly Holder[] =>
  holders(known.all, request, (grant) => applies(grant, namespaceOf(request)))

/** Who may do it in single namespaces, by RoleBindings there; one entry a namespace, in the order of their names. */
export function whoCanWithin(
  known: Grants,
  request: AccessRequest,
): readonly { readonly namespace: string; readonly holders: readonly Holder[] }[] {
  if ('path' in request) return []
  const byNamespace = Map.groupBy(
    known.all.filter((grant) => grant.namespace !== undefined),
    (grant) => grant.namespace!,
  )
  return [...byNamespace]
    .map(([namespace, grants]) => ({ namespace, holders: holders(grants, { ...request, namespace }, () => true) }))
    .filter((one) => one.holders.length > 0)
    .sort((a, b) => compare(a.namespace, b.namespace))
}

function holders(all: readonly Grant[], request: AccessRequest, counts: (grant: Grant) => boolean): readonly Holder[] {
  // Most bindings share few roles.
  const matching = new Map<readonly PolicyRule[], readonly PolicyRule[]>()
  const found = new Map<string, { readonly who: Identity; readonly via: Map<string, readonly Via[]> }>()
  for (const grant of all) {
    if (!counts(grant)) continue
    let rules = matching.get(grant.rules)
    if (rules === undefined) matching.set(grant.rules, (rules = grant.rules.filter((rule) => ruleAllows(rule, request))))
    const who = rules.length === 0 ? undefined : identityOf(grant.subject, grant.namespace)
    if (who === undefined) continue
    const key = `${who.kind}\0${who.namespace}\0${who.name}`
    const entry = found.get(key) ?? { who, via: new Map() }
    found.set(key, entry)
    // A binding that names somebody twice grants once.
    entry.via.set(bindingText(grant), viaOf(grant, rules))
  }
  return [...found].sort(([a], [b]) => compare(a, b)).map(([, { who, via }]) => ({ ...who, via: [...via.values()].flat() }))
}
const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/** Undefined where the subject is nobody: a service account without a namespace in a ClusterRoleBinding, a kind that RBAC does not know. */
export function identityOf(subject: RbacSubject, bindingNamespace: string | undefined): Identity | undefined {
  const account = serviceAccountOf(subject, bindingNamespace)
  if (account !== undefined) return { kind: 'ServiceAccount', name: account.name, namespace: account.namespace }
  return subject.kind === 'User' || subject.kind === 'Group' ? { kind: subject.kind, name: subject.name, namespace: '' } : undefined
}

/** `ServiceAccount ci/runner`, `User jane`; for people. */
export const identityText = ({ kind, namespace, name }: Identity): string => `${kind} ${namespace === '' ? '' : `${namespace}/`}${name}`
export const bindingText = ({ binding, namespace }: Grant): string =>
  isClusterBinding(binding) ? `ClusterRoleBinding/${binding.metadata.name}` : `RoleBinding/${namespace}/${binding.metadata.name}`
export const roleText = ({ binding: { roleRef }, namespace }: Grant): string =>
  roleRef.kind === 'Role' ? `Role/${namespace ?? ''}/${roleRef.name}` : `ClusterRole/${roleRef.name}`
const viaOf = (grant: Grant, rules: readonly PolicyRule[]): readonly Via[] =>
  rules.map((rule) => ({ binding: bindingText(grant), role: roleText(grant), rule }))

// ── one subject ────────────────────────────────────────────────────────────────────────────────
export interface Answer {
  readonly allowed: boolean
  /** Empty where only membership of system:masters allows it: the API server lets its members pass before it asks RBAC. */
  readonly via: readonly Via[]
}

/** Every grant that counts for somebody who is in these groups besides those that the API server adds. For a group: what it is granted itself. */
export function groupsOf(who: Identity, more: readonly string[] = []): readonly string[] {
  if (who.kind === 'Group') return [...new Set([who.name, ...more])]
  const account = serviceAccountOf(who, undefined)
  const own =
    account !== undefined
      ? serviceAccountGroups(account.namespace)
      : [who.name === 'system:anonymous' ? 'system:unauthenticated' : 'system:authenticated']
  return [...new Set([...own, ...more])]
}

/** The user name that the authorizer sees; '' for a group, which is nobody in particular. */
export const userName = (who: Identity): string =>
  who.kind === 'Group' ? '' : who.kind === 'User' ? who.name : `system:serviceaccount:${who.namespace}:${who.name}`

/** One asker's grants by the namespace they are for (undefined: the whole cluster); worth keeping by whoever asks often. */
export interface Asker {
  readonly grants: ReadonlyMap<string | undefined, readonly Grant[]>
  readonly isMaster: boolean
}
export function askerOf(known: Grants, who: Identity, more: readonly string[] = []): Asker {
  const groups = groupsOf(who, more)
  const all = who.kind === 'Group' ? groups.flatMap((group) => known.byGroup.get(group) ?? []) : grantsOf(known, userName(who), groups)
  return { grants: Map.groupBy(all, (grant) => grant.namespace), isMaster: groups.includes('system:masters') }
}

const EVERYWHERE: readonly undefined[] = [undefined]
/** As `mayI`, with the reasons. */
export function answerFor({ grants, isMaster }: Asker, request: AccessRequest): Answer {
  const namespace = namespaceOf(request)
  const via = new Map<string, readonly Via[]>()
  for (const scope of namespace === '' ? EVERYWHERE : [undefined, namespace]) {
    for (const grant of grants.get(scope) ?? []) {
      if (!grant.rules.some((rule) => ruleAllows(rule, request))) continue
      const binding = bindingText(grant)
      if (!via.has(binding))
        via.set(
          binding,
          viaOf(
            grant,
            grant.rules.filter((rule) => ruleAllows(rule, request)),
          ),
        )
    }
  }
  return { allowed: isMaster || via.size > 0, via: [...via.values()].flat() }
}

// ── what is missing ────────────────────────────────────────────────────────────────────────────
/** Why a "no" may be wrong, one clause each; empty: all there is to RBAC was read. `namespace`: the one asked about, '' for all. */
export function blindSpots(view: View<(typeof RBAC_KINDS)[number]>, known: Grants, namespace: string): readonly string[] {
  const unread = RBAC_KINDS.map((kind) => view.unread(kind)?.because).filter((because) => because !== undefined)
  const narrowed = view.source.namespaces
  // On a live cluster a binding to a role that is not there grants nothing; files may just not hold it.
  const dangling =
    view.source.kind === 'live'
      ? []
      : known.all.filter((one) => one.role === undefined && !(isClusterBinding(one.binding) && one.binding.roleRef.kind === 'Role'))
  return [
    ...new Set([
      ...unread,
      ...(narrowed !== undefined && !(namespace !== '' && narrowed.includes(namespace))
        ? [`only bindings of namespace ${narrowed.join(', ')} were read`]
        : []),
      ...dangling
        .filter((one) => namespace === '' || applies(one, namespace))
        .map((one) => `${bindingText(one)} grants ${roleText(one)}, which is not among the files`),
    ]),
  ]
}
