/** Beside rights that go: the roles and bindings that keep what an audit log shows in use, and the words that say so. */
import { hash } from 'node:crypto'
import type {
  BindingObject,
  Change,
  Kind,
  KubeObject,
  ObjectRef,
  PolicyRule,
  RbacSubject,
  Readable,
  RoleObject,
  View,
} from '../src/model/index.ts'
import { fewOf } from '../src/objects/few-of.ts'
import { subjectText } from '../src/objects/rbac-bootstrap.ts'
import { type Grant, serviceAccountOf } from '../src/objects/rbac-grants.ts'
import { type Kept, keptRules, type Used, usedOf } from '../src/objects/rbac-kept.ts'
import { type AccessRequest, covers, ruleText } from '../src/objects/rbac-rules.ts'

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

/** Needs of a grant whose rules become less; `byHand` where what is used cannot be bound to anybody in particular. Nothing without a log. */
export function needsOf(
  view: AnyView,
  grant: Pick<Grant, 'subject' | 'namespace'>,
  before: readonly PolicyRule[],
  after: (question: AccessRequest) => boolean,
): readonly Need[] | { readonly byHand: string } {
  const observed = view.fact('ObservedRequests')
  const used = usedOf(view, grant, before, after) ?? []
  if (observed === undefined || used.length === 0) return []
  if (isAnybody(grant.subject))
    return { byHand: `${usageText(used)}; nobody can tell who that was: bind whoever needs it by a name of its own, then take this out` }
  const namespaces = view.unread('Namespace') === undefined ? view.all('Namespace') : []
  const exists = (name: string): boolean => namespaces.length === 0 || view.find('Namespace', undefined, name) !== undefined
  const needFor = (subject: RbacSubject, those: readonly Used[]): Need => ({
    grant,
    subject,
    used: those,
    kept: keptRules(those, before, grant.namespace, observed, exists),
  })
  if (!isEverybody(grant.subject)) return [needFor(qualified(grant), used)]
  const members = Map.groupBy(used, ({ user }) => user)
  if (members.size > MEMBERS)
    return { byHand: `${members.size} members use it, by ${usageText(used)}: bind a group of theirs, then take this out` }
  return [...members].map(([user, those]) => needFor(subjectFor(user), those))
}

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

/** A Role and a RoleBinding in every namespace, a ClusterRole and its binding for the rest. `from`: the object that grants less from now on; `instead`: what else is bound for it. */
export function objectsFor(view: AnyView, needs: readonly Need[], from: ObjectRef, instead = ''): readonly Change[] {
  return needs.flatMap((need) => {
    const name = nameFor(view, need, from, instead)
    return placesOf(need.kept).flatMap(([namespace, rules]) =>
      pairOf(name, namespace, rules, need.subject)
        .filter((object) => !isThere(view, object))
        .map((object): Change => ({ type: 'create', object })),
    )
  })
}
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

/** `k8s-harden-cart-1f0c9a`: whose it is, and a hash of who lost what; another number where somebody has that name for something else. */
function nameFor(view: AnyView, { subject, grant, kept }: Need, from: ObjectRef, instead: string): string {
  const lost = [from.kind, from.namespace, from.name, grant.namespace, grant.subject, subject, instead]
  const mark = hash('sha256', JSON.stringify(lost)).slice(0, 6)
  const stem = `k8s-harden-${subject.name.replace(/[/%\s]/g, '-')}-${mark}`
  const isFree = (name: string): boolean =>
    placesOf(kept).every(([namespace, rules]) =>
      pairOf(name, namespace, rules, subject).every((object) => other(view, object) === undefined || isThere(view, object)),
    )
  for (let number = 1; ; number++) {
    const name = number === 1 ? stem : `${stem}-${number}`
    if (isFree(name)) return name
  }
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

// ── words ──────────────────────────────────────────────────────────────────────────────────────
/** `used by cart: get on secrets named foo in shop, 12 times, last 2026-11-20`. */
export function usageText(used: readonly Used[]): string {
  const byUser = Map.groupBy(used, ({ user }) => user)
  return fewOf(
    [...byUser].map(([user, those]) => {
      const what = those.toSorted((a, b) => b.count - a.count).map((one) => questionText(one.question))
      const times = those.reduce((sum, { count }) => sum + count, 0)
      const last = those
        .map((one) => one.last)
        .sort()
        .at(-1)!
      return `used by ${user}: ${fewOf([...new Set(what)], 3)}, ${times} ${times === 1 ? 'time' : 'times'}, last ${last.slice(0, 10)}`
    }),
  )
}
function questionText(question: AccessRequest): string {
  if ('path' in question) return `${question.verb} on ${question.path}`
  const { verb, group, resource, subresource, namespace, name } = question
  const rule = { verbs: [verb], apiGroups: [group], resources: [subresource ? `${resource}/${subresource}` : resource] }
  return `${ruleText({ ...rule, ...(name && { resourceNames: [name] }) })}${namespace ? ` in ${namespace}` : ' in the whole cluster'}`
}

/** What is kept, as far as a log goes; nothing where there is none. */
export function evidenceWords(view: AnyView, needs: readonly Need[]): readonly string[] {
  const observed = view.fact('ObservedRequests')
  if (observed === undefined) return []
  const days = Math.round((Date.parse(observed.until) - Date.parse(observed.since)) / 86_400_000)
  const kept = needs.map(
    ({ subject, kept: { cluster, namespaced } }) =>
      `${subjectText(subject)} keeps what it used: ${fewOf([...cluster.map(ruleText), ...[...namespaced].flatMap(([namespace, rules]) => rules.map((rule) => `${ruleText(rule)} in ${namespace}`))])}`,
  )
  return [
    ...kept,
    `the rest was not used in ${days} ${days === 1 ? 'day' : 'days'} of audit log${days < 14 ? ', which is too short to show what happens weekly or monthly' : ''}`,
    ...(observed.blind.length > 0 ? [`the log shows ${observed.blind.join(', ')} of nobody, so it proves no disuse of that`] : []),
    ...observed.doubts,
    ...(observed.partial === true ? ['the log leaves subjects out, so members of a group may have used what it does not show'] : []),
    ...(needs.some(({ used }) => used.some(({ question }) => writesRights(question)))
      ? ['it writes roles or bindings: from now on it can grant only what it holds itself']
      : []),
  ]
}
const writesRights = (question: AccessRequest): boolean =>
  !('path' in question) && question.group === GROUP && ['create', 'update', 'patch'].includes(question.verb)
