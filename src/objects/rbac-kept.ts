/** What an audit log shows in use of the rights that are about to go: the least rules that keep it, never more than was granted. */
import type { Facts, ObservedRequest, ObservedRequests, PolicyRule, View } from '../model/index.ts'
import { isAsShipped } from './rbac-accounts.ts'
import { compacted, compactedPaths, type Right } from './rbac-compact.ts'
import { isDelicate } from './rbac-escalations.ts'
import { type Grant, grants, grantsOf, type RbacView } from './rbac-grants.ts'
import { observedAs, questionOf } from './rbac-observed.ts'
import { type AccessRequest, hasNames, type ResourceRequest, ruleAllows } from './rbac-rules.ts'
import { isMadeUp } from './rbac-usage.ts'

export type UsageView = RbacView & View<'ObservedRequests'>

/** One request that was allowed through a grant and would not be any more. */
export interface Used {
  readonly user: string
  readonly question: AccessRequest
  readonly count: number
  /** RFC 3339. */
  readonly last: string
  /** The same user lists such objects there, or makes them: tomorrow it works on others than today. */
  readonly findsMore: 'by listing' | 'by making' | undefined
}

/**
 * What the holder of a grant did with the rules `before` that the rules `after` do not allow there. What Kubernetes' own bindings
 * allow the same user anyway does not count: those stay. Undefined: there is no log, so nobody can say.
 */
export function usedOf(
  view: UsageView,
  grant: Pick<Grant, 'subject' | 'namespace'>,
  before: readonly PolicyRule[],
  after: (question: AccessRequest) => boolean,
): readonly Used[] | undefined {
  const observed: Facts['ObservedRequests'] | undefined = view.fact('ObservedRequests')
  if (observed === undefined) return undefined
  const known = grants(view)
  return observedAs(observed, grant.subject, grant.namespace).flatMap(({ user, groups, requests }) => {
    if (groups.includes('system:masters')) return []
    const shipped = grantsOf(known, user, groups).filter(isAsShipped)
    const isShipped = (question: AccessRequest): boolean =>
      shipped.some(({ namespace, rules }) => isIn(namespace, question) && allows(rules, question))
    const allowed = requests.filter(({ was }) => was === 'allowed')
    const placesWith = (verbs: readonly string[]) =>
      new Set(allowed.flatMap((one) => ('resource' in one && verbs.includes(one.verb) && !one.name ? [placeOf(one)] : [])))
    const [made, listed] = [placesWith(['create']), placesWith(['list', 'watch'])]
    const findsMore = (question: AccessRequest): Used['findsMore'] => {
      if ('path' in question) return undefined
      const isIn = (places: ReadonlySet<string>) => places.has(placeOf(question)) || places.has(placeOf({ ...question, namespace: '' }))
      return isIn(made) ? 'by making' : isIn(listed) ? 'by listing' : undefined
    }
    return allowed.flatMap((request) =>
      questionsOf(before, grant.namespace, request)
        .filter((question) => isIn(grant.namespace, question) && allows(before, question) && !after(question) && !isShipped(question))
        .map((question): Used => ({ user, question, count: request.count, last: request.last, findsMore: findsMore(question) })),
    )
  })
}

const placeOf = ({ group, resource, namespace = '' }: Pick<ResourceRequest, 'group' | 'resource' | 'namespace'>): string =>
  [group, resource, namespace].join('\0')

export const allows = (rules: readonly PolicyRule[], question: AccessRequest): boolean => rules.some((rule) => ruleAllows(rule, question))
/** Is a grant of this namespace (undefined: of the whole cluster) asked about this at all? */
export const isIn = (namespace: string | undefined, question: AccessRequest): boolean =>
  namespace === undefined || (!('path' in question) && question.namespace === namespace)

/**
 * Where the log no longer tells names, namespaces or paths apart, and only rules for some of them allowed it, any of those may have
 * been meant. `scope`: the namespace of the grant.
 */
function questionsOf(rules: readonly PolicyRule[], scope: string | undefined, request: ObservedRequest): readonly AccessRequest[] {
  const asked = questionOf(request)
  if ('path' in asked) {
    const under = asked.path.endsWith('*') && !allows(rules, asked) ? asked.path.slice(0, -1) : undefined
    const urls = rules.flatMap(({ nonResourceURLs = [] }) => nonResourceURLs).filter((url) => under !== undefined && url.startsWith(under))
    return urls.length > 0 ? [...new Set(urls)].map((path) => ({ verb: asked.verb, path })) : [asked]
  }
  if ('path' in request || request.anyName !== true) return [asked]
  const question = asked.namespace === undefined && scope !== undefined ? { ...asked, namespace: scope } : asked
  if (allows(rules, question)) return [question]
  const names = rules.filter(hasNames).flatMap((rule) => rule.resourceNames!)
  return [...new Set(names)].map((name) => ({ ...question, name }))
}

/** Rules by where they hold. */
export interface Kept {
  readonly cluster: readonly PolicyRule[]
  readonly namespaced: ReadonlyMap<string, readonly PolicyRule[]>
}
/** More namespaces than this are no list to be kept up: the next one is needed tomorrow. More names likewise. */
const FEW = 5
/** Of what a step up is made of: rounded up, it would be one. */
const MOST = 50
const isStep = (verb: string, group: string, resource: string): boolean =>
  isDelicate({ verbs: [verb], apiGroups: [group], resources: [resource] })

/**
 * The rules that allow all of `used` and lie within `before`. Few names stay names and few namespaces stay namespaces; `exists` says
 * whether a namespace is there still, since who worked in one that is gone will work in another. Reads of a verb that the log shows
 * of nobody (`blind`) are kept where another read was seen.
 */
export function keptRules(
  used: readonly Used[],
  before: readonly PolicyRule[],
  scope: string | undefined,
  observed: Pick<ObservedRequests, 'blind'>,
  exists: (namespace: string) => boolean = () => true,
): Kept {
  const triples = Map.groupBy(
    [...used, ...unseenReads(used, before, observed.blind)].flatMap(({ question, findsMore }) =>
      isOnObjects(question) ? [{ ...question, findsMore }] : [],
    ),
    ({ verb, group, resource, subresource }) => [verb, group, subresource ? `${resource}/${subresource}` : resource].join('\0'),
  )
  const parts: Part[] = [...triples].flatMap(([key, questions]) => {
    const [verb, group, resource] = key.split('\0') as [string, string, string]
    const places = Map.groupBy(questions, (question) => question.namespace ?? '')
    const isWide =
      scope === undefined &&
      (places.size > (isStep(verb, group, resource) ? MOST : FEW) ||
        places.keys().some((namespace) => namespace !== '' && !exists(namespace)))
    const spread: [string, readonly Sought[]][] = isWide ? [['', questions]] : [...places]
    // What is kept in the whole cluster is not kept in a namespace again.
    const wide = spread.find(([namespace]) => namespace === '')
    if (wide !== undefined && namesOf(wide[1], before, isStep(verb, group, resource)).length === 0) spread.splice(0, Infinity, wide)
    return spread.map(([namespace, asked]) => ({
      verb,
      group,
      resource,
      namespace,
      names: namesOf(asked, before, isStep(verb, group, resource)),
    }))
  })
  const paths = used.flatMap(({ question }) => ('path' in question ? [question] : []))
  return {
    cluster: [...compacted(parts.filter(({ namespace }) => namespace === '').map(rightOf)), ...compactedPaths(paths)],
    namespaced: new Map(
      [...Map.groupBy(parts, ({ namespace }) => namespace)]
        .filter(([namespace]) => namespace !== '')
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([namespace, those]) => [namespace, compacted(those.map(rightOf))]),
    ),
  }
}

interface Part {
  readonly verb: string
  readonly group: string
  readonly resource: string
  readonly namespace: string
  /** Empty: any. */
  readonly names: readonly string[]
}
const rightOf = ({ names, namespace: _, ...right }: Part): Right => (names.length === 0 ? right : { ...right, names })

const READS: readonly string[] = ['get', 'list', 'watch']
function unseenReads(used: readonly Used[], before: readonly PolicyRule[], blind: readonly string[]): readonly Used[] {
  return used
    .filter(({ question }) => !('path' in question) && !question.subresource && READS.includes(question.verb))
    .flatMap((one) =>
      READS.filter((verb) => blind.includes(verb))
        .map((verb) => ({ ...one, question: { ...one.question, verb } }))
        .filter(({ question }) => allows(before, question)),
    )
}

const isOnObjects = (question: AccessRequest): question is ResourceRequest => !('path' in question)

type Sought = ResourceRequest & Pick<Used, 'findsMore'>

/** Names are given up only where the rules allow any: there are too many of them, they are drawn anew each time, or more are found. */
function namesOf(asked: readonly Sought[], before: readonly PolicyRule[], step: boolean): readonly string[] {
  const names = [...new Set(asked.map(({ name }) => name ?? ''))].sort()
  if (names.includes('')) return []
  const { name: _, ...any } = asked[0]!
  // What somebody makes himself is his own to work on; but whoever lists accounts or secrets needs no token, or value, of all of them.
  const isMore = asked.some(({ findsMore, subresource }) => (step ? findsMore === 'by making' && !subresource : findsMore !== undefined))
  const isList = names.length <= (step ? MOST : FEW) && !isMore && !names.some((name) => isMadeUp(any.resource, name))
  return isList || !allows(before, any) ? names : []
}
