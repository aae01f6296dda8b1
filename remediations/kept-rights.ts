/** Beside rights that go: the roles and bindings that keep what an audit log shows in use. */
import { hash } from 'node:crypto'
import type { BindingObject, Change, Kind, KubeObject, PolicyRule, RbacSubject, Readable, RoleObject, View } from '../src/model/index.ts'
import { derived } from '../src/objects/derived.ts'
import { united } from '../src/objects/rbac-compact.ts'
import { type Grant, grants, serviceAccountOf } from '../src/objects/rbac-grants.ts'
import { type Kept, keptRules, type Used, usedOf } from '../src/objects/rbac-kept.ts'
import { type AccessRequest, covers, isResourceRule } from '../src/objects/rbac-rules.ts'
import { usageText } from './kept-words.ts'

export const KEPT_READS = ['ObservedRequests', 'Namespace', 'Role', 'ClusterRole', 'RoleBinding', 'ClusterRoleBinding'] as const

/** What one holder of a grant goes on needing: a subject to bind, and the rules. */
export interface Need {
  readonly grant: Pick<Grant, 'subject' | 'namespace'>
  readonly subject: RbacSubject
  readonly used: readonly Used[]
  readonly kept: Kept
}
type AnyView = View<Readable>

/** Whom everybody is in: what one member needs is not for all of them. */
const isEverybody = ({ kind, name }: RbacSubject): boolean => kind === 'Group' && /^system:(authenticated$|serviceaccounts(:|$))/.test(name)
/** Nobody can tell these apart: what one of them used, an intruder may have used. */
const isAnybody = ({ kind, name }: RbacSubject): boolean =>
  (kind === 'User' && name === 'system:anonymous') || (kind === 'Group' && name === 'system:unauthenticated')
/** More than this of a group that everybody is in are a group of their own, and that is for a human to make. */
const MEMBERS = 20

/** Needs of a grant whose rules become less, and `also` what of them no log can show; `byHand` where what is used cannot be bound to anybody in particular. Nothing without a log. */
export function needsOf(
  view: AnyView,
  grant: Pick<Grant, 'subject' | 'namespace'>,
  before: readonly PolicyRule[],
  after: (question: AccessRequest) => boolean,
  also: readonly PolicyRule[] = [],
): readonly Need[] | { readonly byHand: string } {
  const observed = view.fact('ObservedRequests')
  const used = usedOf(view, grant, before, after) ?? []
  if (observed === undefined || used.length + also.length === 0) return []
  if (isAnybody(grant.subject) && used.length > 0)
    return { byHand: `${usageText(used)}; nobody can tell who that was: bind whoever needs it by a name of its own, then take this out` }
  const namespaces = view.unread('Namespace') === undefined ? view.all('Namespace') : []
  const exists = (name: string): boolean => namespaces.length === 0 || view.find('Namespace', undefined, name) !== undefined
  const needFor = (subject: RbacSubject, those: readonly Used[], more: readonly PolicyRule[] = []): Need => ({
    grant,
    subject,
    used: those,
    kept: withMore(keptRules(those, before, grant.namespace, observed, exists), more, grant.namespace),
  })
  if (!isEverybody(grant.subject)) return [needFor(qualified(grant), used, also)]
  const members = Map.groupBy(used, ({ user }) => user)
  if (members.size > MEMBERS)
    return { byHand: `${members.size} members use it, by ${usageText(used)}: bind a group of theirs, then take this out` }
  return [
    ...(also.length > 0 ? [needFor(qualified(grant), [], also)] : []),
    ...[...members].map(([user, those]) => needFor(subjectFor(user), those)),
  ]
}

/** No path, and of the cluster-wide resources only the namespace itself, is granted by a RoleBinding. */
function withMore({ cluster, namespaced }: Kept, more: readonly PolicyRule[], scope: string | undefined): Kept {
  if (scope === undefined) return { cluster: united(cluster, more), namespaced }
  const rules = united(namespaced.get(scope) ?? [], more.filter(isResourceRule))
  return rules.length === 0 ? { cluster, namespaced } : { cluster, namespaced: new Map([...namespaced, [scope, rules]]) }
}

/** A service account is one also where it is written as the user that it is. */
const inFull = (subject: RbacSubject): RbacSubject => (subject.kind === 'User' ? subjectFor(subject.name) : subject)

/** A service account without a namespace is one of the binding's own. */
const qualified = ({ subject, namespace }: Pick<Grant, 'subject' | 'namespace'>): RbacSubject =>
  subject.kind === 'ServiceAccount' && !subject.namespace && namespace !== undefined ? { ...subject, namespace } : subject

function subjectFor(user: string): RbacSubject {
  const account = serviceAccountOf({ kind: 'User', name: user }, undefined)
  return account === undefined ? { apiGroup: GROUP, kind: 'User', name: user } : { kind: 'ServiceAccount', ...account }
}

/** Is nothing won, because all that the grant gives is in use? */
export const isAllUsed = ({ grant, kept }: Need, before: readonly PolicyRule[]): boolean => {
  const own = grant.namespace === undefined ? kept.cluster : (kept.namespaced.get(grant.namespace) ?? [])
  return before.every((rule) => covers(own, rule))
}

const GROUP = 'rbac.authorization.k8s.io'
const API = `${GROUP}/v1`

/**
 * A Role and a RoleBinding in every namespace, a ClusterRole and its binding for the rest. Whatever takes something from a subject keeps
 * what it needs in the same role: a plan that makes one twice makes one that grants both.
 */
export function objectsFor(view: AnyView, needs: readonly Need[]): readonly Change[] {
  const bySubject = Map.groupBy(needs, ({ subject }) => identity(inFull(subject)))
  return [...bySubject.values()].flatMap((same) => {
    const subject = inFull(same[0]!.subject)
    const places = new Map<string | undefined, readonly PolicyRule[]>()
    for (const { kept } of same)
      for (const [namespace, rules] of placesOf(kept)) places.set(namespace, united(places.get(namespace) ?? [], rules))
    return [...places].flatMap(([namespace, rules]) =>
      pairFor(view, subject, namespace, rules)
        .filter((object) => !isThere(view, object))
        .map((object): Change => ({ type: 'create', object })),
    )
  })
}
const identity = ({ kind, name, namespace = '' }: RbacSubject): string => [kind, namespace, name].join('\0')
const placesOf = ({ cluster, namespaced }: Kept): readonly (readonly [string | undefined, readonly PolicyRule[]])[] => [
  ...(cluster.length > 0 ? [[undefined, cluster] as const] : []),
  ...namespaced,
]

function pairOf(name: string, namespace: string | undefined, rules: readonly PolicyRule[], subject: RbacSubject) {
  const kind = namespace === undefined ? 'ClusterRole' : 'Role'
  const metadata = { name, ...(namespace !== undefined && { namespace }) }
  const role: RoleObject = { apiVersion: API, kind, metadata, rules }
  const binding: BindingObject = {
    apiVersion: API,
    kind: `${kind}Binding`,
    metadata,
    roleRef: { apiGroup: GROUP, kind, name },
    subjects: [subject.kind === 'ServiceAccount' ? subject : { ...subject, apiGroup: GROUP }],
  }
  return [role, binding] as const
}

/** Another number where somebody has that name for something else. */
function pairFor(view: AnyView, subject: RbacSubject, namespace: string | undefined, rules: readonly PolicyRule[]) {
  const stem = nameFor(view, subject)
  for (let number = 1; ; number++) {
    const pair = pairOf(number === 1 ? stem : `${stem}-${number}`, namespace, rules, subject)
    if (pair.every((object) => other(view, object) === undefined || isThere(view, object))) return pair
  }
}

/** `shop-cart-used` for a service account, `jane-used` for everybody else; with a mark where two subjects would have the same name. */
function nameFor(view: AnyView, subject: RbacSubject): string {
  const name = `${stemOf(subject)}-used`
  const isShared = (derived(view, subjectsByStem).get(stemOf(subject))?.size ?? 0) > 1
  return isShared ? `${name}-${hash('sha256', identity(subject)).slice(0, 6)}` : name
}
const stemOf = ({ kind, namespace, name }: RbacSubject): string =>
  (kind === 'ServiceAccount' ? `${namespace}-${name}` : name).replace(/[^\w.:@-]+/g, '-')

/** Whoever is bound or was seen, since any of them may get a role of that name. */
function subjectsByStem(view: AnyView): ReadonlyMap<string, ReadonlySet<string>> {
  const bound = grants(view).all.map((grant) => inFull(qualified(grant)))
  const seen = (view.fact('ObservedRequests')?.subjects ?? []).map(({ user }) => subjectFor(user))
  const found = new Map<string, Set<string>>()
  for (const subject of [...bound, ...seen]) {
    const stem = stemOf(subject)
    found.set(stem, (found.get(stem) ?? new Set()).add(identity(subject)))
  }
  return found
}
const other = (view: AnyView, { kind, metadata }: KubeObject): KubeObject | undefined =>
  view.find(kind as Kind, metadata.namespace, metadata.name)
function isThere(view: AnyView, object: RoleObject | BindingObject): boolean {
  const there = other(view, object)
  if (there === undefined) return false
  return partsText(there as RoleObject) === partsText(object as RoleObject)
}
function partsText({ rules = [], roleRef, subjects }: Partial<RoleObject & BindingObject>): string {
  const ruleParts = (rules ?? []).map((rule) => [rule.apiGroups, rule.resources, rule.resourceNames, rule.nonResourceURLs, rule.verbs])
  return JSON.stringify([ruleParts, roleRef?.kind, roleRef?.name, subjects?.map(({ kind, namespace, name }) => [kind, namespace, name])])
}
